"""The log, its clock and the time as a part of a node."""

from __future__ import annotations

from collections.abc import Iterator

from chappe.homeserver.database.clock import Clock
from chappe.homeserver.database.group_writer import GroupWriter
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.server_time import ServerTime, TimeEvidence
from chappe.homeserver.database.tables import TABLES
from chappe.homeserver.part import Job, Part
from chappe.telemetry import Metrics

TIME_EVERY = 10  # seconds between two looks at the clocks


def runs(evidence: TimeEvidence) -> Iterator[Job]:
    yield Job("time", TIME_EVERY, evidence.check_time, is_per_process=True)


def measures(
    metrics: Metrics, database: Database, clock: Clock, time: ServerTime, evidence: TimeEvidence, writer: GroupWriter
) -> None:
    metrics.gauge("chappe_position", "End of the log as this process knows it", lambda: clock.watermark)
    metrics.gauge("chappe_clock_skew_seconds", "This machine's clock ahead of the database's", lambda: time.skew_ms / 1000)
    metrics.gauge("chappe_clock_in_doubt", "1: nothing is erased or ended", lambda: evidence.doubt is not None)
    failures = "chappe_clock_listener_failures"
    metrics.gauge(failures, "Listeners of the clock that failed", lambda: clock.listener_failures)
    metrics.gauge("chappe_commits", "Commits of this process", lambda: writer.commits)
    metrics.gauge("chappe_sql_statements", "Statements outside the writer", lambda: database.statements)


PART = Part("the log", tables=TABLES, runs=runs, measures=measures)
