"""What an MQTT connection needs to be told. Not here: what a mapping means (mapping), TLS itself (link)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import SplitResult, urlsplit

from connectors.contract import Options, mark, option
from connectors.mqtt.mapping import Mapping, MappingError
from connectors.mqtt.presets import PRESETS

SCHEMES = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
LAYOUTS = ("json", "mapping", *PRESETS)
PLATFORM_LAYOUT = "platform"
_FORMER_KEPT = 200


@dataclass(frozen=True)
class MqttOptions(Options):
    """Options of a connection to a broker."""

    url: str = option(
        label=mark("Address of the broker"),
        help=mark("mqtt://host:1883, mqtts://host:8883, ws://host/path or wss://host/path"),
    )
    topics: list[str] = option(  # noqa: RUF009  # option copies a list for each instance
        ["#"],
        label=mark("Topics"),
        help=mark("Filters such as plant/+/energy or plant/#; + is one level."),
    )
    layout: str = option(
        "json", label=mark("Payload"), choices=LAYOUTS,
        help=mark("json reads {\"ts\": ms, \"values\": {…}}, flat objects, lists of either and bare values."),
    )  # fmt: skip
    mapping: dict[str, Any] = option(  # noqa: RUF009  # as above
        {}, label=mark("Mapping"), advanced=True,
        help=mark("For the layout mapping: where things stand, such as {\"device\": \"topic.1\"}."),
    )  # fmt: skip
    username: str = option("", label=mark("User"))
    password: str = option("", label=mark("Password"), secret=True)
    ca: str = option("", label=mark("CA certificate (PEM)"), multiline=True, advanced=True,
                     help=mark("Empty: the certificates that this machine trusts."))  # fmt: skip
    client_certificate: str = option(
        "", label=mark("Client certificate (PEM)"), multiline=True, advanced=True
    )
    client_key: str = option("", label=mark("Client key (PEM)"), multiline=True, secret=True, advanced=True)
    check_host: bool = option(True, label=mark("The certificate must bear the broker's name"), advanced=True)
    version: str = option("5", label=mark("MQTT version"), choices=("5", "3.1.1"), advanced=True)
    qos: int = option(1, label=mark("Quality of service"), minimum=0, maximum=1, advanced=True,
                      help=mark("1: the broker keeps each message until it is on disk here."))  # fmt: skip
    shared_group: str = option(
        "", label=mark("Shared subscription"), advanced=True,
        help=mark("Name of a group whose members share the messages; empty: this connection gets them all."),
    )  # fmt: skip
    client_id: str = option("", label=mark("Client id"), advanced=True,
                            help=mark("Empty: one that stays the same for this connection."))  # fmt: skip
    session_expiry_s: int = option(
        86_400, label=mark("Session kept"), unit="s", minimum=0, maximum=4_294_967_294, advanced=True,
        help=mark("How long the broker keeps messages for us after a lost connection."),
    )  # fmt: skip
    former_filters: list[str] = option(  # noqa: RUF009  # as above
        [], label=mark("Former topics"), hidden=True,
        help=mark("Filters of earlier options that the broker may hold in our session still; they are given up."),
    )  # fmt: skip
    receive_maximum: int = option(
        65_535, label=mark("Messages under way"), minimum=1, maximum=65_535, advanced=True,
        help=mark("How many messages the broker sends ahead of our acknowledgement."),
    )  # fmt: skip
    keepalive_s: int = option(30, label=mark("Keep-alive"), unit="s", minimum=5, maximum=3_600, advanced=True)
    max_payload_kb: int = option(
        1_024, label=mark("Largest payload"), unit="kB", minimum=1, maximum=65_536, advanced=True
    )

    def check(self) -> dict[str, list[str]]:
        """Return what is wrong with the combination."""
        faults: dict[str, list[str]] = {}
        if not self._has_address():
            faults["url"] = [mark("This must look like mqtt://host:1883, mqtts://…, ws://… or wss://….")]
        elif self.parts.username or self.parts.password:
            faults["url"] = [mark("Put the user and password into their own fields.")]
        bad = [topic for topic in self.topics if not _is_filter(topic)]
        if bad:
            sentence = mark("%(topics)s is no topic filter; # stands at the end, + alone.")
            faults["topics"] = [sentence % {"topics": ", ".join(bad)}]
        elif not self.topics:
            faults["topics"] = [mark("Name at least one topic, such as plant/#.")]
        if any(letter in self.shared_group for letter in "/+#"):
            faults["shared_group"] = [mark("The name of a group holds none of / + #.")]
        if bool(self.client_certificate) != bool(self.client_key):
            faults["client_key"] = [mark("Certificate and key go together.")]
        if self.layout == "mapping":
            try:
                Mapping.parse(self.mapping)
            except MappingError as error:
                faults["mapping"] = [str(error)]
        return faults

    def succeed(self, former: Self) -> Self:
        """Remember the filters that our session at the broker holds, to be given up at the next sign-in."""
        if (former.client_id, former.url) != (self.client_id, self.url):
            return self
        left = dict.fromkeys([*former.filters, *former.former_filters])
        kept = [each for each in left if each not in self.filters][:_FORMER_KEPT]
        return dataclasses.replace(self, former_filters=kept)

    def _has_address(self) -> bool:
        try:
            return self.parts.scheme in SCHEMES and bool(self.parts.hostname) and self.parts.port != 0
        except ValueError:  # what should be a port or an address of IPv6 is none
            return False

    @property
    def parts(self) -> SplitResult:
        """The address, taken apart."""
        return urlsplit(self.url)

    @property
    def port(self) -> int:
        return self.parts.port or SCHEMES.get(self.parts.scheme, 1883)

    @property
    def is_tls(self) -> bool:
        return self.parts.scheme in ("mqtts", "wss")

    @property
    def is_websocket(self) -> bool:
        return self.parts.scheme in ("ws", "wss")

    @property
    def filters(self) -> list[str]:
        """The filters as they are subscribed."""
        prefix = f"$share/{self.shared_group}/" if self.shared_group else ""
        return [prefix + topic for topic in self.topics]


def _is_filter(topic: str) -> bool:
    """MQTT 5, 4.7.1."""
    if not topic or "\x00" in topic or len(topic.encode()) > 65_535:
        return False
    levels = topic.split("/")
    return (
        all(level in ("+", "#") or not ("+" in level or "#" in level) for level in levels)
        and "#" not in levels[:-1]
    )
