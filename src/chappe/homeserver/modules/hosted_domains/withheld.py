"""What of others' rooms a domain that moves out does not take along: what none of its people may see.

Its new server gets what it would get as a server of its own in the room (`rooms/remote/serving.py`). Every event goes along, so
that the graph, the states and the auth chains are whole; what nobody of the domain may see goes in the form that a redaction
leaves, under its id, and nothing that was made from it (relations, search) goes at all. Such an event gives way to a copy that has
its content (`events.is_unfit`), should another server give one. Whole are, whenever they were:

- what the authorisation rules ask: who made the room, who was in it, who might what (every server in a room has them);
- the room's present state, and each state with which somebody of the domain began to see.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from chappe.homeserver.database.rows import Row, each, read, values
from chappe.homeserver.database.table import of_domain
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.state_tree import EMPTY, int_to_name
from chappe.homeserver.rooms.stretches import BLOCK
from chappe.homeserver.rooms.visibility import VISIBILITY_KEY
from chappe.matrix.canonical_json import canonical_json
from chappe.matrix.history_visibility import is_visible, parse_visibility
from chappe.matrix.redaction import redact
from chappe.matrix.room_versions import RoomVersion, require_room_version

AT_ONCE = 500  # events
HISTORY, SOFT_FAILED = 0, 3  # `events.status` of what people, or at least servers, are shown
WHOLE = frozenset(
    (
        "m.room.create",
        "m.room.member",
        "m.room.power_levels",
        "m.room.join_rules",
        "m.room.third_party_invite",
        VISIBILITY_KEY[0],
    )
)
_OURS = of_domain("m.user_id")
_SHARED = f"""
    SELECT r.room_nid, r.version, r.root FROM rooms r JOIN moving_rooms USING (room_nid) WHERE EXISTS (
        SELECT 1 FROM memberships m WHERE m.room_nid = r.room_nid AND m.was_joined AND NOT {_OURS})"""
_RULES = """SELECT e.room_nid, e.json FROM events e JOIN moving_rooms USING (room_nid)
    WHERE e.type = 'm.room.history_visibility' AND e.state_key = ''"""
_OF_ERASED = """SELECT DISTINCT m.room_nid FROM memberships m JOIN moving_rooms USING (room_nid)
    WHERE m.user_id = ANY($1::text[])"""
_PEOPLE = f"""SELECT m.user_id, m.membership, m.joined_since FROM memberships m
    WHERE m.room_nid = $2 AND (m.membership = 'join' OR m.was_joined) AND {_OURS}"""
_EVENTS = """SELECT nid, position, event_id, type, state_key, sender, status, state_before, json FROM events
    WHERE room_nid = $1 AND (position, nid) > ($2, $3) ORDER BY position, nid LIMIT $4"""


class VisibilityRule(Row):
    room_nid: int
    json: bytes


class SharedRoom(Row):
    room_nid: int
    version: str
    root: int


async def withhold(connection: Any, rooms: Rooms, server_name: str) -> None:
    """Fills the table `moving_withheld` of the transaction: of each event that is withheld, what goes in its place."""
    await connection.execute(
        """CREATE TEMP TABLE moving_withheld (nid bigint PRIMARY KEY, event_id text NOT NULL, json bytea NOT NULL)
           ON COMMIT DROP"""
    )
    looked_at = set(await values(connection, int, _OF_ERASED, list(rooms.visibility.erased_at)))
    async for rule in each(connection, VisibilityRule, _RULES):
        if parse_visibility(orjson.loads(rule.json)["content"].get("history_visibility")) in ("invited", "joined"):
            looked_at.add(rule.room_nid)
    for room in await read(connection, SharedRoom, _SHARED, server_name):
        if room.room_nid in looked_at:
            await _Withheld(connection, rooms, server_name, room).find()


class MemberThen(Row):
    user_id: str
    membership: str
    joined_since: int | None


class HeldEvent(Row):
    nid: int
    position: int
    event_id: str
    type: str
    state_key: str | None
    sender: str
    status: int
    state_before: int
    json: bytes


class _Withheld:
    def __init__(self, connection: Any, rooms: Rooms, server_name: str, room: SharedRoom) -> None:
        self._connection, self._rooms, self._server_name = connection, rooms, server_name
        self._number, self._version = room.room_nid, require_room_version(room.version)
        self._since: int | None = None  # since when, without a break, somebody of the domain has been in
        self._states = {int_to_name(room.root)}  # those that go whole
        self._saw_in: int | None = None  # the stretch of the last event, where it was seen

    async def find(self) -> None:
        people = await read(self._connection, MemberThen, _PEOPLE, self._server_name, self._number)
        since = [row.joined_since or 0 for row in people if row.membership == "join"]
        self._since = min(since, default=None)
        onlookers, place = Onlookers(self._rooms, [row.user_id for row in people]), (-(1 << 63), 0)
        while rows := await read(self._connection, HeldEvent, _EVENTS, self._number, *place, AT_ONCE):
            place = rows[-1].position, rows[-1].nid
            records = [_record(row, self._version) for row in rows if not await self._goes(onlookers, row)]
            await self._connection.copy_records_to_table("moving_withheld", records=records)
        for root in self._states:
            numbers, _ = await self._rooms.trees.read_whole_tree(root)
            await self._connection.execute("DELETE FROM moving_withheld WHERE nid = ANY($1::bigint[])", numbers)

    async def _goes(self, onlookers: Onlookers, row: HeldEvent) -> bool:
        """Whether an event goes as it is."""
        sees = False
        if row.status in (HISTORY, SOFT_FAILED):
            sees = await onlookers.see(int_to_name(row.state_before))
        if row.status == HISTORY:
            stretch = min(row.position // BLOCK, 0)
            if sees and stretch != self._saw_in:
                self._states.add(int_to_name(row.state_before))
            self._saw_in = stretch if sees else None
        if row.state_key is not None:
            return sees or row.type in WHOLE or self._is_ours(row.sender)
        erased_at = self._rooms.visibility.erased_at.get(row.sender)
        if erased_at is not None and (self._since is None or self._since > erased_at):
            return False
        return sees or self._is_ours(row.sender)

    def _is_ours(self, user_id: str) -> bool:
        return user_id.endswith(f":{self._server_name}")


class Onlookers:
    """Some people, one of whom is in the room now. Going from place to place in it reads what differs only."""

    def __init__(self, rooms: Rooms, people: Iterable[str]) -> None:
        self._rooms = rooms
        self._rule_key = rooms.key_hash(*VISIBILITY_KEY)
        self._keys = {self._rule_key, *(rooms.key_hash("m.room.member", user) for user in people)}
        self._root, self._rule = EMPTY, parse_visibility(None)
        self._members: dict[bytes, str] = {}
        self._sees = is_visible(self._rule, "leave", True)

    async def see(self, root: bytes) -> bool:
        """Whether any of them sees what stands at a place. `root`: of the room's state there."""
        if root == self._root:
            return self._sees
        differs = (await self._rooms.trees.diff(self._root, root)).items()
        changed = {key: number for key, (_, number) in differs if key in self._keys}
        contents = await self._contents([number for number in changed.values() if number is not None])
        for key, number in changed.items():
            content = {} if number is None else contents.get(number, {})
            if key == self._rule_key:
                self._rule = parse_visibility(content.get("history_visibility"))
            else:
                self._members[key] = str(content.get("membership", "leave"))
        memberships = {"leave", *self._members.values()}
        self._root, self._sees = root, any(is_visible(self._rule, m, True) for m in memberships)
        return self._sees

    async def _contents(self, numbers: Sequence[int]) -> dict[int, dict[str, Any]]:
        if not numbers:
            return {}
        rows = await self._rooms.store.events_by_nid(numbers)
        return {row.nid: orjson.loads(row.json)["content"] for row in rows}


def _record(row: HeldEvent, version: RoomVersion) -> tuple[int, str, bytes]:
    return row.nid, row.event_id, canonical_json(redact(orjson.loads(row.json), version))
