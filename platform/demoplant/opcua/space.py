"""Builds the address space: machines with identification, state machines and process values.

Not here: the values over time (server), the past (history).
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from pathlib import Path

from asyncua import Node, Server, ua

from demoplant.model import BOOLEAN, COUNTER, STATE, MachineSpec, PointSpec

NAMESPACE = "urn:forgeline:demoplant"
_NODESETS = Path(__file__).parents[1] / "nodesets"
_MODELS = ("Opc.Ua.Di", "Opc.Ua.Machinery", "Opc.Ua.PackML")
_DI = "http://opcfoundation.org/UA/DI/"
_MACHINERY = "http://opcfoundation.org/UA/Machinery/"
_PACKML = "http://opcfoundation.org/UA/PackML/"

# Numeric ids of the types in their NodeSets.
_MACHINES, _IDENTIFICATION, _ITEM_STATE, _OPERATION_MODE = 1001, 1012, 1002, 1008
_PACKML_OBJECT = 6
_PACKML_OBJECTS = "PackMLObjects"

UNITS: dict[str, tuple[str, str]] = {
    "Cel": ("CEL", "°C"), "kW": ("KWT", "kW"), "kWh": ("KWH", "kW·h"), "mm": ("MMT", "mm"), "mm/s": ("C16", "mm/s"),
    "A": ("AMP", "A"), "kN": ("B47", "kN"), "/min": ("C94", "min⁻¹"), "rpm": ("RPM", "r/min"),
    "{pcs}": ("H87", "pcs"),
}  # fmt: skip
"""UCUM → code of UN/ECE Recommendation 20, which OPC UA uses, and what people read."""


@dataclass(frozen=True, slots=True)
class StateNodes:
    """A state machine's ``CurrentState`` (text), and the number that is bound; the titles of its numbers."""

    text: Node
    number: Node
    titles: dict[int, str]


@dataclass(eq=False)
class Space:
    """What was built: the node of each point, and the state machines that follow the states."""

    index: int
    nodes: dict[tuple[str, str], Node] = field(default_factory=dict)
    types: dict[tuple[str, str], ua.VariantType] = field(default_factory=dict)
    states: dict[tuple[str, str], StateNodes] = field(default_factory=dict)


def named(name: str, index: int) -> ua.NodeId:
    """Return the id of a node of our own."""
    return ua.NodeId(ua.String(name), ua.Int16(index))


def numbered(number: int, index: int) -> ua.NodeId:
    """Return the id of a node of a companion model."""
    return ua.NodeId(ua.Int32(number), ua.Int16(index))


def address_of(machine: MachineSpec, point: PointSpec) -> str:
    """Return the address that a client binds, free of namespace indexes."""
    return f"nsu={NAMESPACE};s={_node_name(machine, point)}"


def _node_name(machine: MachineSpec, point: PointSpec) -> str:
    if point.kind == STATE and point.key in ("state", "mode"):
        return f"{machine.key}.{_STATE_PATHS[machine.profile, point.key]}"
    return f"{machine.key}.ProcessValues.{point.key}"


_STATE_PATHS = {
    ("press", "state"): "PackML.Status.StateCurrent",
    ("press", "mode"): "PackML.Status.UnitModeCurrent",
    ("cnc", "state"): "MachineryBuildingBlocks.MachineryItemState.CurrentState.Number",
    ("cnc", "mode"): "MachineryBuildingBlocks.MachineryOperationMode.CurrentState.Number",
}


def variant_type_of(machine: MachineSpec, point: PointSpec) -> ua.VariantType:
    """Return the data type in which the server shows a point."""
    if machine.profile == "cnc" and point.key in ("state", "mode"):
        return ua.VariantType.UInt32  # the property Number of StateVariableType
    if point.kind == BOOLEAN:
        return ua.VariantType.Boolean
    if point.kind == STATE:
        return ua.VariantType.Int32
    if point.kind == COUNTER and point.decimals == 0:
        return ua.VariantType.UInt32
    return ua.VariantType.Double


async def build_space(server: Server, machines: tuple[MachineSpec, ...]) -> Space:
    """Import the companion models and add each machine beneath ``Objects/Machines``."""
    for name in _MODELS:
        xml = gzip.decompress((_NODESETS / f"{name}.NodeSet2.xml.gz").read_bytes())
        await server.import_xml(xmlstring=xml.decode())
    space = Space(await server.register_namespace(NAMESPACE))
    machinery = await server.get_namespace_index(_MACHINERY)
    packml = await server.get_namespace_index(_PACKML)
    folder = server.get_node(numbered(_MACHINES, machinery))
    for machine in machines:
        node = await folder.add_object(
            named(machine.key, space.index), ua.QualifiedName(machine.title.en, space.index)
        )
        await _add_identification(server, node, machine, space.index, machinery)
        blocks = await node.add_folder(
            named(f"{machine.key}.MachineryBuildingBlocks", space.index),
            ua.QualifiedName("MachineryBuildingBlocks", machinery),
        )
        await _add_state_machines(blocks, machine, space, machinery)
        if machine.profile == "press":
            await _add_packml(server, node, machine, space, packml)
        values = await node.add_folder(
            named(f"{machine.key}.ProcessValues", space.index),
            ua.QualifiedName("ProcessValues", space.index),
        )
        for point in machine.points:
            space.types[machine.key, point.key] = variant_type_of(machine, point)
            if (machine.key, point.key) not in space.nodes:
                space.nodes[machine.key, point.key] = await _add_value(values, machine, point, space.index)
    return space


