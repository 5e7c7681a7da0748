"""The recordings: notices, size, seams, what of the sources is kept."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from demoplant import opcua
from demoplant.recorded import (
    CNC_EXPERIMENTS,
    FOLDER,
    cnc,
    cnc_spans,
    gas_turbine,
    machine_temperature,
    steel,
)

NODESETS = Path(opcua.__file__).parents[1] / "nodesets"


@pytest.mark.parametrize("folder", [FOLDER, NODESETS])
def test_every_file_has_its_notice(folder: Path) -> None:
    notice = (folder / "NOTICE.md").read_text(encoding="utf-8")
    assert "icen" in notice
    for file in folder.iterdir():
        if file.name == "NOTICE.md":
            continue
        stem = "cnc_mill_*.csv.gz" if file.name.startswith("cnc_mill_") else file.name
        assert stem.removesuffix(".NodeSet2.xml.gz") in notice, f"{file.name} has no notice"


def test_the_licence_that_must_travel_with_the_data_does() -> None:
    notice = (FOLDER / "NOTICE.md").read_text(encoding="utf-8")
    assert "Copyright 2014-2024 Numenta Inc." in notice
    assert "The above copyright notice and this permission notice shall be included" in notice
    assert notice.count("CC BY 4.0") >= 2
    assert "CC0" in notice


def test_nodesets_keep_their_licence_inside() -> None:
    for file in NODESETS.glob("*.gz"):
        assert b"OPC Foundation MIT License" in gzip.decompress(file.read_bytes())[:2500]


def test_recordings_and_nodesets_stay_small() -> None:
    size = sum(file.stat().st_size for folder in (FOLDER, NODESETS) for file in folder.iterdir())
    assert size < 1_500_000


def test_weekly_recordings_are_whole_weeks() -> None:
    assert steel("Usage_kWh").period_ms == 56 * 86_400_000
    assert machine_temperature().period_ms == 77 * 86_400_000
    assert gas_turbine("AT").period_ms == 56 * 86_400_000


def test_a_quarter_hours_energy_becomes_its_mean_power() -> None:
    power = steel("Usage_kWh")
    assert power.values.max() == pytest.approx(151.31 * 4)
    assert power.integral().gain == pytest.approx(power.values.sum() / 4)


@pytest.mark.parametrize("column", ["AT", "AP", "AH", "TIT", "TAT", "CDP"])
def test_a_loop_of_process_values_closes_without_a_jump(column: str) -> None:
    values = gas_turbine(column).values
    assert abs(values[0] - values[-1]) <= np.quantile(np.abs(np.diff(values)), 0.99)


def test_the_temperature_closes_without_a_jump() -> None:
    values = machine_temperature().values
    assert abs(values[0] - values[-1]) < 1.0


def test_between_two_milling_recordings_is_a_gap() -> None:
    speed = cnc("S1_ActualVelocity")
    spans = cnc_spans()
    assert len(spans) == len(CNC_EXPERIMENTS)
    for start, end in spans:
        assert not np.isnan(speed.at(np.array([start, end - 100], dtype=np.int64))).any()
        assert np.isnan(speed.at(np.array([end, end + 10_000], dtype=np.int64))).all()
