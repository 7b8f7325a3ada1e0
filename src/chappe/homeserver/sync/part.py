"""/sync and sliding sync as a part of a node."""

from __future__ import annotations

from chappe.config import Config, waiting_of
from chappe.homeserver.database.clock import Clock
from chappe.homeserver.load.tasks import Tasks
from chappe.homeserver.part import Part
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.sync.api.sliding_sync import SlidingSyncApi
from chappe.homeserver.sync.api.sync import Sync
from chappe.homeserver.sync.engine import SyncEngine
from chappe.homeserver.sync.notifier import Notifier
from chappe.homeserver.sync.polls import MostWaiting
from chappe.homeserver.sync.sliding.engine import SlidingSync
from chappe.telemetry import Metrics


def notifier(clock: Clock, rooms: Rooms, tasks: Tasks, config: Config) -> Notifier:
    return Notifier(clock, rooms, tasks, MostWaiting(*waiting_of(config)))


def measures(metrics: Metrics, notifier: Notifier) -> None:
    metrics.gauge("chappe_waiting_syncs", "Requests that wait for news", lambda: len(notifier.waiters))
    metrics.count("chappe_syncs_ended", "Waiting syncs that made room", lambda: notifier.polls.ended)


PART = Part("sync", gives=(notifier, SyncEngine, SlidingSync), endpoints=(Sync, SlidingSyncApi), measures=measures)
