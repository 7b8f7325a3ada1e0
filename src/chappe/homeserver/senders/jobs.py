"""Housekeeping that runs now and then, each job on its own clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from chappe.homeserver.database.leases import Leases
from chappe.homeserver.database.pool import DATABASE_LOST
from chappe.homeserver.database.server_time import TimeInDoubt

log = logging.getLogger(__name__)
LOOK_AT_LEAST_EVERY = 600.0  # seconds: a process that is restarted every day does the jobs of the day as well
NEARLY = 0.9  # of its period must have passed since a job was done anywhere: clocks of processes drift


@dataclass(frozen=True)
class ScheduledJob:
    """`is_per_process`: it concerns what this process has in memory. Every other job runs once in the cluster."""

    name: str
    seconds: float
    run: Callable[[], Awaitable[object]]
    is_per_process: bool


class Jobs:
    """`add` before `run`; a job that fails is logged, counted in `failures`, and tried again at its next time."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self.jobs: list[ScheduledJob] = []
        self.failures: dict[str, int] = {}

    def add(self, name: str, seconds: float, job: Callable[[], Awaitable[object]], is_per_process: bool = False) -> None:
        """`seconds`: from one run's end to the next one's start, in the cluster or (`is_per_process`) in this process."""
        self.jobs.append(ScheduledJob(name, seconds, job, is_per_process))
        self.failures[name] = 0

    async def run(self) -> None:
        """Runs until cancelled."""
        async with asyncio.TaskGroup() as group:
            for job in self.jobs:
                group.create_task(self._repeat(job), name=f"job {job.name}")

    async def _repeat(self, job: ScheduledJob) -> None:
        wait = job.seconds if job.is_per_process else min(job.seconds, LOOK_AT_LEAST_EVERY)
        while True:
            await asyncio.sleep(wait)
            try:
                await self.run_once(job)
            except (TimeoutError, *DATABASE_LOST):
                log.warning("a job could not reach the database", extra={"fields": {"job": job.name}})
            except TimeInDoubt as doubt:  # not done: a process whose clock is right may do it
                log.info("a job waits", extra={"fields": {"job": job.name, "why": str(doubt)}})
            except Exception:
                self.failures[job.name] += 1
                log.exception("a job failed", extra={"fields": {"job": job.name}})

    async def run_once(self, job: ScheduledJob) -> bool:
        """Runs a job now, unless another process does it or has just done it: then False."""
        if job.is_per_process:
            await job.run()
            return True
        lease = f"job {job.name}"
        if not await self._leases.claim(lease, job.seconds * NEARLY):
            return False
        async with self._leases.kept(lease):
            await job.run()
        await self._leases.done(lease)
        return True
