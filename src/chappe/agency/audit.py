"""The audit log (DESIGN section 10): what administrators do, each entry sealed with the one before it.

Whoever changes or removes an entry breaks every seal after it. Removing the latest ones leaves no broken seal: note the head
that `verify` tells, elsewhere, and give it to the next `verify`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from chappe.homeserver.database.pool import Database
from chappe.homeserver.http.application import AdminDoor
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import ADMIN_AUTH, SMALL_LIMIT, Answer, Endpoint, endpoint
from chappe.homeserver.matrix.errors import BadRequest, MatrixError

FIRST = bytes(32)
AT_MOST = 4096  # bytes of detail
HIDDEN = "(hidden)"
_SECRET = frozenset((
    "password", "new_password", "access_token", "refresh_token", "token", "secret", "mac", "nonce", "key", "content", "auth",
))  # fmt: skip
_LOCK = 0x61756469  # of PostgreSQL's advisory locks: entries are written one after the other
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Head:
    """The latest entry: its number (0 of an empty log), its seal."""

    number: int
    seal: bytes

    def __str__(self) -> str:
        return f"{self.number}:{self.seal.hex()}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """Raises M_INVALID_PARAM."""
        number, _, seal = text.partition(":")
        try:
            return cls(int(number), bytes.fromhex(seal))
        except ValueError:
            raise BadRequest(
                "A head is a number, a colon and a seal, as `verify` tells it", "M_INVALID_PARAM"
            ) from None


class BrokenChain(Exception):
    """`number`: the first entry that is not what was written."""

    def __init__(self, number: int) -> None:
        super().__init__(f"Entry {number} of the audit log is not what was written, or one before it is missing")
        self.number = number


class Audit:
    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database, self._now_ms = database, now_ms

    async def record(self, actor: str, action: str, detail: Mapping[str, Any]) -> None:
        """`actor`: a user id, or who used the command line. `detail`: without secrets (`without_secrets`)."""
        async with self._database.transaction() as connection:
            await write_entry(connection, self._now_ms(), actor, action, detail)

    async def entries(self, before: int | None, limit: int) -> list[dict[str, Any]]:
        """The latest first; those before a number."""
        rows = await self._database.fetch(
            """SELECT number, ts, actor, action, detail FROM audit WHERE $1::bigint IS NULL OR number < $1
                ORDER BY number DESC LIMIT $2""",
            before, limit,
        )  # fmt: skip
        return [{**row, "detail": orjson.loads(row["detail"])} for row in map(dict, rows)]

    async def of_organisation(self, organisation: str | None, limit: int, start: int) -> list[dict[str, Any]]:
        """The latest first: what concerned an organisation (None: everything)."""
        rows = await self._database.fetch(
            """SELECT number, ts, actor, action, detail FROM audit WHERE $1::text IS NULL OR detail::jsonb->>'organisation' = $1
                ORDER BY number DESC LIMIT $2 OFFSET $3""",
            organisation, limit, start,
        )  # fmt: skip
        return [{**row, "detail": orjson.loads(row["detail"])} for row in map(dict, rows)]

    async def verify(self, known: Head | None = None) -> Head:
        """Reads the whole log. `known`: a head noted earlier, which must still be in it. Raises BrokenChain."""
        head = Head(0, FIRST)
        while rows := await self._database.fetch(
            "SELECT * FROM audit WHERE number > $1 ORDER BY number LIMIT $2", head.number, _PAGE
        ):
            for row in rows:
                number = head.number + 1
                seal = seal_of(head.seal, number, row["ts"], row["actor"], row["action"], row["detail"])
                if row["number"] != number or row["seal"] != seal:
                    raise BrokenChain(number)
                head = Head(number, seal)
                if known is not None and known.number == number and known.seal != seal:
                    raise BrokenChain(number)
        if known is not None and known.number > head.number:
            raise BrokenChain(head.number + 1)
        return head


async def write_entry(
    connection: asyncpg.Connection, ts: int, actor: str, action: str, detail: Mapping[str, Any]
) -> None:
    """As `Audit.record`, in a transaction of the caller's."""
    text = orjson.dumps(detail, option=orjson.OPT_SORT_KEYS, default=str).decode()
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    row = await connection.fetchrow("SELECT number, seal FROM audit ORDER BY number DESC LIMIT 1")
    number, previous = (row["number"] + 1, row["seal"]) if row is not None else (1, FIRST)
    await connection.execute(
        "INSERT INTO audit (number, ts, actor, action, detail, seal) VALUES ($1, $2, $3, $4, $5, $6)",
        number, ts, actor, action, text, seal_of(previous, number, ts, actor, action, text),
    )  # fmt: skip


def seal_of(previous: bytes, number: int, ts: int, actor: str, action: str, detail: str) -> bytes:
    return hashlib.sha256(previous + orjson.dumps([number, ts, actor, action, detail])).digest()


def without_secrets(value: Any) -> Any:
    """What may be kept of an administrator's request: no password, no token, nothing that somebody wrote."""
    if isinstance(value, Mapping):
        return {key: HIDDEN if key in _SECRET else without_secrets(inner) for key, inner in value.items()}
    return [without_secrets(inner) for inner in value] if isinstance(value, list) else value


class AuditTrail:
    """Writes down each request of an administrator: what changes something before it is done, and once more if it fails; of what
    only reads, what concerns one person.
    """

    def __init__(self, audit: Audit, door: AdminDoor) -> None:
        self._audit, self._door = audit, door

    async def __call__(self, request: Request, endpoint: Endpoint, act: Callable[[], Awaitable[Answer]]) -> Answer:
        action = f"{request.method} {endpoint.path}"
        if request.method in ("GET", "HEAD"):
            if "userId" in request.params:
                await self._audit.record(request.user_id, action, {**request.params})
            return await self._door(request, endpoint, act)
        detail: dict[str, Any] = {**request.params}
        if query := request.query_items():
            detail["query"] = without_secrets(query)
        if endpoint.body_limit <= SMALL_LIMIT:
            detail["body"] = _body(await request.body())
        await self._audit.record(request.user_id, action, detail)
        try:
            return await self._door(request, endpoint, act)
        except Exception as error:
            await self._audit.record(request.user_id, action, {**request.params, "outcome": failure_of(error)})
            raise


def failure_of(error: Exception) -> str:
    return f"failed: {error.message if isinstance(error, MatrixError) else type(error).__name__}"


def _body(raw: bytes) -> Any:
    try:
        value = without_secrets(orjson.loads(raw)) if raw.strip() else {}
    except ValueError:
        return "(not JSON)"
    return value if len(orjson.dumps(value)) <= AT_MOST else "(too long)"


class AuditApi:
    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    @endpoint("GET", "/_chappe/admin/v1/audit", auth=ADMIN_AUTH, api="admin")
    async def entries(self, request: Request) -> Answer:
        """The latest first; `before`: the number of the last one that was answered."""
        before = request.query_int("before", 0, 1) if request.query("before") is not None else None
        entries = await self._audit.entries(before, request.query_int("limit", 100, 1, 1000))
        following = {"next": entries[-1]["number"]} if entries and entries[-1]["number"] > 1 else {}
        return {"entries": entries, **following}
