"""What the environment tells the demo plant. All faults at once; nothing else in this package reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


class SettingsError(Exception):
    """The environment cannot be used; the message lists every fault."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where Forgeline is, and how the plant runs."""

    url: str
    api_key: str
    mqtt_host: str
    mqtt_port: int
    mqtt_tls: bool
    opcua_host: str
    opcua_port: int
    speed: float
    language: str
    folder: Path
    history_days: int

    def __repr__(self) -> str:
        return f"Settings(url={self.url!r}, mqtt={self.mqtt_host}:{self.mqtt_port}, speed={self.speed})"


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings. **Raises** SettingsError with every fault."""
    source = os.environ if environ is None else environ
    faults: list[str] = []

    def number(name: str, default: float, low: float, high: float) -> float:
        raw = source.get(name) or str(default)
        try:
            value = float(raw)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            faults.append(f"{name} must be a number from {low:g} to {high:g}; it is {raw!r}.")
            return default
        return value

    key = source.get("FORGELINE_API_KEY", "")
    key_file = source.get("FORGELINE_API_KEY_FILE", "")
    if not key and key_file:
        try:
            key = Path(key_file).read_text(encoding="utf-8").strip()
        except OSError as error:
            faults.append(f"FORGELINE_API_KEY_FILE: {key_file} cannot be read ({error.strerror}).")
    elif not key:
        faults.append("FORGELINE_API_KEY is needed: a key that may set up plants and post samples.")
    broker = source.get("FORGELINE_MQTT") or "mqtt://127.0.0.1:1883"
    parts = urlsplit(broker if "//" in broker else f"mqtt://{broker}")
    mqtt_tls = parts.scheme == "mqtts"
    try:
        mqtt_port = parts.port or (8883 if mqtt_tls else 1883)
    except ValueError:
        mqtt_port = 0
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or not mqtt_port:
        faults.append(f"FORGELINE_MQTT must look like mqtt://host:port; it is {broker!r}.")
    url = (source.get("FORGELINE_URL") or "http://127.0.0.1:8000").rstrip("/")
    if urlsplit(url).scheme not in ("http", "https"):
        faults.append(f"FORGELINE_URL must look like http://host:port; it is {url!r}.")
    settings = Settings(
        url=url,
        api_key=key,
        mqtt_host=parts.hostname or "",
        mqtt_port=mqtt_port,
        mqtt_tls=mqtt_tls,
        opcua_host=source.get("DEMO_OPCUA_HOST") or "127.0.0.1",
        opcua_port=int(number("DEMO_OPCUA_PORT", 4840, 1, 65_535)),
        speed=number("FORGELINE_DEMO_SPEED", 1.0, 0.01, 10_000.0),
        language=source.get("FORGELINE_LANGUAGE") or "en",
        folder=Path(source.get("FORGELINE_VAR") or "var") / "demoplant",
        history_days=int(number("DEMO_HISTORY_DAYS", 14, 0, 29)),
    )
    if faults:
        raise SettingsError("The demo plant cannot start. " + " ".join(faults))
    return settings
