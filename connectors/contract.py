"""What a connector is: readings, drivers, options, states, errors. Free of Django: it also runs beside a PLC.

Not here: the life of a connection (runtime/supervisor), the way from a reading to a sample (runtime/pipeline),
any protocol (the folders beside this file).
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Protocol, Self, get_type_hints


def mark(text: str) -> str:
    """Mark a string for translation where no Django is near; the page that shows it translates it."""
    return text


# --- errors -----------------------------------------------------------------------------------------------------


class ConnectorError(Exception):
    """Something failed that trying again may mend; the supervisor backs off and starts the driver anew.

    ``key`` is dotted (``mqtt.refused``), the message says what happened and what helps, without any secret.
    """

    def __init__(
        self, message: str, *, key: str = "connectors.failed", data: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.key = key
        self.data = dict(data or {})


class PermanentError(ConnectorError):
    """Trying again cannot mend this (wrong password, untrusted certificate): FAULTED until a person acts."""


class OptionsError(PermanentError):
    """The options of a connection cannot be used; ``faults`` maps each field to its sentences, all at once."""

    def __init__(self, faults: Mapping[str, Sequence[str]]) -> None:
        self.faults = {name: list(sentences) for name, sentences in faults.items()}
        listing = "; ".join(f"{name}: {' '.join(sentences)}" for name, sentences in self.faults.items())
        super().__init__(listing, key="connectors.invalid_options", data={"faults": self.faults})


# --- options ----------------------------------------------------------------------------------------------------


def option(
    default: Any = MISSING,
    *,
    label: str,
    help: str = "",
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[str] | None = None,
    secret: bool = False,
    multiline: bool = False,
    advanced: bool = False,
    hidden: bool = False,
    when: Mapping[str, Sequence[str]] | None = None,
) -> Any:
    """Declare one field of an Options class with everything a form, a document or a check needs to know of it.

    ``default`` may be a list or dict (copied for each instance); without one the field is required.
    ``secret`` keeps the value out of ``repr``, logs, exports and API answers. ``when`` names another field and the
    values of it with which this one has a meaning; a form hides it else. ``hidden`` is kept by the connector itself
    and no form shows it.
    """
    metadata = {
        "label": label, "help": help, "unit": unit, "minimum": minimum, "maximum": maximum,
        "choices": tuple(choices) if choices is not None else None,
        "secret": secret, "multiline": multiline, "advanced": advanced, "hidden": hidden,
        "when": dict(when or {}),
    }  # fmt: skip
    if isinstance(default, list | dict):
        return field(default_factory=default.copy, repr=not secret, metadata=metadata, kw_only=True)
    return field(default=default, repr=not secret, metadata=metadata, kw_only=True)


@dataclass(frozen=True)
class Options:
    """Base of a connector's options: a frozen dataclass whose fields are made with ``option``."""

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Self:
        """Check a JSON-like mapping and return options.

        **Raises** OptionsError with every fault at once: unknown fields, wrong types, out of range, missing, and
        what ``check`` finds in their combination.
        """
        hints = get_type_hints(cls)
        fields = {f.name: f for f in dataclasses.fields(cls)}
        faults: dict[str, list[str]] = {
            name: [mark("There is no such option; remove it.")] for name in raw if name not in fields
        }
        values: dict[str, Any] = {}
        for name, declared in fields.items():
            if name not in raw or raw[name] is None:
                if declared.default is MISSING and declared.default_factory is MISSING:
                    faults.setdefault(name, []).append(mark("This is needed."))
                continue
            fault, value = _coerce(raw[name], hints[name], declared.metadata)
            if fault:
                faults.setdefault(name, []).append(fault)
            else:
                values[name] = value
        if faults:
            raise OptionsError(faults)
        options = cls(**values)
        combined = options.check()
        if combined:
            raise OptionsError(combined)
        return options

    def check(self) -> dict[str, list[str]]:
        """Return the faults of the combination of fields; a subclass overrides this."""
        return {}

    def succeed(self, former: Self) -> Self:
        """Return these options as they are kept in place of ``former``: with what must be undone at the source."""
        return self

    def slowed(self) -> Self:
        """Return these options as they hold while the company stores more than its plan has: what the source sends by
        itself is taken as ever, what is asked for is asked for less often.
        """
        return self

    def dump(self, *, secrets: bool = False) -> dict[str, Any]:
        """Return the options as JSON-like data, by default with every secret replaced by True (set) or "" (not)."""
        out: dict[str, Any] = {}
        for declared in dataclasses.fields(self):
            value = getattr(self, declared.name)
            hide = declared.metadata.get("secret") and not secrets
            out[declared.name] = (True if value else "") if hide else value
        return out


