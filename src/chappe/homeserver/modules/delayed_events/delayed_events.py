"""Delayed events (MSC4140): sent later by the server, unless they are restarted or cancelled before."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, columns, find, read
from chappe.homeserver.database.server_time import NowMs
from chappe.matrix.errors import BadRequest, LimitExceeded, MatrixError, NotFound
from chappe.matrix.identifiers import UserId

KEEP_FINALISED_MS = 7 * 24 * 3600 * 1000
PAGE = 100
CLAIM_MS = 60_000  # after which what a dead process was sending is sent by another
SEND, CANCEL, RESTART = "send", "cancel", "restart"
ACTIONS = (SEND, CANCEL, RESTART)
_ENDED = {"errcode": "M_UNKNOWN_TOKEN", "error": "The account has ended"}
_SIGNED_OUT = {"errcode": "M_UNKNOWN_TOKEN", "error": "Its author has signed out everywhere"}
CALL_MEMBER = ".call.member"  # how the types of a member of a call end (MSC3401, MSC4143)


@dataclass(frozen=True, slots=True)
class Scheduled:
    """What is to be sent. `state_key` None: a message."""

    user_id: UserId
    device_id: str
    room_id: str
    event_type: str
    state_key: str | None
    content: dict[str, Any]
    delay_ms: int
    txn: str | None


class HeldEvents(Row):
    count: int
    next: int | None


class DelayedEvent(Row):
    delay_id: str
    user_id: str
    device_id: str
    room_id: str
    type: str
    state_key: str | None
    content: bytes
    txn: str | None
    delay_ms: int
    running_since: int
    send_at: int
    finalised_ts: int | None
    outcome: str | None
    error: bytes | None
    event_id: str | None
    claimed_ts: int | None


class DelayedEvents:
    """`changed` is called when something is due earlier than before. `send` sends now and returns the event's id."""

    def __init__(self, database: Database, now_ms: NowMs, max_delay_ms: int, max_scheduled: int) -> None:
        self._database, self._now_ms = database, now_ms
        self.max_delay_ms, self.max_scheduled = max_delay_ms, max_scheduled
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """`listener` is told when there is something else to wait for."""
        self._listeners.append(listener)

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()

    async def schedule(self, wanted: Scheduled, is_old_dialect: bool) -> str:
        """Returns the delay id; the same one for the same transaction id."""
        if wanted.delay_ms <= 0:
            raise BadRequest("The delay must be positive", "M_INVALID_PARAM")
        if wanted.delay_ms > self.max_delay_ms:
            if is_old_dialect:
                raise BadRequest("The delay is too long", "M_MAX_DELAY_EXCEEDED", max_delay=self.max_delay_ms)
            raise MatrixError(403, "M_FORBIDDEN", f"A delay may last {self.max_delay_ms} ms at most")
        now, delay_id = self._now_ms(), secrets.token_urlsafe(24)
        async with self._database.transaction() as connection:
            name = f"delayed events {wanted.user_id}"
            await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", name)
            known = await connection.fetchval("SELECT delay_id FROM delayed_events WHERE txn = $1", wanted.txn)
            if known is not None:
                return str(known)
            await self._require_room(connection, wanted.user_id, is_old_dialect)
            await connection.execute(
                """INSERT INTO delayed_events (delay_id, user_id, device_id, room_id, type, state_key, content, txn, delay_ms,
                                               running_since, send_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)""",
                delay_id,
                wanted.user_id,
                wanted.device_id,
                wanted.room_id,
                wanted.event_type,
                wanted.state_key,
                orjson.dumps(wanted.content),
                wanted.txn,
                wanted.delay_ms,
                now,
                now + wanted.delay_ms,
            )
        self._changed()
        return delay_id

    async def _require_room(self, connection: Any, user_id: str, is_old_dialect: bool) -> None:
        row = await find(
            connection,
            HeldEvents,
            """SELECT count(*) AS count, min(send_at) AS next FROM delayed_events
                WHERE user_id = $1 AND finalised_ts IS NULL""",
            user_id,
        )
        assert row is not None
        if row.count < self.max_scheduled:
            return
        if is_old_dialect:
            raise BadRequest("You have too many delayed events", "M_MAX_DELAYED_EVENTS_EXCEEDED")
        raise LimitExceeded(max(1000, (row.next or 0) - self._now_ms()), "You have too many delayed events")

    # ---------------------------------------------------------------------------------------------------- managing

    async def find(self, delay_id: str, owner: str | None) -> DelayedEvent:
        """`owner` None: whoever knows the id. Raises M_NOT_FOUND."""
        row = await find(
            self._database, DelayedEvent, f"SELECT {columns(DelayedEvent)} FROM delayed_events WHERE delay_id = $1", delay_id
        )
        if row is None or (owner is not None and row.user_id != owner):
            raise NotFound("There is no such delayed event")
        return row

    async def claim(self, delay_id: str, is_due: bool) -> bool:
        """Takes it for sending; from now on nobody can cancel or restart it. False where somebody was faster.

        `is_due`: only where its time has come. A claim whose process died is taken over after a minute: sending has a
        transaction id, so that nothing is sent twice.
        """
        now = self._now_ms()
        result = await self._database.execute(
            """UPDATE delayed_events SET claimed_ts = $2 WHERE delay_id = $1 AND finalised_ts IS NULL
                AND (claimed_ts IS NULL OR claimed_ts < $3) AND (NOT $4 OR send_at <= $2)""",
            delay_id,
            now,
            now - CLAIM_MS,
            is_due,
        )
        return result.endswith(" 1")

    async def release(self, delay_id: str) -> None:
        """It was refused, and stays scheduled."""
        await self._database.execute(
            "UPDATE delayed_events SET claimed_ts = NULL WHERE delay_id = $1 AND finalised_ts IS NULL", delay_id
        )

    async def restart(self, delay_id: str) -> bool:
        """False where it is finalised, or being sent."""
        now = self._now_ms()
        result = await self._database.execute(
            """UPDATE delayed_events SET running_since = $2, send_at = $2 + delay_ms
                WHERE delay_id = $1 AND finalised_ts IS NULL AND claimed_ts IS NULL""",
            delay_id,
            now,
        )
        return result.endswith(" 1")

    async def cancel(self, delay_id: str) -> bool:
        """False where it is finalised, or being sent."""
        result = await self._database.execute(
            """UPDATE delayed_events SET finalised_ts = $2, outcome = $3
                WHERE delay_id = $1 AND finalised_ts IS NULL AND claimed_ts IS NULL""",
            delay_id,
            self._now_ms(),
            CANCEL,
        )
        return result.endswith(" 1")

    async def finalise(
        self, delay_id: str, outcome: str, event_id: str | None = None, error: dict[str, Any] | None = None
    ) -> bool:
        """False where it was finalised before."""
        result = await self._database.execute(
            """UPDATE delayed_events SET finalised_ts = $2, outcome = $3, event_id = $4, error = $5
                WHERE delay_id = $1 AND finalised_ts IS NULL""",
            delay_id,
            self._now_ms(),
            outcome,
            event_id,
            None if error is None else orjson.dumps(error),
        )
        return result.endswith(" 1")

    async def sign_out(self, user_id: str, but_device: str | None) -> None:
        """Signed out everywhere: whoever is in a call leaves it now, and nothing else is said later. Not of `but_device`.

        What is to be sent counts as taken by a process that died: nobody can restart it or cancel it any more.
        """
        rows = [row for row in await self.scheduled(user_id, None) if row.device_id != but_device]
        leaving = {row.delay_id for row in rows if _leaves_a_call(row)}
        await self._database.execute(
            """UPDATE delayed_events SET claimed_ts = 0, send_at = least(send_at, $2)
                WHERE delay_id = ANY($1) AND finalised_ts IS NULL AND claimed_ts IS NULL""",
            list(leaving),
            self._now_ms(),
        )
        await self._database.execute(
            """UPDATE delayed_events SET finalised_ts = $2, outcome = $3, error = $4
                WHERE delay_id = ANY($1) AND finalised_ts IS NULL""",
            [row.delay_id for row in rows if row.delay_id not in leaving],
            self._now_ms(),
            CANCEL,
            orjson.dumps(_SIGNED_OUT),
        )
        self._changed()

    async def cancel_all(self, user_id: str) -> None:
        """The account has ended."""
        await self._database.execute(
            """UPDATE delayed_events SET finalised_ts = $2, outcome = $3, error = $4
                WHERE user_id = $1 AND finalised_ts IS NULL""",
            user_id,
            self._now_ms(),
            CANCEL,
            orjson.dumps(_ENDED),
        )

    # ----------------------------------------------------------------------------------------------------- reading

    async def due(self) -> tuple[list[DelayedEvent], int | None]:
        """(what must be sent now, in order; when the next one after that is due, in ms). Not what is being sent."""
        now = self._now_ms()
        rows = await read(
            self._database,
            DelayedEvent,
            f"""SELECT {columns(DelayedEvent)} FROM delayed_events
                WHERE finalised_ts IS NULL AND (claimed_ts IS NULL OR claimed_ts < $2)
                ORDER BY send_at, delay_id LIMIT $1""",
            PAGE,
            now - CLAIM_MS,
        )
        due = [row for row in rows if row.send_at <= now]
        return due, None if len(due) == len(rows) else rows[len(due)].send_at

    async def scheduled(self, user_id: str, ids: Sequence[str] | None) -> list[DelayedEvent]:
        return await read(
            self._database,
            DelayedEvent,
            f"""SELECT {columns(DelayedEvent)} FROM delayed_events WHERE user_id = $1 AND finalised_ts IS NULL
                AND ($2::text[] IS NULL OR delay_id = ANY($2)) ORDER BY send_at LIMIT $3""",
            user_id,
            ids,
            self.max_scheduled,
        )

    async def finalised(self, user_id: str, ids: Sequence[str] | None) -> list[DelayedEvent]:
        return await read(
            self._database,
            DelayedEvent,
            f"""SELECT {columns(DelayedEvent)} FROM delayed_events WHERE user_id = $1 AND finalised_ts IS NOT NULL
                AND ($2::text[] IS NULL OR delay_id = ANY($2)) ORDER BY finalised_ts DESC LIMIT $3""",
            user_id,
            ids,
            PAGE,
        )

    async def prune(self) -> None:
        await self._database.execute("DELETE FROM delayed_events WHERE finalised_ts < $1", self._now_ms() - KEEP_FINALISED_MS)


def _leaves_a_call(row: DelayedEvent) -> bool:
    """An empty membership of a call, with a reason at most: what a client schedules in case that it is gone (MSC4143)."""
    if row.state_key is None or not row.type.endswith(CALL_MEMBER):
        return False
    content = orjson.loads(row.content)
    return not content.get("memberships") and not content.keys() - {"leave_reason", "memberships"}
