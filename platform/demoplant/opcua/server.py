"""The running OPC UA server: writes what changed, once a second, with the time of the tick as source time.

Not here: the address space (space), the past (history).
"""

from __future__ import annotations

import logging

import numpy as np
from asyncua import Server, ua

from demoplant.model import MachineSpec
from demoplant.opcua.history import LOOK_BACK_MS, TICK_MS, SignalHistory, data_value, last_usable, source_time
from demoplant.opcua.space import Space, build_space
from demoplant.signals import Play
from demoplant.simulated import ItemState, OperationMode, PackML, UnitMode

log = logging.getLogger("demoplant.opcua")

_ITEM_OF_PACKML = {
    PackML.EXECUTE: ItemState.EXECUTING,
    PackML.ABORTED: ItemState.OUT_OF_SERVICE,
    PackML.ABORTING: ItemState.OUT_OF_SERVICE,
    PackML.CLEARING: ItemState.OUT_OF_SERVICE,
}
_OPERATION_OF_UNIT = {
    UnitMode.PRODUCTION: OperationMode.PROCESSING,
    UnitMode.MAINTENANCE: OperationMode.MAINTENANCE,
    UnitMode.MANUAL: OperationMode.SETUP,
}


class PlantServer:
    """Serves the machines that speak OPC UA."""

    def __init__(self, machines: tuple[MachineSpec, ...], play: Play, *, host: str, port: int) -> None:
        self.machines = tuple(machine for machine in machines if machine.is_opcua)
        self.endpoint = f"opc.tcp://{host}:{port}/demoplant"
        self._play = play
        self._server = Server()
        self._space: Space | None = None
        self._shown: dict[tuple[str, str], float] = {}
        self._usable: dict[tuple[str, str], float] = {}
        self._last_ms = 0

    async def start(self) -> None:
        """Build the address space and listen. **Raises** OSError where the port is taken."""
        await self._server.init()
        self._server.set_endpoint(self.endpoint)
        self._server.set_server_name("Forgeline demo plant")
        await self._server.set_application_uri("urn:forgeline:demoplant:server")
        self._server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        self._space = await build_space(self._server, self.machines)
        await self._keep_history(self._space)
        await self._server.start()

    async def stop(self) -> None:
        """Close every session and stop listening."""
        await self._server.stop()

    async def _keep_history(self, space: Space) -> None:
        points = {
            space.nodes[machine.key, point.key].nodeid: (point, space.types[machine.key, point.key])
            for machine in self.machines
            for point in machine.points
        }
        history = SignalHistory(points, self._play, lambda: self._last_ms)
        self._server.iserver.history_manager.set_storage(history)
        for node in space.nodes.values():
            await node.set_attr_bit(ua.AttributeIds.AccessLevel, ua.AccessLevel.HistoryRead)
            await node.set_attr_bit(ua.AttributeIds.UserAccessLevel, ua.AccessLevel.HistoryRead)
            await node.write_attribute(
                ua.AttributeIds.Historizing, ua.DataValue(ua.Variant(True, ua.VariantType.Boolean))
            )

    async def show(self, tick_ms: int) -> int:
        """Write every value that differs from the last tick's and return how many."""
        assert self._space is not None
        at = np.array([tick_ms], dtype=np.int64)
        written = 0
        for machine in self.machines:
            for point in machine.points:
                key = (machine.key, point.key)
                value = float(point.values(at, self._play)[0])
                before = self._shown.get(key)
                if before is not None and (value == before or (value != value and before != before)):
                    continue
                self._shown[key] = value
                if value == value:
                    self._usable[key] = value
                elif key not in self._usable:
                    past = np.arange(tick_ms - LOOK_BACK_MS, tick_ms, TICK_MS, dtype=np.int64)
                    self._usable[key] = float(last_usable(point.values(past, self._play))[-1])
                node = self._space.nodes[key]
                told = data_value(self._space.types[key], value, self._usable[key], tick_ms)
                await self._server.write_attribute_value(node.nodeid, told)
                written += 1
                if point.key in ("state", "mode"):
                    await self._follow(machine, point.key, int(value), tick_ms)
        self._last_ms = tick_ms
        return written

    async def _follow(self, machine: MachineSpec, key: str, code: int, tick_ms: int) -> None:
        """Let the texts, and on a press the Machinery state machines, follow a state."""
        assert self._space is not None
        if machine.profile == "press":
            if key == "state":
                packml = self._space.states[machine.key, "packml"]
                await self._tell(packml.text.nodeid, _text(packml.titles[code]), tick_ms)
                code = int(_ITEM_OF_PACKML.get(PackML(code), ItemState.NOT_EXECUTING))
            else:
                code = int(_OPERATION_OF_UNIT[UnitMode(code)])
            number = ua.Variant(code, ua.VariantType.UInt32)
            await self._tell(self._space.states[machine.key, key].number.nodeid, number, tick_ms)
        nodes = self._space.states[machine.key, key]
        await self._tell(nodes.text.nodeid, _text(nodes.titles[code]), tick_ms)

    async def _tell(self, node_id: ua.NodeId, variant: ua.Variant, tick_ms: int) -> None:
        stamp = source_time(tick_ms)
        await self._server.write_attribute_value(
            node_id, ua.DataValue(variant, SourceTimestamp=stamp, ServerTimestamp=stamp)
        )


def _text(text: str) -> ua.Variant:
    return ua.Variant(ua.LocalizedText(text, "en"), ua.VariantType.LocalizedText)
