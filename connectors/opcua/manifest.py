"""What the OPC UA connector is and can. Not here: what it does."""

from __future__ import annotations

from connectors.contract import ConnectorSpec, mark
from connectors.opcua.options import OpcUaOptions

# An identifier as Part 6, 5.3.1.10 writes it, behind its namespace by URI or index.
ADDRESS_PATTERN = (
    r"(nsu=[^;]+;|ns=\d{1,5};)?"
    r"(i=\d{1,10}|s=.*|b=[A-Za-z0-9+/]+={0,2}|g=[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})"
)

SPEC = ConnectorSpec(
    kind="opcua",
    title=mark("OPC UA"),
    summary=mark("Browse an OPC UA server and subscribe to its nodes, with signing and encryption."),
    options=OpcUaOptions,
    driver="connectors.opcua.driver.OpcUaDriver",
    address_help=mark("A node id, such as nsu=urn:press;s=Line1.Press.Speed or ns=2;i=1001."),
    address_pattern=ADDRESS_PATTERN,
    can_browse=True,
    can_write=True,
    can_replay=True,
)
