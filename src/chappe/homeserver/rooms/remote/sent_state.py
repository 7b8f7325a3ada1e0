"""The state of a room that is entered, as another server sends it: judged event by event, and stored in bulk."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chappe.homeserver.database.pool import Database
from chappe.homeserver.rooms.auth_chains import AuthChains, ChainRow
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.auth import AuthEvent, in_auth_order, judge
from chappe.homeserver.rooms.remote.checks import SignedPdu
from chappe.homeserver.rooms.remote.stored_pdu import OUTLYING, REJECTED
from chappe.homeserver.rooms.store import OUTLIER
from chappe.matrix.events import timestamp_of

_EVENT_COLUMNS = (
    "nid",
    "position",
    "room_nid",
    "event_id",
    "type",
    "state_key",
    "sender",
    "ts",
    "depth",
    "state_before",
    "notify_total",
    "highlight_total",
    "status",
    "json",
    "is_unfit",
)


@dataclass(frozen=True, slots=True)
class Judged:
    """The state events that another server sent, auth events before those that cite them, each accepted or rejected by its auth
    events. One is left out where an auth event was not sent."""

    ordered: Sequence[SignedPdu]
    auth_events: Mapping[str, AuthEvent]


def judge_all(events: Mapping[str, SignedPdu]) -> Judged:
    """`events`: a state and its auth chain, by id."""
    auth_events: dict[str, AuthEvent] = {}
    return Judged(list(judge(in_auth_order(events), auth_events)), auth_events)


def _rows(number: int, judged: Judged, nids: Sequence[int], room: LiveRoom) -> tuple[list[Any], list[Any], list[Any]]:
    numbers: dict[str, int] = {}
    chain_rows: dict[str, ChainRow] = {}
    chains = AuthChains(dict(room.ahead.chains.bases), room.ahead.chains.next_num)
    rows, auth_rows = [], []
    for checked, nid in zip(judged.ordered, nids, strict=True):
        is_rejected, pdu = judged.auth_events[checked.event_id].is_rejected, checked.pdu
        numbers[checked.event_id] = nid
        rows.append(
            (
                nid,
                OUTLIER,
                number,
                checked.event_id,
                pdu["type"],
                pdu["state_key"],
                pdu["sender"],
                timestamp_of(pdu),
                pdu["depth"],
                0,
                0,
                0,
                REJECTED if is_rejected else OUTLYING,
                checked.raw,
                checked.is_unfit,
            )
        )
        if not is_rejected:
            direct = [a for a in checked.pdu_auth_events() if a in chain_rows]
            chain = chain_rows[checked.event_id] = chains.add([chain_rows[a] for a in direct])
            auth_rows.append((nid, number, chain.num, [numbers[a] for a in direct], chain.base, chain.rest.serialize()))
    return rows, auth_rows, [(number, base, raw) for base, raw in chains.take_new_bases()]


async def load(database: Database, room: LiveRoom, judged: Judged, nids: Sequence[int]) -> None:
    """Writes the events of a state and its auth chain in bulk, as outliers: nobody reads this room yet. `nids`: their numbers."""
    rows, auth_rows, bases = await asyncio.to_thread(_rows, room.nid, judged, nids, room)
    async with database.transaction() as transaction:
        await transaction.copy_records_to_table("events", records=rows, columns=_EVENT_COLUMNS)
        await transaction.copy_records_to_table(
            "auth_events", records=auth_rows, columns=("event_nid", "room_nid", "num", "auth", "base", "rest")
        )
        await transaction.copy_records_to_table("auth_bases", records=bases, columns=("room_nid", "base", "chain"))
