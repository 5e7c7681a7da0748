"""What breaks on purpose: processes killed under load, payloads of no sense, disks that fill, credentials revoked."""
