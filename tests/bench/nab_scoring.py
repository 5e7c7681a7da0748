"""The scoring of the Numenta Anomaly Benchmark, as published: windows, sigmoid weights, probation, one threshold.

**Source** Lavin & Ahmad 2015 (arXiv 1510.03336) and the benchmark's own description of its sweep. A window counts
once, by its earliest detection (the sigmoid falls from nearly 1 at its left end to 0 at its right); a detection
outside costs the false-positive weight, less the nearer it lies behind a window. The score is 0 for a detector that
says nothing and 100 for one that detects each window at its left end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PROBATION_SHARE, PROBATION_OF_AT_MOST = 0.15, 5_000
NONE = -1


@dataclass(frozen=True, slots=True)
class Profile:
    """The weights of an application; these are the standard profile's."""

    true_positive: float = 1.0
    false_positive: float = 0.11
    false_negative: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """One file after its probation: each row's window (``NONE`` outside) and what a detection there brings."""

    window: Ints
    weight: Floats
    windows: int
    probation: int


def sigmoid(position: Floats | float) -> Floats:
    """Return the scaled sigmoid: 1 far left, 0 at the window's right end, −1 beyond three widths behind it."""
    place = np.asarray(position, np.float64)
    return np.where(place > 3.0, -1.0, 2 / (1 + np.exp(5 * np.minimum(place, 3.0))) - 1)


def probation_rows(rows: int) -> int:
    """Return how many rows at the start are not scored: 15 %, of 5,000 rows at most."""
    return int(min(PROBATION_SHARE * PROBATION_OF_AT_MOST, np.floor(PROBATION_SHARE * rows)))


def weigh_rows(rows: int, windows: list[tuple[int, int]], profile: Profile | None = None) -> Weighed:
    """Return what a detection at each row brings. **Shape** windows as first and last row, both inside, in order."""
    p = profile or Profile()
    window = np.full(rows, NONE, np.int64)
    weight = np.full(rows, -p.false_positive)
    largest = float(sigmoid(-1.0))
    for number, (first, last) in enumerate(windows):
        width = last - first + 1
        inside = np.arange(first, last + 1)
        window[inside] = number
        weight[inside] = sigmoid(-(last - inside + 1) / width) / largest * p.true_positive
        after = np.arange(last + 1, windows[number + 1][0] if number + 1 < len(windows) else rows)
        weight[after] = sigmoid((after - last) / (width - 1)) * p.false_positive
    skipped = probation_rows(rows)
    return Weighed(window[skipped:], weight[skipped:], len(windows), skipped)


def raw_score(
    files: list[Weighed], scores: list[Floats], threshold: float, profile: Profile | None = None
) -> float:
    """Return the sum over files at one threshold; ``scores`` cover whole files, probation included."""
    p = profile or Profile()
    total = 0.0
    for file, score in zip(files, scores, strict=True):
        detected = score[file.probation :] >= threshold
        total += float(file.weight[detected & (file.window == NONE)].sum())
        for number in range(file.windows):
            found = file.weight[detected & (file.window == number)]
            total += float(found.max()) if len(found) else -p.false_negative
    return total


def normalise(raw: float, windows: int, profile: Profile | None = None) -> float:
    """Return the score on the scale from the detector that says nothing (0) to the perfect one (100)."""
    p = profile or Profile()
    nothing = -p.false_negative * windows
    return 100 * (raw - nothing) / (p.true_positive * windows - nothing)


def best_threshold(
    files: list[Weighed], scores: list[Floats], profile: Profile | None = None
) -> tuple[float, float]:
    """Return the one threshold for all files with the highest score, and that normalised score.

    As the benchmark does for every detector, the threshold is chosen on the scored files themselves.
    """
    p = profile or Profile()
    offsets = np.cumsum([0] + [file.windows for file in files])
    score = np.concatenate([s[f.probation :] for f, s in zip(files, scores, strict=True)])
    window = np.concatenate(
        [np.where(f.window == NONE, NONE, f.window + o) for f, o in zip(files, offsets[:-1], strict=True)]
    )
    weight = np.concatenate([f.weight for f in files])
    order = np.argsort(-score, kind="stable")
    found = np.full(int(offsets[-1]), -p.false_negative)
    total = best = float(found.sum())
    threshold = np.inf
    for place, row in enumerate(order):
        if window[row] == NONE:
            total += weight[row]
        elif weight[row] > found[window[row]]:
            total += weight[row] - found[window[row]]
            found[window[row]] = weight[row]
        last_of_tie = place + 1 == len(order) or score[order[place + 1]] < score[row]
        if last_of_tie and total > best:
            best, threshold = float(total), float(score[row])
    return threshold, normalise(best, int(offsets[-1]), p)
