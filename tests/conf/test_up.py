"""`make up` where something is in the way: one sentence with the remedy, an exit code, nothing left behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from forgeline.conf.up import _last_words
from forgeline.embedded import layout
from forgeline.embedded.layout import Layout
from forgeline.embedded.service import ServiceError, free_port
from tests.demoplant.house import until
from tests.embedded.processes import processes_with

ROOT = Path(__file__).resolve().parents[2]


class Up:
    """`python -m forgeline.conf up` with a state folder of its own."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.process: subprocess.Popen[str] | None = None

    def start(self, **settings: str) -> Up:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        environment = kept | {
            "PYTHONPATH": os.pathsep.join((str(ROOT / "platform"), str(ROOT))),
            "FORGELINE_VAR": str(self.var), "FORGELINE_DEMO": "0", "FORGELINE_HTTP_PORT": str(free_port()),
            "FORGELINE_MQTT_PORT": str(free_port()),
        } | settings  # fmt: skip
        log = self.log.open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "forgeline.conf", "up"], env=environment, cwd=ROOT, stdout=log, stderr=log,
            text=True, start_new_session=True,
        )  # fmt: skip
        return self

    def manage(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command beside it, as `make manage` runs one."""
        surroundings = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join((str(ROOT / "platform"), str(ROOT))),
            "FORGELINE_VAR": str(self.var),
        }
        command = [sys.executable, "-m", "forgeline.conf", "manage", *words]
        return subprocess.run(
            command, env=surroundings, cwd=ROOT, capture_output=True, text=True, check=False
        )

    @property
    def log(self) -> Path:
        return self.var.with_suffix(".log")

    @property
    def said(self) -> str:
        return self.log.read_text()

    def ends(self) -> int:
        assert self.process is not None
        return self.process.wait(60)

    def runs(self) -> None:
        until(lambda: "Forgeline is running" in self.said or not self._lives(), 90)
        assert "Forgeline is running" in self.said, self.said

    def _lives(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self, *signals: int) -> float:
        """Send the signals and return the seconds until it has ended."""
        assert self.process is not None
        begun = time.monotonic()
        for each in signals or (signal.SIGTERM,):
            self.process.send_signal(each)
            time.sleep(0.2)
        self.process.wait(60)
        return time.monotonic() - begun


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    # PostgreSQL gives up root and must be able to walk to its data.
    for folder in (tmp_path, *tmp_path.parents):
        if folder.is_relative_to("/tmp") and folder != Path("/tmp") and folder.owner() == Path.home().owner():
            folder.chmod(folder.stat().st_mode | 0o011)
    started = Up(tmp_path / "var")
    yield started
    if started.process is not None and started.process.poll() is None:
        started.stop()
    until(lambda: not processes_with(str(started.var)), 15)


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        ("FORGELINE_REDIS_URL", "redis://127.0.0.1:{port}/0", "The Redis that FORGELINE_REDIS_URL names does not"),
        ("FORGELINE_MQTT_URL", "mqtt://127.0.0.1:{port}", "The MQTT broker that FORGELINE_MQTT_URL names does not"),
        ("FORGELINE_DATABASE_URL", "postgresql://x:y@127.0.0.1:{port}/z", "The database that FORGELINE_DATABASE_URL"),
        ("FORGELINE_HTTP_PORT", "eight thousand", "FORGELINE_HTTP_PORT must be a whole number"),
        ("FORGELINE_STORE_ENGINE", "sqlite", "FORGELINE_STORE_ENGINE"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_told_in_a_sentence(up: Up, setting: str, value: str, sentence: str) -> None:
    up.start(**{setting: value.format(port=free_port())})
    assert up.ends() != 0
    last = [line for line in up.said.splitlines() if line.strip()][-1]
    assert sentence in up.said
    assert "Traceback" not in up.said
    assert not processes_with(str(up.var)), last


def test_a_command_runs_beside_it_and_a_damaged_database_is_told(up: Up) -> None:
    assert "start it by `make up` first" in up.manage("make_operator", "--email", "olga@example.com").stderr
    up.start()
    up.runs()
    made = up.manage("make_operator", "--email", "olga@example.com", "--company", "Forgeline Ops")
    assert made.returncode == 0, made.stderr
    assert "/operator/" in made.stdout
    told = up.manage(
        "shell", "-v0", "-c", "from django.conf import settings as s; print(s.NOTIFICATIONS['PUBLIC_URL'])"
    )
    assert told.stdout.strip().startswith("http://localhost:"), told.stderr
    assert f"Address   {told.stdout.strip()}\n" in up.said, "links in letters lead to what was printed"
    assert "make the first account at" in up.said
    assert up.stop() < 10
    up.start()
    up.runs()
    assert "make the first account" not in up.said, "there is one"
    up.stop()
    with (up.var / "postgres/data/postgresql.conf").open("a") as config:
        config.write("\nno_such_setting = 1\n")
    up.start()
    assert up.ends() != 0
    assert "postgres did not start" in up.said
    assert "no_such_setting" in up.said
    assert "Traceback" not in up.said


def test_one_house_a_folder_busy_ports_and_two_interrupts(up: Up, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        up.start(FORGELINE_HTTP_PORT=port)
        up.runs()
        assert f"Port {port} for http is busy" in up.said
        another = Up(up.var)
        another.var.with_suffix(".log").replace(tmp_path / "first.log")
        another.start()
        assert another.ends() != 0
        assert "is running here already" in another.said
        (tmp_path / "first.log").replace(up.log)
    # The first of them: the others are its pool.
    worker = min(
        pid for pid in processes_with(str(up.var)) if b"celery@" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    os.kill(worker, signal.SIGKILL)
    until(lambda: "worker was killed by signal 9; it starts again" in up.said)
    assert up.stop(signal.SIGINT, signal.SIGINT) < 10
    assert not processes_with(str(up.var))


def test_a_full_disk_is_told_before_anything_is_brought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(layout.shutil, "disk_usage", lambda _path: left._replace(free=60 * 2**20))
    with pytest.raises(
        ServiceError, match=r"has 60 MB left; Forgeline needs 1024 MB\. Make room, or set FORGELINE"
    ):
        Layout(tmp_path / "var").check_disk()


def test_what_postgresql_says_after_its_fault_does_not_hide_it() -> None:
    fault = 'OperationalError: could not extend file "base/1/2": No space left on device'
    assert _last_words(f"Traceback …\n{fault}\nHINT:  Check free disk space.\n") == fault
    assert _last_words("psycopg.Error: no such table\nLINE 1: SELECT x\n               ^\n") == (
        "psycopg.Error: no such table"
    )
    assert _last_words("") == "it said nothing"


def test_what_is_loaded_has_the_settings_of_the_children_and_may_be_forked() -> None:
    code = """
        import os, threading
        from forgeline.conf.loaded import load
        load({"FORGELINE_HTTP_PORT": "8123", "FORGELINE_SECRET_KEY": "x", "ONLY": "there"})
        from django.conf import settings
        from django.db import connections
        asked = [alias for alias in connections if connections[alias].connection is not None]
        print(settings.NOTIFICATIONS["PUBLIC_URL"], "ONLY" in os.environ, threading.active_count(), asked)
    """
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)],
        env=environment | {"DJANGO_SETTINGS_MODULE": "forgeline.conf.settings"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.stdout.split("\n")[-2] == "http://localhost:8123 False 1 []", done.stderr
