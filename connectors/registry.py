"""The connectors of this building, by kind. Free of Django; a protocol's library loads with its first connection."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from connectors.contract import ConnectorSpec, Driver, PermanentError, mark

MANIFESTS = ("connectors.mqtt.manifest", "connectors.opcua.manifest")


@cache
def list_specs() -> tuple[ConnectorSpec, ...]:
    """Return the manifest of each connector."""
    return tuple(import_module(name).SPEC for name in MANIFESTS)


def get_spec(kind: str) -> ConnectorSpec:
    """Return one manifest. **Raises** PermanentError for a kind that is not built in."""
    for spec in list_specs():
        if spec.kind == kind:
            return spec
    raise PermanentError(
        mark("There is no connector of this kind."), key="connectors.unknown_kind", data={"kind": kind}
    )


def load_driver(spec: ConnectorSpec) -> type[Driver]:
    """Import and return a connector's driver."""
    module, _, name = spec.driver.rpartition(".")
    driver: type[Driver] = getattr(import_module(module), name)
    return driver