async def _add_identification(
    server: Server, parent: Node, machine: MachineSpec, index: int, machinery: int
) -> None:
    di = await server.get_namespace_index(_DI)
    node = await parent.add_object(
        named(f"{machine.key}.Identification", index),
        ua.QualifiedName("Identification", di),
        objecttype=numbered(_IDENTIFICATION, machinery),
    )
    plate = dict(machine.nameplate)
    texts = {"Manufacturer": plate["Manufacturer"], "Model": plate["Model"]}
    for child in await node.get_children():
        name = (await child.read_browse_name()).Name
        if name in texts:
            text = ua.LocalizedText(texts[name], "en")
            await child.write_value(ua.Variant(text, ua.VariantType.LocalizedText))
        elif name == "SerialNumber":
            await child.write_value(ua.Variant(plate["SerialNumber"], ua.VariantType.String))
        elif name == "ProductInstanceUri":
            uri = f"{NAMESPACE}:{plate['SerialNumber']}"
            await child.write_value(ua.Variant(uri, ua.VariantType.String))
        elif name == "YearOfConstruction":
            await child.write_value(ua.Variant(int(plate["YearOfConstruction"]), ua.VariantType.UInt16))
        elif name.startswith("<"):
            await server.delete_nodes([child], recursive=True)  # a placeholder of the type, not a thing


async def _add_state_machines(blocks: Node, machine: MachineSpec, space: Space, machinery: int) -> None:
    """Add item state and operation mode; on a CNC machine their numbers are the points, on a press they follow."""
    from demoplant.points_cnc import ITEM_STATE_TITLES, OPERATION_MODE_TITLES

    for name, type_id, key, titles in (
        ("MachineryItemState", _ITEM_STATE, "state", ITEM_STATE_TITLES),
        ("MachineryOperationMode", _OPERATION_MODE, "mode", OPERATION_MODE_TITLES),
    ):
        path = f"{machine.key}.MachineryBuildingBlocks.{name}"
        node = await blocks.add_object(
            named(path, space.index),
            ua.QualifiedName(name, machinery),
            objecttype=numbered(type_id, machinery),
        )
        text = await node.get_child("0:CurrentState")
        # ``Number`` is an optional property of StateVariableType (Part 16, 4.3.2).
        number = await text.add_property(
            named(f"{path}.CurrentState.Number", space.index),
            ua.QualifiedName("Number", 0),
            ua.Variant(0, ua.VariantType.UInt32),
        )
        english = {number: title.en for number, title in titles.items()}
        if machine.profile == "cnc":
            space.nodes[machine.key, key] = number
        space.states[machine.key, key] = StateNodes(text, number, english)


async def _add_packml(server: Server, parent: Node, machine: MachineSpec, space: Space, packml: int) -> None:
    path = f"{machine.key}.PackML"
    node = await parent.add_object(
        named(path, space.index),
        ua.QualifiedName("PackML", space.index),
        objecttype=numbered(_PACKML_OBJECT, packml),
    )
    objects = await server.nodes.objects.get_child(f"{packml}:{_PACKML_OBJECTS}")
    await objects.add_reference(node, ua.ObjectIds.Organizes)
    status = await node.get_child(f"{packml}:Status")
    space.nodes[machine.key, "mode"] = await status.get_child(f"{packml}:UnitModeCurrent")
    # The companion model carries the state as a state machine; controllers show OMAC's tag StateCurrent beside it.
    space.nodes[machine.key, "state"] = await status.add_variable(
        named(f"{path}.Status.StateCurrent", space.index),
        ua.QualifiedName("StateCurrent", space.index),
        ua.Variant(0, ua.VariantType.Int32),
    )
    execute = await node.get_child(
        [f"{packml}:BaseStateMachine", f"{packml}:MachineState", f"{packml}:ExecuteState"]
    )
    text = await execute.add_variable(
        named(f"{path}.ExecuteState.CurrentState", space.index),
        ua.QualifiedName("CurrentState", 0),
        ua.Variant(ua.LocalizedText("", "en"), ua.VariantType.LocalizedText),
    )
    titles = {number: title.en for number, title in machine.point("state").labels.items()}
    space.states[machine.key, "packml"] = StateNodes(text, space.nodes[machine.key, "state"], titles)


async def _add_value(parent: Node, machine: MachineSpec, point: PointSpec, index: int) -> Node:
    kind = variant_type_of(machine, point)
    zero = False if kind is ua.VariantType.Boolean else 0.0 if kind is ua.VariantType.Double else 0
    node = await parent.add_variable(
        named(_node_name(machine, point), index),
        ua.QualifiedName(point.title.en, index),
        ua.Variant(zero, kind),
    )
    await node.write_attribute(
        ua.AttributeIds.Description,
        ua.DataValue(ua.Variant(ua.LocalizedText(_description(point), "en"), ua.VariantType.LocalizedText)),
    )
    if point.unit in UNITS:
        code, shown = UNITS[point.unit]
        unit = ua.EUInformation(
            NamespaceUri="http://www.opcfoundation.org/UA/units/un/cefact",
            UnitId=_unit_id(code),
            DisplayName=ua.LocalizedText(shown, "en"),
            Description=ua.LocalizedText(point.unit, "en"),
        )
        await node.add_property(index, "EngineeringUnits", ua.Variant(unit, ua.VariantType.ExtensionObject))
    if point.valid is not None:
        span = ua.Range(Low=point.valid[0], High=point.valid[1])
        await node.add_property(index, "EURange", ua.Variant(span, ua.VariantType.ExtensionObject))
    return node


def _description(point: PointSpec) -> str:
    return "Simulated." if point.is_simulated else "Replayed from a recording."


def _unit_id(code: str) -> int:
    """Return the UnitId of a UN/ECE code: its characters as one number (Part 8, 5.6.3.4)."""
    number = 0
    for letter in code:
        number = number << 8 | ord(letter)
    return number
