"""Every setting that the environment may give: name, kind, default, unit, meaning. Read once; all faults at once.

Not here: what Django makes of them (conf/settings). ``.env.example`` is generated from this list.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

ROOT = Path(__file__).resolve().parents[3]


class SettingsError(Exception):
    """The environment cannot be used; the message lists every fault."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable of the environment."""

    name: str
    kind: str
    """str | int | float | bool | list | secret (a secret may also come from the file named by NAME_FILE)."""
    default: Any
    help: str
    unit: str = ""
    section: str = "General"


SETTINGS: tuple[Setting, ...] = (
    Setting("FORGELINE_VAR", "str", "var", "Folder for everything that changes: data, logs, secrets."),
    Setting("FORGELINE_DEBUG", "bool", False, "Django's debug pages. Never in production."),
    Setting("FORGELINE_SECRET_KEY", "secret", "", "Signs sessions and derives the key that encrypts stored secrets; "
            "`make up` makes one under var/secrets."),
    Setting("FORGELINE_ALLOWED_HOSTS", "list", ["localhost", "127.0.0.1", "[::1]"], "Host names that the web server answers to."),
    Setting("FORGELINE_TRUSTED_ORIGINS", "list", [], "Origins such as https://forgeline.example.com that may post forms "
            "(needed behind a TLS proxy)."),
    Setting("FORGELINE_SECURE_COOKIES", "bool", False, "Cookies by HTTPS only, HSTS, and trust in X-Forwarded-Proto: "
            "true behind a TLS proxy."),
    Setting("FORGELINE_LANGUAGE", "str", "en", "Language of a visitor whose browser asks for none: en or zh-hans."),
    Setting("FORGELINE_METRICS_TOKEN", "secret", "", "Lets Prometheus read /metrics from another machine; empty: from this one only."),
    Setting("FORGELINE_METRICS_PORT", "int", 0, "Port on which a worker or connector process tells its counters; 0: none."),
    Setting("FORGELINE_LOG_LEVEL", "str", "INFO", "DEBUG, INFO, WARNING or ERROR."),
    Setting("FORGELINE_LOG_FORMAT", "str", "json", "json, or console for people."),
    Setting("FORGELINE_DATABASE_URL", "secret", "", "postgresql://user:password@host:port/name. User and password are used by "
            "`manage.py provision_database` alone; empty: `make up` brings its own PostgreSQL.", section="Services"),
    Setting("FORGELINE_DATABASE_OWNER_PASSWORD", "secret", "", "Password of forgeline_owner, which migrates.", section="Services"),
    Setting("FORGELINE_DATABASE_APP_PASSWORD", "secret", "", "Password of forgeline_app, as which pages and API run.", section="Services"),
    Setting("FORGELINE_DATABASE_INGEST_PASSWORD", "secret", "", "Password of forgeline_ingest, which writes samples.", section="Services"),
    Setting("FORGELINE_DATABASE_POOL", "int", 10, "Connections that one process keeps open at most.", "connections", "Services"),
    Setting("FORGELINE_REDIS_URL", "secret", "", "redis://[:password@]host:port/0 of a Redis or Valkey; empty: `make up` brings one.", section="Services"),
    Setting("FORGELINE_MQTT_URL", "secret", "", "mqtt:// or mqtts://user:password@host:port of the platform's own broker; empty: "
            "`make up` brings one.", section="Services"),
    Setting("FORGELINE_MQTT_PUBLIC_URL", "str", "", "mqtt:// or mqtts://host:port by which devices reach that broker, for their pages; "
            "empty: as the platform does.", section="Services"),
    Setting("FORGELINE_MQTT_PASSWORD", "secret", "", "Password of the platform's user on its own broker, where the URL holds none.", section="Services"),
    Setting("FORGELINE_EMAIL_URL", "secret", "", "smtp://user:password@host:port or smtps://…; empty: e-mails are written "
            "to var/mail.", section="Services"),
    Setting("FORGELINE_EMAIL_FROM", "str", "Forgeline <forgeline@localhost>", "Sender of e-mails.", section="Services"),
    Setting("FORGELINE_PUBLIC_URL", "str", "", "Address of the pages as people reach them, for the links in messages, such as "
            "https://forgeline.example.com; empty: this machine's own.", section="Services"),
    Setting("FORGELINE_MESSAGES_TO_PRIVATE", "bool", False, "Messages may go to webhooks on private networks and by plain HTTP: true only "
            "where every manager may reach what the server reaches.", section="Services"),
    Setting("FORGELINE_BIND", "str", "127.0.0.1", "Address that `make up`'s web server listens on; 0.0.0.0 opens it to the network.", section="make up"),
    Setting("FORGELINE_HTTP_PORT", "int", 8000, "Port of the web server; the next free one is taken when it is busy.", "port", "make up"),
    Setting("FORGELINE_MQTT_PORT", "int", 1883, "Port of the broker that `make up` brings.", "port", "make up"),
    Setting("FORGELINE_MQTT_BIND", "str", "127.0.0.1", "Address that the broker that `make up` brings listens on; 0.0.0.0 lets the devices of "
            "the network in, each with its own password (mosquitto alone can).", section="make up"),
    Setting("FORGELINE_DEMO", "bool", True, "Seed and run the demo plant (`make up DEMO=0` turns it off).", section="make up"),
    Setting("FORGELINE_DEMO_SPEED", "float", 1.0, "How fast the demo plant replays its recordings.", "times real time", "make up"),
    Setting("FORGELINE_STORE_ENGINE", "str", "auto", "auto, timescale or postgres; auto takes timescale where the extension is.", section="Store"),
    Setting("FORGELINE_RETENTION_DAYS", "float", 30.0, "How long raw samples are kept.", "days", "Store"),
    Setting("FORGELINE_RETENTION_DISK_SHARE", "float", 0.6, "Share of the disk that the store may fill before the oldest samples go.", "0–1", "Store"),
    Setting("FORGELINE_MAX_AHEAD_S", "float", 300.0, "A sample further ahead of the clock than this is refused.", "s", "Store"),
    Setting("FORGELINE_SIGN_UP", "bool", False, "Let anybody make a company on the sign-up page, with a trial of 30 days.", section="Web"),
    Setting("FORGELINE_DNS_SERVER", "str", "", "host or host:port of the name server that is asked for the proofs of e-mail domains; empty: "
            "this machine's own.", section="Web"),
    Setting("FORGELINE_API_CALLS_PER_MINUTE", "int", 6000, "API calls of a company with keys, where its plan does not say less.", "1/min", "Web"),
    Setting("FORGELINE_FILES_MB", "int", 20480, "Disk that files of imports and exports may use, of all companies.", "MB", "Jobs"),
    Setting("FORGELINE_FILES_COMPANY_MB", "int", 5120, "The same for one company.", "MB", "Jobs"),
    Setting("FORGELINE_FILES_DAYS", "int", 7, "How long such a file is kept.", "days", "Jobs"),
    Setting("FORGELINE_ERASURE_GRACE_DAYS", "float", 14.0, "How long an owner may call the erasure of a company back.", "days", "Jobs"),
    Setting("FORGELINE_SPOOL_MB", "int", 2048, "Disk that a connector process may use while the store is away.", "MB", "Connectors"),
    Setting("FORGELINE_OPCUA_CERTIFICATES", "str", "", "Folder of the OPC UA client certificate; empty: var/opcua.", section="Connectors"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Environment:
    """The settings as read; ``values`` has every name of SETTINGS."""

    values: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @property
    def var(self) -> Path:
        """The state folder, absolute; a relative one counts from the project's root."""
        path = Path(self["FORGELINE_VAR"])
        return path if path.is_absolute() else ROOT / path

    def database_url(self, role: str) -> str:
        """Return the URL for ``owner``, ``app`` or ``ingest``: host and name of FORGELINE_DATABASE_URL, own password."""
        parts = urlsplit(self["FORGELINE_DATABASE_URL"])
        password = self[f"FORGELINE_DATABASE_{role.upper()}_PASSWORD"]
        secret = f":{quote(password, safe='')}" if password else ""
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit(("postgresql", f"forgeline_{role}{secret}@{host}", parts.path, parts.query, ""))


def read_environment(environ: Mapping[str, str] | None = None) -> Environment:
    """Read every setting from ``environ`` (default: the process's, with ``.env`` of the root beneath it).

    **Raises** SettingsError with all faults at once.
    """
    source = dict(os.environ if environ is None else environ)
    if environ is None:
        source = _dotenv() | source
    faults: list[str] = []
    values = {setting.name: _read(setting, source, faults) for setting in SETTINGS}
    if faults:
        raise SettingsError("The environment cannot be used. " + " ".join(faults))
    return Environment(values)


def _dotenv() -> dict[str, str]:
    path = ROOT / ".env"
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    return {name: value for name, value in dotenv_values(path).items() if value is not None}


def _read(setting: Setting, source: Mapping[str, str], faults: list[str]) -> Any:
    raw = source.get(setting.name)
    if setting.kind == "secret" and not raw:
        named = source.get(f"{setting.name}_FILE")
        if named:
            try:
                raw = Path(named).read_text(encoding="utf-8").strip()
            except OSError as error:
                faults.append(f"{setting.name}_FILE: {named} cannot be read ({error.strerror}).")
    if raw is None or raw == "":
        return setting.default
    try:
        return _PARSERS[setting.kind](raw)
    except ValueError:
        faults.append(f"{setting.name} must be {_WORDS[setting.kind]}; it is {raw!r}.")
        return setting.default


def _boolean(raw: str) -> bool:
    lowered = raw.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off"}:
        return False
    raise ValueError(raw)


_PARSERS: dict[str, Callable[[str], Any]] = {
    "str": str,
    "secret": str,
    "int": int,
    "float": float,
    "bool": _boolean,
    "list": lambda raw: [part.strip() for part in raw.split(",") if part.strip()],
}
_WORDS = {"int": "a whole number", "float": "a number", "bool": "true or false"}


def example() -> str:
    """Return the text of ``.env.example``: every setting, its meaning, unit and default."""
    lines = ["# Every setting of Forgeline, with its default. Copy to .env and change what you need.",
             "# A secret may also come from a file: NAME_FILE=/run/secrets/…"]  # fmt: skip
    section = ""
    for setting in SETTINGS:
        if setting.section != section:
            section = setting.section
            lines += ["", f"# --- {section} ---"]
        unit = f" [{setting.unit}]" if setting.unit else ""
        default = setting.default
        shown = (
            ",".join(default)
            if isinstance(default, list)
            else str(default).lower()
            if isinstance(default, bool)
            else default
        )
        lines += [f"# {setting.help}{unit}", f"#{setting.name}={shown}"]
    return "\n".join(lines) + "\n"
