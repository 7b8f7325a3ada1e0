"""Sends transactions to application services: what concerns a service, in order, until it acknowledges it, and then no more.

A loop per service follows the log. A transaction is stored with the place that it reaches; it is repeated with its number,
byte for byte, until the service has taken it, and only then comes the next. A lease keeps other processes from serving the
same service.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from chappe.homeserver.accounts.application_services import ApplicationService, ApplicationServices
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.database.clock import Clock, Commit
from chappe.homeserver.database.journal import LoggedCommit, commits_between
from chappe.homeserver.database.pool import DATABASE_LOST, Database
from chappe.homeserver.database.rows import Row, read, values
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.modules.appservices.store import ServicePlace, ServiceQueue, ServiceTransaction
from chappe.homeserver.modules.presence.presence import Presence
from chappe.homeserver.modules.receipts.receipts import Receipt
from chappe.homeserver.modules.to_device.to_device import messages_of, remove_messages
from chappe.homeserver.modules.typing.typing import Typing
from chappe.homeserver.outbound.application_service import ServiceCalls
from chappe.homeserver.rooms.aliases import Aliases
from chappe.homeserver.rooms.beside import news_beside
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.senders.narrow import narrowed
from chappe.homeserver.sync.room_section import RoomSections
from chappe.matrix.errors import MatrixError

log = logging.getLogger(__name__)
LEASE_MS, LOOK_EVERY = 60_000, 5.0
COMMITS_AT_ONCE, EVENTS_AT_ONCE, MESSAGES_AT_ONCE = 100, 500, 500
FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0


@dataclass
class _Service:
    """What this process knows of a service while it serves it."""

    service: ApplicationService
    news: asyncio.Event = field(default_factory=asyncio.Event)
    typing: set[int] = field(default_factory=set)
    members: dict[str, bool] = field(default_factory=dict)  # by user id: whether the service is interested in them

    def has_user(self, user_id: str) -> bool:
        found = self.members.get(user_id)
        if found is None:
            if len(self.members) > 200_000:
                self.members.clear()
            found = self.members[user_id] = self.service.has_user(user_id)
        return found


class KeysLeft(Row):
    """`algorithm`: None where no one-time key is left. `unused`: algorithms of fallback keys; with a None where there is none."""

    user_id: str
    device_id: str
    algorithm: str | None
    n: int
    unused: list[str]


class AppserviceSender:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        services: ApplicationServices,
        calls: ServiceCalls,
        accounts: AccountStore,
        rooms: Rooms,
        aliases: Aliases,
        typing: Typing,
        presence: Presence,
        now_ms: NowMs,
    ) -> None:
        self._database, self._clock, self._calls = database, clock, calls
        self._queue = ServiceQueue(database)
        self._accounts, self._rooms = accounts, rooms
        self._aliases, self._typing, self._presence, self._now_ms = aliases, typing, presence, now_ms
        self._served = [_Service(s) for s in services.services.values() if s.url]
        self._holder = secrets.token_hex(8)
        clock.listen(self._heard)
        typing.listen(self._typing_changed)

    def _heard(self, commit: Commit) -> None:
        for served in self._served:
            served.news.set()

    def _typing_changed(self, number: int) -> None:
        for served in self._served:
            if served.service.wants_ephemeral:
                served.typing.add(number)
                served.news.set()

    async def run(self) -> None:
        """Runs until cancelled."""
        async with asyncio.TaskGroup() as group:
            for served in self._served:
                group.create_task(self._serve(served))

    async def _serve(self, served: _Service) -> None:
        wait = FIRST_WAIT
        await self._queue.begin(served.service.id)
        while True:
            try:
                while await self._is_ours(served) and await self._step(served):
                    wait = FIRST_WAIT
                pause = LOOK_EVERY
            except MatrixError:
                pause, wait = wait, min(wait * 2, LONGEST_WAIT)
                await asyncio.sleep(pause)
                continue
            except (TimeoutError, *DATABASE_LOST):
                await asyncio.sleep(1)
                continue
            except Exception:
                log.exception("an application service could not be served", extra={"fields": {"service": served.service.id}})
                await asyncio.sleep(5)
                continue
            try:
                await asyncio.wait_for(served.news.wait(), pause)
            except TimeoutError:
                continue

    async def _is_ours(self, served: _Service) -> bool:
        now = self._now_ms()
        return await self._queue.claim(served.service.id, self._holder, now + LEASE_MS, now)

    async def release(self) -> None:
        """At shutdown: other processes need not wait for the lease to end."""
        if self._served:
            await self._queue.release(self._holder)

    async def _step(self, served: _Service) -> bool:
        """Delivers the oldest transaction, or makes the next. Returns whether there may be more. Raises M_UNKNOWN."""
        service = served.service
        oldest = await self._queue.oldest(service.id)
        if oldest is None:
            return await self._gather(served)
        if not await self._calls.transaction(str(service.url), service.hs_token, oldest.txn, oldest.body):
            raise MatrixError(502, "M_UNKNOWN", "The application service did not take a transaction")
        await self._queue.remove(service.id, oldest.txn)
        return True

    # --------------------------------------------------------------------------------------------------- gathering

    async def _gather(self, served: _Service) -> bool:
        served.news.clear()
        typing, served.typing = served.typing, set()
        async with self._database.transaction(reads_beside=True) as connection:
            queue, service = ServiceQueue(connection), served.service.id
            place = await queue.lock_place(service, self._holder)
            if place is None:
                return False
            commits = await commits_between(connection, place.position, self._clock.watermark, COMMITS_AT_ONCE)
            if not commits and not typing:
                return False
            body, taken = await self._transaction(served, commits, typing)
            if body:
                await queue.add(service, ServiceTransaction(txn=place.next_txn, body=orjson.dumps(body)))
                await remove_messages(connection, taken)
            upto = commits[-1].upto if commits else place.position
            await queue.set_place(service, ServicePlace(position=upto, next_txn=place.next_txn + bool(body)))
        return bool(body) or len(commits) == COMMITS_AT_ONCE

    async def _transaction(
        self, served: _Service, commits: Sequence[LoggedCommit], typing: set[int]
    ) -> tuple[dict[str, Any], list[int]]:
        """(the body, empty where nothing concerns the service; the to-device messages that it takes)."""
        since = commits[0].since if commits else self._clock.watermark
        upto = commits[-1].upto if commits else since
        rooms = {number for commit in commits for number in commit.rooms}
        events, interesting = await self._of_rooms(served, rooms, typing, since, upto)
        touched = {user for commit in commits for user in commit.users if served.has_user(user)}
        for user in touched:
            events += [
                (position, orjson.Fragment(_client_event(room, event, served)))
                for room, position, event in await news_beside(self._rooms, user, since, upto)
            ]
        body: dict[str, Any] = {"events": [event for _, event in sorted(events, key=lambda e: e[0])]}
        service = served.service
        taken: list[int] = []
        own: set[str] = set()  # what is for somebody's devices alone, a service takes of accounts that it made
        if service.wants_ephemeral or service.wants_encryption:
            own = await self._accounts.made_by(service.id, touched)
        if service.wants_ephemeral:
            ephemeral = await self._ephemeral(served, interesting, typing, since, upto)
            if ephemeral:
                body["ephemeral"] = body["de.sorunome.msc2409.ephemeral"] = ephemeral
            messages, taken = await self._to_device(own)
            if messages:
                body["to_device"] = body["de.sorunome.msc2409.to_device"] = messages
        if service.wants_encryption:
            body |= await self._encryption(served, own, since, upto)
        return (body if len(body) > 1 or body["events"] else {}), taken

    async def _of_rooms(
        self, served: _Service, rooms: set[int], typing: set[int], since: int, upto: int
    ) -> tuple[list[Any], dict[int, LiveRoom]]:
        """(the events of some rooms that concern the service, by position; which of these rooms, and of those in which somebody is
        `typing`, are its own)."""
        events: list[Any] = []
        interesting: dict[int, LiveRoom] = {}
        for number in rooms | typing:
            room = await self._rooms.live.by_nid(number)
            in_room = await self._is_interesting(served, room)
            if in_room:
                interesting[number] = room
            if number in rooms:
                find = functools.partial(self._concerning, served, room, in_room)
                events += await narrowed(f"application service {served.service.id}", room.room_id, since, upto, find)
        return events, interesting

    async def _concerning(
        self, served: _Service, room: LiveRoom, in_room: bool, since: int, upto: int
    ) -> list[tuple[int, orjson.Fragment]]:
        return [
            (event.position, orjson.Fragment(_client_event(room, event, served)))
            for event in await self._events(room, since, upto)
            if in_room or self._concerns(served, event)
        ]

    async def _events(self, room: LiveRoom, since: int, upto: int) -> list[RoomEvent]:
        found: list[RoomEvent] = []
        while True:
            page = await self._rooms.timeline.events_between(room, since, upto, EVENTS_AT_ONCE, backwards=False)
            found += page
            if len(page) < EVENTS_AT_ONCE:
                return found
            since = page[-1].position

    async def _is_interesting(self, served: _Service, room: LiveRoom) -> bool:
        service = served.service
        if service.has_room(room.room_id) or any(served.has_user(user) for user in room.joined):
            return True
        if service.aliases:
            return any(service.has_alias(alias) for alias in await self._aliases.store.of_room(room.room_id))
        return False

    @staticmethod
    def _concerns(served: _Service, event: RoomEvent) -> bool:
        is_member = event.type == "m.room.member" and event.state_key is not None and served.has_user(event.state_key)
        return is_member or served.has_user(event.sender)

    async def _ephemeral(
        self, served: _Service, rooms: dict[int, LiveRoom], typing: set[int], since: int, upto: int
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for number in typing & rooms.keys():
            users = {"user_ids": self._typing.users(number)}
            found.append({"type": "m.typing", "room_id": rooms[number].room_id, "content": users})
        rows = await read(
            self._database,
            Receipt,
            """SELECT room_nid, user_id, type, thread, event_id, ts FROM receipts WHERE room_nid = ANY($1::bigint[])
                AND position > $2 AND position <= $3 AND (type = 'm.read' OR user_id = ANY($4::text[])) ORDER BY position""",
            list(rooms),
            since,
            upto,
            [],
        )
        by_room: dict[int, dict[str, Any]] = {}
        for row in rows:
            receipt = {"ts": row.ts, **({"thread_id": row.thread} if row.thread else {})}
            kinds = by_room.setdefault(row.room_nid, {}).setdefault(row.event_id, {})
            kinds.setdefault(row.type, {})[row.user_id] = receipt
        found += [{"type": "m.receipt", "room_id": rooms[n].room_id, "content": c} for n, c in by_room.items()]
        if upto > since:
            moved = [u for u in await self._presence.changed_users(since, upto) if await self._shares_a_room(served, u)]
            for user, state in (await self._presence.of(moved)).items():
                found.append({"type": "m.presence", "sender": user, "content": self._presence.content(state)})
        return found

    async def _shares_a_room(self, served: _Service, user_id: str) -> bool:
        if served.has_user(user_id):
            return True
        for membership in await self._rooms.memberships.joined(user_id):
            if await self._is_interesting(served, await self._rooms.live.by_nid(membership.room_nid)):
                return True
        return False

    async def _to_device(self, own: set[str]) -> tuple[list[dict[str, Any]], list[int]]:
        if not own:
            return [], []
        waiting = await messages_of(self._database, own, MESSAGES_AT_ONCE)
        messages = [{**orjson.loads(m.message), "to_user_id": m.user_id, "to_device_id": m.device_id} for m in waiting]
        return messages, [message.seq for message in waiting]

    async def _encryption(self, served: _Service, own: set[str], since: int, upto: int) -> dict[str, Any]:
        """MSC3202: whose devices changed, and how many keys the service's own devices have left."""
        moved = await values(
            self._database, str, "SELECT user_id FROM device_list_changes WHERE position > $1 AND position <= $2", since, upto
        )
        changed = [user for user in moved if await self._shares_a_room(served, user)]
        body: dict[str, Any] = {}
        if changed:
            body["device_lists"] = body["org.matrix.msc3202.device_lists"] = {"changed": changed, "left": []}
        counts = await read(
            self._database,
            KeysLeft,
            """SELECT d.user_id, d.device_id, k.algorithm, count(k.seq) AS n, array_agg(DISTINCT f.algorithm) AS unused
                 FROM devices d JOIN device_keys USING (user_id, device_id)
                 LEFT JOIN one_time_keys k ON k.user_id = d.user_id AND k.device_id = d.device_id
                 LEFT JOIN fallback_keys f ON f.user_id = d.user_id AND f.device_id = d.device_id AND NOT f.used
                WHERE d.user_id = ANY($1::text[]) GROUP BY 1, 2, 3""",
            list(own),
        )
        one_time: dict[str, dict[str, dict[str, int]]] = {}
        fallback: dict[str, dict[str, list[str]]] = {}
        for row in counts:
            left = one_time.setdefault(row.user_id, {}).setdefault(row.device_id, {"signed_curve25519": 0})
            if row.algorithm is not None:
                left[row.algorithm] = row.n
            fallback.setdefault(row.user_id, {})[row.device_id] = [a for a in row.unused if a is not None]
        if one_time:
            body["org.matrix.msc3202.device_one_time_keys_count"] = body["device_one_time_keys_count"] = one_time
            body["org.matrix.msc3202.device_unused_fallback_key_types"] = body["device_unused_fallback_key_types"] = fallback
        return body


def _client_event(room: LiveRoom, event: RoomEvent, served: _Service) -> bytes:
    """Invitations and knocks of the service's users come with what they are shown of the room (`invite_room_state`)."""
    unsigned = event.unsigned("join")
    unsigned.pop("membership", None)
    if event.type == "m.room.member" and event.membership in ("invite", "knock") and served.has_user(event.key[1]):
        shown = RoomSections.stripped_state(room, event.key[1])
        unsigned[f"{event.membership}_room_state"] = [orjson.Fragment(e) for e in shown]
    return event.head + (b',"unsigned":' + orjson.dumps(unsigned) + b"}" if unsigned else b"}")
