"""Presence as a part of a node."""

from __future__ import annotations

from collections.abc import Iterator

from chappe.config import Config
from chappe.homeserver.database.clock import Clock
from chappe.homeserver.database.group_writer import GroupWriter
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.load.tasks import Tasks
from chappe.homeserver.modules.presence.api import PresenceApi
from chappe.homeserver.modules.presence.presence import Presence
from chappe.homeserver.modules.presence.section import PresenceSection
from chappe.homeserver.modules.presence.tables import TABLES
from chappe.homeserver.part import Job, Part

EXPIRE_EVERY = 300  # seconds
END_EVERY = 10  # seconds


def presence(database: Database, writer: GroupWriter, clock: Clock, now_ms: NowMs, tasks: Tasks, config: Config) -> Presence:
    settings = config.presence
    disabled = frozenset(settings.disabled_domains)
    return Presence(database, writer, clock, now_ms, tasks, lambda domain: settings.enabled and domain not in disabled)


def runs(presence: Presence) -> Iterator[Job]:
    yield Job("presence", EXPIRE_EVERY, presence.expire, is_per_process=True)
    yield Job("statuses", END_EVERY, presence.end_statuses, cannot_be_undone=True)


async def close(presence: Presence) -> None:
    await presence.close()


PART = Part(
    "presence", gives=(presence,), endpoints=(PresenceApi,), sections=(PresenceSection,), tables=TABLES, runs=runs, closes=close
)
