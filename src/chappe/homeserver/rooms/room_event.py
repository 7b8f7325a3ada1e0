"""An event as the room engine keeps it: ready-made bytes for clients, and what sync and authorisation ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from types import MappingProxyType
from typing import Any

import orjson

from chappe.homeserver.rooms.auth_chains import ChainRow
from chappe.homeserver.rooms.stored_event import StoredEvent, TimelineEvent
from chappe.matrix.client_events import client_event_head, stored_client_event_head
from chappe.matrix.event_auth import StateKey
from chappe.matrix.relations import BUNDLED, Relation, relation_of
from chappe.matrix.room_versions import RoomVersion

DELAYED = "\x1fdelayed\x1f"  # in the transaction of what was a delayed event: its id follows
NO_MARKS: Mapping[str, str] = MappingProxyType({})
ERASED = ""  # in `redacted_by`: its time was over, nobody redacted it


class RoomEvent:
    """`head`: the client form without `unsigned` and without the closing brace. `position` is 0 until committed.

    `notify_total`, `highlight_total`: what it adds to the unread counts until it is committed; then the totals of its thread (or of
    the main timeline) up to and with it.
    """

    __slots__ = (
        "_content",
        "_joined",
        "chain",
        "depth",
        "event_id",
        "head",
        "highlight_total",
        "is_bundled",
        "is_erased",
        "is_target",
        "nid",
        "notify_total",
        "position",
        "redacted_because",
        "relates_to",
        "replaces",
        "room_before",
        "sender",
        "state_after",
        "state_before",
        "state_delta",
        "state_key",
        "thread",
        "ts",
        "txn",
        "type",
    )

    def __init__(
        self,
        nid: int,
        event_id: str,
        event_type: str,
        state_key: str | None,
        sender: str,
        ts: int,
        depth: int,
        head: bytes,
        state_before: int,
    ) -> None:
        self.nid, self.event_id, self.type, self.state_key, self.sender = nid, event_id, event_type, state_key, sender
        self.ts, self.depth, self.head, self.state_before = ts, depth, head, state_before
        self.position = self.notify_total = self.highlight_total = 0
        self.thread = ""  # the root of its thread; "" is the main timeline, and the totals are those of the thread
        self.is_erased = False  # no reader is shown it
        self.is_target = True  # False: no event related to it when it was read
        self.relates_to: str | None = None  # the event that a relation of this one points to
        self.is_bundled = False  # whether it is told with that event
        self.txn: str | None = None  # "user|device|…|transaction id" of its sender
        self.chain: ChainRow | None = None
        self.state_after: int | None = None  # the state's root with it, while it is being written
        self.room_before: int | None = None  # the room's root before it came, where that is not `state_before`
        # where state resolution changed the room's state with this event: by key, the state event before and the one after
        self.state_delta: dict[StateKey, tuple[RoomEvent | None, RoomEvent | None]] | None = None
        self.replaces: RoomEvent | None = None
        self.redacted_because: RoomEvent | None = None
        self._content: dict[str, Any] | None = None
        self._joined: bytes | None = None

    @property
    def content(self) -> dict[str, Any]:
        """Kept for state events; read anew each time for others, which are many and seldom asked."""
        if self._content is not None:
            return self._content
        content: dict[str, Any] = orjson.loads(self.head + b"}")["content"]
        if self.state_key is not None:
            self._content = content
        return content

    def get_content(self) -> dict[str, Any]:
        """`content`, for those who want a function that may never be called."""
        return self.content

    @property
    def key(self) -> StateKey:
        assert self.state_key is not None
        return self.type, self.state_key

    @property
    def redacts(self) -> str | None:
        """Of an m.room.redaction: the event that it names."""
        value = orjson.loads(self.head + b"}").get("redacts")
        return value if type(value) is str else None

    @property
    def is_redacted(self) -> bool:
        """Whether nothing is left of what it said: it notifies nobody any more."""
        return self.is_erased or self.redacted_because is not None

    @property
    def has_url(self) -> bool:
        """Whether it is one of a file (client-server API, "Filtering": `contains_url`)."""
        return b'"url"' in self.head and type(self.content.get("url")) is str

    @property
    def membership(self) -> str:
        return str(self.content.get("membership", "leave"))

    def emptied(self) -> RoomEvent:
        """A copy with an empty content, as a redaction leaves a message: for a reader to whom it is erased."""
        found = copy(self)
        found.set_head(orjson.dumps({**orjson.loads(self.head + b"}"), "content": {}})[:-1])
        return found

    def set_head(self, head: bytes) -> None:
        """Takes another client form, as after a redaction, or where its content came late."""
        self.head, self._content, self._joined = head, None, None
        self.find_relation()

    def find_relation(self) -> None:
        """As `relate`, by the content."""
        has_one = self.state_key is None and b'"m.relates_to"' in self.head
        self.relate(relation_of(self.content) if has_one else None)

    def relate(self, relation: Relation | None) -> None:
        """Sets what it says of another event."""
        self.relates_to = None if relation is None else relation.target
        self.is_bundled = relation is not None and relation.rel_type in BUNDLED

    def unsigned(self, membership: str, marks: Mapping[str, str] = NO_MARKS, relations: bytes | None = None) -> dict[str, Any]:
        """What readers get beside the event. `membership`: the reader's at the event; `marks`: what only its author gets;
        `relations`: what relates to it, as this reader sees it."""
        result: dict[str, Any] = {"membership": membership, **marks}
        if self.replaces is not None:
            result["replaces_state"] = self.replaces.event_id
            result["prev_content"] = self.replaces.content
            result["prev_sender"] = self.replaces.sender
        if self.redacted_because is not None:
            result["redacted_because"] = orjson.Fragment(self.redacted_because.head + b"}")
        elif relations is not None:
            result["m.relations"] = orjson.Fragment(relations)
        return result

    def for_joined(self) -> bytes:
        """The client event as every member sees it who was in the room: shared by all of them."""
        if self._joined is None:
            self._joined = self.for_reader("join")
        return self._joined

    def marks_for(self, device: str) -> Mapping[str, str]:
        """What the author's device gets beside its event: the transaction in which it was sent; every device of the author
        the delayed event that it was (MSC4140). `device`: how the transactions of a device begin."""
        txn = self.txn
        if txn is None:
            return NO_MARKS
        is_delayed = DELAYED in txn
        if not txn.startswith(device[: device.index("\x1f") + 1] if is_delayed else device):
            return NO_MARKS
        return {"delay_id" if is_delayed else "transaction_id": txn.rsplit("\x1f", 1)[1]}

    def for_reader(self, membership: str, marks: Mapping[str, str] = NO_MARKS, relations: bytes | None = None) -> bytes:
        plain = not marks and relations is None and self.replaces is None and self.redacted_because is None
        if plain and membership == "join":
            return self.head + b',"unsigned":{"membership":"join"}}'  # most events, most of the time
        return self.head + b',"unsigned":' + orjson.dumps(self.unsigned(membership, marks, relations)) + b"}"

    def stripped(self) -> bytes:
        """Stripped state, for invitations and knocks."""
        event = {"type": self.type, "state_key": self.state_key, "sender": self.sender, "content": self.content}
        return orjson.dumps(event)


def event_of_row(row: StoredEvent, room_id: str, version: RoomVersion) -> RoomEvent:
    """From a row of `events`."""
    if row.type == "m.room.redaction":  # what it redacts stands in two places
        head = client_event_head(orjson.loads(row.json), row.event_id, room_id, version)
    else:
        head = stored_client_event_head(row.json, row.type, row.sender, row.state_key, row.ts, row.event_id, room_id)
    event = RoomEvent(row.nid, row.event_id, row.type, row.state_key, row.sender, row.ts, row.depth, head, row.state_before)
    event.position, event.txn, event.thread = row.position, row.txn, row.thread
    event.is_erased = row.redacted_by == ERASED
    event.is_target = not isinstance(row, TimelineEvent) or row.is_target
    event.find_relation()
    event.notify_total, event.highlight_total = row.notify_total, row.highlight_total
    return event
