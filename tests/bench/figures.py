"""What is measured, what it should come to, and where that number comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One promised number. ``at_least``, ``at_most`` or both are its target; neither: shown for what it tells."""

    key: str
    what: str
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None
    source: str = "the main job, section 7"

    def verdict(self, value: float) -> str:
        """Return ``met``, ``MISSED`` or a dash."""
        if self.at_least is None and self.at_most is None:
            return "–"
        met = (self.at_least is None or value >= self.at_least) and (
            self.at_most is None or value <= self.at_most
        )
        return "met" if met else "MISSED"

    @property
    def target(self) -> str:
        if self.at_least is not None and self.at_most is not None:
            return f"{self.at_least:g} to {self.at_most:g}"
        if self.at_least is not None:
            return f"≥ {self.at_least:,g}"
        return f"≤ {self.at_most:,g}" if self.at_most is not None else ""


_FIGURES = (
    Figure("ingest.copy.rows_per_s", "raw binary COPY of the same rows, alone", "rows/s", source="the yardstick"),
    Figure("ingest.mqtt20.points_per_s", "MQTT QoS 1 → committed, 20 values a message, 5,000 points", "points/s"),
    Figure("ingest.mqtt20.ratio_to_copy", "the same, over raw COPY", at_least=0.5),
    Figure("ingest.mqtt1.messages_per_s", "MQTT QoS 1 → committed, one value a message", "messages/s", at_least=12_000),
    Figure("ingest.memory_mb", "connector process under that load", "MB", at_most=300),
    Figure("ingest.memory_growth_mb_per_min", "its growth while the load went on", "MB/min"),
    Figure("soak.memory_mb", "the same, at most in ten minutes", "MB", at_most=300),
    Figure("soak.memory_growth_mb", "its last minute over its third: no growth", "MB", at_most=5),
    Figure("soak.points", "points that were committed meanwhile", "points"),
    Figure("opcua.tags_per_s", "OPC UA tags changing each second, one process, none lost", "tags/s", at_least=30_000),
    Figure("read.day_1hz.p95_ms", "a day of 1 Hz raw, ≤ 2,000 min/max pairs, at the API", "ms", at_most=100),
    Figure("read.year_1h.p95_ms", "a year of hours, at the API", "ms", at_most=50),
    Figure("read.latest_500.p95_ms", "latest of 500 points, at the API", "ms", at_most=50),
    Figure("live.p99_ms", "device → socket frame at 5,000 points/s", "ms", at_most=250),
    Figure("live.p50_ms", "the same, median", "ms"),
    Figure("follow.p99_ms", "device → frame of a socket that follows all 5,000 points by the log", "ms"),
    Figure("follow.p50_ms", "the same, median", "ms"),
    Figure("alarms.core_share", "the judge of 10,000 rules over 100,000 points/s", "of a core", at_most=0.25,
           source="alarms"),
    Figure("alarms.database_core_share", "the same: the database's work for it", "of a core", source="alarms"),
    Figure("alarms.judged_points_per_s", "what was stored meanwhile", "points/s", source="alarms"),
    Figure("alarms.sample_to_page.p99_ms", "device → in the list of alarms, at 5,000 points/s", "ms", at_most=500,
           source="alarms"),
    Figure("alarms.sample_to_page.p50_ms", "the same, median", "ms", source="alarms"),
    Figure("alarms.sample_to_frame.p99_ms", "device → socket frame that tells of it", "ms", source="alarms"),
    Figure("api.list_100k.p95_ms", "lists of 100,000 devices, the worst of seven ways", "ms", at_most=100,
           source="tenants"),
    Figure("api.mixed.requests_per_s", "eight programs on two web processes", "requests/s", at_least=200,
           source="tenants"),
    Figure("api.mixed.p95_ms", "the same", "ms", at_most=150, source="tenants"),
    Figure("api.mixed.p50_ms", "the same, median", "ms", source="tenants"),
    Figure("api.permission_ms", "who a key is and whether it may", "ms", at_most=1, source="tenants"),
    Figure("metering.ingest_cost_ratio", "counting a minute's samples over storing them", at_most=0.02,
           source="tenants"),
    Figure("transfer.import_csv_rows_per_s", "10 million samples of a CSV, with roll-ups", "rows/s",
           source="tenants"),
    Figure("transfer.import_parquet_rows_per_s", "the same as Parquet", "rows/s", source="tenants"),
    Figure("transfer.import_peak_mb", "the process that stores them, at its most", "MB", source="tenants"),
    Figure("science.nab.standard_score", "anomalies of single points: NAB, 20 of 58 files, standard profile",
           at_least=60, source="health"),
    Figure("science.nab.threshold_of_other_files", "the same, each file by the others' threshold", source="health"),
    Figure("science.skab_valve1.f1", "anomalies of a machine: SKAB valve1, behind the first 400 rows", at_least=0.76,
           source="health"),
    Figure("science.skab_valve1.far", "the same: false alarms of healthy rows", "%", source="health"),
    Figure("science.skab_valve1.mar", "the same: missed anomalous rows", "%", source="health"),
    Figure("science.cmapss_fd001.rmse", "remaining life up to 125 cycles (training and test)", "cycles", at_most=13,
           source="health"),
    Figure("science.cmapss_fd001.nasa_score", "the same, NASA's score", source="health"),
    Figure("science.cmapss_fd001.interval_coverage", "its 90 % interval holds the truth", at_least=0.85, at_most=0.95,
           source="health"),
    Figure("science.cmapss_fd001.interval_width", "that interval's mean width", "cycles", source="health"),
    Figure("science.cmapss_fd003.rmse", "remaining life up to 125 cycles (training and test)", "cycles", at_most=13,
           source="health"),
    Figure("science.cmapss_fd003.nasa_score", "the same, NASA's score", source="health"),
    Figure("science.cmapss_fd003.interval_coverage", "its 90 % interval holds the truth", at_least=0.85, at_most=0.95,
           source="health"),
    Figure("science.cmapss_fd003.interval_width", "that interval's mean width", "cycles", source="health"),
    Figure("science.ai4i.f1", "labelled failures: AI4I, whole tool lives left out", at_least=0.85, source="health"),
    Figure("science.ai4i.f1_by_row", "the same split by row, as 0.895 is published", source="health"),
    Figure("science.cnc_mill.f1", "worn or not: each of 18 experiments left out", source="health"),
    Figure("science.cnc_mill.majority_f1", "the same, guessing the majority", source="health"),
    Figure("health.scoring_1000_machines.minutes", "an hour's scoring of 1,000 machines, by the worker", "min",
           at_most=10, source="health"),
    Figure("health.scoring_1000_in_memory.minutes", "its arithmetic alone, no database", "min", source="health"),
)  # fmt: skip

FIGURES: Mapping[str, Figure] = {figure.key: figure for figure in _FIGURES}
