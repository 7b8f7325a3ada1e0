"""Tells other servers of devices (server-server API, "Device Management"): when they change, and when somebody comes into a room
with servers that were not told of them before. What is told is that there is news, no more: they ask for the list.

A server that comes into a room through another one may have asked for lists before this server knew that it must tell it of
changes. So it is told of those members whose devices have changed since it came, or shortly before.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from chappe.homeserver.database.rows import Row, read, values
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.outbound.federation.outbox import queue_edu
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.identifiers import domain_of

SKEW_MS = 600_000  # by how much the clocks of servers are taken to differ
MOST_REMEMBERED = 10_000  # servers in rooms: of the others a week of changes is told again
LONGEST_MS = 7 * 86_400_000  # no join is believed to have taken longer to arrive


@dataclass(frozen=True, slots=True)
class Came:
    """Somebody has come into a room."""

    room: LiveRoom
    event: RoomEvent

    @property
    def user_id(self) -> str:
        return self.event.key[1]


class DevicesOfUser(Row):
    """`position`: of the latest change. `device`: one of them, None where there is none."""

    user_id: str
    position: int
    device: str | None
    master_key: bytes | None
    self_signing_key: bytes | None


class DeviceNews:
    def __init__(self, rooms: Rooms, boundaries: Boundaries, now_ms: NowMs) -> None:
        self._rooms, self._boundaries, self._now_ms = rooms, boundaries, now_ms
        # by server and room: up to which position it was told of the changes of those in it, when it came in
        self._told_upto: OrderedDict[tuple[str, int], int] = OrderedDict()
        self._queued: dict[tuple[str, int], int] = {}

    async def queue(self, connection: Any, came: Sequence[Came], after: int, upto: int) -> set[str]:
        """What the commits in (after, upto] have to tell. Returns whom."""
        told: dict[str, set[str]] = {}
        changed = await values(
            connection,
            str,
            """SELECT c.user_id FROM device_list_changes c JOIN users u USING (user_id)
                WHERE c.position > $1 AND c.position <= $2""",
            after,
            upto,
        )
        for user in changed:
            told[user] = await self._rooms.following.servers(user)
        for user in {c.user_id for c in came if self._rooms.is_hosted(c.user_id)}:
            told.setdefault(user, set()).update(await self._rooms.following.newly_told(user, after, upto))
        self._queued = {}
        for server, room, since in self._newcomers(came, after):
            for user in await self._changed_since(connection, server, room, since):
                told.setdefault(user, set()).add(server)
            self._queued[server, room.nid] = upto
        allowed = {
            user: {server for server in servers if self._boundaries.allows(server, domain_of(user))}
            for user, servers in told.items()
        }
        return await self._add(connection, {user: servers for user, servers in allowed.items() if servers})

    def committed(self) -> None:
        """What `queue` has queued last is durable."""
        for name, upto in self._queued.items():
            self._told_upto.pop(name, None)
            self._told_upto[name] = upto
        self._queued = {}
        while len(self._told_upto) > MOST_REMEMBERED:
            self._told_upto.popitem(last=False)

    def _newcomers(self, came: Iterable[Came], after: int) -> list[tuple[str, LiveRoom, int]]:
        """(server, room, when it came first by its own clock): of servers in a room now that nobody was in it of before. Once each,
        however often they have come and gone."""
        before: dict[int, set[str]] = {}
        found: dict[tuple[str, int], tuple[str, LiveRoom, int]] = {}
        for c in came:
            if self._rooms.is_hosted(c.user_id):
                continue
            if c.room.nid not in before:
                members = c.room.joined.items()
                before[c.room.nid] = {domain_of(user) for user, event in members if event.position <= after}
            server = domain_of(c.user_id)
            if server not in before[c.room.nid] and server in self._rooms.servers.others(c.room):
                since = max(c.event.ts - SKEW_MS, self._now_ms() - LONGEST_MS)
                known = found.get((server, c.room.nid))
                found[server, c.room.nid] = server, c.room, since if known is None else min(since, known[2])
        return list(found.values())

    async def _changed_since(self, connection: Any, server: str, room: LiveRoom, since_ms: int) -> list[str]:
        """The members of here whose devices have changed since, and since the server was told so before. Times follow positions,
        so that the latest are looked at only."""
        own = [user for user in room.joined if self._rooms.is_hosted(user)]
        return await values(
            connection,
            str,
            """SELECT c.user_id FROM device_list_changes c JOIN users u USING (user_id)
                WHERE c.user_id = ANY($3::text[]) AND c.position > greatest($2, coalesce(
                   (SELECT d.position FROM device_list_changes d WHERE d.changed_ts < $1 ORDER BY d.position DESC LIMIT 1), 0))""",
            since_ms,
            self._told_upto.get((server, room.nid), 0),
            own,
        )

    @staticmethod
    async def _add(connection: Any, told: dict[str, set[str]]) -> set[str]:
        """By user: whom to tell. What waits already goes to the end, for it may be on its way with the older news."""
        if not told:
            return set()
        rows = await read(
            connection,
            DevicesOfUser,
            """SELECT u.user_id, coalesce(c.position, 0) AS position,
                      (SELECT max(device_id) FROM devices d WHERE d.user_id = u.user_id) AS device,
                      (SELECT k.key FROM cross_signing_keys k WHERE k.user_id = u.user_id AND k.usage = 'master') AS master_key,
                      (SELECT k.key FROM cross_signing_keys k
                        WHERE k.user_id = u.user_id AND k.usage = 'self_signing') AS self_signing_key
                 FROM users u LEFT JOIN device_list_changes c USING (user_id) WHERE u.user_id = ANY($1::text[])""",
            list(told),
        )
        for row in rows:
            for key, edu in _updates(row):
                await queue_edu(connection, sorted(told[row.user_id]), key, orjson.dumps(edu))
        return set().union(*told.values())


def _updates(row: DevicesOfUser) -> list[tuple[str, dict[str, Any]]]:
    """The EDUs about somebody, each with what a later one replaces it by. The keys that sign devices are told as they are."""
    user = row.user_id
    content = {"user_id": user, "device_id": row.device or "", "stream_id": row.position, "prev_id": []}
    found = [(f"devices:{user}", {"edu_type": "m.device_list_update", "content": content})]
    keys = {
        name: orjson.loads(key)
        for name, key in (("master_key", row.master_key), ("self_signing_key", row.self_signing_key))
        if key is not None
    }
    if keys:
        found.append((f"signing:{user}", {"edu_type": "m.signing_key_update", "content": {"user_id": user, **keys}}))
    return found
