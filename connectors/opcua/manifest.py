"""What the OPC UA connector is and can. Not here: what it does."""

from __future__ import annotations

from connectors.contract import ConnectorSpec, mark
from connectors.opcua.options import OpcUaOptions

SPEC = ConnectorSpec(
    kind="opcua",
    title=mark("OPC UA"),
    summary=mark("Browse an OPC UA server and subscribe to its nodes, with signing and encryption."),
    options=OpcUaOptions,
    driver="connectors.opcua.driver.OpcUaDriver",
    address_help=mark("A node id, such as nsu=urn:press;s=Line1.Press.Speed or ns=2;i=1001."),
    can_browse=True,
    can_write=True,
    can_replay=True,
)
