"""What production runs on, as far as it can be tried without Docker: compose file, broker, secrets, image."""
