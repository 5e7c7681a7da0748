"""The platform's own session at an embedded broker, made before any device signs in: the first message counts.

A broker keeps messages only for sessions that it knows. The connectors take this one over: same client id, same topics.
Packets of MQTT 3.1.1, which each of our brokers speaks. Not here: what becomes of the messages (connectors).
"""

from __future__ import annotations

import socket

CLIENT_ID = "forgeline-member-0"
TOPICS = "t/#"
"""Both as in connectors/platform_broker; a test compares them."""
_CONNACK, _SUBACK, _DISCONNECT = 0x20, 0x90, b"\xe0\x00"
_TIMEOUT_S = 5.0


def sign_in_packet(user: str, password: str, *, client_id: str = "") -> bytes:
    """Return a CONNECT with a clean session, or with one that is kept for ``client_id``. **Source** section 3.1."""
    words = (client_id.encode(), user.encode(), password.encode())
    payload = b"".join(len(word).to_bytes(2, "big") + word for word in words)
    flags = 0xC0 if client_id else 0xC2
    body = b"\x00\x04MQTT\x04" + bytes([flags]) + b"\x00\x0a" + payload
    if len(body) > 127:
        raise ValueError("a user and a password of more than a hundred characters")
    return bytes([0x10, len(body)]) + body


def subscribe_packet(topics: str) -> bytes:
    """Return a SUBSCRIBE with QoS 1. **Source** section 3.8."""
    body = b"\x00\x01" + len(topics).to_bytes(2, "big") + topics.encode() + b"\x01"
    return bytes([0x82, len(body)]) + body


def make_session(port: int, user: str, password: str) -> bool:
    """Have the broker on loopback keep what devices publish; return whether it was new.

    A session that is there already is left as it is: whoever runs the connectors holds it with options of its own.
    **Raises** OSError where the broker refuses.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S) as wire:
        wire.sendall(sign_in_packet(user, password, client_id=CLIENT_ID))
        answer = _read(wire, 4)
        if answer[0] != _CONNACK or answer[3] != 0:
            raise ConnectionRefusedError("the broker refused the platform's own user")
        is_new = answer[2] & 1 == 0
        if is_new:
            wire.sendall(subscribe_packet(TOPICS))
            answer = _read(wire, 5)
            if answer[0] != _SUBACK or answer[4] > 1:
                raise ConnectionRefusedError("the broker refused the platform's own subscription")
        wire.sendall(_DISCONNECT)
        return is_new


def _read(wire: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = wire.recv(size - len(data))
        if not part:
            raise ConnectionResetError("the broker ended the connection")
        data += part
    return data
