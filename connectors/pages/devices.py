"""Devices and their credentials at the platform's broker: made, shown once with what to paste, revoked.

Not here: devices that nobody knows yet (waiting), other brokers (editing).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy

from connectors import queries
from connectors.pages.access import EDIT, VIEW, actor_of, is_partial, needs
from connectors.pages.browsing import list_machines
from forgeline.assets import queries as plant, services
from forgeline.assets.models import Device, DeviceCredential, Point
from forgeline.base.errors import ForgelineError
from forgeline.base.hosts import is_only_here
from forgeline.telemetry import queries as telemetry


class DeviceForm(forms.Form):
    key = forms.CharField(
        label=gettext_lazy("Key"), max_length=160,
        help_text=gettext_lazy("How you tell it from others: its serial number, gateway-3."),
    )  # fmt: skip
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120, required=False)
    asset = forms.ChoiceField(label=gettext_lazy("Machine"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        machines = [(str(machine.pk), str(machine.title)) for machine in list_machines()]
        self.fields["asset"].choices = [("", _("none yet")), *machines]  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Row:
    """A device in the list."""

    device: Device
    points: list[Point]
    credentials: list[DeviceCredential]
    newest_ms: int
    """Time of its newest value; 0 where none has come."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What is typed into a device so that it reaches the platform's broker."""

    host: str
    port: int
    is_secure: bool
    username: str
    password: str
    keys: Sequence[str] = ()
    """Those of the machine's points that no device feeds yet: values under these names become theirs."""

    @property
    def topic(self) -> str:
        return f"t/{self.username}/telemetry"

    @property
    def example(self) -> str:
        return f'{{"{self.keys[0] if self.keys else "temperature"}": 21.5}}'

    @property
    def payload(self) -> str:
        return f'{{"ts": 1760000000000, "values": {self.example}}}'

    @property
    def command(self) -> str:
        secure = " --cafile mqtt_ca" if self.is_secure else ""
        return (
            f"mosquitto_pub -h {self.host} -p {self.port}{secure} -u {self.username} -P '{self.password}'"
            f" -i {self.username} -q 1 -t {self.topic} -m '{self.example}'"
        )


@needs(VIEW)
def show_devices(request: HttpRequest) -> HttpResponse:
    """Every device with the age of its newest value; and the form for one more."""
    actor = actor_of(request)
    form = DeviceForm(request.POST or None)
    may_edit = actor.has_permission(EDIT) and actor.has_permission("assets.edit")
    if request.method == "POST" and may_edit and form.is_valid():
        given = form.cleaned_data
        try:
            made = services.create_device(
                key=given["key"], name=given["name"], asset_id=int(given["asset"] or 0) or None, actor=actor
            )
        except ForgelineError as error:
            form.add_error(None, str(error))
        else:
            return redirect("connectors:device", made.pk)
    template = "connectors/_devices.html" if is_partial(request) else "connectors/devices.html"
    context = {"rows": _read_rows(), "form": form, "may_edit": may_edit, "waiting": queries.count_waiting()}
    return render(request, template, context, status=422 if form.errors else 200)


@needs(VIEW)
def show_device(request: HttpRequest, device_id: int) -> HttpResponse:
    """One device: what to type into it, its credentials, its points. A new password stands on this answer alone."""
    device = plant.get_device(device_id)
    actor = actor_of(request)
    may_edit = actor.has_permission(EDIT) and actor.has_permission("assets.edit")
    made: Settings | None = None
    if request.method == "POST" and may_edit:
        if "revoke" in request.POST:
            _revoke(request, device)
            return redirect("connectors:device", device_id)
        if "retire" in request.POST:
            services.retire_device(device_id=device_id, actor=actor)
            messages.success(request, _("%(name)s is out of use; its history stays.") % {"name": device.name})
            return redirect("connectors:devices")
        row, password = services.create_credential(device_id=device_id, actor=actor)
        made = _settings_for(request, row.username, password, keys=_list_free_keys(device))
    [found] = _read_rows([device])
    latest = telemetry.read_latest([point.pk for point in found.points]) if found.points else {}
    context = {
        "row": found,
        "device": device,
        "made": made,
        "place": _settings_for(request, "", ""),
        "readings": [(point, latest.get(point.pk)) for point in found.points],
        "zone": plant.read_home_zone(),
        "may_edit": may_edit,
    }
    return render(request, "connectors/device.html", context)


def _revoke(request: HttpRequest, device: Device) -> None:
    mine = {str(row.pk): row for row in plant.list_credentials(device_ids=[device.pk])}
    row = mine.get(request.POST["revoke"])
    if row is None:
        messages.error(request, _("That credential is revoked already."))
        return
    services.revoke_credential(credential_id=row.pk, actor=actor_of(request))
    messages.success(
        request, _("%(user)s is revoked; the broker cuts it within five seconds.") % {"user": row.username}
    )


def _read_rows(devices: list[Device] | None = None) -> list[Row]:
    """Return the devices with points, credentials and age: four queries, however many there are."""
    if devices is None:
        devices = list(plant.list_devices().select_related("asset"))
    ids = [device.pk for device in devices]
    points: dict[int, list[Point]] = {device_id: [] for device_id in ids}
    for point in plant.list_points().filter(device_id__in=ids).select_related("asset"):
        points[point.device_id or 0].append(point)
    credentials: dict[int, list[DeviceCredential]] = {device_id: [] for device_id in ids}
    for credential in plant.list_credentials(device_ids=ids):
        credentials[credential.device_id].append(credential)
    every = [point.pk for of_device in points.values() for point in of_device]
    latest = telemetry.read_latest(every) if every else {}
    return [
        Row(
            device,
            points[device.pk],
            credentials[device.pk],
            max((latest[p.pk].ts_us // 1000 for p in points[device.pk] if p.pk in latest), default=0),
        )
        for device in devices
    ]


def _list_free_keys(device: Device) -> list[str]:
    """Return the keys of the machine's points that wait for a device, measurements first."""
    if device.asset_id is None:
        return []
    points = plant.list_points(asset_id=device.asset_id).filter(device=None)
    return [point.key for point in sorted(points, key=lambda point: (point.kind, point.position))]


def _settings_for(
    request: HttpRequest, username: str, password: str, *, keys: Sequence[str] = ()
) -> Settings:
    """The broker as a device reaches it: where it is this machine's, by the name that the reader came by."""
    broker = urlsplit(settings.CONNECTORS["MQTT_PUBLIC_URL"] or settings.CONNECTORS["MQTT_URL"])
    is_secure = broker.scheme == "mqtts"
    host = broker.hostname or ""
    if is_only_here(host):
        host = urlsplit(f"//{request.get_host()}").hostname or host
    return Settings(host, broker.port or (8883 if is_secure else 1883), is_secure, username, password, keys)
