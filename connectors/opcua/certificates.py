"""Forgeline's own application certificate, and what a person compares of a server's. Not here: who trusts what.

One certificate an installation, made on first use and kept in ``application.pem`` of the folder (key and certificate
in one file, for the owner only), with a copy without the key, ``application.der``, to hand to a server.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_YEARS = 10
"""A server's owner must accept the certificate by hand, so it lives as long as a machine's control."""


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What is shown of a certificate."""

    fingerprint: str
    """SHA-256 of the DER form, 64 lower-case hexadecimal digits."""
    subject: str
    issuer: str
    not_before_at: datetime
    not_after_at: datetime

    def as_data(self) -> dict[str, str]:
        return {
            "fingerprint": self.fingerprint,
            "subject": self.subject,
            "issuer": self.issuer,
            "not_before": self.not_before_at.isoformat(),
            "not_after": self.not_after_at.isoformat(),
            "until": self.not_after_at.date().isoformat(),
        }


@dataclass(frozen=True, slots=True)
class ApplicationIdentity:
    """The certificate and key with which we open secure channels."""

    certificate_der: bytes
    key_pem: bytes
    application_uri: str
    facts: CertificateFacts


def default_folder() -> Path:
    """Return where this installation keeps its certificate: web and connector processes share the folder."""
    named = os.environ.get("FORGELINE_OPCUA_CERTIFICATES")
    return Path(named) if named else Path(os.environ.get("FORGELINE_VAR") or "var") / "opcua"


def first_certificate(chain: bytes) -> bytes:
    """Return the leading certificate of a DER chain: a server may append its issuers (Part 6, 6.2.6)."""
    if len(chain) < 4 or chain[0] != 0x30:
        return chain
    if chain[1] < 0x80:
        return chain[: 2 + chain[1]]
    digits = chain[1] & 0x7F
    return chain[: 2 + digits + int.from_bytes(chain[2 : 2 + digits], "big")]


def read_facts(der: bytes) -> CertificateFacts:
    """Return what is shown of a DER certificate. **Raises** ValueError where it is none."""
    certificate = x509.load_der_x509_certificate(der)
    return CertificateFacts(
        fingerprint=hashlib.sha256(der).hexdigest(),
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        not_before_at=certificate.not_valid_before_utc,
        not_after_at=certificate.not_valid_after_utc,
    )


def get_identity(folder: Path | None = None) -> ApplicationIdentity:
    """Return the installation's identity; make it on first use. Two processes that race end up with the same one."""
    folder = folder or default_folder()
    path = folder / "application.pem"
    if not path.exists():
        _write_identity(folder, path)
    pem = path.read_bytes()
    certificate = x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERTIFICATE") :])
    key = pem[: pem.index(b"-----BEGIN CERTIFICATE")]
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uri = names.get_values_for_type(x509.UniformResourceIdentifier)[0]
    der = certificate.public_bytes(serialization.Encoding.DER)
    return ApplicationIdentity(der, key, uri, read_facts(der))


def _write_identity(folder: Path, path: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    certificate = _make_certificate(
        key, f"urn:forgeline:connectors:{secrets.token_hex(8)}", socket.gethostname()
    )
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    handle, temporary = tempfile.mkstemp(dir=folder)  # for the owner only
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(key_pem + certificate.public_bytes(serialization.Encoding.PEM))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
    finally:
        os.unlink(temporary)
    (folder / "application.der").write_bytes(certificate.public_bytes(serialization.Encoding.DER))


def _make_certificate(key: rsa.RSAPrivateKey, uri: str, host: str) -> x509.Certificate:
    """Return a self-signed application instance certificate as Part 6, 6.2.2 describes it."""
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Forgeline"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Forgeline connectors"),
        ]
    )
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # a server's clock may run behind
        .not_valid_after(now + timedelta(days=365 * _YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri), x509.DNSName(host)]), critical=False
        )
        .add_extension(
            x509.KeyUsage(
                digital_signature=True, content_commitment=True, key_encipherment=True, data_encipherment=True,
                key_agreement=False, key_cert_sign=True, crl_sign=False, encipher_only=False, decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
