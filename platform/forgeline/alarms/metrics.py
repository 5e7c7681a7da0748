"""Counters of the judge and of weekly reports."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

ROUNDS = Counter("forgeline_alarm_rounds_total", "Rounds of judging.")
COMMITS = Counter("forgeline_alarm_commits_total", "Commits of samples that were judged.")
NEWS = Counter("forgeline_alarm_news_total", "Alarms that came or went and were told.")
RULES = Gauge(
    "forgeline_alarm_rules", "Rules that are judged.", ["tenant"], multiprocess_mode="livemostrecent"
)
FAULTED = Gauge(
    "forgeline_alarm_rules_faulted", "Rules in force that cannot be judged, and say why on their page.", ["tenant"],
    multiprocess_mode="livemostrecent",
)  # fmt: skip
ROUND_SECONDS = Histogram("forgeline_alarm_round_seconds", "How long a round took.")
FAILURES = Counter("forgeline_alarm_round_failures_total", "Rounds that failed and were done again.")

REPORTS = Counter("forgeline_alarm_reports_total", "Weekly reports that were made.")
REPORT_FAILURES = Counter(
    "forgeline_alarm_report_failures_total", "Weekly reports that failed and are tried again within the hour."
)


def note_round(_tenant_id: int, *, commits: int, transitions: int) -> None:
    """Count a round."""
    ROUNDS.inc()
    COMMITS.inc(commits)
    NEWS.inc(transitions)


def note_plan(tenant_id: int, *, judged: int, faulted: int) -> None:
    """Tell how many rules stand."""
    RULES.labels(str(tenant_id)).set(judged)
    FAULTED.labels(str(tenant_id)).set(faulted)
