"""Building events: against a live room, in memory, without a read.

A `RoomWrite` holds what somebody wants to say (`Draft`s) and builds it, again if the room moved before the commit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from chappe.homeserver.database.rows import Row
from chappe.homeserver.rooms.encryption import ENCRYPTION, require_stays_encrypted
from chappe.homeserver.rooms.event_write import EventWrite
from chappe.homeserver.rooms.fragments import HeldRedactionRow, NewRoomRow, RedactionRow, StatePackRow, auth_event_row
from chappe.homeserver.rooms.ground import Ground, StateMoved, id_at
from chappe.homeserver.rooms.listings import AliasRow, PublishedRoomRow
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.state_tree import KeyHash, name_to_int
from chappe.homeserver.rooms.summary import SHOWN, summary_row
from chappe.matrix.canonical_json import canonical_json
from chappe.matrix.client_events import client_event_head
from chappe.matrix.event_auth import auth_event_keys, check_auth
from chappe.matrix.events import Pdu, check_size, depth_after, room_id_of_create, seal
from chappe.matrix.identifiers import domain_of
from chappe.matrix.relations import relation_of
from chappe.matrix.signing import SigningKey

_REVOKING = frozenset(("m.room.power_levels", "m.room.server_acl", "m.room.join_rules", "m.room.history_visibility"))


@dataclass(slots=True)
class Redaction:
    """The redaction that an m.room.redaction carries out: its target, and what will be left of it."""

    event_id: str
    pdu: bytes
    head: bytes


@dataclass(frozen=True, slots=True)
class Admitted:
    """The proof that `Admission` has judged a membership event. It alone makes these."""


@dataclass(slots=True)
class Draft:
    """An event as its author means it. `thread`: the root of the thread that it belongs to, "" for the main timeline.

    `ground`: by key, the ids of the state events by which the draft was judged (None: there was none). They are compared each
    time that the event is built, since a draft waits for its turn while others change the room. `beside`: rows of the group
    writer that are committed with it, and not without it.
    """

    type: str
    sender: str
    content: dict[str, Any]
    state_key: str | None = None
    redacts: str | None = None
    redaction: Redaction | None = None
    thread: str = ""
    ts: int | None = None  # in ms, where an application service says when it really happened
    ground: Ground = field(default_factory=dict)
    admitted: Admitted | None = None  # without it no membership event is written
    beside: Sequence[Row] = ()

    def require_ground(self, room: LiveRoom) -> None:
        """Raises StateMoved where the state under one of the keys is another event by now."""
        for key, event_id in self.ground.items():
            if id_at(room, key) != event_id:
                raise StateMoved


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What building needs besides the room."""

    key_hash: KeyHash
    signing_key: SigningKey
    now_ms: int
    numbers: tuple[int, ...]  # one per draft, this process's own
    random_id: str  # room versions 1 and 2 choose their event ids


