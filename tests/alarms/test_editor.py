"""The editor of a rule by HTTP: every kind comes in and back, faults are told, nobody is overruled unseen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from forgeline.alarms.models import Rule
from forgeline.assets.models import Point
from forgeline.tenancy.scoping import tenant_scope
from tests.alarms.test_pages import make_machine
from tests.conftest import Company


@pytest.fixture
def client(company: Company, sign_in: Callable[[Any], Client]) -> Client:
    return sign_in(company.manager)


def form(**said: Any) -> dict[str, Any]:
    return {
        "name_en": "Too hot", "kind": "limit", "point": "bearing_temperature", "level": "H", "limit": "80",
        "priority": "high", "is_enabled": "on", **said,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "condition"),
    [
        (
            {"deadband": "2"},
            {"kind": "limit", "point": "bearing_temperature", "level": "H", "limit": 80, "deadband": 2},
        ),
        (
            {"kind": "deviation", "setpoint": "70", "above": "5"},
            {"kind": "deviation", "point": "bearing_temperature", "setpoint": 70, "above": 5, "below": None,
             "deadband": 0},
        ),
        (
            {"kind": "rate", "rise_per_min": "3"},
            {"kind": "rate", "point": "bearing_temperature", "rise_per_min": 3, "fall_per_min": None, "deadband": 0},
        ),
        ({"kind": "state", "point": "state", "codes": "8，9"}, {"kind": "state", "point": "state", "codes": [8, 9]}),
        ({"kind": "silence", "after_s": ""}, {"kind": "silence", "point": "bearing_temperature", "after_s": 0}),
        (
            {"kind": "expression", "expression": "bearing_temperature - 2 * oil > 20", "names": "oil = power"},
            {"kind": "expression", "expression": "bearing_temperature - 2 * oil > 20",
             "points": {"bearing_temperature": "bearing_temperature", "oil": "power"}},
        ),
    ],
)  # fmt: skip
def test_every_kind_of_rule_is_written_and_comes_back_into_the_form(
    company: Company, client: Client, said: dict[str, str], condition: dict[str, Any]
) -> None:
    machine_id = make_machine(company)
    answer = client.post(f"/alarms/rules/edit/?asset={machine_id}", form(sure="on", **said))
    assert answer.status_code == 302, answer.context["form"].errors
    with tenant_scope(company.tenant_id):
        rule = Rule.objects.get(asset_id=machine_id)
    assert (rule.key, rule.definition["condition"]) == ("too_hot", condition)
    again = client.get(f"/alarms/rules/edit/?asset={machine_id}&key=too_hot").context["form"].initial
    back = {name: value for name, value in again.items() if value is not None}
    posted = form(
        sure="on", number="1", **{name: value for name, value in back.items() if value is not False}
    )
    assert client.post(f"/alarms/rules/edit/?asset={machine_id}&key=too_hot", posted).status_code == 302
    with tenant_scope(company.tenant_id):
        rule = Rule.objects.get(asset_id=machine_id)
    assert (rule.number, rule.definition["condition"]) == (2, condition)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"limit": "warm"}, "Limit: Enter a number."), ({"limit": ""}, "Limit: This is needed."),
        ({"name_en": ""}, "Give the rule"),
        ({"point": "nowhere"}, "not one of the available choices"), ({"on_delay_s": "-1"}, "greater than or equal"),
        ({"on_delay_s": "1e9"}, "A delay lies between"), ({"limit": "nan"}, "Enter a number."),
        ({"kind": "expression", "expression": "__import__('os')"}, "Only the functions"),
        ({"kind": "expression", "expression": "9**9**9 > power"}, "Only + - * /"),
        ({"kind": "expression", "expression": "power >", "names": ""}, "expression"),
        ({"kind": "expression", "expression": "elsewhere > 1"}, "say which point that is"),
        ({"kind": "expression", "expression": "far > 1", "names": "far = #99999999999"}, "There is no point"),
        ({"kind": "expression", "expression": "power > 1", "names": "no equals sign"}, "one a line"),
        ({"kind": "state", "point": "state", "codes": "8, x"}, "whole numbers"),
        ({"kind": "state", "point": "state"}, "It comes in these states: This is needed."),
        ({"kind": "deviation", "setpoint": "70"}, "how far"), ({"kind": "rate"}, "how fast"),
        ({"lowest": "1"}, "Bounds have two ends."), ({"lowest": "90", "highest": "95"}, "may choose from, 90 to 95"),
        ({"quiet_under": "nothing"}, "not one of the available choices"), ({"kind": "x"}, "not one of"),
    ],
)  # fmt: skip
def test_a_bad_rule_is_refused_with_a_sentence(
    company: Company, client: Client, said: dict[str, str], sentence: str
) -> None:
    machine_id = make_machine(company)
    address = f"?asset={machine_id}"
    checked = client.post(f"/alarms/rules/check/{address}", form(**said))
    assert checked.status_code == 200
    assert sentence in checked.content.decode()
    tried = client.post(f"/alarms/rules/try/{address}", form(days="7", **said))
    assert tried.status_code == 200
    assert "notice warn" in tried.content.decode()
    assert client.post(f"/alarms/rules/edit/{address}", form(**said)).status_code == 422
    with tenant_scope(company.tenant_id):
        assert not Rule.objects.exists()


def test_a_new_rule_begins_with_a_point_that_has_numbers_and_states_are_ticked(
    company: Company, client: Client
) -> None:
    machine_id = make_machine(company)
    address = f"/alarms/rules/edit/?asset={machine_id}"
    page = client.get(address)
    chosen = {point.key: point for point in page.context["subject"].points}
    assert chosen[page.context["form"].initial["point"]].is_numeric
    assert 'value="state" data-fits="state silence"' in page.content.decode()
    boxes = dict(dict(page.context["form"].fields["states"].choices)[chosen["state"].title])
    assert boxes["state:9"] == "Aborted"
    ticked = form(kind="state", point="state", states=["state:8", "state:9"], sure="on")
    assert client.post(address, ticked).status_code == 302
    with tenant_scope(company.tenant_id):
        assert Rule.objects.get().definition["condition"]["codes"] == [8, 9]
    again = client.get(f"{address}&key=too_hot").context["form"].initial
    assert (again["states"], again["codes"]) == (["state:8", "state:9"], "")


def test_a_rule_without_a_name_is_said_and_tried_and_asked_for_it_in_the_readers_language(
    company: Company, client: Client
) -> None:
    address = f"?asset={make_machine(company)}"
    nameless = form(name_en="", lowest="90", highest="95", days="7")
    checked = client.post(f"/alarms/rules/check/{address}", nameless).content.decode()
    assert "above 80 °C" in checked
    assert checked.count("may choose from, 90 to 95") == 1
    tried = client.post(f"/alarms/rules/try/{address}", nameless).content.decode()
    assert "name" not in tried
    assert "may choose from" not in tried
    refused = client.post(f"/alarms/rules/edit/{address}", nameless, headers={"accept-language": "zh-hans"})
    assert list(refused.context["form"].errors) == ["name_zh_hans"]


def test_a_limit_of_another_unit_is_said_in_its_own_until_it_is_published_again(
    company: Company, client: Client
) -> None:
    machine_id = make_machine(company)
    address = f"/alarms/rules/edit/?asset={machine_id}"
    assert client.post(address, form(sure="on")).status_code == 302
    with tenant_scope(company.tenant_id):
        Point.objects.filter(asset_id=machine_id, key="bearing_temperature").update(unit="K")
    page = client.get(f"{address}&key=too_hot").content.decode()
    assert "<title>Too hot" in page
    checked = client.post(f"/alarms/rules/check/?asset={machine_id}&key=too_hot", form()).content.decode()
    for told in (checked, client.get("/alarms/rules/").content.decode()):
        assert "above 80 °C" in told
        assert "were written for Main bearing temperature in °C" in told
        assert "Nothing stands in its way" not in told
    assert "it will say: Main bearing temperature above 80 K" in checked
    complaints = client.get("/alarms/rules/").content.decode().count("were written for Main bearing")
    with tenant_scope(company.tenant_id):
        Rule.objects.update(is_enabled=False)
    now = client.get("/alarms/rules/").content.decode()
    assert now.count("were written for Main bearing") == complaints - 1


def test_who_was_slower_is_told(company: Company, client: Client) -> None:
    machine_id = make_machine(company)
    address = f"/alarms/rules/edit/?asset={machine_id}&key=too_hot"
    assert client.post(f"/alarms/rules/edit/?asset={machine_id}", form(sure="on")).status_code == 302
    assert client.post(address, form(sure="on", number="1", limit="81")).status_code == 302
    late = client.post(address, form(sure="on", number="1", limit="99"))
    assert late.status_code == 422
    assert "Somebody else has changed the rule meanwhile" in late.content.decode()
    with tenant_scope(company.tenant_id):
        assert Rule.objects.get().definition["condition"]["limit"] == 81


def test_a_new_rule_does_not_replace_one_of_its_name_unseen(company: Company, client: Client) -> None:
    machine_id = make_machine(company)
    assert client.post(f"/alarms/rules/edit/?asset={machine_id}", form(sure="on")).status_code == 302
    second = client.post(f"/alarms/rules/edit/?asset={machine_id}", form(sure="on", limit="60"))
    assert second.status_code == 422
    inherited = client.post(f"/alarms/rules/edit/?asset={machine_id}", form(sure="on", key="bearing_hot"))
    assert inherited.status_code == 422
    with tenant_scope(company.tenant_id):
        assert [rule.definition["condition"]["limit"] for rule in Rule.objects.all()] == [80]


def test_a_chinese_name_alone_makes_a_rule(company: Company, client: Client) -> None:
    machine_id = make_machine(company)
    for name in ("温度高", "温度很高"):
        given = form(sure="on", name_en="", name_zh_hans=name)
        assert client.post(f"/alarms/rules/edit/?asset={machine_id}", given).status_code == 302
    with tenant_scope(company.tenant_id):
        assert list(Rule.objects.order_by("pk").values_list("key", flat=True)) == ["limit_1", "limit_2"]


def test_a_profiles_rule_stands_for_its_machines(company: Company, client: Client) -> None:
    machine_id = make_machine(company)
    assert client.get("/alarms/rules/of/press/").status_code == 200
    assert client.get("/alarms/rules/of/nonsense/").status_code == 302
    answer = client.post("/alarms/rules/edit/?profile=press&key=bearing_hot", form(sure="on", limit="101"))
    assert answer["Location"] == "/alarms/rules/of/press/"
    page = client.get(f"/alarms/rules/edit/?asset={machine_id}&key=bearing_hot")
    assert page.context["form"].initial["limit"] == 101
    assert "company, for the profile" in client.get("/alarms/rules/").content.decode()
