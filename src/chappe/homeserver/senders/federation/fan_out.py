"""Which events go to which servers: those in the room at the event, and the one whose user is invited, removed or banned.

Follows the log from where the last process stopped, so nothing is left out when one dies (`federation_progress`).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from itertools import chain

from chappe.homeserver.database.clock import Clock
from chappe.homeserver.database.journal import commits_between
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.rooms.admission import VOUCHER
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.rooms import MEMBER, Rooms
from chappe.homeserver.senders.federation.device_news import Came, DeviceNews
from chappe.homeserver.senders.federation.store import FederationQueue, QueueRow
from chappe.matrix.identifiers import domain_of

LEASE_MS = 10_000
COMMITS_AT_ONCE, EVENTS_AT_ONCE = 200, 1000


class FanOut:
    def __init__(self, database: Database, clock: Clock, rooms: Rooms, boundaries: Boundaries, now_ms: NowMs) -> None:
        self._database, self._clock, self._rooms = database, clock, rooms
        self._queue = FederationQueue(database)
        self._boundaries, self._now_ms = boundaries, now_ms
        self._devices = DeviceNews(rooms, boundaries, now_ms)
        self._holder = secrets.token_hex(8)

    async def start(self) -> None:
        await self._queue.begin()

    async def is_ours(self) -> bool:
        """One process of the cluster follows the log; the next takes over within ten seconds of its death."""
        now = self._now_ms()
        return await self._queue.claim(self._holder, now + LEASE_MS, now)

    async def release(self) -> None:
        await self._queue.release(self._holder)

    async def step(self) -> set[str] | None:
        """Queues the events of the next commits. Returns whom they are for; None where there was nothing new."""
        async with self._database.transaction(reads_beside=True) as connection:
            queue = FederationQueue(connection)
            position = await queue.lock_place(self._holder)
            if position is None or position >= self._clock.watermark:
                return None
            commits = await commits_between(connection, position, self._clock.watermark, COMMITS_AT_ONCE)
            upto = commits[-1].upto
            rows: list[QueueRow] = []
            came: list[Came] = []
            for number in dict.fromkeys(n for commit in commits for n in commit.rooms):
                rows += await self._of_room(number, position, upto, came)
            if rows:
                await queue.add(rows)
            edus = await self._devices.queue(connection, came, position, upto)
            edus |= await queue.destinations_of_edus()
            await queue.set_place(upto)
        self._devices.committed()
        return {row.destination for row in rows} | edus

    async def _of_room(self, number: int, after: int, upto: int, came: list[Came]) -> list[QueueRow]:
        """The rows for the queues, from one room's events in (after, upto]. Adds the joins among them to `came`."""
        room = await self._rooms.live.by_nid(number)
        if room.is_stub or not (room.is_federated or self.servers(room)):
            return []
        came += [
            Came(room, event)
            for event in await self._rooms.timeline.state_changes(room, after, upto)
            if event.type == MEMBER
            and event.membership == "join"
            and (event.replaces is None or event.replaces.membership != "join")
        ]
        rows: list[QueueRow] = []
        while after < upto:
            events = await self._rooms.timeline.events_between(room, after, upto, EVENTS_AT_ONCE, backwards=False)
            for event in events:
                if self._rooms.is_hosted(event.sender):
                    rows += [QueueRow(server, event.position, event.nid) for server in await self._destinations(room, event)]
            if len(events) < EVENTS_AT_ONCE:
                break
            after = events[-1].position
        return rows

    def servers(self, room: LiveRoom) -> frozenset[str]:
        """The other servers in a room now that may be talked to."""
        return frozenset(server for server in self._rooms.servers.others(room) if self._boundaries.allows(server))

    async def _destinations(self, room: LiveRoom, event: RoomEvent) -> set[str]:
        """The servers in the room at the event, found from those in it now and the memberships that have changed since."""
        own = domain_of(event.sender)
        servers = {server for server in self._rooms.servers.others(room) if self._boundaries.allows(server, own)}
        changed = await self._rooms.timeline.state_changes(room, event.position - 1, room.last_position)
        if self._came_through_another(room, event, changed):
            return set()
        for change in changed:
            if change.type == MEMBER and change.state_key is not None:
                before = change.replaces.membership if change.replaces else "leave"
                server = domain_of(change.state_key)
                if self._rooms.is_hosted(change.state_key) or not self._boundaries.allows(server, own):
                    continue
                if before == "join" or change is event or change.event_id == event.event_id:
                    servers.add(server)
                elif change.membership == "join" and not self._others_of(room, server, change.state_key):
                    servers.discard(server)  # it came later: the answer to its join had everything before
        return servers

    def _came_through_another(self, room: LiveRoom, event: RoomEvent, changed: Sequence[RoomEvent]) -> bool:
        """Whether it is a join for which this server asked another one, which tells the rest of the room (server-server API,
        "Joining Rooms"): nobody of here was in the room, or somebody of there vouches for it.

        `changed`: the state since the event, itself included.
        """
        if event.type != MEMBER or event.state_key is None or event.membership != "join":
            return False
        via = event.content.get(VOUCHER)
        if type(via) is str and not self._rooms.is_hosted(via):
            return True
        was_in: dict[str, bool] = {}  # of those who have come or gone since
        for change in changed:
            if change.type == MEMBER and change.state_key is not None and change.position >= event.position:
                was_in.setdefault(change.state_key, change.replaces is not None and change.replaces.membership == "join")
        stayed = (user for user in room.joined if user not in was_in)
        gone = (user for user, was in was_in.items() if was)
        return not any(self._rooms.is_hosted(user) for user in chain(gone, stayed))

    @staticmethod
    def _others_of(room: LiveRoom, server: str, user_id: str) -> bool:
        return any(domain_of(user) == server and user != user_id for user in room.joined)
