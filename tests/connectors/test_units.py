"""Units at the source: converted to the point's, refused where they do not fit, followed when the point changes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.models import ConnectionStatus
from connectors.services import create_bindings, create_connection
from forgeline.assets import services as assets
from forgeline.assets.models import Point
from forgeline.base.errors import InvalidInputError
from forgeline.base.units import UnitError, affine, convert
from forgeline.embedded.broker import MosquittoBroker, find_mosquitto
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company
from tests.connectors.floor import make_machine, running_connectors, stored, wait_for
from tests.connectors.test_process import now_ms, publish, publisher, wait_until_running

needs_broker = pytest.mark.skipif(
    find_mosquitto() is None, reason="there is no mosquitto; `apt-get install mosquitto` brings it"
)
LIVE_WITHIN_S = 5.0


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[MosquittoBroker]:
    with MosquittoBroker(tmp_path / "broker") as running:
        yield running


@pytest.mark.parametrize(
    ("source", "target", "factor", "offset"),
    [
        ("kW", "W", 1000.0, 0.0), ("W", "kW", 0.001, 0.0), ("[degF]", "Cel", 5 / 9, -160 / 9),
        ("K", "Cel", 1.0, -273.15), ("Cel", "K", 1.0, 273.15), ("bar", "kPa", 100.0, 0.0),
        ("L/min", "m3/h", 0.06, 0.0), ("", "", 1.0, 0.0),
    ],
)  # fmt: skip
def test_a_unit_becomes_another_by_a_line(source: str, target: str, factor: float, offset: float) -> None:
    found = affine(source, target)
    assert found == (pytest.approx(factor, rel=1e-12), pytest.approx(offset, rel=1e-12, abs=1e-9))
    for value in (-40.0, 0.0, 98.6):
        assert value * found[0] + found[1] == pytest.approx(convert(value, source, target), abs=1e-9)


@pytest.mark.parametrize(("source", "target"), [("kW", "kW.h"), ("Cel", ""), ("bar", "m3/h")])
def test_what_measures_something_else_has_no_line(source: str, target: str) -> None:
    with pytest.raises(UnitError):
        affine(source, target)


@pytest.mark.parametrize(
    ("unit", "kind", "source_unit", "sentence"),
    [
        ("Cel", 0, "kW", "kW cannot be converted to Cel"), ("", 0, "kW", "cannot be converted to no unit"),
        ("Cel", 0, "grad", "no unit of UCUM"), ("", 3, "kW", "leave it empty"),
    ],
)  # fmt: skip
def test_a_unit_that_does_not_fit_is_refused_when_it_is_bound(
    live_company: Company, unit: str, kind: int, source_unit: str, sentence: str
) -> None:
    machine = make_machine(live_company.tenant_id, "Oven", ["t"], unit=unit, kind=kind)
    with tenant_scope(live_company.tenant_id):
        row = create_connection(kind="mqtt", name="Hall", options={"url": "mqtt://127.0.0.1:1"})
        with pytest.raises(InvalidInputError) as refused:
            create_bindings(
                connection_id=row.pk,
                bindings=[{"address": "a#t", "point_id": machine.point_ids["t"], "source_unit": source_unit}],
            )
    assert sentence in str(refused.value.data["fields"]["source_unit"])


@needs_broker
def test_values_are_converted_and_a_change_of_the_points_unit_is_followed(
    live_company: Company, broker: MosquittoBroker, child_environment: dict[str, str]
) -> None:
    machine = make_machine(live_company.tenant_id, "Oven", ["t"], unit="Cel")
    point_id = machine.point_ids["t"]
    options: dict[str, Any] = {
        "url": f"mqtt://127.0.0.1:{broker.port}", "topics": ["hall/#"],
        "username": "forgeline", "password": broker.service_password,
    }  # fmt: skip
    with tenant_scope(live_company.tenant_id):
        row = create_connection(kind="mqtt", name="Hall", options=options)
        # A register in tenths of a degree Fahrenheit.
        bound = {"address": "hall/oven#t", "point_id": point_id, "scale": 0.1, "source_unit": "[degF]"}
        create_bindings(connection_id=row.pk, bindings=[bound])
    with running_connectors(child_environment):
        with tenant_scope(live_company.tenant_id):
            wait_for(lambda: ConnectionStatus.objects.filter(state="running").exists(), "the connection", 20)
        client = publisher(broker.port, "forgeline", broker.service_password)
        publish(client, "hall/oven", {"ts": now_ms(), "t": 2120})
        rows = wait_for(lambda: stored([point_id]), "the value")
        assert rows[0][2] == pytest.approx(100.0, abs=1e-9)
        with tenant_scope(live_company.tenant_id):
            Point.objects.filter(pk=point_id).update(unit="K")
        changed = time.monotonic()

        def newest() -> float:
            publish(client, "hall/oven", {"ts": now_ms(), "t": 2120})
            return stored([point_id])[-1][2]

        wait_for(lambda: newest() == pytest.approx(373.15), "the value in the point's new unit", 10)
        assert time.monotonic() - changed <= LIVE_WITHIN_S
        client.disconnect()
        client.loop_stop()


@needs_broker
def test_a_point_made_for_a_value_that_was_refused_is_live_at_once(
    live_company: Company, broker: MosquittoBroker, child_environment: dict[str, str]
) -> None:
    machine = make_machine(live_company.tenant_id, "Press", ["a"])
    broker.set_devices({machine.username: machine.password_hash})
    with running_connectors(child_environment | {"FORGELINE_MQTT_URL": broker.url}):
        wait_until_running(live_company)
        client = publisher(broker.port, machine.username, machine.password)

        def send() -> None:
            publish(
                client, f"t/{machine.username}/telemetry", {"ts": now_ms(), "values": {"a": 1, "flow": 2}}
            )

        send()
        wait_for(lambda: stored([machine.point_ids["a"]]), "the point that is known")
        with tenant_scope(live_company.tenant_id):
            point = assets.create_point(
                asset_id=machine.asset_id, device_id=machine.device_id, key="flow", name="Flow"
            )
        made = time.monotonic()

        def is_stored() -> bool:
            send()
            return bool(stored([point.pk]))

        wait_for(is_stored, "the point that was made just now", 10)
        assert time.monotonic() - made <= LIVE_WITHIN_S
        client.disconnect()
        client.loop_stop()


def test_a_line_that_no_longer_fits_is_told_on_the_page(company: Company, sign_in: Any) -> None:
    machine = make_machine(company.tenant_id, "Press", ["power"], unit="kW")
    with tenant_scope(company.tenant_id):
        connection = create_connection(
            kind="mqtt", name="Meters", options={"url": "mqtt://127.0.0.1:1", "topics": ["m/#"]}
        )
        bound = {"address": "m/1#power", "point_id": machine.point_ids["power"], "source_unit": "W"}
        create_bindings(connection_id=connection.pk, bindings=[bound])
    client = sign_in(company.manager)
    address = f"/connectors/{connection.pk}/"
    assert "is not read" not in client.get(address).content.decode()
    with tenant_scope(company.tenant_id):
        Point.objects.filter(pk=machine.point_ids["power"]).update(unit="bar")
    page = client.get(address).content.decode()
    assert "1 line is not read" in page
    assert "Not read: W cannot become bar" in page
