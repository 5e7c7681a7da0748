"""The platform's own broker: one service-wide subscription with members, whose users belong to tenants.

A member's client id never changes, so that whoever owns it next inherits its session at the broker. Not here: the
driver (mqtt), who may publish where (the broker's own rules).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from connectors.models import BROKER_KIND, BrokerCount, Connection
from connectors.mqtt.options import MqttOptions
from forgeline.tenancy.scoping import tenant_scope

SHARED_GROUP = "forgeline"
FILTER = "t/#"


def read_options(config: Mapping[str, Any] | None = None, *, members: int = 1) -> MqttOptions | None:
    """Return the options for FORGELINE_MQTT_URL; None where no broker is set.

    Several members share one subscription. One alone subscribes plainly: mosquitto 2.0 does not write shared ones
    down, so that after its restart it would acknowledge to devices what it keeps for nobody.
    The URL may say ``?version=3.1.1`` and ``?shared=0`` for a broker that speaks no MQTT 5 or knows no shared
    subscriptions. **Raises** OptionsError.
    """
    config = settings.CONNECTORS if config is None else config
    url = str(config["MQTT_URL"] or "")
    if not url:
        return None
    parts = urlsplit(url)
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    host = parts.netloc.rpartition("@")[2]
    return MqttOptions.parse(
        {
            "url": urlunsplit((parts.scheme, host, parts.path, "", "")),
            "username": unquote(parts.username or ""),
            "password": unquote(parts.password or "") or str(config["MQTT_PASSWORD"] or ""),
            "topics": [FILTER],
            "shared_group": SHARED_GROUP if members > 1 and asked.get("shared") != "0" else "",
            "version": asked.get("version", "5"),
            "check_host": asked.get("check_host") != "0",
        }
    )


def tells_of_itself(config: Mapping[str, Any] | None = None) -> bool:
    """Say whether the broker may be asked for its own counters; ``?status=0`` in its URL says no."""
    config = settings.CONNECTORS if config is None else config
    return parse_qs(urlsplit(str(config["MQTT_URL"] or "")).query).get("status", ["1"])[-1] != "0"


def read_dropped() -> int:
    """Return how many messages the broker had dropped when that was last told."""
    return BrokerCount.objects.filter(name="dropped").values_list("total", flat=True).first() or 0


def keep_dropped(total: int) -> None:
    """Keep how many messages the broker has dropped, now that it is told."""
    BrokerCount.objects.update_or_create(name="dropped", defaults={"total": total})


def former_filters(options: MqttOptions) -> list[str]:
    """Return what a member's session holds from a time with another number of members, to be given up."""
    other = dataclasses.replace(options, shared_group="" if options.shared_group else SHARED_GROUP)
    return other.filters


def member_client_id(number: int) -> str:
    """Return the client id of a member, the same for every owner."""
    return f"forgeline-member-{number}"


def ensure_connection(tenant_id: int) -> int:
    """Return the tenant's row for the platform's broker, which holds its counters and its waiting devices."""
    with tenant_scope(tenant_id):
        found: int | None = (
            Connection.objects.filter(kind=BROKER_KIND).order_by("pk").values_list("pk", flat=True).first()
        )
        if found is not None:
            return found
        for name in (_("Forgeline broker"), _("Forgeline broker (built in)")):
            try:
                with transaction.atomic():
                    return int(Connection.objects.create(kind=BROKER_KIND, name=name).pk)
            except IntegrityError:
                # Somebody gave that name to a connection, or another process was quicker.
                found = Connection.objects.filter(kind=BROKER_KIND).values_list("pk", flat=True).first()
                if found is not None:
                    return found
        return int(Connection.objects.create(kind=BROKER_KIND, name=f"{BROKER_KIND} {tenant_id}").pk)
