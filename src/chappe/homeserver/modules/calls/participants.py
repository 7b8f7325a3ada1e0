"""Who was let into which call, until they have left it and can come in no more by what they were given."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, columns, read
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.database.writing_function import Consequence
from chappe.homeserver.modules.calls.sfu import LIVEKIT_TOKEN_SECONDS, TOKEN_SECONDS
from chappe.matrix.errors import LimitExceeded

CONSEQUENCE = Consequence(
    "devices_removed",
    """
    FOR r IN SELECT * FROM unnest(devices_removed_rows) LOOP
        UPDATE call_participants SET is_ended = true WHERE user_id = r.who AND device_id = r.device;
    END LOOP;""",
)
# for which a token serves that LiveKit gave in the last moment, and the token of ours before that
MOST_OF_ONE = 100
RETURNS_MS = (TOKEN_SECONDS + LIVEKIT_TOKEN_SECONDS) * 1000


@dataclass(frozen=True, slots=True)
class Place:
    """What LiveKit knows of a participant: the SFU by its name here, its room, their name there."""

    sfu: str
    alias: str
    identity: str


class Participant(Row):
    sfu: str
    alias: str
    identity: str
    room_id: str
    user_id: str
    device_id: str | None
    expires_ts: int
    is_ended: bool
    put_out_ts: int | None

    @property
    def place(self) -> Place:
        return Place(self.sfu, self.alias, self.identity)


class DelegatedLeave(Row):
    """`restarted_ts`: when their delayed event was put off, once they were seen; `gone_ts`: since when they are seen no more."""

    sfu: str
    alias: str
    identity: str
    delay_id: str
    restarted_ts: int | None
    gone_ts: int | None

    @property
    def place(self) -> Place:
        return Place(self.sfu, self.alias, self.identity)


class CallParticipants:
    def __init__(self, database: Database, accounts: AccountStore, now_ms: NowMs) -> None:
        self._database, self._accounts, self._now_ms = database, accounts, now_ms

    async def add(self, place: Place, room_id: str, user_id: str, session: tuple[str, str] | None) -> None:
        """Before they are given a token. `session`: the one that asks, if it is of here. Raises M_UNKNOWN_TOKEN where it has ended."""
        async with self._database.transaction() as connection:
            await self._accounts.sessions.require_session(connection, session)
            await self._require_few(connection, user_id)
            await connection.execute(
                """INSERT INTO call_participants (sfu, alias, identity, room_id, user_id, device_id, expires_ts)
                   VALUES ($1, $2, $3, $4, $5, $6, $7)
                   ON CONFLICT (sfu, alias, identity) DO UPDATE
                      SET device_id = excluded.device_id, expires_ts = excluded.expires_ts, is_ended = false, put_out_ts = NULL""",
                place.sfu,
                place.alias,
                place.identity,
                room_id,
                user_id,
                session[1] if session is not None else None,
                self._now_ms() + RETURNS_MS,
            )

    @staticmethod
    async def _require_few(connection: Any, user_id: str) -> None:
        """Whoever comes back has another name each time. Raises M_LIMIT_EXCEEDED."""
        if await connection.fetchval("SELECT count(*) FROM call_participants WHERE user_id = $1", user_id) >= MOST_OF_ONE:
            raise LimitExceeded(TOKEN_SECONDS * 1000, "You have entered too many calls: please wait a moment")

    async def all(self) -> list[Participant]:
        return await read(
            self._database, Participant, f"SELECT {columns(Participant)} FROM call_participants ORDER BY sfu, alias, identity"
        )

    async def end_all(self, user_id: str) -> None:
        await self._database.execute("UPDATE call_participants SET is_ended = true WHERE user_id = $1", user_id)

    async def put_out(self, place: Place) -> None:
        """They were put out, and are kept out for as long as what they were given would let them in again."""
        now = self._now_ms()
        await self._database.execute(
            """UPDATE call_participants SET is_ended = true, put_out_ts = $4, expires_ts = $5
                WHERE sfu = $1 AND alias = $2 AND identity = $3 AND put_out_ts IS NULL""",
            place.sfu,
            place.alias,
            place.identity,
            now,
            now + RETURNS_MS,
        )

    # ------------------------------------------------------------------------------------------------ delegated leaves

    async def delegate(self, place: Place, delay_id: str) -> None:
        """One for each place: another takes its place."""
        await self._database.execute(
            """UPDATE call_participants SET delay_id = $4, restarted_ts = NULL, gone_ts = NULL
                WHERE sfu = $1 AND alias = $2 AND identity = $3""",
            place.sfu,
            place.alias,
            place.identity,
            delay_id,
        )

    async def delegated(self) -> list[DelegatedLeave]:
        return await read(
            self._database,
            DelegatedLeave,
            f"""SELECT {columns(DelegatedLeave)} FROM call_participants WHERE delay_id IS NOT NULL
                 ORDER BY sfu, alias, identity""",
        )

    async def note(self, leave: DelegatedLeave, restarted_ts: int | None, gone_ts: int | None) -> None:
        """How it was seen last."""
        await self._database.execute(
            """UPDATE call_participants SET restarted_ts = $5, gone_ts = $6
                WHERE sfu = $1 AND alias = $2 AND identity = $3 AND delay_id = $4""",
            leave.sfu,
            leave.alias,
            leave.identity,
            leave.delay_id,
            restarted_ts,
            gone_ts,
        )

    async def take_back(self, leave: DelegatedLeave) -> None:
        """It is over."""
        await self._database.execute(
            """UPDATE call_participants SET delay_id = NULL
                WHERE sfu = $1 AND alias = $2 AND identity = $3 AND delay_id = $4""",
            leave.sfu,
            leave.alias,
            leave.identity,
            leave.delay_id,
        )

    # ---------------------------------------------------------------------------------------------------- who is there

    async def seen(self, sfu: str, alias: str, present: Collection[str]) -> None:
        """Who is in a room now: they stay, and of the others those go that can come in no more."""
        now = self._now_ms()
        await self._database.execute(
            """UPDATE call_participants SET expires_ts = greatest(expires_ts, $4)
                WHERE sfu = $1 AND alias = $2 AND identity = ANY($3::text[]) AND put_out_ts IS NULL""",
            sfu,
            alias,
            list(present),
            now + RETURNS_MS,
        )
        await self._database.execute(
            """DELETE FROM call_participants
                WHERE sfu = $1 AND alias = $2 AND identity <> ALL($3::text[]) AND expires_ts <= $4 AND delay_id IS NULL""",
            sfu,
            alias,
            list(present),
            now,
        )

    async def forget_others(self, sfus: Collection[str]) -> None:
        """Of SFUs that the configuration names no more, nobody is asked."""
        await self._database.execute(
            "DELETE FROM call_participants WHERE sfu <> ALL($1::text[]) AND expires_ts <= $2", list(sfus), self._now_ms()
        )
