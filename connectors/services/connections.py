"""Writes about connections and their maps. Not here: waiting devices (adoption)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from connectors import secrets
from connectors.contract import ConnectorError, ConnectorSpec, Options, OptionsError
from connectors.models import BROKER_KIND, Binding, Connection
from connectors.registry import get_spec
from connectors.services.changing import note_change, require_edit
from connectors.wording import translate_sentence
from forgeline.assets.models import Point
from forgeline.assets.models.point import Kind
from forgeline.base.errors import ConflictError, InvalidInputError, NotFoundError
from forgeline.base.unit_words import say_unit_fault
from forgeline.base.units import UnitError, affine, check_unit
from forgeline.identity.policy import Actor


def create_connection(
    *, kind: str, name: str, options: Mapping[str, Any], enabled: bool = True, actor: Actor | None = None
) -> Connection:
    """Make a connection; a connector process picks it up within seconds.

    **Raises** InvalidInputError with every fault of the options; ConflictError where the name is taken.
    """
    require_edit(actor)
    spec = require_spec(kind)
    stored = secrets.seal(spec, parse_options(spec, options).dump(secrets=True))
    return _save(Connection(kind=kind, name=_clean_name(name), options=stored, enabled=enabled))


def update_connection(
    *,
    connection_id: int,
    name: str | None = None,
    options: Mapping[str, Any] | None = None,
    enabled: bool | None = None,
    actor: Actor | None = None,
) -> Connection:
    """Change what is given; a connection that was faulted is tried again.

    In ``options`` a secret that is left out, or True, stays as it is; "" removes it.
    """
    require_edit(actor)
    connection = lock_connection(connection_id)
    if name is not None:
        connection.name = _clean_name(name)
    if options is not None:
        spec = require_spec(connection.kind)
        parsed = parse_options(spec, _with_stored_secrets(connection, options))
        parsed = _after(spec, connection, parsed)
        connection.options = secrets.seal(spec, parsed.dump(secrets=True))
    if enabled is not None:
        connection.enabled = enabled
    connection.revision += 1
    return _save(connection)


def delete_connection(*, connection_id: int, actor: Actor | None = None) -> None:
    """Remove a connection with its map; points and samples stay."""
    require_edit(actor)
    lock_connection(connection_id).delete()


def create_bindings(
    *, connection_id: int, bindings: Sequence[Mapping[str, Any]], actor: Actor | None = None
) -> list[Binding]:
    """Have what is read at each ``address`` become ``point_id``, all or none; a bound address is bound anew.

    **Raises** InvalidInputError, NotFoundError.
    """
    require_edit(actor)
    with transaction.atomic():
        connection = lock_connection(connection_id)
        wanted = {int(each["point_id"]) for each in bindings}
        known = {point.pk: point for point in Point.objects.filter(pk__in=wanted, retired_at=None)}
        if wanted - set(known):
            raise NotFoundError(_("There is no such point."), data={"point_ids": sorted(wanted - set(known))})
        rows = [_bind(connection, known[int(each["point_id"])], each) for each in bindings]
        note_change(connection.pk)
    return rows


def delete_binding(*, connection_id: int, binding_id: int, actor: Actor | None = None) -> None:
    """Take one line off a map. **Raises** NotFoundError."""
    require_edit(actor)
    with transaction.atomic():
        found, _models = Binding.objects.filter(pk=binding_id, connection_id=connection_id).delete()
        if not found:
            raise NotFoundError(_("There is no such binding."))
        note_change(connection_id)


def complete_options(
    kind: str, options: Mapping[str, Any], connection_id: int | None = None
) -> dict[str, Any]:
    """Return options to try, with the secrets of a stored connection where they are left out or True."""
    require_spec(kind)
    if connection_id is None:
        return dict(options)
    connection: Connection | None = Connection.objects.filter(pk=connection_id, kind=kind).first()
    if connection is None:
        raise NotFoundError(_("There is no such connection."))
    return _with_stored_secrets(connection, options)


def open_options(connection: Connection) -> dict[str, Any]:
    """Return a connection's options as its driver needs them, secrets and all: never for a page or an answer."""
    return secrets.unseal(connection.options)


def show_options(connection: Connection) -> dict[str, Any]:
    """Return a connection's options with True in place of each secret."""
    return secrets.conceal(connection.options)


