"""Who may read /metrics."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client


@pytest.mark.parametrize(
    ("given", "status"), [("a-long-token", 200), ("wrong", 403), ("", 403), ("w\xf6rong", 403)]
)
def test_metrics_open_with_the_token_only(
    db: None, monkeypatch: pytest.MonkeyPatch, given: str, status: int
) -> None:
    monkeypatch.setitem(settings.ENV.values, "FORGELINE_METRICS_TOKEN", "a-long-token")
    assert Client().get("/metrics", headers={"Authorization": f"Bearer {given}"}).status_code == status


def test_metrics_without_a_token_are_for_this_machine(db: None) -> None:
    assert Client(REMOTE_ADDR="127.0.0.1").get("/metrics").status_code == 200
    assert Client(REMOTE_ADDR="192.0.2.7").get("/metrics").status_code == 403
    assert (
        Client(REMOTE_ADDR="127.0.0.1", headers={"X-Forwarded-For": "x"}).get("/metrics").status_code == 403
    )


def test_counters_of_several_processes_come_together(
    db: None, child_environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As under `make up`: what another process counted stands in the web server's answer."""
    folder = tmp_path / "metrics"
    folder.mkdir()
    count = "from forgeline.realtime.publish import LOST; LOST.inc(7)"
    setup = "import django; django.setup(); "
    environment = child_environment | {"PROMETHEUS_MULTIPROC_DIR": str(folder)}
    subprocess.run([sys.executable, "-c", setup + count], env=environment, check=True)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
    answer = Client(REMOTE_ADDR="127.0.0.1").get("/metrics").content.decode()
    assert "forgeline_live_lost_total 7.0" in answer


def test_a_process_without_a_web_server_tells_its_counters_on_a_port(
    child_environment: dict[str, str], tmp_path: Path
) -> None:
    """As in production's worker: loading the building opens the port, and a second process beside it still runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ask = (
        "import django, urllib.request; django.setup();"
        "from forgeline.realtime.publish import LOST; LOST.inc(7);"
        f"print(urllib.request.urlopen('http://127.0.0.1:{port}/metrics').read().decode())"
    )
    beside = [sys.executable, "-c", "import django; django.setup(); print('runs')"]
    code = f"import subprocess; {ask}; subprocess.run({beside!r}, check=True)"
    environment = child_environment | {"FORGELINE_METRICS_PORT": str(port)}
    said = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    ).stdout
    assert "forgeline_live_lost_total 7.0" in said
    assert said.endswith("runs\n")