def _coerce(value: Any, hint: Any, metadata: Mapping[str, Any]) -> tuple[str, Any]:
    """Return (fault, value): JSON and form values to the declared type, then its range and choices."""
    try:
        value = _to_type(value, hint)
    except (TypeError, ValueError):
        name = getattr(hint, "__name__", str(hint))
        return _TYPE_FAULTS.get(name, mark("This has the wrong type.")), None
    low, high, choices = metadata.get("minimum"), metadata.get("maximum"), metadata.get("choices")
    if isinstance(value, int | float) and not isinstance(value, bool):
        if low is not None and value < low:
            return mark("This must be at least %(bound)s.") % {"bound": _with_unit(low, metadata)}, None
        if high is not None and value > high:
            return mark("This must be at most %(bound)s.") % {"bound": _with_unit(high, metadata)}, None
    if choices is not None and value not in choices:
        return mark("This must be one of: %(choices)s.") % {"choices": ", ".join(choices)}, None
    return "", value


def _with_unit(bound: float, metadata: Mapping[str, Any]) -> str:
    return f"{bound:g} {metadata.get('unit', '')}".rstrip()


_TYPE_FAULTS = {
    "int": mark("This must be a whole number."),
    "float": mark("This must be a number."),
    "bool": mark("This must be true or false."),
    "str": mark("This must be text."),
}


def _to_type(value: Any, hint: Any) -> Any:
    origin = getattr(hint, "__origin__", hint)
    if origin is bool:
        if isinstance(value, bool):
            return value
        if value in ("true", "on", "1", 1):
            return True
        if value in ("false", "off", "0", "", 0):
            return False
        raise ValueError
    if origin is int:
        if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
            raise ValueError
        return int(value)
    if origin is float:
        if isinstance(value, bool):
            raise ValueError
        number = float(value)
        if number != number or number in (float("inf"), float("-inf")):
            raise ValueError
        return number
    if origin is str:
        if not isinstance(value, str):
            raise TypeError
        return value
    if origin in (list, tuple):
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise TypeError
        inner = hint.__args__[0] if getattr(hint, "__args__", ()) else str
        return origin(_to_type(each, inner) for each in value)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise TypeError
        return dict(value)
    return value


# --- readings ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class ReadingBlock:
    """Readings that arrived together (one MQTT message, one OPC UA publish response), as parallel lists.

    **Shape** ``addresses`` (a tuple handed over again and again is looked up once), ``values`` and ``ts_us`` have the
    same length; ``quality``, ``status`` and ``flags``
    too, or None where all are good, without a code, without flags.
    **Time** microseconds since the Unix epoch, UTC; None where the source gave no time (the pipeline then takes
    ``received_us`` and sets SampleFlag.ARRIVAL_TIME).
    ``values`` are as decoded: numbers, booleans, strings, None. ``receipt`` is handed back to ``Driver.settle`` once
    every reading of the block is durable, or was refused and counted; None where the source wants no answer.
    """

    addresses: Sequence[str]
    values: list[Any]
    ts_us: list[int | None]
    received_us: int
    quality: list[int] | None = None
    status: list[int] | None = None
    flags: list[int] | None = None
    receipt: Any = None

    def __len__(self) -> int:
        return len(self.addresses)


@dataclass(frozen=True, slots=True)
class Undecodable:
    """What could not be decoded, kept for a person to look at (the last 100 of each connection)."""

    received_us: int
    source: str
    """Topic, node or URL it came from."""
    payload: bytes
    """Its first 2,000 bytes."""
    reason: str
    """A dotted key, ``mqtt.not_json``."""
    detail: str
    """A sentence for a person."""
    device: str = ""
    """Who sent it, where one connection carries the devices of several companies."""


