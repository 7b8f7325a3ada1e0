"""Invitations that were declined, and knocks that were taken back, while no server of the room could be reached: they are told
later. Without that whoever invited waits for ever, and whoever declined cannot be invited again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.rooms.remote.handshakes import Handshakes, Signed
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import MatrixError

log = logging.getLogger(__name__)
FIRST_WAIT_MS, LONGEST_WAIT_MS = 60_000, 6 * 3_600_000
GIVEN_UP_AFTER_MS = 30 * 86_400_000
AT_ONCE = 50


class UntoldLeave(Row):
    user_id: str
    room_nid: int
    servers: list[str]
    content: bytes
    since_ts: int
    attempts: int


class UntoldLeaves:
    def __init__(self, database: Database, rooms: Rooms, handshakes: Handshakes, now_ms: NowMs) -> None:
        self._database, self._rooms, self._handshakes, self._now_ms = database, rooms, handshakes, now_ms

    async def keep_leave(self, user_id: str, room_nid: int, servers: Sequence[str], content: Mapping[str, Any]) -> None:
        """`servers`: whom to tell; one of them is enough."""
        now = self._now_ms()
        await self._database.execute(
            """INSERT INTO untold_leaves (user_id, room_nid, servers, content, since_ts, next_try_ts)
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (user_id, room_nid) DO UPDATE
               SET servers = $3, content = $4, since_ts = $5, next_try_ts = $6, attempts = 0""",
            user_id,
            room_nid,
            list(servers),
            orjson.dumps(content),
            now,
            now + FIRST_WAIT_MS,
        )

    async def leave(self, user_id: str, room_id: str, servers: Sequence[str], content: Mapping[str, Any]) -> Signed:
        """Tells the first server that takes it. Raises what they answered."""
        room = await self._rooms.live.find_any(room_id)
        version = room.version if room is not None else None

        async def attempt(server: str) -> Signed:
            signed = await self._handshakes.make(server, "leave", room_id, user_id, content, version)
            await self._handshakes.send(signed, "leave")
            return signed

        return await self._handshakes.each(room_id, servers, attempt)  # type: ignore[no-any-return]

    async def tell_servers(self) -> None:
        """A job: those whose time has come, at once, so that a server that says nothing holds up its own only."""
        rows = await read(
            self._database,
            UntoldLeave,
            """SELECT user_id, room_nid, servers, content, since_ts, attempts FROM untold_leaves WHERE next_try_ts <= $1
                ORDER BY next_try_ts LIMIT $2""",
            self._now_ms(),
            AT_ONCE,
        )
        await asyncio.gather(*map(self._try, rows))

    async def _try(self, row: UntoldLeave) -> None:
        leave = row.user_id, row.room_nid, row.since_ts
        if await self._is_told(row):
            await self._database.execute(
                "DELETE FROM untold_leaves WHERE user_id = $1 AND room_nid = $2 AND since_ts = $3", *leave
            )
            return
        wait = min(FIRST_WAIT_MS << min(row.attempts, 20), LONGEST_WAIT_MS)
        await self._database.execute(
            """UPDATE untold_leaves SET attempts = attempts + 1, next_try_ts = $4
                WHERE user_id = $1 AND room_nid = $2 AND since_ts = $3""",
            *leave,
            self._now_ms() + wait,
        )

    async def _is_told(self, row: UntoldLeave) -> bool:
        """Whether nothing is left to do: it is told, or refused, or no longer so, or too long ago."""
        room = await self._rooms.live.by_nid(row.room_nid)
        now = (await self._rooms.memberships.of(row.user_id)).get(room.nid)
        if now is None or now.membership != "leave" or not now.is_beside:
            return True  # invited again, or in the room
        try:
            await self.leave(row.user_id, room.room_id, row.servers, orjson.loads(row.content))
        except MatrixError as error:
            log.info("a leave waits to be told", extra={"fields": {"room": room.room_id, "why": error.message[:200]}})
            return not is_worth_another_try(error) or row.since_ts < self._now_ms() - GIVEN_UP_AFTER_MS
        return True


def is_worth_another_try(error: MatrixError) -> bool:
    """Whether nobody answered; who refuses a leave knows of nothing that could be left."""
    return error.status >= 500 or error.status == 429
