"""Delayed events as a part of a node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chappe.config import DelayedEventsConfig
from chappe.homeserver.accounts.account_states import AccountStateEntry, End
from chappe.homeserver.accounts.ways_to_act import AccountState
from chappe.homeserver.actions.send_delayed_event import SendDelayedEvent
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.modules.delayed_events.api import DelayedEventsApi
from chappe.homeserver.modules.delayed_events.delayed_events import DelayedEvents
from chappe.homeserver.modules.delayed_events.tables import TABLES
from chappe.homeserver.part import Job, Loop, Part
from chappe.homeserver.senders.delayed_events import DelayedEventSender

PRUNE_EVERY = 600  # seconds
HOUR_MS = 3_600_000


def delayed_events(database: Database, now_ms: NowMs, delays: DelayedEventsConfig) -> DelayedEvents:
    return DelayedEvents(database, now_ms, delays.max_delay_hours * HOUR_MS, delays.max_scheduled)


def runs(delayed: DelayedEvents, sender: DelayedEventSender) -> Iterator[Loop | Job]:
    yield Loop("delayed events", sender.run)
    yield Job("old delayed events", PRUNE_EVERY, delayed.prune, cannot_be_undone=True)


def ends(delayed: DelayedEvents) -> Mapping[str, End]:
    async def end(entry: AccountStateEntry) -> None:
        if entry.state is AccountState.SIGNED_OUT_EVERYWHERE:
            await delayed.sign_out(entry.user_id, entry.but_device)
        else:
            await delayed.cancel_all(entry.user_id)

    return {"delayed events": end}


PART = Part(
    "delayed events",
    gives=(delayed_events, SendDelayedEvent, DelayedEventSender),
    endpoints=(DelayedEventsApi,),
    tables=TABLES,
    runs=runs,
    ends=ends,
)
