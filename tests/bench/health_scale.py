"""An hour's scoring of a thousand machines: features, anomalies of points and machines, drift-free index; in memory.

The samples are made, eight points a machine, sent on change about every ten seconds. The database's part (reading
samples, writing scores) is not in the figure.
"""

from __future__ import annotations

import time

import numpy as np

from apps.health.science import streaming
from apps.health.science.evidence import NotEnough
from apps.health.science.index import Part, compute_index
from apps.health.science.multivariate import fit_plane, judge_rows
from apps.health.science.windows import read_window

MACHINES, POINTS, SAMPLES = 1_000, 8, 360
SLICES = 12
"""Five-minute values, one hour of them a run."""
PARTS = (Part("points", 0.5), Part("machine", 0.9))


def measure_minutes(*, seed: int) -> float:
    """Return the minutes of one hourly run over all machines; the models were fitted before."""
    rng = np.random.default_rng(seed)
    healthy = rng.normal(size=(400, POINTS)) @ rng.normal(size=(POINTS, POINTS))
    plane = fit_plane(healthy)
    assert not isinstance(plane, NotEnough)
    state = streaming.new_state(MACHINES * POINTS, seed=seed)
    stamps = np.sort(rng.uniform(0, 3600, (MACHINES * POINTS, SAMPLES)), axis=1)
    values = np.cumsum(rng.normal(0, 0.1, (MACHINES * POINTS, SAMPLES)), axis=1)
    started = time.perf_counter()
    level = np.full((SLICES, MACHINES * POINTS), np.nan)
    hourly = 0
    for point in range(MACHINES * POINTS):
        hourly += not isinstance(read_window(stamps[point], values[point], 0, 3600, hold_s=600), NotEnough)
        for part in range(SLICES):
            told = read_window(stamps[point], values[point], part * 300, part * 300 + 300, hold_s=600)
            level[part, point] = np.nan if isinstance(told, NotEnough) else told.level
    at = np.repeat(np.arange(SLICES)[:, None] * 300, MACHINES * POINTS, axis=1).astype(np.int64)
    scores = streaming.score_series(state, at, level)
    odd = np.nan_to_num(scores.total).max(axis=0).reshape(MACHINES, POINTS).max(axis=1) / 6
    planes = {0: plane}
    regime = np.zeros(SLICES, np.int64)
    machine = np.array(
        [
            np.nanmax(judge_rows(planes, level[:, first : first + POINTS], regime).score, initial=0.0)
            for first in range(0, MACHINES * POINTS, POINTS)
        ]
    )
    index = compute_index(np.column_stack([odd, machine]), PARTS)
    minutes = (time.perf_counter() - started) / 60
    assert np.isfinite(index.index).all()
    assert hourly == MACHINES * POINTS
    print(
        f"  {MACHINES:,} machines × {POINTS} points × {SAMPLES} samples: {minutes:.2f} min, no database in it"
    )
    return minutes
