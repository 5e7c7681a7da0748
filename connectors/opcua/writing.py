"""Writing one value, in the type that the node has. Not here: who may write (services)."""

from __future__ import annotations

from asyncua import ua

from connectors.contract import mark
from connectors.opcua.faults import fault, status_name
from connectors.opcua.nodes import AddressError, parse_address
from connectors.opcua.session import Session


async def write_value(session: Session, address: str, value: object) -> None:
    """Write a value. **Raises** ConnectorError ``opcua.write_refused``, ``opcua.no_such_node``; OSError, ua.UaError."""
    try:
        node = parse_address(address, session.namespaces)
    except AddressError as error:
        raise fault(
            mark("The server has no node %(address)s."), key="opcua.no_such_node", address=address
        ) from error
    present = (await session.client.uaclient.read_attributes([node], ua.AttributeIds.Value))[0]
    kind = present.Value.VariantType if present.Value is not None else ua.VariantType.Double
    try:
        variant = ua.Variant(_cast(value, kind), kind)
    except (TypeError, ValueError) as error:
        raise fault(
            mark("%(value)s is no %(type)s, so it cannot be written to %(address)s."),
            key="opcua.wrong_type", value=str(value)[:80], type=kind.name, address=address,
        ) from error  # fmt: skip
    statuses = await session.client.uaclient.write_attributes([node], [ua.DataValue(variant)])
    if not statuses[0].is_good():
        raise fault(
            mark("The server refused to write %(address)s (%(status)s)."),
            key="opcua.write_refused", address=address, status=status_name(statuses[0].value),
        )  # fmt: skip


def _cast(value: object, kind: ua.VariantType) -> object:
    if kind == ua.VariantType.Boolean:
        if not isinstance(value, bool):
            raise TypeError("a boolean is needed")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError("a number or text is needed")
    if kind in (ua.VariantType.Float, ua.VariantType.Double):
        return float(value)
    if ua.VariantType.SByte <= kind <= ua.VariantType.UInt64:
        return int(value)
    return str(value)
