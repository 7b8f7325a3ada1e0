"""Follows the log and queues notifications: for whom a push rule says so, and whose number of unread messages has changed.

One process at a time follows; its place and what it queued are committed together, so that nothing is queued twice or lost.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson

from chappe.homeserver.accounts.standings import Standings
from chappe.homeserver.database.clock import Clock, Commit
from chappe.homeserver.database.journal import LoggedCommit, commits_between
from chappe.homeserver.database.pool import DATABASE_LOST, Database
from chappe.homeserver.database.progress import advance_progress, progress, set_progress
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.modules.ignored_users.ignored_users import IgnoredUsers
from chappe.homeserver.modules.orders.orders import URGENT, Orders, asked_beside
from chappe.homeserver.modules.push.counts import actions_for
from chappe.homeserver.modules.push.pushers import by_user
from chappe.homeserver.modules.push.quiet_hours import QuietHours
from chappe.homeserver.modules.push.rules import PushRules
from chappe.homeserver.modules.push.store import PusherOfUser, PusherStore, PushQueue, QueuedPush
from chappe.homeserver.rooms.beside import news_beside
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.senders.narrow import narrowed
from chappe.homeserver.senders.push.order_letters import OrderLetter, OrderLetters, Unanswered
from chappe.matrix.account_standing import Doing
from chappe.matrix.push_rules import verdict_of

log = logging.getLogger(__name__)
LOCK = 3
COMMITS_AT_ONCE, EVENTS_AT_ONCE = 100, 2000
FEW = 100  # members with pushers, whose number is looked at when a message is redacted; where more are, when they read next
PAUSE, IDLE = 0.05, 0.5  # seconds between looks
BADGE = ""  # in place of an event id: only the number of unread messages has changed
SILENTLY = b'{"silent":true}'
RINGS = ["notify", {"set_tweak": "sound", "value": "default"}, {"set_tweak": "highlight"}, {"set_tweak": URGENT}]
LETTER = ["org.chappe.letter"]  # in place of actions: a mail, that something awaits an answer


class PushGatherer:
    """`queued`: told when there is something to deliver. `is_silent`: whether somebody has chosen that nothing may ring now."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        rooms: Rooms,
        rules: PushRules,
        ignored: IgnoredUsers,
        quiet: QuietHours,
        standings: Standings,
        now_ms: NowMs,
        queued: Callable[[], None],
        is_silent: Callable[[str], Awaitable[bool]],
        orders: Orders,
        letters: OrderLetters,
    ) -> None:
        self._database, self._clock, self._rooms, self._rules = database, clock, rooms, rules
        self._ignored, self._quiet, self._standings = ignored, quiet, standings
        self._now_ms, self._queued, self._is_silent = now_ms, queued, is_silent
        self._orders, self._letters = orders, letters
        self._news = asyncio.Event()
        self._version = -1
        self._users: frozenset[str] = frozenset()
        clock.listen(self._heard)

    def _heard(self, commit: Commit) -> None:
        self._news.set()

    async def run(self) -> None:
        """Follows the log until cancelled."""
        self._news.set()
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                while await self.step():
                    pass
                await asyncio.sleep(PAUSE if self._users else IDLE)  # what comes together is looked at together
            except (TimeoutError, *DATABASE_LOST):
                await asyncio.sleep(1)
                self._news.set()
            except Exception:
                log.exception("pushes could not be gathered")
                await asyncio.sleep(5)
                self._news.set()

    async def step(self) -> bool:
        """Queues what the next commits bring. Returns whether there may be more."""
        goal = self._clock.watermark  # before the set of pushers is read: a new pusher counts for what comes after it
        async with self._database.transaction(reads_beside=True) as connection:
            if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", LOCK):
                return False
            at = await progress(connection, "push")
            version = await progress(connection, "pushers")
            if version != self._version:
                self._users, self._version = await PusherStore(connection).users(), version
            if not self._users and not self._letters.is_on:
                await advance_progress(connection, "push", goal)
                return False
            commits = await commits_between(connection, at, goal, COMMITS_AT_ONCE)
            if not commits:
                return False
            found, letters = await self._notifications_of(commits)
            if found:
                await PushQueue(connection).add(found)
            await self._letters.put(connection, letters)
            await set_progress(connection, "push", commits[-1].upto)
        if found:
            self._queued()
        return len(commits) == COMMITS_AT_ONCE

    async def _notifications_of(self, commits: Sequence[LoggedCommit]) -> tuple[list[QueuedPush], list[OrderLetter]]:
        since, upto = commits[0].since, commits[-1].upto
        rooms = {number for commit in commits for number in commit.rooms}
        found: dict[str, list[tuple[LiveRoom, RoomEvent, list[Any]]]] = {}
        readers = {user for commit in commits for user in commit.users} & self._users
        unanswered: list[Unanswered] = []
        for number in rooms:
            room = await self._rooms.live.by_nid(number)
            find = functools.partial(self._of_room, room)
            for user, event, actions in await narrowed("push", room.room_id, since, upto, find):
                if actions is None:
                    readers.add(user)
                elif actions is LETTER:
                    unanswered.append(Unanswered(user, room, event.relates_to or event.event_id))
                else:
                    found.setdefault(user, []).append((room, event, actions))
        for user in readers:
            for room, _, event in await news_beside(self._rooms, user, since, upto):
                if event.membership == "invite" and (told := await self._actions(user, room, event)) is not None:
                    found.setdefault(user, []).append((room, event, told))
        named = {each.user_id for each in unanswered}
        everybody = await self._standings.who_may(readers | found.keys() | named, Doing.READ)
        letters = await self._letters.compose([each for each in unanswered if each.user_id in everybody])
        if not everybody:
            return [], letters
        rows = await PusherStore(self._database).enabled(everybody)
        result: list[QueuedPush] = []
        for user, pushers in by_user(rows).items():
            result += await self._of_user(user, pushers, found.get(user, []), user in readers, upto)
        return result, letters

    async def _of_room(self, room: LiveRoom, since: int, upto: int) -> list[tuple[str, RoomEvent, list[Any] | None]]:
        """(user, event, actions of the push rule), from a room's events in (since, upto]. Actions None: only the number of unread
        messages is told, which may have fallen. LETTER: a mail is written."""
        found: list[tuple[str, RoomEvent, list[Any] | None]] = []
        for event in await self._rooms.timeline.events_between(room, since, upto, EVENTS_AT_ONCE, backwards=False):
            concerned = self._concerned(room, event)
            if len(concerned) <= FEW and room.lowers_counts(event):
                found += [(user, event, None) for user in concerned]
            asked, order = await self._orders.waits_for(room, event)
            for user in concerned:
                if (told := await self._actions(user, room, event, asked)) is not None:
                    found.append((user, event, told))
            if order is not None and self._letters.is_on and asked_beside(event.head).by_mail:
                named = [user for user in asked if user in room.joined]
                found += [(user, event, LETTER) for user in named if event.sender not in await self._ignored.of(user)]
        return found

    def _concerned(self, room: LiveRoom, event: RoomEvent) -> list[str]:
        """Members with pushers, but for the sender; somebody who is being invited as well."""
        joined = room.joined
        few, many = (self._users, joined) if len(self._users) < len(joined) else (joined, self._users)
        users = [user for user in few if user in many and user != event.sender]
        if event.type == "m.room.member" and event.state_key in self._users and event.state_key not in joined:
            if event.membership == "invite":
                users.append(event.state_key)
        return users

    async def _actions(
        self, user: str, room: LiveRoom, event: RoomEvent, asked: frozenset[str] = frozenset()
    ) -> list[Any] | None:
        """`asked`: whom it asks to answer, for whom it rings whatever is quiet."""
        if event.is_redacted or event.sender in await self._ignored.of(user):
            return None
        invited = event.type == "m.room.member" and event.state_key == user and event.membership == "invite"
        if invited and await self._ignored.hides_invitation(user, event.sender):
            return None
        if user in asked:
            return RINGS
        actions = actions_for(await self._rules.rules(user), room, event) or []
        return actions if verdict_of(actions).notify else None

    async def _what_rings(self, user: str, now: int) -> Callable[[list[Any]], bool]:
        """Whether something rings for somebody now, by its actions: in quiet hours, and where silence was chosen, hardly anything."""
        hours = await self._quiet.of(user)
        is_quiet = hours is not None and hours.ends(now) is not None
        allows_highlights = hours is not None and hours.allows_highlights
        is_silent = await self._is_silent(user)

        def rings(actions: list[Any]) -> bool:
            if actions == RINGS:
                return True
            return not is_silent and (not is_quiet or (allows_highlights and verdict_of(actions).highlight))

        return rings

    async def _of_user(
        self,
        user: str,
        pushers: Sequence[PusherOfUser],
        events: Sequence[tuple[LiveRoom, RoomEvent, list[Any]]],
        reader: bool,
        upto: int,
    ) -> list[QueuedPush]:
        now = self._now_ms()
        rings = await self._what_rings(user, now) if events else None
        result: list[QueuedPush] = []
        silently = False
        for room, event, actions in events:
            if rings is not None and rings(actions):
                tweaks = orjson.dumps({a["set_tweak"]: a.get("value", True) for a in actions if type(a) is dict})
                at = event.position or upto
                result += [
                    QueuedPush(
                        pusher=p.id, room_nid=room.nid, event_id=event.event_id, position=at, tweaks=tweaks, created_ts=now
                    )
                    for p in pushers
                ]
            else:
                silently = True  # only the number of unread messages rises
        if reader or silently:
            how = SILENTLY if silently else b"{}"
            result += [
                QueuedPush(pusher=p.id, room_nid=0, event_id=BADGE, position=upto, tweaks=how, created_ts=now)
                for p in pushers
                if p.kind != "email"
            ]
        return result
