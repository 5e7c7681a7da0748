"""The TLS context of a connection, from PEM texts. Not here: the handshake."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

from connectors.contract import PermanentError, mark
from connectors.mqtt.options import MqttOptions


def make_context(options: MqttOptions) -> ssl.SSLContext:
    """Return a client context. **Raises** PermanentError for PEM texts that cannot be read."""
    try:
        context = ssl.create_default_context(cadata=options.ca or None)
    except (ssl.SSLError, ValueError) as error:
        raise PermanentError(
            mark("The CA certificate cannot be read; it must be PEM."), key="mqtt.bad_ca"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = options.check_host
    if options.client_certificate:
        # Python reads a chain from files only; ours live for as long as that takes, readable by nobody else.
        with tempfile.TemporaryDirectory() as folder:
            chain, key = Path(folder) / "chain.pem", Path(folder) / "key.pem"
            for path, text in ((chain, options.client_certificate), (key, options.client_key)):
                path.touch(mode=0o600)
                path.write_text(text, encoding="utf-8")
            try:
                context.load_cert_chain(chain, key)
            except (ssl.SSLError, OSError) as error:
                raise PermanentError(
                    mark("Client certificate and key cannot be read, or do not belong together."),
                    key="mqtt.bad_client_certificate",
                ) from error
    return context
