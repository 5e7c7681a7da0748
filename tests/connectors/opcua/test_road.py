"""From a real OPC UA server through a real connector process to the disk: picked up, back-filled, taken over."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from connectors.models import ConnectionStatus
from connectors.services import create_bindings, create_connection, update_connection
from forgeline.assets.models import Point
from forgeline.telemetry.sample import SampleFlag
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.connectors.floor import make_machine, running_connectors, stored, wait_for
from tests.connectors.opcua.conftest import PRESS, Plant

FAST = {"publishing_interval_ms": 50, "sampling_interval_ms": 20, "queue_size": 1000, "keep_alive_s": 1}


def test_values_reach_the_disk_and_a_killed_process_leaves_no_gap(
    live_company: Company, child_environment: dict[str, str], make_plant: Callable[..., Plant]
) -> None:
    plant = make_plant("--history")
    machine = make_machine(live_company.tenant_id, "Press", ["count", "running"])
    count, running = machine.point_ids["count"], machine.point_ids["running"]

    def values() -> list[float]:
        return [row[2] for row in stored([count]) if not row[4] & SampleFlag.HELD]

    def state() -> str:
        with tenant_scope(live_company.tenant_id):
            return str(ConnectionStatus.objects.values_list("state", flat=True).first() or "")

    with running_connectors(child_environment) as process:
        with tenant_scope(live_company.tenant_id):
            connection = create_connection(
                kind="opcua", name="Press", options={"endpoint": plant.endpoint, **FAST}
            )
        wait_for(lambda: state() == "running", "the new connection to be picked up", 15)
        with tenant_scope(live_company.tenant_id):
            bindings = [
                {"address": PRESS + "Count", "point_id": count, "scale": 0.5},
                {"address": PRESS + "Running", "point_id": running},
            ]
            create_bindings(connection_id=connection.pk, bindings=bindings)
        wait_for(values, "the first value of the new map")
        plant.tell(op="count", **{"from": 1, "to": 51})
        wait_for(lambda: values()[-1:] == [25.0], "fifty counts")
        assert values() == [number / 2 for number in range(51)]
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    plant.tell(op="count", **{"from": 51, "to": 151, "every_s": 0.001})
    with running_connectors(child_environment):
        wait_for(lambda: values()[-1:] == [75.0] and len(values()) == 151, "the gap to be filled", 40)
        assert values() == [number / 2 for number in range(151)]
        flags = {row[2]: row[4] for row in stored([count]) if not row[4] & SampleFlag.HELD}
        assert flags[30.0] & SampleFlag.REPLAYED
        with tenant_scope(live_company.tenant_id):
            update_connection(connection_id=connection.pk, enabled=False)
        wait_for(lambda: state() in ("disabled", "unowned", "stopping"), "the connection to stop")


def test_a_server_that_is_away_is_told_in_a_sentence(
    live_company: Company, child_environment: dict[str, str], make_plant: Callable[..., Plant]
) -> None:
    plant = make_plant()
    machine = make_machine(live_company.tenant_id, "Press", ["static"], expected_interval_s=1.0)
    with tenant_scope(live_company.tenant_id):
        assert Point.objects.count() == 1
        connection = create_connection(
            kind="opcua", name="Press", options={"endpoint": plant.endpoint, **FAST, "timeout_s": 2}
        )
        create_bindings(
            connection_id=connection.pk,
            bindings=[{"address": PRESS + "Static", "point_id": machine.point_ids["static"]}],
        )
    ids = [machine.point_ids["static"]]
    with running_connectors(child_environment):
        # The server's value never changes: what comes after the first is the value held.
        wait_for(
            lambda: sum(bool(row[4] & SampleFlag.HELD) for row in stored(ids)) >= 2, "two held values", 25
        )
        plant.kill()

        def status() -> ConnectionStatus | None:
            with tenant_scope(live_company.tenant_id):
                return ConnectionStatus.objects.filter(state="retrying", fault_key="opcua.refused").first()

        told = wait_for(status, "the fault to be told", 20)
        assert "Nothing listens at" in told.fault
        plant.start()

        def is_running() -> bool:
            with tenant_scope(live_company.tenant_id):
                return ConnectionStatus.objects.filter(state="running").exists()

        wait_for(is_running, "the connection to come back", 40)
