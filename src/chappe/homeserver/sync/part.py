"""/sync and sliding sync as a part of a node."""

from __future__ import annotations

from chappe.homeserver.api.client.sliding_sync import SlidingSyncApi
from chappe.homeserver.api.client.sync import Sync
from chappe.homeserver.part import Part
from chappe.homeserver.sync.engine import SyncEngine
from chappe.homeserver.sync.sliding.engine import SlidingSync

PART = Part("sync", gives=(SyncEngine, SlidingSync), endpoints=(Sync, SlidingSyncApi))
