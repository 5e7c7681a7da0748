"""Rules as they are written: read, checked, every fault with its remedy; and the expression language's edges."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from forgeline.alarms.checking import list_faults
from forgeline.alarms.definitions import PointFacts, dump, parse
from forgeline.alarms.judging.expressions import Expression
from forgeline.alarms.judging.merging import Track, known_until_us, merge
from forgeline.alarms.judging.misfits import find_misfits
from forgeline.base.errors import InvalidInputError
from forgeline.telemetry.sample import PointKind

S = 1_000_000
POINTS = {
    "pressure": PointFacts(PointKind.GAUGE, "bar", 10.0, 0.0, 16.0),
    "setpoint": PointFacts(PointKind.GAUGE, "bar", 10.0),
    "temperature": PointFacts(PointKind.GAUGE, "Cel", 10.0),
    "state": PointFacts(PointKind.STATE, "", 60.0),
    "note": PointFacts(PointKind.TEXT, "", 60.0),
}


def _rule(**condition: Any) -> dict[str, Any]:
    return {"name": {"en": "Pressure low", "zh-hans": "压力低"}, "condition": condition}


GOOD = [
    _rule(kind="limit", point="pressure", level="LL", limit=5, deadband=0.2),
    _rule(kind="deviation", point="pressure", setpoint="setpoint", above=1, below=2),
    _rule(kind="deviation", point="pressure", setpoint=6.5, above=1),
    _rule(kind="rate", point="temperature", rise_per_min=3),
    _rule(kind="state", point="state", codes=[8, 9]),
    _rule(kind="silence", point="pressure"),
    _rule(kind="expression", expression="p < 5 and s == 6", points={"p": "pressure", "s": "state"}),
]


@pytest.mark.parametrize("raw", GOOD, ids=lambda raw: raw["condition"]["kind"])
def test_a_rule_is_read_and_written_back(raw: dict[str, Any]) -> None:
    rule = parse(raw)
    assert list_faults(rule, POINTS, others=set()) == []
    assert parse(dump(rule)) == rule
    assert (rule.name_in("zh-Hans"), rule.name_in("fr")) == ("压力低", "Pressure low")


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (_rule(kind="limit", point="presure", level="H", limit=5), "no point presure"),
        (_rule(kind="limit", point="state", level="H", limit=5), "no measurement"),
        (_rule(kind="limit", point="pressure", level="H", limit=5, deadband=-1), "0 or more"),
        (_rule(kind="limit", point="pressure", level="H", limit=1e308), "between 0 and 16: this rule would never come"),
        (_rule(kind="limit", point="pressure", level="LL", limit=-1), "would never come"),
        (_rule(kind="limit", point="pressure", level="H", limit=9, deadband=1e300), "it would stay"),
        (_rule(kind="limit", point="pressure", level="L", limit=9, deadband=8), "would go at 17"),
        (_rule(kind="deviation", point="pressure", setpoint="temperature", above=1), "in bar, its setpoint in °C"),
        (_rule(kind="deviation", point="pressure", setpoint=5), "how far"),
        (_rule(kind="deviation", point="pressure", setpoint=5, above=1, deadband=1), "more than its deadband"),
        (_rule(kind="rate", point="pressure"), "how fast"),
        (_rule(kind="rate", point="pressure", rise_per_min=-1), "above 0"),
        (_rule(kind="state", point="pressure", codes=[1]), "no state"),
        (_rule(kind="state", point="state", codes=[]), "at least one code"),
        (_rule(kind="silence", point="pressure", after_s=1), "expected every 10 s"),
        (_rule(kind="silence", point="pressure", after_s=1e300), "at most 93 days"),
        (_rule(kind="expression", expression="p > ", points={"p": "pressure"}), "ends after “p >”"),
        (_rule(kind="expression", expression="p > q", points={"p": "pressure"}), "names q"),
        (_rule(kind="expression", expression="p > 1", points={"p": "pressure", "q": "state"}), "does not use q"),
        (_rule(kind="expression", expression="p > 1", points={"p": "note"}), "is text"),
        (_rule(kind="expression", expression="p + 1", points={"p": "pressure"}), "not a condition"),
        (_rule(kind="expression", expression="p", points={"p": "pressure"}), "is a measurement, not a condition"),
        (_rule(kind="expression", expression="not p or p > 1", points={"p": "pressure"}), "is a measurement"),
        (_rule(kind="expression", expression="p > 1 or abs(p)", points={"p": "pressure"}), "not a condition"),
        ({**GOOD[0], "on_delay_s": -1}, "between 0 s and a day"),
        ({**GOOD[0], "quiet_under": ["trip"]}, "no rule trip"),
        ({**GOOD[0], "operator_bounds": {"lowest": 6, "highest": 7}}, "may choose from, 6 to 7"),
        ({**GOOD[0], "name": {"en": ""}}, "a name"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_remedy(raw: dict[str, Any], sentence: str) -> None:
    faults = list_faults(parse(raw), POINTS, others=set())
    assert len(faults) == 1
    assert sentence in faults[0]


@pytest.mark.parametrize(
    "raw",
    [
        {},
        _rule(kind="guess", point="pressure"),
        _rule(kind="limit", point="pressure", level="H"),
        _rule(kind="limit", point="pressure", level="HHH", limit=1),
        _rule(kind="limit", point="pressure", level="H", limit=1, more=1),
        {**GOOD[0], "priority": "urgent"},
        _rule(kind="limit", point="pressure", level="H", limit="nan"),
        _rule(kind="deviation", point="pressure", setpoint="inf", above=float("inf")),
        {**GOOD[0], "operator_bounds": {"lowest": "-inf", "highest": 9}},
    ],
)
def test_what_is_no_rule_is_refused(raw: Any) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse(raw)
    assert refused.value.key == "alarms.invalid_rule"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("(p > 5", "The bracket at character 1, “(p > 5”, is never closed"),
        ("p > 5)", "The bracket at character 6, “)”, was never opened"),
        ("p ＞ 5", "The character “＞” at character 3 is unknown"),
        ("p > 5 q", "“q” was not expected at character 7"),
        ("p => 5", "to compare, write == or >="),
        ("p > 5 && q > 1", "At character 8, “& q > 1”: write “and” or “or”."),
        ("p = 5", "== compares"),
        ("p / 0 > 1", "At character 5, “0 > 1”: Nothing can be divided by 0."),
        ("压力 > log(压力)", "At character 6, “log(压力)”: Only the functions"),
        ("p > 1 and discharge_pressure_of_line, q", "“p > 1 and discha…”: Only + - * /"),
    ],
)
def test_what_cannot_be_read_is_said_with_the_text_at_its_place(text: str, sentence: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        Expression(text)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("a > 5", [False, True, True]),
        ("not a > 5", [True, False, False]),
        ("a > 5 and b == 1", [False, False, True]),
        ("a > 5 or b == 1", [True, True, True]),
        ("4 < a < 7", [False, True, False]),
        ("max(a, b * 3) - min(a, b) >= abs(-8) / 2", [False, True, True]),
        ("a + 1", [True, True, True]),
        ("True and b", [True, False, True]),
    ],
)
def test_an_expression_is_judged_row_by_row(text: str, holds: list[bool]) -> None:
    expression = Expression(text)
    values = {"a": np.array([3.0, 6.0, 9.0]), "b": np.array([1.0, 0.0, 1.0])}
    assert expression.judge(values).astype(bool).tolist() == holds


def test_an_unknown_input_says_nothing() -> None:
    expression = Expression("a > 1 or b > 1")
    found = expression.judge({"a": np.array([2.0, 2.0]), "b": np.array([np.nan, 0.0])})
    assert np.isnan(found[0])
    assert found[1] == 1
    assert np.isnan(Expression("a / b > 1").judge({"a": np.array([np.nan]), "b": np.array([0.0])})).all()


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("a / b > 1", [None, 1.0]),
        ("not a / b > 1", [None, 0.0]),
        ("sqrt(b - 1) < 5", [None, 1.0]),
        ("1e308 * 10 * a > 1", [None, None]),
        # What the rest decides is known all the same.
        ("b > 0 and a / b > 1", [0.0, 1.0]),
        ("b == 0 or a / b > 1", [1.0, 1.0]),
        ("a / b > 1 or a > 100", [None, 1.0]),
    ],
)
def test_what_no_number_answers_is_unknown_and_raises_nothing(text: str, holds: list[float | None]) -> None:
    found = Expression(text).judge({"a": np.array([4.0, 4.0]), "b": np.array([0.0, 2.0])})
    assert [None if np.isnan(each) else each for each in found.tolist()] == holds


@pytest.mark.parametrize(
    "text",
    [
        "a / 0 > 1", "a / 0.0 > 1",
        "", "   ", "a.b > 1", "a[0] > 1", "__import__('os')", "a ** 9 > 1", "'x' == a", "lambda: a", "[a for a in b]",
        "a := 1", "a = 1", "a; b", "open(a)", "max(a)", "abs(a, b)", "max(*a)", "min(a, key=b)", "1 > 0", "a > 1j",
        "a if b else c", "a % 2", "a // 2", "a in b", "a is b", "f'{a}'", "a" + "+1" * 80, "a > " + "9" * 600,
        "(" * 300 + "a" + ")" * 300, "a\x00", "max(abs)", "a > 1e999", "a > " + "9" * 400, "+".join("abcdefghijk"),
    ],
)  # fmt: skip
def test_nothing_else_is_an_expression(text: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        Expression(text)
    assert refused.value.key == "alarms.invalid_expression"


@given(st.text(max_size=60))
def test_any_text_is_judged_or_refused(text: str) -> None:
    try:
        expression = Expression(text)
    except InvalidInputError:
        return
    expression.judge({name: np.array([0.0, 1.5]) for name in expression.names})


def test_points_are_seen_together_while_their_values_stand() -> None:
    slow = Track(np.array([0, 100]) * S, np.array([1.0, 2.0]), 60 * S)
    fast = Track(np.array([10, 70, 110]) * S, np.array([5.0, 6.0, 7.0]), 20 * S)
    instants, values = merge([slow, fast], after_us=0, until_us=110 * S)
    assert (instants // S).tolist() == [10, 70, 100, 110]
    assert np.array_equal(values, [[1.0, np.nan, 2.0, 2.0], [5.0, 6.0, np.nan, 7.0]], equal_nan=True)
    assert known_until_us([slow, fast], now_us=500 * S) == 130 * S
    assert known_until_us([slow, fast], now_us=105 * S) == 105 * S
    assert known_until_us([slow, Track(np.zeros(0, np.int64), np.zeros(0), S)], now_us=S) < 0


UNITS = {"bar": "bar", "cel": "Cel", "other": "Cel", "kw": "kW", "w": "W", "bare": ""}


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("cel - other > 3", []), ("cel > 3 and bar < 2", []), ("cel > bare", []), ("abs(cel - other) > 2", []),
        ("kw * cel > bar", []), ("w * 0.001 < kw", []), ("sqrt(cel) > bar", []), ("not cel > other", []),
        ("-cel < other < 90", []), ("max(cel, other) - min(cel, other) > 5", []),
        ("cel > bar", [(7, "bar", "Cel")]), ("cel + bar > 3", [(7, "bar", "Cel")]), ("kw > w", [(6, "W", "kW")]),
        ("cel > 3 or max(cel, bar) > 3", [(21, "bar", "Cel")]), ("not (bar - cel) > 1", [(12, "Cel", "bar")]),
        ("2 + bar < abs(cel)", [(11, "Cel", "bar")]),
    ],
)  # fmt: skip
def test_units_that_do_not_fit_are_found_where_they_meet(
    text: str, places: list[tuple[int, str, str]]
) -> None:
    tree = ast.parse(text).body[0]
    assert isinstance(tree, ast.Expr)
    assert find_misfits(tree, UNITS) == places


def test_a_rule_over_units_that_do_not_fit_is_refused_with_the_place() -> None:
    rule = parse(_rule(kind="expression", expression="a > b", points={"a": "a", "b": "b"}))
    facts = {
        "a": PointFacts(PointKind.GAUGE, "kW", 1.0), "b": PointFacts(PointKind.GAUGE, "W", 1.0)
    }  # fmt: skip
    assert list_faults(rule, facts, others=set()) == [
        "At character 5, “b”: W does not fit kW; multiply one of them to convert it."
    ]


@pytest.mark.parametrize(("severity", "weight"), [(None, 700), (1, 1), (1000, 1000)])
def test_a_severity_is_what_is_said_or_what_its_priority_is_worth(severity: int | None, weight: int) -> None:
    rule = parse({**GOOD[0], "priority": "high", "severity": severity})
    assert rule.weight == weight


@pytest.mark.parametrize("severity", [0, 1001, -5])
def test_a_severity_has_its_bounds(severity: int) -> None:
    rule = parse({**GOOD[0], "severity": severity})
    assert list_faults(rule, POINTS, others=set()) == ["A severity lies between 1 and 1000."]
