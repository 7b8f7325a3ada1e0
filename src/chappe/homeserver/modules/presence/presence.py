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
from chappe.homeserver.modules.presence.status import AWAY, FIELD, HIDDEN, Status, said_elsewhere
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
    chosen: str | None
    chosen_text: str | None
    until_ts: int | None
    is_silent: bool


FRAGMENT = Fragment(
    "presence",
    PresenceRow,
    """
    FOR r IN SELECT * FROM unnest(presence_rows) LOOP
        INSERT INTO presence (user_id, presence, status_msg, last_active_ts, position, chosen, chosen_text, until_ts, is_silent)
        VALUES (r.who, r.presence, r.status, r.active_ts, upto, r.chosen, r.chosen_text, r.until_ts, r.is_silent)
        ON CONFLICT (user_id) DO UPDATE SET presence = excluded.presence, status_msg = excluded.status_msg,
            last_active_ts = excluded.last_active_ts, position = excluded.position, chosen = excluded.chosen,
            chosen_text = excluded.chosen_text, until_ts = excluded.until_ts, is_silent = excluded.is_silent;
    END LOOP;""",
)


@dataclass(frozen=True, slots=True)
class PresenceState:
    """`presence`: what the devices say; offline for whoever hides. `status_msg` says the status, if there is one, and ends with it."""

    presence: str = OFFLINE
    status_msg: str | None = None
    last_active_ts: int = 0
    status: Status | None = None

    @property
    def hides(self) -> bool:
        return self.status is not None and self.status.state == HIDDEN


def _row(user_id: str, state: PresenceState) -> PresenceRow:
    status = state.status
    return PresenceRow(
        who=user_id,
        presence=state.presence,
        status=state.status_msg,
        active_ts=state.last_active_ts,
        chosen=None if status is None else status.state,
        chosen_text=None if status is None else status.text,
        until_ts=None if status is None else status.until,
        is_silent=status is not None and status.is_silent,
    )


class StoredPresence(Row):
    user_id: str
    presence: str
    status_msg: str | None
    last_active_ts: int
    position: int
    chosen: str | None
    chosen_text: str | None
    until_ts: int | None
    is_silent: bool

    def state(self) -> PresenceState:
        status = Status(self.chosen, self.chosen_text, self.until_ts, self.is_silent) if self.chosen is not None else None
        return PresenceState(self.presence, self.status_msg, self.last_active_ts, status)


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
        found = {r.user_id: r.state() for r in rows}
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
        now, before = self._now_ms(), await self._states.get(user_id)
        if not status_msg and before.status is not None and not before.status.is_over(now):
            # a client that says who is idle knows nothing of what was chosen, and does not end it
            held = OFFLINE if before.hides else state
            await self._write(user_id, replace(before, presence=held, last_active_ts=now), "presence")
        else:
            await self._write(user_id, PresenceState(state, status_msg or None, now), "presence")

    async def choose(self, user_id: str, status: Status | None, status_msg: str | None) -> None:
        """A status that was checked, or none. Raises M_FORBIDDEN where the domain has switched presence off."""
        if not self.enabled_for(user_id):
            raise Forbidden("Presence is switched off here")
        before = await self._states.get(user_id)
        if status is not None and status.state == HIDDEN:
            after = replace(before, presence=OFFLINE, status_msg=None, status=status)
        else:
            after = (await self._without_status({user_id: before}))[user_id]
            after = replace(after, status_msg=status_msg, status=status)
        await self._write(user_id, after, "presence")

    async def _without_status(self, before: dict[str, PresenceState]) -> dict[str, PresenceState]:
        """As they are once their status has ended. Who was hidden is what their devices say, here or at another process."""
        after = {u: replace(state, status=None, status_msg=None) for u, state in before.items()}
        hidden = [u for u, state in before.items() if state.hides]
        for user_id in hidden:
            after[user_id] = self._as_devices_say(user_id, after[user_id])
        elsewhere = await self._seen_lately([u for u in hidden if u not in self._devices])
        return {u: replace(state, presence=ONLINE) if u in elsewhere else state for u, state in after.items()}

    async def _seen_lately(self, users: list[str]) -> list[str]:
        if not users:
            return []
        return await values(
            self._database,
            str,
            "SELECT DISTINCT user_id FROM devices WHERE user_id = ANY($1::text[]) AND last_seen_ts > $2",
            users,
            self._now_ms() - ACTIVE_FOR_MS,
        )

    async def end_statuses(self) -> None:
        """Those whose time has come. Others hear of it now; nobody was shown them any more since."""
        now = self._now_ms()
        over = await values(self._database, str, "SELECT user_id FROM presence WHERE until_ts <= $1 LIMIT 500", now)
        states = await self._states.get_many(over)
        ended = {u: state for u, state in states.items() if state.status is not None and state.status.is_over(now)}
        write = Write()
        for user_id, state in (await self._without_status(ended)).items():
            write.add(_row(user_id, state))
            write.touch_user(user_id, "presence")
        if write.rows:
            await self._writer.submit(write)

    async def set_remote(self, user_id: str, entry: dict[str, Any]) -> None:
        """What another server says of its user. Malformed parts count as not said."""
        presence, status, ago = entry.get("presence"), entry.get("status_msg"), entry.get("last_active_ago")
        state = _ACCEPTED.get(presence) if type(presence) is str else None
        if state is None or not self.enabled_for(user_id):
            return
        active = self._now_ms() - (ago if type(ago) is int and 0 <= ago < self._now_ms() else 0)
        status = status[:MAX_STATUS] if type(status) is str and status else None
        before = await self._states.get(user_id)
        chosen = said_elsewhere(entry.get(FIELD), self._now_ms())
        if (before.presence, before.status_msg, before.status) != (state, status, chosen):
            await self._write(user_id, PresenceState(state, status, active, chosen), "presence")

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
        if before.hides:
            return before
        said = set(self._devices.get(user_id, {}).values())
        now = next((state for state in STATES if state in said), OFFLINE)
        return replace(before, presence=now, last_active_ts=self._now_ms() if now == ONLINE else before.last_active_ts)

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
        coming = [user for user in users if user not in present and self._moves(user) and self._devices.get(user)]
        present.update(user for user, state in (await self._states.get_many(coming)).items() if not state.hides)
        return [user for user in users if user in present]

    async def status(self, user_id: str) -> Status | None:
        """What somebody has chosen to be, where that has not ended."""
        if not self.enabled_for(user_id):
            return None
        status = (await self._states.get(user_id)).status
        return status if status is not None and not status.is_over(self._now_ms()) else None

    async def is_silent(self, user_id: str) -> bool:
        """Whether somebody has chosen that nothing may ring now."""
        status = await self.status(user_id)
        return status is not None and status.is_silent

    def content(self, state: PresenceState, for_oneself: bool = False) -> dict[str, Any]:
        """Of an m.presence event."""
        now = self._now_ms()
        ago, status = max(0, now - state.last_active_ts), state.status
        if is_over := status is not None and status.is_over(now):
            status = None
        is_away = status is not None and status.state == AWAY and state.presence == ONLINE
        content: dict[str, Any] = {"presence": UNAVAILABLE if is_away else state.presence}
        if state.last_active_ts:
            content["last_active_ago"] = ago
        if content["presence"] == ONLINE:
            content["currently_active"] = ago < ACTIVE_FOR_MS
        if state.status_msg is not None and not is_over:
            content["status_msg"] = state.status_msg
        if status is not None and (for_oneself or not state.hides):
            content[FIELD] = status.content()
        return content
