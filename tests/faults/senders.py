"""Sources beside MQTT that a fault must not rob of a number: a device that speaks HTTP, a server that speaks OPC UA."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field

from connectors.models import Binding, Connection
from connectors.services import create_connection
from forgeline.embedded.service import free_port
from forgeline.tenancy.scoping import tenant_scope
from tests.rig import ROOT


@dataclass
class HttpDevice:
    """Posts numbered samples with times of their own, each until it is answered with success, as a good device does."""

    url: str
    key: str
    point_id: int
    start_ms: int
    sent: int = 0
    refusals: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send what is under way to its end."""
        self._stop.set()
        assert self._thread is not None
        self._thread.join(60)
        assert not self._thread.is_alive(), "the last sample was never taken"

    def _run(self) -> None:
        while not self._stop.is_set():
            body = {
                "point": [self.point_id],
                "ts": [self.start_ms + self.sent * 10],
                "value": [self.sent + 0.5],
            }
            while not self._post(json.dumps(body).encode()):
                self.refusals += 1
                time.sleep(0.2)
            self.sent += 1
            time.sleep(0.02)

    def _post(self, body: bytes) -> bool:
        request = urllib.request.Request(
            f"{self.url}/api/v1/samples/",
            body,
            {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return bool(answer.status < 300)
        except (urllib.error.URLError, http.client.HTTPException, OSError):
            return False


@contextlib.contextmanager
def firehose(tenant_id: int, point_ids: list[int]) -> Iterator[Connection]:
    """Run an OPC UA server of one tag a point, each counting seconds, and a connection to it."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.simulators.opcua_firehose", str(port), str(len(point_ids))],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        process.stdout.readline()
        with tenant_scope(tenant_id):
            connection: Connection = create_connection(
                kind="opcua",
                name="Firehose",
                options={"endpoint": f"opc.tcp://127.0.0.1:{port}/firehose", "publishing_interval_ms": 1000},
                enabled=False,
            )
            Binding.objects.bulk_create(
                Binding(
                    connection=connection, address=f"ns=2;i={tag}", point_id=point, options={"queue_size": 10}
                )
                for tag, point in enumerate(point_ids, 1)
            )
        yield connection
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
