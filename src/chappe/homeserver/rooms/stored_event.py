"""An event as statements read it from the log."""

from __future__ import annotations

from chappe.homeserver.database.rows import Int, Row, columns


class StoredEvent(Row):
    """Events refer to each other by number, to states by the roots of their trees. `redacted_by`: see `ERASED`."""

    nid: int
    position: int
    room_nid: int
    event_id: str
    type: str
    state_key: str | None
    sender: str
    ts: int
    depth: int
    state_before: int
    replaces: int | None
    thread: str
    notify_total: int
    highlight_total: int
    txn: str | None
    redacted_by: str | None
    moved: bool
    json: bytes


class TimelineEvent(StoredEvent):
    """`is_target`: whether another relates to it."""

    is_target: bool


class ScannedEvent(TimelineEvent):
    """`place`: where it was looked for, counted from 1. `low`: the position of the first of the events that were looked at there;
    `scanned`: how many they were."""

    place: int
    low: int
    scanned: int


class StateChange(StoredEvent):
    """`at`: where the room's state got it."""

    at: int


class StateEvent(StoredEvent):
    """With its auth chain, where it has one."""

    num: Int | None
    base: Int | None
    rest: bytes | None


class EventPlace(Row):
    nid: int
    position: int
    state_before: int


class SaidBefore(Row):
    event_id: str
    sender: str
    position: int
    json: bytes


class ThreadOf(Row):
    """`related`: whether it is itself related to another."""

    event_id: str
    thread: str
    related: bool


EVENT_COLUMNS = columns(StoredEvent, "e")
