"""Presence (client-server API, "Presence"): who is there, and what they say of themselves.

A row is written when somebody comes, goes or falls idle, never while they stay. Nobody is woken for that: it comes with
the next answer, after half a minute at the latest. What people say of themselves wakes others a moment later, all together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from chappe.homeserver.database.clock import Clock
from chappe.homeserver.database.group_writer import GroupWriter, Write
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, columns, read, values
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.database.user_cache import UserCache
from chappe.homeserver.database.writing_function import Fragment
from chappe.homeserver.load.tasks import Tasks
from chappe.matrix.errors import BadRequest, Forbidden
from chappe.matrix.identifiers import domain_of

ONLINE, UNAVAILABLE, OFFLINE = "online", "unavailable", "offline"
STATES = (ONLINE, UNAVAILABLE, OFFLINE)
_ACCEPTED = {**{state: state for state in STATES}, "busy": ONLINE, "org.matrix.msc3026.busy": ONLINE}
SEEN = "seen"  # the kind of a change that nobody made by hand: nobody is woken for it
MAX_STATUS = 500
GONE_AFTER = 30.0  # seconds after a device's last sync
ACTIVE_FOR_MS = 60_000
FOLLOW_AFTER = 1.0  # seconds
FORGOTTEN_AFTER_MS = 600_000


class PresenceRow(Row):
    who: str
    presence: str
    status: str | None
    active_ts: int


FRAGMENT = Fragment(
    "presence",
    PresenceRow,
    """
    FOR r IN SELECT * FROM unnest(presence_rows) LOOP
        INSERT INTO presence VALUES (r.who, r.presence, r.status, r.active_ts, upto)
        ON CONFLICT (user_id) DO UPDATE SET presence = excluded.presence, status_msg = excluded.status_msg,
            last_active_ts = excluded.last_active_ts, position = excluded.position;
    END LOOP;""",
)


@dataclass(frozen=True, slots=True)
class PresenceState:
    presence: str = OFFLINE
    status_msg: str | None = None
    last_active_ts: int = 0


def _row(user_id: str, state: PresenceState) -> PresenceRow:
    return PresenceRow(who=user_id, presence=state.presence, status=state.status_msg, active_ts=state.last_active_ts)


class StoredPresence(Row):
    user_id: str
    presence: str
    status_msg: str | None
    last_active_ts: int
    position: int


class Presence:
    """`is_enabled`: whether a domain wants presence at all."""

    def __init__(
        self,
        database: Database,
        writer: GroupWriter,
        clock: Clock,
        now_ms: NowMs,
        tasks: Tasks,
        is_enabled: Callable[[str], bool],
    ) -> None:
        self._database, self._writer, self._now_ms, self._is_enabled = database, writer, now_ms, is_enabled
        self._tasks = tasks
        self._states = UserCache(clock, ("presence", SEEN), self._load)
        self._devices: dict[str, dict[str, str]] = {}  # of people who sync here: what each device says
        self._syncing: dict[tuple[str, str], int] = {}
        self._timers: dict[tuple[str, str], asyncio.TimerHandle] = {}
        self._to_follow: set[str] = set()
        self._following: set[str] = set()  # what devices say of them is being written
        self.follow_after = FOLLOW_AFTER
        writer.register(FRAGMENT)

    def enabled_for(self, user_id: str) -> bool:
        return self._is_enabled(domain_of(user_id))

    async def _load(self, users: list[str]) -> dict[str, PresenceState]:
        rows = await read(
            self._database,
            StoredPresence,
            f"SELECT {columns(StoredPresence)} FROM presence WHERE user_id = ANY($1::text[])",
            users,
        )
        found = {r.user_id: PresenceState(r.presence, r.status_msg, r.last_active_ts) for r in rows}
        return {user: found.get(user, PresenceState()) for user in users}

    # ----------------------------------------------------------------------------------------------------- changing

    async def set(self, user_id: str, presence: str, status_msg: str | None) -> None:
        """By hand. Raises M_FORBIDDEN where the domain has switched presence off, M_INVALID_PARAM."""
        state = _ACCEPTED.get(presence)
        if state is None:
            raise BadRequest(f"presence must be one of {', '.join(STATES)}", "M_INVALID_PARAM")
        if status_msg is not None and len(status_msg) > MAX_STATUS:
            raise BadRequest("The status message is too long", "M_INVALID_PARAM")
        if not self.enabled_for(user_id):
            raise Forbidden("Presence is switched off here")
        await self._write(user_id, PresenceState(state, status_msg or None, self._now_ms()), "presence")

    async def set_remote(self, user_id: str, entry: dict[str, Any]) -> None:
        """What another server says of its user. Malformed parts count as not said."""
        presence, status, ago = entry.get("presence"), entry.get("status_msg"), entry.get("last_active_ago")
        state = _ACCEPTED.get(presence) if type(presence) is str else None
        if state is None or not self.enabled_for(user_id):
            return
        active = self._now_ms() - (ago if type(ago) is int and 0 <= ago < self._now_ms() else 0)
        status = status[:MAX_STATUS] if type(status) is str and status else None
        before = await self._states.get(user_id)
        if (before.presence, before.status_msg) != (state, status):
            await self._write(user_id, PresenceState(state, status, active), "presence")

    async def _write(self, user_id: str, state: PresenceState, kind: str = SEEN) -> None:
        write = Write()
        write.add(_row(user_id, state))
        write.touch_user(user_id, kind)
        await self._writer.submit(write)

    def began(self, user_id: str, device_id: str, presence: str) -> None:
        """A device syncs. Costs nothing while it says the same as before."""
        if not self.enabled_for(user_id) or presence == OFFLINE:
            return
        key = (user_id, device_id)
        self._syncing[key] = self._syncing.get(key, 0) + 1
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()
        devices = self._devices.setdefault(user_id, {})
        if devices.get(device_id) != presence:
            devices[device_id] = presence
            self._moved(user_id)

    def ended(self, user_id: str, device_id: str) -> None:
        """Its request is answered; it is gone unless it asks again soon."""
        key = (user_id, device_id)
        if key not in self._syncing:
            return
        self._syncing[key] -= 1
        if self._syncing[key] == 0:
            del self._syncing[key]
            if (timer := self._timers.pop(key, None)) is not None:
                timer.cancel()
            self._timers[key] = asyncio.get_running_loop().call_later(GONE_AFTER, self._gone, user_id, device_id)

    def _gone(self, user_id: str, device_id: str) -> None:
        self._timers.pop((user_id, device_id), None)
        devices = self._devices.get(user_id, {})
        devices.pop(device_id, None)
        if not devices:
            self._devices.pop(user_id, None)
        self._moved(user_id)

    def _moved(self, user_id: str) -> None:
        """Some device came or went: what that means is written a moment later, for all who moved together."""
        if not self._to_follow:
            self._tasks.later(self.follow_after, lambda: self._tasks.start(self._follow(), "presence"))
        self._to_follow.add(user_id)

    async def _follow(self) -> None:
        """The state of users from what their devices say: the most present of them counts. One commit for all."""
        users, self._to_follow = self._to_follow, set()
        self._following |= users
        try:
            write = Write()
            for user_id, before in (await self._states.get_many(users)).items():
                now = self._as_devices_say(user_id, before)
                if before.presence != now.presence:
                    write.add(_row(user_id, now))
                    write.touch_user(user_id, SEEN)
            if write.rows:
                await self._writer.submit(write)
        finally:
            self._following -= users

    def _as_devices_say(self, user_id: str, before: PresenceState) -> PresenceState:
        said = set(self._devices.get(user_id, {}).values())
        now = next((state for state in STATES if state in said), OFFLINE)
        return PresenceState(now, before.status_msg, self._now_ms() if now == ONLINE else before.last_active_ts)

    def _moves(self, user_id: str) -> bool:
        """Whether what their devices say is still to be written."""
        return user_id in self._to_follow or user_id in self._following

    async def expire(self) -> None:
        """People whom a process that ended left online: those none of whose devices has asked for anything lately."""
        left = await values(
            self._database,
            str,
            """SELECT p.user_id FROM presence p WHERE p.presence <> 'offline' AND NOT EXISTS (
                 SELECT 1 FROM devices d WHERE d.user_id = p.user_id AND d.last_seen_ts > $1)
                 AND EXISTS (SELECT 1 FROM users u WHERE u.user_id = p.user_id) LIMIT 500""",
            self._now_ms() - FORGOTTEN_AFTER_MS,
        )
        for user_id in left:
            if user_id not in self._devices:
                state = await self._states.get(user_id)
                await self._write(user_id, replace(state, presence=OFFLINE))

    async def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    # ------------------------------------------------------------------------------------------------------ reading

    async def of(self, users: Iterable[str]) -> dict[str, PresenceState]:
        """As of now: who has just come or gone at this process has, before it is written."""
        states = await self._states.get_many([user for user in users if self.enabled_for(user)])
        return {u: self._as_devices_say(u, state) if self._moves(u) else state for u, state in states.items()}

    async def changed_users(self, since: int, upto: int) -> list[str]:
        """Whose presence changed in (since, upto]."""
        return await values(
            self._database, str, "SELECT user_id FROM presence WHERE position > $1 AND position <= $2", since, upto
        )

    async def present_among(self, users: Iterable[str]) -> list[str]:
        """Those who are not offline, or who have left a message."""
        users = list(users)
        found = await values(
            self._database,
            str,
            """SELECT user_id FROM presence WHERE user_id = ANY($1::text[])
                AND (presence <> 'offline' OR status_msg IS NOT NULL)""",
            users,
        )
        present = set(found)
        return [user for user in users if user in present or (self._moves(user) and self._devices.get(user))]

    def content(self, state: PresenceState) -> dict[str, Any]:
        """Of an m.presence event."""
        ago = max(0, self._now_ms() - state.last_active_ts)
        content: dict[str, Any] = {"presence": state.presence}
        if state.last_active_ts:
            content["last_active_ago"] = ago
        if state.presence == ONLINE:
            content["currently_active"] = ago < ACTIVE_FOR_MS
        if state.status_msg is not None:
            content["status_msg"] = state.status_msg
        return content