@dataclass(frozen=True, slots=True)
class BindingSpec:
    """One line of a connection's map: what is read at ``address`` becomes ``point_id`` as value * scale + offset."""

    address: str
    point_id: int
    scale: float = 1.0
    offset: float = 0.0
    kind: int = 0
    """forgeline.telemetry.sample.PointKind"""
    expected_interval_s: float = 60.0
    options: Mapping[str, Any] = field(default_factory=dict)
    """What the protocol needs of this one binding, such as a sampling interval or a deadband."""
    last_ts_us: int | None = field(default=None, compare=False)
    """Time of the newest stored sample when the map was read: where a driver that can replay begins to fill a gap."""


class Outlet(Protocol):
    """Where a driver puts what it received; given to it by the runtime."""

    async def put(self, block: ReadingBlock) -> None:
        """Hand over a block; waits while the pipeline is full (this is the back-pressure)."""

    def offer(self, block: ReadingBlock) -> bool:
        """Hand over a block without waiting, from any thread; False when the pipeline is full and it was not taken."""

    def refuse(self, undecodable: Undecodable, receipt: Any = None) -> None:
        """Count and keep what could not be decoded; its receipt is settled like any other."""

    def report(self, event: str, **facts: Any) -> None:
        """Tell what a person should know: ``connected``, ``disconnected``, ``node_bad``, ``backfilled`` …"""

    def measure(self, name: str, value: float) -> None:
        """Tell a number that the source counts itself, as it is now; from any thread."""


# --- drivers ----------------------------------------------------------------------------------------------------


class ConnectionState(StrEnum):
    """The states of a connection, as its page shows them."""

    DISABLED = "disabled"
    STARTING = "starting"
    RUNNING = "running"
    RETRYING = "retrying"
    FAULTED = "faulted"
    STOPPING = "stopping"
    UNOWNED = "unowned"
    """Enabled, but no connector process has taken it yet."""


@dataclass(frozen=True, slots=True)
class BrowseNode:
    """One node of a source's address space, as the tree on the page shows it."""

    address: str
    name: str
    node_class: str = ""
    data_type: str = ""
    has_children: bool = False
    is_readable: bool = False
    value: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class CheckStep:
    """One step of "test before save": what was tried and how it ended."""

    name: str
    ok: bool
    detail: str
    data: Mapping[str, Any] = field(default_factory=dict)


class Driver(abc.ABC):
    """One protocol's way to one source. Speaks the protocol only; safe to cancel at any await.

    The driver or its library resumes what the protocol can resume (a session, a subscription); the supervisor
    owns life and death: when ``run`` raises ConnectorError it is started anew after a back-off, after a
    PermanentError only by a person.
    """

    spec: ClassVar[ConnectorSpec]

    def __init__(self, options: Any, *, connection_id: int, client_id: str) -> None:
        """``client_id`` is stable for the connection (or member), never for the process."""
        self.options = options
        self.connection_id = connection_id
        self.client_id = client_id

    @abc.abstractmethod
    async def run(self, outlet: Outlet, bindings: Sequence[BindingSpec]) -> None:
        """Connect and deliver blocks until cancelled. Raises ConnectorError or PermanentError."""

    async def rebind(self, bindings: Sequence[BindingSpec]) -> None:
        """Take a changed map while running; a driver that subscribes per address overrides this."""

    def settle(self, receipts: Sequence[Any]) -> None:
        """Acknowledge to the source what is durable now. Called on the event loop, in order, never blocks."""

    async def check(self) -> list[CheckStep]:
        """Try the options without changing anything ("test before save"); never raises for a failed step."""
        return []

    async def browse(
        self, address: str | None, *, limit: int = 500, after: str | None = None
    ) -> list[BrowseNode]:
        """List the children of a node (the root for None), at most ``limit``, those after ``after``."""
        raise ConnectorError(mark("This kind of connection cannot be browsed."), key="connectors.no_browse")

    async def write(self, address: str, value: Any) -> None:
        """Write one value to the source."""
        raise ConnectorError(mark("This kind of connection cannot write."), key="connectors.no_write")


@dataclass(frozen=True, slots=True)
class ConnectorSpec:
    """The manifest of a connector: what it is and what it can."""

    kind: str
    title: str
    summary: str
    options: type[Options]
    driver: str
    """Dotted path of the Driver, imported when the first connection of this kind starts."""
    address_help: str
    address_pattern: str = ""
    """What the whole of an address must match; empty where any text may be one."""
    can_browse: bool = False
    can_write: bool = False
    can_replay: bool = False