class RoomWrite(EventWrite):
    """The drafts of one request, committed together. After `build`: `events`, and everything their rows need."""

    lane: LiveRoom

    def __init__(self, room: LiveRoom, drafts: list[Draft], around: Surroundings, txn: str) -> None:
        super().__init__(room, txn)
        self.drafts, self.around = drafts, around
        self.aliases: list[tuple[str, str]] = []
        self.published_in: list[str] = []  # a new room: the domains in whose directories it is listed
        self._touched_room = False

    def build(self) -> None:
        self.start_over()
        self._touched_room = False
        try:
            for index, draft in enumerate(self.drafts):
                self._build_one(index, draft)
        except Exception:
            if self._touched_room:
                self.lane.reset()  # nothing may hang off an event that will never be
            raise
        ahead, last = self.ahead, self.events[-1]
        self.positions, self.txn_result = len(self.events), last.event_id
        self.root_after, self.depth, self.next_num = ahead.root, last.depth, ahead.chains.next_num
        self.forward_extremities[last.event_id] = ahead.root
        if any(d.state_key is not None and (d.type in SHOWN or d.type == "m.room.member") for d in self.drafts):
            self.summary = summary_row(self.lane.nid, ahead.get, ahead.joined, ahead.invited)

    def _build_one(self, index: int, draft: Draft) -> None:
        room, ahead, around = self.lane, self.ahead, self.around
        if (draft.type, draft.state_key) == ENCRYPTION:
            require_stays_encrypted(ahead.get, draft.content)
        if draft.ground:
            draft.require_ground(room)
        pdu = self._pdu(draft, index)
        check_auth(pdu, room.version, ahead.get)
        event_id = seal(pdu, room.version, domain_of(draft.sender), around.signing_key)
        raw = canonical_json(pdu)
        check_size(pdu, raw)
        head = client_event_head(pdu, event_id, room.room_id, room.version)
        event = RoomEvent(
            around.numbers[index],
            event_id,
            draft.type,
            draft.state_key,
            draft.sender,
            pdu["origin_server_ts"],
            pdu["depth"],
            head,
            name_to_int(ahead.root),
        )
        event.txn, event.thread = self.event_txn, draft.thread
        self._touched_room = True
        if draft.state_key is not None:
            self._state(index, draft, event, pdu)
        elif (relation := relation_of(draft.content)) is not None:
            self.add_relation(index, event, relation)
        if draft.redaction is not None:
            self.redacted.append((draft.redaction.event_id, draft.redaction.head, event))
            self.add_row(RedactionRow(event_id=draft.redaction.event_id, redacted_by=event_id, json=draft.redaction.pdu))
        elif draft.redacts is not None:  # it waits for what is not here
            self.add_row(HeldRedactionRow(target=draft.redacts, redaction=event_id, room=room.nid))
        for row in draft.beside:
            self.add_row(row)
        self.add_notifications(index, event, draft.content)
        self.used += pdu["prev_events"] if room.version.event_ids_are_hashes else [p[0] for p in pdu["prev_events"]]
        ahead.follow(event_id, pdu["depth"])
        self.events.append(event)
        self._pdus.append(raw)

    def _pdu(self, draft: Draft, index: int) -> Pdu:
        now_ms, own_id = self.around.now_ms, f"{self.around.random_id}{index}"
        return pdu_of(self.lane, draft, now_ms, own_id)

    def _state(self, index: int, draft: Draft, event: RoomEvent, pdu: Pdu) -> None:
        room, ahead = self.lane, self.ahead
        key = event.key
        event.replaces = ahead.get(key)
        keys = auth_event_keys(draft.type, draft.state_key, draft.sender, draft.content, room.version)
        auth_events = [e for k in keys if (e := ahead.get(k)) is not None]
        event.chain = ahead.chains.add([e.chain for e in auth_events if e.chain is not None])
        pack, nodes = ahead.set(key, event, self.around.key_hash(*key))
        if pack is not None:
            self.add_row(StatePackRow(pack=event.nid, room=room.nid, data=pack))
            self.nodes.update(nodes)
        self.add_row(auth_event_row(event.nid, room.nid, event.chain, [e.nid for e in auth_events]))
        event.state_after = name_to_int(ahead.root)
        self.state_changes += 1
        if draft.type == "m.room.member":
            self.add_membership(index, event, event.replaces.membership if event.replaces else "leave")
        elif draft.type in _REVOKING:
            self.revokes = True

    def fragment_rows(self, start: int, totals: dict[str, list[int]]) -> Iterator[Row]:
        room = self.lane
        if room.is_new and self.drafts[0].type == "m.room.create":
            yield NewRoomRow(room=room.nid, room_id=room.room_id, version=room.version.id, stub=False)
            for domain in self.published_in:
                yield PublishedRoomRow(server_name=domain, room=room.nid)
        for alias, creator in self.aliases:
            yield AliasRow(alias=alias, room_id=room.room_id, creator=creator)
        yield from super().fragment_rows(start, totals)


def pdu_of(room: LiveRoom, draft: Draft, now_ms: int, own_id: str) -> Pdu:
    """A draft as it travels between servers, at the end of the room's graph, not yet hashed and signed.

    `own_id`: a part of the event's id in versions that choose it.
    """
    keys = auth_event_keys(draft.type, draft.state_key, draft.sender, draft.content, room.version)
    ahead = room.ahead
    auth = [event.event_id for key in keys if (event := ahead.get(key)) is not None]
    prev = ahead.prev_events()
    pdu: Pdu = {
        "type": draft.type,
        "sender": draft.sender,
        "content": draft.content,
        "depth": depth_after(ahead.depth, room.version),
        "origin_server_ts": now_ms if draft.ts is None else draft.ts,
        "room_id": room.room_id,
    }
    if room.version.event_ids_are_hashes:
        pdu["prev_events"], pdu["auth_events"] = prev, auth
    else:
        pdu["event_id"] = f"${own_id}:{domain_of(draft.sender)}"
        pdu["prev_events"], pdu["auth_events"] = [[p, {}] for p in prev], [[a, {}] for a in auth]
    if draft.state_key is not None:
        pdu["state_key"] = draft.state_key
    if draft.redacts is not None:
        if room.version.redacts_in_content:
            pdu["content"] = {**draft.content, "redacts": draft.redacts}
        else:
            pdu["redacts"] = draft.redacts
    if draft.type == "m.room.create" and room.version.room_id_is_create_hash:
        del pdu["room_id"]
    return pdu


def identify_room(create: Draft, room: LiveRoom, around: Surroundings) -> str:
    """Version 12: the id that a room will have once this create event is its first."""
    write = RoomWrite(room, [create], around, "")
    pdu = write._pdu(create, 0)
    seal(pdu, room.version, domain_of(create.sender), around.signing_key)
    return room_id_of_create(pdu, room.version)
