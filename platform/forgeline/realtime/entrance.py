"""Who may knock at the sockets: pages of our own hosts with their session, programs with an API key in a header."""

from __future__ import annotations

from typing import Any

from channels.security.websocket import AllowedHostsOriginValidator

from forgeline.identity.keys import KEY_PREFIX


def key_in(scope: dict[str, Any]) -> str:
    """Return the API key that a handshake carries, or ''."""
    headers = dict(scope["headers"])
    bearer = headers.get(b"authorization", b"").decode("latin-1")
    if bearer.startswith("Bearer " + KEY_PREFIX):
        return bearer.removeprefix("Bearer ").strip()
    return headers.get(b"x-api-key", b"").decode("latin-1").strip()


class Entrance:
    """Ask pages for their Origin; a browser cannot leave it out, nor add a key, so programs need none."""

    def __init__(self, application: Any) -> None:
        self._programs = application
        self._pages = AllowedHostsOriginValidator(application)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        is_program = bool(key_in(scope)) and b"origin" not in dict(scope["headers"])
        return await (self._programs if is_program else self._pages)(scope, receive, send)
