"""Every page, in both languages, on a phone, a desk and a wall, light and dark: it fits, is quiet, is translated."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.utils.translation import override

from apps.health.rules import Line
from apps.health.services.defaults import adopt_profile_plans
from apps.health.services.inspections import create_route, start_pass
from apps.health.services.orders import make_order
from apps.health.services.register import make_label
from apps.health.services.stock import create_part
from forgeline.alarms.definitions import dump
from forgeline.alarms.models import Alarm, EntryKind, JournalEntry
from forgeline.alarms.plan import read_plan
from forgeline.assets import services
from forgeline.base import clock
from forgeline.identity.own_roles import copy_role
from forgeline.identity.people import list_members
from forgeline.identity.policy import Actor, permissions_of
from forgeline.jobs import files, working
from forgeline.tenancy.scoping import tenant_scope
from forgeline.transfer.sheets.importing import start_import
from forgeline.webhooks.services import create_endpoint, ping
from tests.api.world_of_health import make_advisory, make_version
from tests.browser.conftest import Floor, Sender, sign_in

pytestmark = pytest.mark.browser

Shape = tuple[int, int, str]

VISITS = [
    ("zh-CN", ((390, 844, "dark"), (1920, 1080, "light"))),
    ("en-GB", ((390, 844, "light"), (3840, 2160, "dark"))),
]  # fmt: skip
"""One test each; every page is opened in one of its two shapes, and turned into the other."""
# What is said in English to Chinese readers too: names, units, protocols, keys, addresses, examples.
_SAME_IN_BOTH = re.compile(
    r"Forgeline|OPC ?UA|MQTT|TLS|WebSocket|TCP|HTTP|API|REST|CSV|UTC|UCUM|PackML|English|Asia/\w+|[a-z]+_[a-z_]+|"
    r"[\w.-]+@[\w.-]+|https?://\S+|opc\.tcp\S*|mqtts?://\S*|t/\S+|[A-Z][a-z]+\d\w*|QoS ?\d|JSON"
)
_ENGLISH = re.compile(r"[A-Za-z]{2,}(?: +[A-Za-z']{2,}){2,}")
WORDS = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    // bdi: what people wrote, as it stands in the log.
    if (parent.closest('script, style, code, select, bdi, [lang=en]') || !parent.checkVisibility()) continue;
    const text = walker.currentNode.textContent.trim();
    if (text) found.push(text);
  }
  return found;
}"""


def _paths(floor: Floor) -> list[str]:
    with tenant_scope(floor.company.tenant_id):
        device = services.create_device(key="PLC7", name="PLC7", asset_id=floor.machine_id)
        boss = Actor(floor.company.tenant_id, "manager", permissions=permissions_of("manager"))
        role = copy_role(key="operator", name="PLC7", actor=boss)
        hook, _secret = create_endpoint(name="PLC7", url="https://1.1.1.1/PLC7", events=["*"], actor=boss)
        ping(hook.pk, actor=boss)
        health = _maintain(floor, boss)
        member = list_members()[0]
    return [
        "/", f"/machines/{floor.machine_id}/", "/setup/", f"/setup/plants/{floor.site_id}/",
        f"/setup/plants/{floor.site_id}/calendar/", f"/setup/plants/{floor.site_id}/assets/new/",
        f"/setup/assets/{floor.machine_id}/", f"/setup/assets/{floor.machine_id}/points/new/",
        f"/setup/points/{floor.points['power']}/", "/company/keys/", "/company/people/",
        f"/company/people/{member.pk}/", "/company/roles/", f"/company/roles/{role.pk}/", "/company/audit/",
        "/company/sign-on/", "/sign-in/company/", "/start/", "/company/modules/",
        "/company/partners/", "/companies/",
        "/company/webhooks/", f"/company/webhooks/{hook.pk}/", "/company/history/", "/connectors/",
        "/connectors/add/mqtt/", "/connectors/add/opcua/", "/connectors/waiting/", "/connectors/devices/",
        "/alarms/", "/alarms/?view=all", f"/alarms/{_raise_alarm(floor)}/", "/alarms/journal/", "/alarms/rules/",
        "/alarms/analysis/",
        "/alarms/rules/of/press/", f"/alarms/rules/edit/?asset={floor.machine_id}&key=bearing_hot",
        f"/connectors/devices/{device.pk}/", "/notifications/", "/notifications/preferences/", "/company/messages/",
        "/company/messages/routes/new/", "/company/messages/rosters/", "/company/messages/rosters/new/",
        "/company/messages/channels/", "/company/messages/channels/new/", "/company/messages/log/",
        "/company/modules/", *health,
    ]  # fmt: skip


