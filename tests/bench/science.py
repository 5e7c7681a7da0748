"""The science of machine health on recorded data, beside what was published; and how long a thousand machines take.

Split by time, engine, tool life or experiment, never by row; the one row split is printed because others publish it.
Where our part of a corpus is smaller than the published one, the line says so.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")

import numpy as np
from numpy.typing import NDArray

from apps.health.science import streaming
from apps.health.science.evidence import NotEnough
from apps.health.science.multivariate import fit_plane, judge_rows
from apps.health.science.remaining import predict_life, train_life
from tests.bench import labelled, nab_scoring, recordings
from tests.bench.health_scale import measure_minutes

Floats = NDArray[np.float64]

SEED = 16
HEALTHY_ROWS = 400
SETS = ("nab", "skab", "cmapss", "ai4i2020", "cnc_mill")


def main(target: str) -> None:
    results: dict[str, float] = {}
    measures = {
        "nab": measure_nab,
        "skab": measure_skab,
        "cmapss": measure_cmapss,
        "ai4i2020": labelled.measure_ai4i,
        "cnc_mill": labelled.measure_cnc_mill,
    }
    for name in SETS:
        folder = recordings.find_set(name)
        if folder is None:
            print(f"  the data set {name} is absent (../shared/data/{name}, or BENCH_DATA): not measured")
            continue
        started = time.perf_counter()
        results |= measures[name](folder)
        print(f"  {name}: {time.perf_counter() - started:,.0f} s")
    results["health.scoring_1000_in_memory.minutes"] = measure_minutes(seed=SEED)
    Path(target).write_text(json.dumps(results), encoding="utf-8")


def score_nab(files: list[recordings.NabFile], *, seed: int) -> list[Floats]:
    """Return the onset scores of every file, all run side by side as points of one stream."""
    rows = max(len(file.values) for file in files)
    at = np.zeros((rows, len(files)), np.int64)
    values = np.full((rows, len(files)), np.nan)
    for column, file in enumerate(files):
        at[: len(file.values), column] = file.at_s
        values[: len(file.values), column] = file.values
    onset = streaming.score_series(streaming.new_state(len(files), seed=seed), at, values).onset
    return [np.nan_to_num(onset[: len(file.values), column]) for column, file in enumerate(files)]


def measure_nab(folder: Path) -> dict[str, float]:
    files = recordings.read_nab(folder)
    weighed = [nab_scoring.weigh_rows(len(file.values), file.windows) for file in files]
    scores = score_nab(files, seed=SEED)
    threshold, score = nab_scoring.best_threshold(weighed, scores)
    raw = 0.0
    for place in range(len(files)):
        others = [*range(place), *range(place + 1, len(files))]
        elsewhere, _ = nab_scoring.best_threshold([weighed[i] for i in others], [scores[i] for i in others])
        raw += nab_scoring.raw_score([weighed[place]], [scores[place]], elsewhere)
    unseen = nab_scoring.normalise(raw, sum(file.windows for file in weighed))
    print(f"  NAB, {len(files)} of 58 files, one threshold {threshold:.2f}: {score:.1f};"
          f" threshold from the other files: {unseen:.1f}")  # fmt: skip
    print("  published, whole corpus: ARTime 74.9, HTM 70.5, CAD OSE 69.9, KNN-CAD 58.0, random 11.0")
    return {"science.nab.standard_score": score, "science.nab.threshold_of_other_files": unseen}


def measure_skab(folder: Path) -> dict[str, float]:
    """Fitted on the first 400 rows of each file; counted on the rows behind: what was fitted flatters nothing."""
    called, true = [], []
    for sensors, anomaly in recordings.read_skab(folder):
        plane = fit_plane(sensors[:HEALTHY_ROWS])
        assert not isinstance(plane, NotEnough)
        judged = judge_rows({0: plane}, sensors, np.zeros(len(sensors), np.int64))
        called.append(judged.anomalous[HEALTHY_ROWS:])
        true.append(anomaly[HEALTHY_ROWS:])
    call, truth = np.concatenate(called), np.concatenate(true)
    always = labelled.f1_of(np.ones(len(truth), bool), truth)
    print(f"  SKAB valve1, 16 files, rows behind the first 400; always calling gives {always:.3f}")
    print(
        "  published, whole corpus (valve1, valve2, other): Conv-AE 0.78 / 13.6 / 28.0, T²+Q 0.76 / 26.6 / 24.9"
    )
    return {
        "science.skab_valve1.f1": labelled.f1_of(call, truth),
        "science.skab_valve1.far": float(100 * call[~truth].mean()),
        "science.skab_valve1.mar": float(100 * (~call[truth]).mean()),
    }


def measure_cmapss(folder: Path) -> dict[str, float]:
    results = {}
    for name in ("FD001", "FD003"):
        training, test, true_life = recordings.read_cmapss(folder, name)
        started = time.perf_counter()
        model = train_life(training, seed=SEED)
        assert not isinstance(model, NotEnough)
        seconds = time.perf_counter() - started
        life = predict_life(model, test)
        truth = np.minimum(true_life, model.settings.cap)
        late = life.expected - truth
        nasa = float(np.where(late < 0, np.exp(-late / 13) - 1, np.exp(late / 10) - 1).sum())
        key = f"science.cmapss_{name.lower()}"
        results |= {
            f"{key}.rmse": float(np.sqrt(np.mean(late**2))),
            f"{key}.nasa_score": nasa,
            f"{key}.interval_coverage": float(((truth >= life.low) & (truth <= life.high)).mean()),
            f"{key}.interval_width": float((life.high - life.low).mean()),
        }
        print(f"  {name}, life counted up to 125 in training and test, trained in {seconds:.0f} s;"
              f" by engines not trained on: RMSE {model.cv_rmse:.2f}, coverage {model.cv_coverage:.3f}")  # fmt: skip
    print("  published RMSE / score, up to 125: MTSTAN 10.97 / 175, 10.90 / 188; FFVE 12.31 / 280, 12.43 / 302;"
          " XGBoost 13.36 (FD003); deep LSTM 16.14 / 338, 16.18 / 852")  # fmt: skip
    return results
