"""Units by UCUM: what is one, what fits, what a person reads."""

from __future__ import annotations

import math

import pytest
from django.utils import translation
from hypothesis import given, strategies as st

from forgeline.base.unit_words import display_unit, say_unit_fault
from forgeline.base.units import UnitError, check_unit, convert, guess_unit, units_fit


@pytest.mark.parametrize(
    "code", ["", "1", "Cel", "kW", "kWh", "bar", "m3/h", "/min", "mm/s", "{pcs}", "{pcs}/min", "%", "kvarh"]
)
def test_units_of_the_shop_floor_are_units(code: str) -> None:
    check_unit(code)


@pytest.mark.parametrize("code", ["foo", "°C", "kw/", "m^3", "12 34", "'; DROP TABLE", "kW kW", "m//s"])
def test_what_is_no_unit_is_told_with_examples(code: str) -> None:
    with pytest.raises(UnitError, match="UCUM"):
        check_unit(code)


@pytest.mark.parametrize(
    ("value", "source", "target", "wanted"),
    [
        (100.0, "Cel", "[degF]", 212.0),
        (0.0, "Cel", "K", 273.15),
        (1.0, "kWh", "MJ", 3.6),
        (1.0, "bar", "kPa", 100.0),
        (60.0, "/min", "Hz", 1.0),
        (90.0, "m3/h", "L/s", 25.0),
        (1500.0, "W", "kW", 1.5),
        (2.0, "{pcs}/min", "/min", 2.0),
    ],
)  # fmt: skip
def test_known_conversions(value: float, source: str, target: str, wanted: float) -> None:
    assert convert(value, source, target) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize(("source", "target"), [("kW", "Cel"), ("kWh", "kW"), ("", "bar"), ("m", "foo")])
def test_what_measures_something_else_does_not_convert(source: str, target: str) -> None:
    with pytest.raises(UnitError):
        convert(1.0, source, target)
    assert not units_fit(source, [target])


def test_fitting_is_being_one_or_converting_to_one() -> None:
    assert units_fit("kW", ["kW"])
    assert units_fit("W", ["Cel", "kW"])
    assert not units_fit("kW", [])


@given(
    st.floats(-1e9, 1e9), st.sampled_from([("Cel", "[degF]"), ("bar", "kPa"), ("kWh", "MJ"), ("mm/s", "m/s")])
)
def test_there_and_back_again(value: float, pair: tuple[str, str]) -> None:
    source, target = pair
    back = convert(convert(value, source, target), target, source)
    assert math.isclose(back, value, rel_tol=1e-9, abs_tol=1e-6)


def test_people_read_signs() -> None:
    assert [display_unit(code) for code in ("Cel", "m3/h", "kW.h", "1", "V")] == [
        "°C",
        "m³/h",
        "kWh",
        "",
        "V",
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("PSI", "[psi]"), ("nm", "nm"), ("°C", "Cel"), ("Nm", "N.m"), ("N·m", "N.m"), ("m³/h", "m3/h"), ("m^3", "m3"),
        ("kWh", "kWh"),
        ("1/min", "/min"), ("个", "{pcs}"), ("lbs", "[lb_av]"), ("ft", "[ft_i]"), ("cfm", "[cft_i]/min"),
        ("gpm", "[gal_us]/min"), ("mmHg", "mm[Hg]"), ("mmH2O", "mm[H2O]"), ("foo", ""), ("", ""),
    ],
)  # fmt: skip
def test_what_people_write_is_guessed(text: str, code: str) -> None:
    assert guess_unit(text) == code


def test_units_and_their_faults_are_said_in_the_readers_language() -> None:
    with translation.override("zh-hans"):
        assert [display_unit(code) for code in ("{pcs}", "/min", "rpm", "Cel")] == [
            "个",
            "次/分",
            "转/分",
            "°C",
        ]
        assert "[psi]" in say_unit_fault("psi")
        assert "UCUM" in say_unit_fault("foo")
        assert "no unit" not in say_unit_fault("psi") + say_unit_fault("foo")
    with translation.override("en"):
        assert say_unit_fault("Nm") == "“Nm” is no unit of UCUM, which writes it as N.m."
