"""Connections, their maps, what waits for a person, and what the connector processes tell of themselves.

Not here: decisions (services), the life of a connection (runtime), the meaning of options (each connector's own).
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from connectors.contract import ConnectionState
from forgeline.assets.models import Device, Point
from forgeline.base.units import UnitError, affine
from forgeline.tenancy.models import TenantModel

BROKER_KIND = "broker"
"""The tenant's view of the platform's own broker: a row for its counters, never started by itself."""


class Connection(TenantModel):
    """A way to one source of values. ``options`` holds its secrets encrypted (connectors/secrets).

    ``revision`` grows with every change of the connection or its map; connector processes compare it.
    """

    kind = models.CharField(_("kind"), max_length=32)
    name = models.CharField(_("name"), max_length=120)
    options = models.JSONField(_("options"), default=dict, blank=True)
    enabled = models.BooleanField(_("enabled"), default=True)
    revision = models.BigIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("connection")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="connectors_connection_name_once")
        ]

    def __str__(self) -> str:
        return self.name


class Binding(TenantModel):
    """What is read at ``address`` becomes ``point`` as value · scale + offset.

    That is in ``source_unit``, from which it is converted to the point's unit; where none is given, in the point's unit
    already.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="bindings")
    address = models.CharField(_("address"), max_length=400)
    point = models.ForeignKey(Point, on_delete=models.CASCADE, related_name="+")
    scale = models.FloatField(_("scale"), default=1.0)
    offset = models.FloatField(_("offset"), default=0.0)
    source_unit = models.CharField(_("unit at the source"), max_length=32, blank=True)
    options = models.JSONField(_("options"), default=dict, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("binding")
        constraints = [
            models.UniqueConstraint(fields=["connection", "address"], name="connectors_binding_address_once")
        ]

    def __str__(self) -> str:
        return f"{self.address} → {self.point_id}"

    @property
    def is_left_out(self) -> bool:
        """Its unit cannot become the point's any more; nothing is read, because the values would be wrong."""
        if not self.source_unit:
            return False
        try:
            affine(self.source_unit, self.point.unit)
        except UnitError:
            return True
        return False


class ConnectionStatus(TenantModel):
    """What the process that runs a connection last told: state, counters, rates. Absent until it first ran."""

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, related_name="status")
    state = models.CharField(
        max_length=12,
        default=ConnectionState.UNOWNED,
        choices=[(state.value, state.value) for state in ConnectionState],
    )
    fault_key = models.CharField(max_length=80, blank=True)
    fault = models.CharField(max_length=500, blank=True)
    """A sentence for a person; English, translated where it is shown when the catalogue has it."""
    since = models.DateTimeField(null=True, blank=True)
    """When this state began."""
    owner = models.CharField(max_length=80, blank=True)
    counters = models.JSONField(default=dict)
    """received, decoded, stored, duplicate, late, replayed, dropped, and rejected: {reason: count}."""
    rates = models.JSONField(default=dict)
    """messages_per_s and samples_per_s over the last ten seconds or so."""
    events = models.JSONField(default=list)
    """The last 20 things a person should know: [{"at": ms, "event": …, …facts}]."""
    last_value_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("status of a connection")

    def __str__(self) -> str:
        return f"{self.connection_id}: {self.state}"


class Undecodable(TenantModel):
    """What could not be decoded, for a person to look at; the last 100 of each connection are kept."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="undecodables")
    received_at = models.DateTimeField()
    source = models.CharField(max_length=400)
    payload = models.BinaryField()
    reason = models.CharField(max_length=80)
    detail = models.CharField(max_length=500)

    class Meta(TenantModel.Meta):
        verbose_name = _("undecodable message")
        indexes = [models.Index(fields=["connection", "-id"], name="connectors_undecodable_last")]

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}"


class WaitingDevice(TenantModel):
    """A device that sends what nobody has asked for yet; ``device`` is set where the device itself is known."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="waiting_devices")
    key = models.CharField(max_length=300)
    device = models.ForeignKey(Device, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    ignored_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("waiting device")
        constraints = [
            models.UniqueConstraint(fields=["connection", "key"], name="connectors_waiting_device_once")
        ]

    def __str__(self) -> str:
        return self.key


class WaitingKey(TenantModel):
    """One value of a waiting device, with what it last was."""

    waiting_device = models.ForeignKey(WaitingDevice, on_delete=models.CASCADE, related_name="keys")
    key = models.CharField(max_length=200)
    address = models.CharField(max_length=400)
    """What a binding of it would say."""
    sample = models.CharField(max_length=120, blank=True)
    is_text = models.BooleanField(default=False)
    is_boolean = models.BooleanField(default=False)
    count = models.BigIntegerField(default=0)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        verbose_name = _("waiting value")
        constraints = [
            models.UniqueConstraint(fields=["waiting_device", "key"], name="connectors_waiting_key_once")
        ]

    def __str__(self) -> str:
        return self.key


class ConnectorProcess(models.Model):
    """A living connector process, of no tenant: how processes know how many share the work."""

    name = models.CharField(max_length=80, primary_key=True)
    started_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    facts = models.JSONField(default=dict)
    """Spool bytes, queue, memory: for operators."""

    class Meta:
        verbose_name = _("connector process")

    def __str__(self) -> str:
        return self.name


class BrokerCount(models.Model):
    """What the platform's broker had counted when it was last told of: a process that starts tells only what is new."""

    name = models.CharField(max_length=20, primary_key=True)
    total = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("count of the broker")

    def __str__(self) -> str:
        return f"{self.name} {self.total}"


class Lease(models.Model):
    """Who runs what: ``connection:12`` or ``broker:0``. A process that does not renew it loses it."""

    resource = models.CharField(max_length=40, primary_key=True)
    owner = models.CharField(max_length=80)
    expires_at = models.DateTimeField()

    class Meta:
        verbose_name = _("lease")
        indexes = [models.Index(fields=["owner"], name="connectors_lease_owner")]

    def __str__(self) -> str:
        return f"{self.resource} → {self.owner}"
