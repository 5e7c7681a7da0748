"""Recorded data for the science's benchmarks, read where they lie beside the project; never copied into it.

They are looked for in ``../shared/data`` (or one folder higher), or where ``BENCH_DATA`` points. What is absent is
said, and its figures are not measured.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def find_set(name: str) -> Path | None:
    """Return the folder of a data set, or None where it is absent."""
    named = os.environ.get("BENCH_DATA")
    places = [Path(named)] if named else [ROOT / "../shared/data", ROOT / "../../shared/data"]
    return next((place / name for place in places if (place / name).is_dir()), None)


@dataclass(frozen=True, slots=True, eq=False)
class NabFile:
    """One file of the anomaly benchmark: seconds, values, windows as first and last row."""

    name: str
    at_s: Ints
    values: Floats
    windows: list[tuple[int, int]]


def read_nab(folder: Path) -> list[NabFile]:
    labels = json.loads((folder / "labels/combined_windows.json").read_text(encoding="utf-8"))
    files = []
    for path in sorted(folder.glob("data/*/*.csv.gz")):
        name = f"{path.parent.name}/{path.name.removesuffix('.gz')}"
        table = pd.read_csv(path)
        at_s = _seconds(table["timestamp"])
        rows = [
            tuple(int(np.flatnonzero(at_s == edge)[0]) for edge in _seconds(pd.Series(window)))
            for window in labels[name]
        ]
        values = table["value"].to_numpy(np.float64)
        files.append(NabFile(name, at_s, values, [(first, last) for first, last in rows]))
    return files


def read_skab(folder: Path) -> list[tuple[Floats, NDArray[np.bool_]]]:
    """Return the sensors and the label ``anomaly`` of each file of valve1."""
    tables = [pd.read_csv(path, sep=";") for path in sorted(folder.glob("data/valve1/*.csv.gz"))]
    return [(t.iloc[:, 1:9].to_numpy(np.float64), t["anomaly"].to_numpy() == 1) for t in tables]


def read_cmapss(folder: Path, name: str) -> tuple[list[Floats], list[Floats], Floats]:
    """Return settings and sensors of each training engine, of each test engine, and the latter's remaining life."""
    parts = []
    for kind in ("train", "test"):
        table = pd.read_csv(folder / f"{kind}_{name}.txt.gz", sep=r"\s+", header=None)
        parts.append([engine.iloc[:, 2:].to_numpy(np.float64) for _, engine in table.groupby(0)])
    life = pd.read_csv(folder / f"RUL_{name}.txt.gz", header=None)[0].to_numpy(np.float64)
    return parts[0], parts[1], life


def read_ai4i(folder: Path) -> pd.DataFrame:
    table = pd.read_csv(folder / "ai4i2020.csv", encoding="utf-8-sig")
    return table.rename(columns=lambda name: name.split(" [")[0])


def read_cnc_mill(folder: Path) -> list[tuple[pd.DataFrame, bool]]:
    """Return each experiment's signals and whether its tool was worn."""
    experiments = []
    for path in sorted(folder.glob("experiment_*.csv.gz")):
        table = pd.read_csv(path, index_col=0)
        worn = table.pop("tool_condition").iloc[0] == "worn"
        experiments.append((table, bool(worn)))
    return experiments


def _seconds(stamps: pd.Series) -> Ints:
    return pd.to_datetime(stamps).to_numpy().astype("datetime64[s]").astype(np.int64)
