"""What an administrator asked for and waits for a second one: kept until it is decided, agreed to once, void after a week."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from msgspec.structs import asdict

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, columns, find, read
from chappe.homeserver.database.server_time import NowMs
from chappe.matrix.errors import NotFound

WAITS_MS, AGREED_MS = 7 * 86_400_000, 86_400_000  # for an answer; to be done once it is agreed to
# doors: what is asked for at an API is done when it is asked again, by the same administrator
API, CONSOLE = "api", "console"
WHOLE = "all"  # the organisation of requests about the whole installation
AGREED, DONE, REFUSED, WITHDRAWN, VOID = "agreed", "done", "refused", "withdrawn", "void"


class UsedRequest(Row):
    id: int
    decided_by: str | None


class CriticalRequest(Row):
    id: int
    organisation: str
    action: str
    arguments: str
    asked_by: str
    asked_ts: int
    decided_by: str | None
    decided_ts: int | None
    outcome: str | None
    door: str
    used_ts: int | None


class CriticalRequests:
    """The only code that knows `critical_requests` and `accounts_opened`."""

    def __init__(self, database: Database, now_ms: NowMs) -> None:
        self._database, self._now_ms = database, now_ms

    async def ask(self, organisation: str, action: str, arguments: Mapping[str, Any], by: str, door: str) -> tuple[int, bool]:
        """(the request's number, whether it is new): the same is not asked twice."""
        text = orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS).decode()
        async with self._database.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"{action} {text} {by}")
            number = await connection.fetchval(
                """SELECT id FROM critical_requests WHERE organisation = $1 AND action = $2 AND arguments = $3 AND asked_by = $4
                      AND door = $5 AND decided_ts IS NULL AND asked_ts > $6""",
                organisation,
                action,
                text,
                by,
                door,
                self._now_ms() - WAITS_MS,
            )
            if number is not None:
                return int(number), False
            number = await connection.fetchval(
                """INSERT INTO critical_requests (organisation, action, arguments, asked_by, asked_ts, door)
                   VALUES ($1, $2, $3, $4, $5, $6) RETURNING id""",
                organisation,
                action,
                text,
                by,
                self._now_ms(),
                door,
            )
            return int(number), True

    async def use(self, action: str, arguments: Mapping[str, Any], by: str) -> UsedRequest | None:
        """What was agreed to at an API, which is used up now; None where nothing was."""
        text = orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS).decode()
        return await find(
            self._database,
            UsedRequest,
            """UPDATE critical_requests SET used_ts = $1, outcome = 'done' WHERE id = (
                   SELECT id FROM critical_requests WHERE action = $2 AND arguments = $3 AND asked_by = $4 AND door = 'api'
                      AND outcome = 'agreed' AND used_ts IS NULL AND decided_ts > $5 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
               RETURNING id, decided_by""",
            self._now_ms(),
            action,
            text,
            by,
            self._now_ms() - AGREED_MS,
        )

    async def all(self, organisation: str) -> list[dict[str, Any]]:
        """What waits, and the latest decisions."""
        rows = await read(
            self._database,
            CriticalRequest,
            f"""SELECT {columns(CriticalRequest)} FROM critical_requests
                WHERE organisation = $1 AND (decided_ts IS NOT NULL OR asked_ts > $2)
                ORDER BY decided_ts IS NOT NULL, id DESC LIMIT 100""",
            organisation,
            self._now_ms() - WAITS_MS,
        )
        return [
            {
                key: value
                for key, value in {**asdict(row), "arguments": orjson.loads(row.arguments)}.items()
                if value is not None
            }
            for row in rows
        ]

    async def waiting(self, number: int, organisation: str) -> CriticalRequest:
        """Raises M_NOT_FOUND."""
        row = await find(
            self._database,
            CriticalRequest,
            f"""SELECT {columns(CriticalRequest)} FROM critical_requests
                 WHERE id = $1 AND organisation = $2 AND decided_ts IS NULL AND asked_ts > $3""",
            number,
            organisation,
            self._now_ms() - WAITS_MS,
        )
        if row is None:
            raise NotFound("There is no such request that waits")
        return row

    async def decide(self, number: int, by: str, outcome: str) -> None:
        """Raises M_NOT_FOUND where another administrator was quicker."""
        decided = await self._database.execute(
            "UPDATE critical_requests SET decided_by = $2, decided_ts = $3, outcome = $4 WHERE id = $1 AND decided_ts IS NULL",
            number,
            by,
            self._now_ms(),
            outcome,
        )
        if not decided.endswith(" 1"):
            raise NotFound("Another administrator has decided this meanwhile")

    async def ended(self, number: int, outcome: str) -> None:
        await self._database.execute("UPDATE critical_requests SET outcome = $2 WHERE id = $1", number, outcome)

    async def withdraw_all(self, user_id: str) -> None:
        """Whoever asked may not any more: what waits, and what was agreed to and has not been done."""
        await self._database.execute(
            """UPDATE critical_requests SET decided_by = coalesce(decided_by, $1), decided_ts = coalesce(decided_ts, $2),
                      outcome = $3
                WHERE asked_by = $1 AND (decided_ts IS NULL OR (outcome = $4 AND used_ts IS NULL))""",
            user_id,
            self._now_ms(),
            WITHDRAWN,
            AGREED,
        )

    # --------------------------------------------------------------------------------------------- who opened what

    async def opened(self, user_id: str, by: str) -> None:
        """Somebody could use the account from now on, or decides who does."""
        await self._database.execute(
            "INSERT INTO accounts_opened VALUES ($1, $2, $3) ON CONFLICT (user_id, by) DO UPDATE SET ts = excluded.ts",
            user_id,
            by,
            self._now_ms(),
        )

    async def opened_since(self, user_id: str, by: str, since_ts: int) -> bool:
        return bool(
            await self._database.fetchval(
                "SELECT EXISTS (SELECT 1 FROM accounts_opened WHERE user_id = $1 AND by = $2 AND ts > $3)",
                user_id,
                by,
                since_ts,
            )
        )