def parse_options(spec: ConnectorSpec, options: Mapping[str, Any]) -> Options:
    """Check options as a person or program gave them. **Raises** InvalidInputError with every fault at once."""
    try:
        return spec.options.parse(options)
    except OptionsError as error:
        raise InvalidInputError(
            _("These options cannot be used."),
            key="connectors.invalid_options",
            data={
                "fields": {
                    name: list(map(translate_sentence, faults)) for name, faults in error.faults.items()
                }
            },
        ) from error


def require_spec(kind: str) -> ConnectorSpec:
    """Return a connector's manifest. **Raises** InvalidInputError for an unknown kind."""
    try:
        return get_spec(kind)
    except ConnectorError as error:
        raise InvalidInputError(
            _("There is no connector of this kind."), key="connectors.unknown_kind", data={"kind": kind}
        ) from error


def lock_connection(connection_id: int) -> Connection:
    """Return a connection of a person's making, locked. **Raises** NotFoundError."""
    rows = Connection.objects.select_for_update().exclude(kind=BROKER_KIND)
    found: Connection | None = rows.filter(pk=connection_id).first()
    if found is None:
        raise NotFoundError(_("There is no such connection."))
    return found


def _bind(connection: Connection, point: Point, given: Mapping[str, Any]) -> Binding:
    address = str(given["address"])
    scale, offset = float(given.get("scale", 1.0)), float(given.get("offset", 0.0))
    if not address or len(address) > 400:
        raise InvalidInputError.at("address", _("An address has 1 to 400 characters."))
    spec = require_spec(connection.kind)
    if spec.address_pattern and not re.fullmatch(spec.address_pattern, address.strip(), re.DOTALL):
        raise InvalidInputError.at(
            "address",
            _("%(address)s is no address of this kind of connection. %(help)s")
            % {"address": address[:80], "help": translate_sentence(spec.address_help)},
        )
    if scale == 0 or not (math.isfinite(scale) and math.isfinite(offset)):
        raise InvalidInputError.at("scale", _("The scale must be a number other than zero."))
    source_unit = str(given.get("source_unit", "")).strip()
    _require_conversion(source_unit, point)
    binding, _created = Binding.objects.update_or_create(
        connection=connection,
        address=address,
        defaults={
            "point": point, "scale": scale, "offset": offset,
            "source_unit": source_unit, "options": dict(given.get("options") or {}),
        },
    )  # fmt: skip
    return cast(Binding, binding)


def _require_conversion(source_unit: str, point: Point) -> None:
    """Pass where a value in the unit can become one of the point. **Raises** InvalidInputError."""
    if not source_unit:
        return
    if point.kind not in (Kind.GAUGE, Kind.COUNTER):
        raise InvalidInputError.at(
            "source_unit", _("Only measurements and counters have a unit; leave it empty.")
        )
    try:
        check_unit(source_unit)
    except UnitError as error:
        raise InvalidInputError.at("source_unit", say_unit_fault(source_unit)) from error
    try:
        affine(source_unit, point.unit)
    except UnitError as error:
        raise InvalidInputError.at(
            "source_unit",
            _("%(source)s cannot be converted to %(unit)s, the unit of the point %(point)s.")
            % {"source": source_unit, "unit": point.unit or _("no unit"), "point": point.key},
        ) from error


def _with_stored_secrets(connection: Connection, options: Mapping[str, Any]) -> dict[str, Any]:
    stored = secrets.unseal(connection.options)
    kept = {
        name: stored.get(name, "")
        for name in secrets.list_secret_fields(require_spec(connection.kind))
        if options.get(name, True) is True
    }
    return {**options, **kept}


def _after(spec: ConnectorSpec, connection: Connection, options: Options) -> Options:
    """Return options that remember what the present ones left at the source."""
    try:
        return options.succeed(spec.options.parse(secrets.unseal(connection.options)))
    except OptionsError:
        # Options of an older release that nobody could run: they left nothing.
        return options


def _save(connection: Connection) -> Connection:
    try:
        with transaction.atomic():
            connection.save()
    except IntegrityError as error:
        raise ConflictError(
            _("There is a connection of this name; choose another."), key="connectors.name_taken"
        ) from error
    return connection


def _clean_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > 120:
        raise InvalidInputError.at("name", _("A name has 1 to 120 characters."))
    return name