def _maintain(floor: Floor, boss: Actor) -> list[str]:
    """A work order, a part, plans of the profile and a pass under way; returns the pages of maintenance."""
    line = Line("PLC7", "value", "bar", 2.0, 4.0)
    order = make_order(asset_id=floor.machine_id, title="PLC7", by="PLC7", state="in_progress", lines=[line])
    part = create_part(
        site_id=floor.site_id, number="PLC7", name="PLC7", stock=Decimal(1), minimum=Decimal(2), actor=boss
    )
    with override("zh-hans"):
        plan = adopt_profile_plans(floor.machine_id, actor=boss)[0]
    items = [
        {"asset": floor.machine_id, "text": "PLC7"},
        {"asset": floor.machine_id, "text": "PLC7", "kind": "value"},
    ]
    route = create_route(site_id=floor.site_id, name="PLC7", items=items, actor=boss)
    run = start_pass(route.pk, actor=boss)
    advisory, _hour = make_advisory(floor.company.tenant_id, floor.machine_id)
    version, _outlook = make_version(floor.company.tenant_id, floor.machine_id, mark="PLC7")
    token = make_label(floor.machine_id, actor=boss).fault_token
    return [
        "/health/", "/health/calendar/", "/health/orders/", "/health/orders/new/", f"/health/orders/{order.pk}/",
        "/health/plans/", "/health/plans/new/", f"/health/plans/{plan.pk}/", "/health/parts/", "/health/parts/new/",
        f"/health/parts/{part.pk}/", "/health/routes/", "/health/routes/new/", f"/health/routes/{route.pk}/",
        f"/health/inspections/{run.pk}/", "/health/machines/", f"/health/machines/{floor.machine_id}/",
        "/health/condition/", f"/health/condition/{floor.machine_id}/", "/health/condition/advisories/",
        f"/health/condition/advisories/{advisory}/", "/health/condition/models/",
        f"/health/condition/models/{version}/", "/health/condition/models/remaining_life/",
        "/health/condition/models/trend_to_limit/", "/health/figures/",
        "/health/condition/runs/", "/health/effect/",
        "/health/terms/", f"/health/report/{token}/",
        "/transfer/", "/transfer/samples/", "/jobs/", f"/jobs/{_try_table(floor)}/",
    ]  # fmt: skip


def _try_table(floor: Floor) -> int:
    """A table with a fault, tried."""
    with tenant_scope(floor.company.tenant_id):
        boss = Actor(
            floor.company.tenant_id, "manager", user_id=floor.company.manager.pk, label="PLC7",
            permissions=permissions_of("manager"),
        )  # fmt: skip
        with override("zh-hans"):
            upload = files.store_upload("PLC7.csv", ContentFile(b"machine,key\nPLC7,PLC7\n"), actor=boss)
            job = start_import("points", actor=boss, upload=upload)
    working.work()
    return int(job.pk)


def _raise_alarm(floor: Floor) -> int:
    """An alarm as the judge writes one, with what it was raised by."""
    with tenant_scope(floor.company.tenant_id):
        [rule] = [rule for rule in read_plan(asset_ids=[floor.machine_id]) if rule.key == "bearing_hot"]
        alarm = Alarm.objects.create(
            asset_id=floor.machine_id, key="bearing_hot", definition=dump(rule.definition), since_us=0, changed_us=0,
            is_active=True, is_acknowledged=False, raised_at=clock.now(), value=107.5,
        )  # fmt: skip
        JournalEntry.objects.create(
            alarm=alarm, kind=EntryKind.RAISED, happened_at=alarm.raised_at, value=107.5
        )
    return int(alarm.pk)


# It grows with every page; what it watches over is the pages, not the machine's pace.
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("locale", "shapes"), VISITS, ids=[locale for locale, _shapes in VISITS])
def test_pages_fit_are_quiet_and_speak_one_language(
    open_page: Callable[..., Any],
    floor: Floor,
    sender: Sender,
    locale: str,
    shapes: tuple[Shape, Shape],
) -> None:
    sender.send(floor.points["power"], 41.5)
    page = open_page(locale=locale)
    sign_in(page, "alice@example.com")
    assert look_at(page, _paths(floor), locale, shapes) + page.faults == []


def look_at(page: Any, paths: list[str], locale: str, shapes: tuple[Shape, Shape]) -> list[str]:
    """Open each page in one of two shapes, turn it into the other, and return what is wrong in either."""
    wrong = []
    _turn(page, shapes[0])
    for number, path in enumerate(paths):
        # In turn, so that as many pages open in each shape; the one before leaves it as this one begins.
        wrong += _faults(page, path, locale, then=shapes[(number + 1) % 2])
    return wrong


def _turn(page: Any, shape: Shape) -> None:
    width, height, theme = shape
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=theme)


def _faults(page: Any, path: str, locale: str, then: Shape) -> list[str]:
    wrong = []
    answer = page.goto(path)
    page.wait_for_timeout(100)
    if answer.status != 200:
        wrong.append(f"{path} answers {answer.status}")
    here = page.locator(".side a.item[aria-current]").count()
    if here > 1:
        wrong.append(f"{path} lights {here} entries of the navigation")
    wrong += _misfits(page, path, locale)
    _turn(page, then)
    page.wait_for_timeout(100)
    return wrong + _misfits(page, path, locale)


def _misfits(page: Any, path: str, locale: str) -> list[str]:
    wrong = []
    across, there = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    if across > there:
        wrong.append(f"{path} is {across} pixels wide on {there}")
    if locale == "zh-CN":
        said = [_SAME_IN_BOTH.sub(" , ", text) for text in page.evaluate(WORDS)]
        wrong += [f"{path} says {text!r}" for text in said if _ENGLISH.search(text)]
    return wrong


def test_nobody_is_told_more_than_he_may_see(open_page: Callable[..., Any], floor: Floor) -> None:
    page = open_page()
    sign_in(page, "bob@example.com")
    for path in ("/", f"/machines/{floor.machine_id}/", "/connectors/"):
        page.goto(path)
        assert page.locator("text=Set up").count() == 0
        assert page.locator("text=API keys").count() == 0
    page.click("text=Sign out")
    page.goto(f"/machines/{floor.machine_id}/")
    page.wait_for_url("**/sign-in/**")
