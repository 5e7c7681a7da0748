"""The OPC UA connection with a binding for each point, made over the connections API.

Not here: the server that it leads to (opcua).
"""

from __future__ import annotations

import logging

from demoplant.model import MachineSpec, Title
from demoplant.opcua.space import address_of
from demoplant.seeding.places import PointIds
from forgeline_client import AsyncClient

NAME = Title("Press line and CNC cell (OPC UA)", "冲压线与 CNC 单元（OPC UA）")
OPTIONS = {"publishing_interval_ms": 500, "sampling_interval_ms": 250, "queue_size": 20}

log = logging.getLogger("demoplant.seeding")


async def ensure_connection(
    forgeline: AsyncClient,
    machines: tuple[MachineSpec, ...],
    point_ids: PointIds,
    endpoint: str,
    language: str,
) -> int:
    """Make the connection, or lead it to the port of this start, and add the bindings it lacks; return its id."""
    rows = await forgeline.list_all("/connections/", kind="opcua", page_size=1000)
    row = next((row for row in rows if row["name"] in (NAME.en, NAME.zh)), None)
    if row is None:
        body = {
            "kind": "opcua",
            "name": NAME.in_language(language),
            "options": {"endpoint": endpoint, **OPTIONS},
        }
        row = await forgeline.post("/connections/", body)
        log.info("connection %s made, to %s", row["name"], endpoint)
    elif row["options"]["endpoint"] != endpoint:
        await forgeline.patch(
            f"/connections/{row['id']}/", {"options": {**row["options"], "endpoint": endpoint}}
        )
        log.info("connection %s leads to %s now", row["name"], endpoint)
    bound = {binding["point"] for binding in await forgeline.get(f"/connections/{row['id']}/bindings/")}
    missing = [
        {"address": address_of(machine, point), "point": point_ids[machine.key, point.key]}
        for machine in machines
        if machine.is_opcua
        for point in machine.points
        if point_ids[machine.key, point.key] not in bound
    ]
    if missing:
        await forgeline.post(f"/connections/{row['id']}/bindings/", missing)
        log.info("%d bindings made", len(missing))
    return int(row["id"])
