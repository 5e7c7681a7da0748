"""What the MQTT connector is and can. Not here: what it does."""

from __future__ import annotations

from connectors.contract import ConnectorSpec, mark
from connectors.mqtt.options import MqttOptions

SPEC = ConnectorSpec(
    kind="mqtt",
    title=mark("MQTT"),
    summary=mark("Subscribe to a broker; read the payloads of common meters, gateways and switches."),
    options=MqttOptions,
    driver="connectors.mqtt.driver.MqttDriver",
    address_help=mark("Device and value with # between, such as plant/press1#power_kw."),
)
