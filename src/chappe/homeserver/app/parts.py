"""What a node consists of: `features.py` lists its parts, the assembly makes them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from chappe.config import Config, limits_of
from chappe.homeserver.app.assemble import Assembly
from chappe.homeserver.app.features import HOMESERVER
from chappe.homeserver.app.loops import Loops
from chappe.homeserver.app.named_parts import NamedParts
from chappe.homeserver.app.tables import tables_of
from chappe.homeserver.database.clock import Clock
from chappe.homeserver.database.group_writer import GroupWriter
from chappe.homeserver.database.leases import Leases
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.secrets import Secrets
from chappe.homeserver.database.server_time import NowMs, ServerTime, TimeEvidence
from chappe.homeserver.database.table import AllTables
from chappe.homeserver.http.rate_limits import RateLimits
from chappe.homeserver.http.server import Listener
from chappe.homeserver.http.unread import UnreadAnswers
from chappe.homeserver.load.tasks import Tasks
from chappe.homeserver.load.watchdog import Watchdog
from chappe.homeserver.part import DataFolder, Job, Part
from chappe.homeserver.senders.jobs import Jobs
from chappe.homeserver.senders.narrow import skipped
from chappe.telemetry import Metrics


class Parts(NamedParts):
    """What a node consists of. It has no life of its own: see `Homeserver`."""

    _database: Database | None = None
    secrets: Secrets

    def __init__(self, config: Config, data: Path, database_url: str) -> None:
        self.config, self._data, self._database_url = config, data, database_url
        self.parts = self.parts_of(config)
        self.time = ServerTime()
        self.now_ms = self.time.now_ms
        self.listeners: list[Listener] = []
        self.closing = asyncio.Event()
        self.loops = Loops()

    def parts_of(self, config: Config) -> Sequence[Part]:
        """What a node of this configuration is made of."""
        return HOMESERVER

    @property
    def tables(self) -> AllTables:
        """Every table of the installation, those of a layer above included."""
        return AllTables(tables_of(self.parts))

    @property
    def database(self) -> Database:
        assert self._database is not None, "the node has not been started"
        return self._database

    def _build(self) -> None:
        """Makes what the parts give. What is there before them is given to all: the database, the clocks, the configuration."""
        config, database = self.config, self.database
        self.metrics, self.limits, self.watchdog = Metrics(), RateLimits(limits_of(config)), Watchdog()
        self.tasks = Tasks()
        self.unread = UnreadAnswers(config.shares.unread_mib_per_account << 20, config.shares.unread_mib << 20)
        self.clock, self.time_evidence = Clock(database), TimeEvidence(database, self.time)
        self.writer, self.leases = GroupWriter(self._database_url, self.clock), Leases(database)
        sections = (getattr(config, name) for name in config.__struct_fields__)
        given: dict[Any, object] = {
            **{type(section): section for section in sections if isinstance(section, msgspec.Struct)},
            Config: config,
            DataFolder: self._data,
            Secrets: self.secrets,
            AllTables: self.tables,
            Database: database,
            NowMs: self.now_ms,
            ServerTime: self.time,
            TimeEvidence: self.time_evidence,
            Clock: self.clock,
            GroupWriter: self.writer,
            Leases: self.leases,
            Metrics: self.metrics,
            RateLimits: self.limits,
            Tasks: self.tasks,
        }
        self.assembly = Assembly(self.parts, given)
        self.assembly.make()
        self._name_parts(self.assembly)
        self.account_states.add(self.assembly.ends())
        self.account_states.require_whole(with_layer=False)
        self.jobs = Jobs(self.leases)
        self.work = self.assembly.work()
        for work in self.work:
            if isinstance(work, Job):
                run = self.time_evidence.required(work.run) if work.cannot_be_undone else work.run
                self.jobs.add(work.name, work.seconds, run, work.is_per_process)
        self._measure()

    def _measure(self) -> None:
        self.assembly.measure()
        metrics = self.metrics
        metrics.count("chappe_loop_blocked", "Times the event loop was held", lambda: self.watchdog.blocked)
        metrics.gauge("chappe_loop_blocked_longest_seconds", "Longest of them", lambda: self.watchdog.longest)
        metrics.gauge("chappe_unread_answer_bytes", "Large answers not taken yet", lambda: self.unread.total)
        metrics.gauge("chappe_rate_limit_buckets", "In memory", lambda: len(self.limits))
        metrics.gauge("chappe_loops_running", "Loops at work", self.loops.running)
        metrics.counted("chappe_loop_restarts", "Loops that ended and were started again", "loop", self._restarts)
        metrics.counted("chappe_events_skipped", "Events that a queue could not look at", "queue", lambda: skipped)
        metrics.counted("chappe_job_failures", "Jobs that failed", "job", lambda: self.jobs.failures)

    def _restarts(self) -> dict[str, int]:
        return {name: self.loops.restarts(name) for name in self.loops.names}
