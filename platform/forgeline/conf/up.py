"""``make up``: bring the services, prepare the database, run every process of Forgeline, watch them, stop in order.

Not here: how one service starts (postgres, valkey, broker), how processes are watched (processes).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from forgeline.base.files import write_whole
from forgeline.conf.env import ROOT, Environment, SettingsError, read_environment
from forgeline.conf.loaded import load
from forgeline.conf.own_services import require_broker, require_database, require_redis
from forgeline.embedded.assets import fetch_assets
from forgeline.embedded.broker import Broker, MosquittoBroker, make_broker
from forgeline.embedded.forked import show_as
from forgeline.embedded.layout import Layout
from forgeline.embedded.postgres import PostgresServer
from forgeline.embedded.processes import Child, Supervisor
from forgeline.embedded.service import ServiceError
from forgeline.embedded.valkey import ValkeyServer
from forgeline.modules.manifest import MODELS_QUEUE

MANAGE = [sys.executable, str(ROOT / "manage.py")]
CELERY = [sys.executable, "-m", "celery", "-A", "forgeline.conf.celery:app"]
CAN_FORK = sys.platform == "linux"
"""Elsewhere libraries of the system do not survive it, and each process loads everything for itself."""
READY_WITHIN_S = 60.0
LOOK_EVERY_S = 0.25
FULL = "No space left on device"
"""By these words the operating system, and PostgreSQL after it, tells of a full disk."""


class Stopped(BaseException):  # an order, not an error: what is being loaded must not catch it
    """Ctrl-C or SIGTERM came."""


def main() -> int:
    """Run until Ctrl-C or SIGTERM; 0 after an orderly stop, 1 with one sentence where it could not start."""
    show_as("up")
    signal.signal(signal.SIGTERM, _raise_stopped)
    signal.signal(signal.SIGINT, _raise_stopped)
    try:
        environment = read_environment()
        layout = Layout(environment.var)
        layout.check_disk()
        lock = layout.lock()
    except (SettingsError, ServiceError) as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    with lock:
        return House(environment, layout).run()


def _raise_stopped(_number: int, _frame: object) -> None:
    # A second Ctrl-C must not tear the orderly stop apart.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise Stopped


class House:
    """One run of everything."""

    def __init__(self, environment: Environment, layout: Layout) -> None:
        self.settings = environment
        self.layout = layout
        self.supervisor = Supervisor(say=lambda line: print(f"  ! {line}", flush=True))
        self.started = time.monotonic()
        self.child_environment: dict[str, str] = {}
        self.broker: Broker | None = None
        self.device_mqtt = ""
        self.demo: dict[str, Any] = {}

    def run(self) -> int:
        """Start, watch, stop. Whatever happens, nothing is left behind."""
        code = 0
        try:
            self._start()
            while True:
                self.supervisor.watch()
                time.sleep(LOOK_EVERY_S)
        except Stopped:
            print("\n· stopping", flush=True)
        except (ServiceError, OSError) as error:
            print(f"✗ {self._said(error)}", file=sys.stderr, flush=True)
            code = 1
        finally:
            self.layout.status_path.unlink(missing_ok=True)
            begun = time.monotonic()
            self.supervisor.stop()
        if code == 0:
            print(f"✓ stopped in {time.monotonic() - begun:.1f} s", flush=True)
        return code

    def _said(self, error: Exception) -> str:
        """Return the fault as a sentence with the remedy; a disk that fills says little by itself."""
        if FULL not in str(error):
            return str(error)
        return f"The disk of {self.layout.var} is full; make room, then start again. ({error})"

    # --- the steps ---------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self.child_environment = self._base_environment()
        self._step("front-end parts", self._bring_assets)
        self._step("PostgreSQL", self._bring_database)
        self._step("Valkey", self._bring_cache)
        self._step("MQTT broker", self._bring_broker)
        address = self._choose_address()
        self._step("database and programs", self._prepare)
        self._start_processes()
        opcua = self._start_demo(address, self.demo) if self.demo else ""
        self._step("web server", lambda: self._wait_for_web(address))
        self._start_models()
        self._show(address, self.demo, opcua)

    def _step(self, title: str, work: Any) -> None:
        begun = time.monotonic()
        print(f"· {title} …", end="", flush=True)
        try:
            remark = work()
        except BaseException:
            print(flush=True)
            raise
        print(f" {remark or 'ready'} ({time.monotonic() - begun:.1f} s)", flush=True)

    def _base_environment(self) -> dict[str, str]:
        """What every child inherits: this process's environment and the settings of .env, paths, secrets by file."""
        inherited = {name: _as_text(value) for name, value in self.settings.values.items() if _as_text(value)}
        environment = {**os.environ, **inherited}
        environment |= {
            "PYTHONPATH": os.pathsep.join((str(ROOT / "platform"), str(ROOT))),
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "forgeline.conf.settings",
            "FORGELINE_VAR": str(self.layout.var),
        }
        for variable, name in (
            ("FORGELINE_SECRET_KEY", "secret_key"),
            ("FORGELINE_DATABASE_OWNER_PASSWORD", "database_owner"),
            ("FORGELINE_DATABASE_APP_PASSWORD", "database_app"),
            ("FORGELINE_DATABASE_INGEST_PASSWORD", "database_ingest"),
        ):
            if not self.settings[variable]:
                self.layout.secret(name)
                environment[f"{variable}_FILE"] = str(self.layout.secret_path(name))
        return environment

    def _bring_assets(self) -> str:
        return "fetched" if fetch_assets(ROOT, self.layout.var / "assets") else "as before"

    def _bring_database(self) -> str:
        if self.settings["FORGELINE_DATABASE_URL"]:
            require_database(self.settings["FORGELINE_DATABASE_URL"])
            return "yours, by FORGELINE_DATABASE_URL"
        port, remark = self.layout.port("postgres", 0)
        server = PostgresServer(
            self.layout.folder("postgres"), password=self.layout.secret("database_admin"), port=port
        )
        self.supervisor.add_service(server)
        self.child_environment["FORGELINE_DATABASE_URL"] = server.url("forgeline")
        return remark

    def _bring_cache(self) -> str:
        if self.settings["FORGELINE_REDIS_URL"]:
            require_redis(self.settings["FORGELINE_REDIS_URL"])
            return "yours, by FORGELINE_REDIS_URL"
        port, remark = self.layout.port("valkey", 0)
        server = ValkeyServer(self.layout.folder("valkey"), port=port, password=self.layout.secret("valkey"))
        self.supervisor.add_service(server)
        self.child_environment["FORGELINE_REDIS_URL"] = server.url
        return remark

    def _bring_broker(self) -> str:
        if self.settings["FORGELINE_MQTT_URL"]:
            self.device_mqtt = _without_user(self.settings["FORGELINE_MQTT_URL"])
            require_broker(self.settings["FORGELINE_MQTT_URL"])
            return "yours, by FORGELINE_MQTT_URL"
        port, remark = self.layout.port("mqtt", self.settings["FORGELINE_MQTT_PORT"])
        self.broker = make_broker(
            self.layout.folder("broker"),
            port=port,
            service_password=self.layout.secret("mqtt"),
            bind=self.settings["FORGELINE_MQTT_BIND"],
        )
        self.supervisor.add_service(self.broker)
        self.child_environment["FORGELINE_MQTT_URL"] = self.broker.url
        self.device_mqtt = self.broker.address
        facts = self.broker.capabilities
        return " ".join(part for part in (f"{facts.name}.", remark, facts.remark) if part)

    def _choose_address(self) -> str:
        port, remark = self.layout.port("http", self.settings["FORGELINE_HTTP_PORT"])
        if remark:
            print(f"  {remark}", flush=True)
        self.child_environment["FORGELINE_HTTP_PORT"] = str(port)
        bind = self.settings["FORGELINE_BIND"]
        # A passkey belongs to a name; a bare number gets none.
        host = "localhost" if bind in ("127.0.0.1", "0.0.0.0") else bind  # noqa: S104  # compared, not bound
        address = f"http://{host}:{port}"
        if not self.settings["FORGELINE_PUBLIC_URL"]:
            # Links in messages lead to what is printed here.
            self.child_environment["FORGELINE_PUBLIC_URL"] = address
        return address

    def _prepare(self) -> str:
        """Prepare the database in a process of its own, and load meanwhile what all the others are forked from.

        What is put into their environment later is no setting of theirs any more.
        """
        with_demo = ["--demo"] if self.settings["FORGELINE_DEMO"] else []
        preparing = subprocess.Popen(
            [*MANAGE, "prepare", *with_demo], env=self.child_environment, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        try:
            # From here on nobody needs the credentials that may make roles.
            url = self.child_environment["FORGELINE_DATABASE_URL"]
            self.child_environment["FORGELINE_DATABASE_URL"] = _without_user(url)
            # One folder for the counters of all processes, so that /metrics of the web server tells them all.
            self.child_environment["PROMETHEUS_MULTIPROC_DIR"] = str(self.layout.folder("run/metrics"))
            for left in self.layout.folder("run/metrics").glob("*.db"):
                left.unlink()
            self.layout.folder("static")
            if CAN_FORK:
                load(self.child_environment)
            said, complaints = preparing.communicate()
        except BaseException:
            preparing.kill()
            raise
        if preparing.returncode:
            log = self.layout.folder("log") / "prepare.log"
            log.write_text(said + complaints, encoding="utf-8")
            raise ServiceError(
                f"`manage.py prepare` failed: {_last_words(complaints)} The whole of it is in {log}."
            )
        if with_demo:
            self.demo = dict(json.loads(said.strip().splitlines()[-1]))
        return ""

    def _start_processes(self) -> None:
        bind, port = self.settings["FORGELINE_BIND"], self.child_environment["FORGELINE_HTTP_PORT"]
        uvicorn = [sys.executable, "-m", "uvicorn", "forgeline.conf.asgi:application"]
        beat_state = str(self.layout.folder("run") / "beat.pid")
        Path(beat_state).unlink(missing_ok=True)
        for name, argv in (
            ("web", [*uvicorn, "--host", bind, "--port", port, "--no-access-log", "--no-server-header"]),
            ("connectors", [*MANAGE, "run_connectors"]),
            ("alarms", [*MANAGE, "run_alarms"]),
            ("worker", [*CELERY, "worker", "--concurrency", "2", "--loglevel", "INFO"]),
            ("beat", [*CELERY, "beat", "--loglevel", "INFO", "--pidfile", beat_state]),
        ):
            self._add(name, argv)
        if isinstance(self.broker, MosquittoBroker):
            where = ["--folder", str(self.broker.credentials), "--pid-file", str(self.broker.pid_file)]
            self._add("credentials", [*MANAGE, "sync_broker_credentials", "--watch", *where])

    def _start_models(self) -> None:
        """Start the worker of long tasks: after the web server, which people wait for, and niced behind it."""
        who = ["--queues", MODELS_QUEUE, "--hostname", "models@%h", "--concurrency", "1"]
        # It leaves nothing half done when it is cut off, and a turn of its would last longer than a stop may.
        argv = [*CELERY, "worker", *who, "--loglevel", "INFO"]
        self._add("models", argv, stop_signal=signal.SIGQUIT, nice=10)

    def _start_demo(self, address: str, demo: Mapping[str, Any]) -> str:
        port, _remark = self.layout.port("opcua", 4840)
        environment = {
            "FORGELINE_URL": address,
            "FORGELINE_API_KEY": str(demo["api_key"]),
            "FORGELINE_MQTT": self.device_mqtt,
            "DEMO_OPCUA_PORT": str(port),
            "FORGELINE_DEMO_SPEED": str(self.settings["FORGELINE_DEMO_SPEED"]),
            "FORGELINE_LANGUAGE": self.settings["FORGELINE_LANGUAGE"],
            "FORGELINE_VAR": str(self.layout.var),
        }
        kept = ("PATH", "HOME", "LANG", "PYTHONPATH", "PYTHONUNBUFFERED")
        outside = {name: self.child_environment[name] for name in kept if name in self.child_environment}
        argv, log = [sys.executable, "-m", "demoplant"], self.layout.folder("log") / "demoplant.log"
        # Not forked: it is a stranger to Forgeline, and gets nothing of what this process knows.
        self.supervisor.add(Child("demoplant", argv, {**outside, **environment}, log))
        return f"opc.tcp://127.0.0.1:{port}"

    def _add(
        self, name: str, argv: list[str], *, stop_signal: signal.Signals = signal.SIGTERM, nice: int = 0
    ) -> None:
        log = self.layout.folder("log") / f"{name}.log"
        self.supervisor.add(
            Child(name, argv, self.child_environment, log, stop_signal, nice, is_forked=CAN_FORK)
        )

    def _wait_for_web(self, address: str) -> str:
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{address}/readyz", timeout=5) as answer:  # noqa: S310  # our own address
                    if answer.status == 200:
                        return ""
            except (urllib.error.URLError, OSError):
                pass
            self.supervisor.watch()
            time.sleep(0.1)
        raise ServiceError(
            f"The web server did not answer within {READY_WITHIN_S:g} s; "
            f"its log is {self.layout.folder('log') / 'web.log'}."
        )

    def _show(self, address: str, demo: Mapping[str, Any], opcua: str) -> None:
        rows = [("Address", address)]
        if demo:
            rows += [("Sign in", f"{demo['email']}  {demo['password']}"), ("API key", str(demo["api_key"]))]
        elif _is_new(address):
            rows += [("Sign in", f"make the first account at {address}")]
        rows += [("Broker", self.device_mqtt)]
        if opcua:
            rows += [("OPC UA", opcua)]
        rows += [("State", f"{self.layout.var} (logs in log/)"), ("Stop", "Ctrl-C")]
        status = {
            "address": address, "mqtt": self.device_mqtt, "opcua": opcua, "pid": os.getpid(),
            "api_key": demo.get("api_key", ""),
            "sign_in": {"email": demo.get("email", ""), "password": demo.get("password", "")},
            # What a command beside it runs in (`make manage`).
            "environment": {
                name: value for name, value in self.child_environment.items() if name.startswith("FORGELINE_")
            },
        }  # fmt: skip
        write_whole(self.layout.status_path, json.dumps(status, indent=1))
        print(
            f"\n  Forgeline is running, {time.monotonic() - self.started:.0f} s after the start\n", flush=True
        )
        for title, text in rows:
            print(f"    {title:9} {text}", flush=True)
        print(flush=True)


def _is_new(address: str) -> bool:
    """Say whether nobody has an account yet: pages lead to the making of the first one then. Also where that cannot be
    seen from here, as behind a proxy that alone speaks HTTPS.
    """
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310  # our own address
            return str(answer.url).endswith("/first-owner/")
    except (urllib.error.URLError, OSError):
        return True


def _last_words(said: str) -> str:
    """Return the line that tells the fault: where PostgreSQL speaks last, its hints and places follow it."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("HINT:", "DETAIL:", "CONTEXT:", "LINE ", "^"))]
    full = [line for line in lines if FULL in line]
    return (full or told or ["it said nothing"])[-1]


def _as_text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _without_user(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
