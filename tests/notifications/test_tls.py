"""Robots by HTTPS: the certificate is checked against the name, though the connection goes to the judged address."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from forgeline.base import clock
from forgeline.notifications.sending import http
from forgeline.notifications.sending.outcome import SendError

NAME = "robot.example"


def make_certificate(folder: Path) -> Path:
    """A certificate of NAME that is its own authority; returns the file with it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(clock.now() - timedelta(hours=1))
        .not_valid_after(clock.now() + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "robot.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, Path, list[str]]]:
    """An HTTPS server on loopback to which every name leads; returns port, certificate, the hosts it was asked for."""
    certificate = make_certificate(tmp_path)
    hosts: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hosts.append(self.headers["Host"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_words: Any) -> None:
            """Say nothing."""

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    made.socket = context.wrap_socket(made.socket, server_side=True)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    port = made.server_address[1]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_w, **_n: [(2, 1, 6, "", ("127.0.0.1", port))])
    yield port, certificate, hosts
    made.shutdown()
    made.server_close()


def test_certificate_of_the_name_is_trusted(
    server: tuple[int, Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, certificate, hosts = server
    monkeypatch.setattr(http, "_tls", lambda: ssl.create_default_context(cafile=str(certificate)))
    assert http.post(f"https://{NAME}:{port}/x", b"{}", {}, allow_private=True).status == 200
    assert hosts == [f"{NAME}:{port}"]


@pytest.mark.parametrize("is_known", [True, False])
def test_certificate_of_another_name_or_authority_is_not(
    server: tuple[int, Path, list[str]], monkeypatch: pytest.MonkeyPatch, is_known: bool
) -> None:
    port, certificate, hosts = server
    if is_known:
        monkeypatch.setattr(http, "_tls", lambda: ssl.create_default_context(cafile=str(certificate)))
    name = "other.example" if is_known else NAME
    with pytest.raises(SendError) as caught:
        http.post(f"https://{name}:{port}/x", b"{}", {}, allow_private=True)
    assert (caught.value.reason, caught.value.is_final) == ("tls_failed", False)
    assert hosts == []
