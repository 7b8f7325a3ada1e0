"""The audit log: what administrators do, each entry sealed with the one before it.

A seal is an HMAC with a key that the database does not hold, over the entry and the seal before it: whoever has the database
alone can neither change nor remove an entry and seal the rest anew. Each seal is noted outside of the database as well
(`audit_ledger.py`), so that an end that was cut off is missed.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson
from msgspec.structs import asdict

from chappe.agency.audit_ledger import AuditKeys, Key, Ledger
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, columns, find, read, values
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.http.application import AdminDoor
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import ADMIN_AUTH, SMALL_LIMIT, Answer, Endpoint, endpoint
from chappe.matrix.errors import BadRequest, MatrixError

FIRST = bytes(32)
AT_MOST = 4096  # bytes of detail
LOG = "/_chappe/admin/v1/audit"
HIDDEN = "(hidden)"
_SECRET = frozenset(
    ("password", "new_password", "access_token", "refresh_token", "token", "secret", "mac", "nonce", "key", "content", "auth")
)
_LOCK = 0x61756469  # of PostgreSQL's advisory locks: entries are written one after the other
_PAGE = 1000
HOUR_MS, READ_AT_MOST = 3_600_000, 10_000
# What an entry concerned, as the index `audit_organisation` has it: PostgreSQL reads no JSON that holds U+0000.
_CONCERNED = "(CASE WHEN strpos(detail, '\\u0000') = 0 THEN detail::jsonb->>'organisation' END)"


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
            raise BadRequest("A head is a number, a colon and a seal, as `verify` tells it", "M_INVALID_PARAM") from None


class BrokenChain(Exception):
    """`number`: the first entry that is not what was written."""

    def __init__(self, number: int, why: str = "is not what was written, or one before it is missing") -> None:
        super().__init__(f"Entry {number} of the audit log {why}")
        self.number = number


class Entry(Row):
    """`detail`: JSON."""

    number: int
    ts: int
    actor: str
    action: str
    detail: str


class SealedEntry(Entry):
    seal: bytes
    key_id: str | None


class Audit:
    def __init__(self, database: Database, now_ms: NowMs, keys: AuditKeys, ledger: Ledger) -> None:
        self._database, self._now_ms, self._keys, self._ledger = database, now_ms, keys, ledger
        self._read: dict[tuple[str, str, str], int] = {}  # (reader, action, of what) to the hour

    async def record(self, actor: str, action: str, detail: Mapping[str, Any]) -> None:
        """`actor`: a user id, or who used the command line. `detail`: without secrets (`without_secrets`)."""
        async with self._database.transaction() as connection:
            noted = await write_entry(connection, self._keys, self._now_ms(), actor, action, detail)
        await asyncio.to_thread(self._ledger.note, *noted)

    async def read(self, reader: str, action: str, detail: Mapping[str, Any]) -> None:
        """Somebody looks at a person or a list: one entry an hour for the same."""
        key, hour = (reader, action, str(sorted(detail.items()))), self._now_ms() // HOUR_MS
        if self._read.get(key) == hour:
            return
        if len(self._read) >= READ_AT_MOST:
            self._read = {known: then for known, then in self._read.items() if then == hour}
        self._read[key] = hour
        await self.record(reader, action, detail)

    async def rotate_key(self, actor: str) -> None:
        """From now on another key seals; the former ones stay for what they have sealed."""
        async with self._database.transaction() as connection:
            number, _ = await _latest(connection)
            self._keys.add(number + 1)
            noted = await write_entry(connection, self._keys, self._now_ms(), actor, "rotate_audit_key", {})
        await asyncio.to_thread(self._ledger.note, *noted)

    async def entries(self, before: int | None, limit: int) -> list[dict[str, Any]]:
        """The latest first; those before a number."""
        rows = await read(
            self._database,
            Entry,
            """SELECT number, ts, actor, action, detail FROM audit WHERE $1::bigint IS NULL OR number < $1
                ORDER BY number DESC LIMIT $2""",
            before,
            limit,
        )
        return [_shown(row) for row in rows]

    async def of_organisation(
        self,
        organisation: str | None,
        limit: int,
        before: int = 0,
        searched: Sequence[str] = (),
        action: str = "",
        since: int = 0,
        by: str = "",
    ) -> list[dict[str, Any]]:
        """The latest first: what concerned an organisation (None: everything). `before`: a number, 0 for the latest; `searched`:
        patterns that an entry must match; `since`: in ms; `by`: who did it.

        Only what is asked for stands in the statement: what might be asked for finds no index.
        """
        asked: dict[str, Any] = {}
        if organisation is not None:
            asked[f"{_CONCERNED} = {{}}"] = organisation
        if before:
            asked["number < {}"] = before
        if searched:
            asked["lower(actor || ' ' || action || ' ' || detail) LIKE ALL ({}::text[])"] = list(searched)
        if action:
            asked["action = {}"] = action
        if since:
            asked["ts >= {}"] = since
        if by:
            asked["actor = {}"] = by
        which = " AND ".join(["true", *(condition.format(f"${at}") for at, condition in enumerate(asked, 2))])
        rows = await read(
            self._database,
            Entry,
            f"SELECT number, ts, actor, action, detail FROM audit WHERE {which} ORDER BY number DESC LIMIT $1",
            limit,
            *asked.values(),
        )
        return [_shown(row) for row in rows]

    async def authors(self, organisation: str | None) -> list[str]:
        """Who has done something that concerned an organisation (None: anything)."""
        return await values(
            self._database,
            str,
            """SELECT DISTINCT actor FROM audit_authors WHERE $1::text IS NULL OR organisation = $1 ORDER BY actor LIMIT 500""",
            organisation,
        )

    async def verify(self, known: Head | None = None) -> Head:
        """Reads the whole log, and what this machine has noted of it. `known`: a head noted elsewhere. Raises BrokenChain."""
        noted = await asyncio.to_thread(_noted, self._ledger, known)
        head = Head(0, FIRST)
        while rows := await read(
            self._database,
            SealedEntry,
            f"SELECT {columns(SealedEntry)} FROM audit WHERE number > $1 ORDER BY number LIMIT $2",
            head.number,
            _PAGE,
        ):
            for row in rows:
                head = self._checked(row, head)
                if noted.get(head.number, head.seal) != head.seal:
                    raise BrokenChain(head.number, "is not what was noted outside of the database")
        if (last := max(noted, default=0)) > head.number:
            raise BrokenChain(head.number + 1, f"is not what was written: it is missing, and all after it, up to number {last}")
        return head

    def _checked(self, row: SealedEntry, head: Head) -> Head:
        """The head with one more entry. Raises BrokenChain."""
        number, key = head.number + 1, self._keys.for_entry(head.number + 1)
        if row.number != number:
            raise BrokenChain(number)
        if row.key_id != (key.id if key is not None else None):
            raise BrokenChain(number, f"is sealed with the key {row.key_id}, which is not the one in {self._keys.path}")
        seal = seal_of(key, head.seal, number, row.ts, row.actor, row.action, row.detail)
        if not hmac.compare_digest(row.seal, seal):
            raise BrokenChain(number)
        return Head(number, seal)


def _shown(row: Entry) -> dict[str, Any]:
    return {**asdict(row), "detail": orjson.loads(row.detail)}


def _noted(ledger: Ledger, known: Head | None) -> dict[int, bytes]:
    """The seals that are known outside of the database, by number. Raises BrokenChain for two of one number."""
    noted = {known.number: known.seal} if known is not None else {}
    for number, seal in ledger.seals():
        if noted.setdefault(number, seal) != seal:
            raise BrokenChain(number, "was written twice: the first one has been taken out")
    return noted


Noted = tuple[int, bytes, int, str, str]  # number, seal, ts, actor, action


async def write_entry(
    connection: asyncpg.Connection, keys: AuditKeys, ts: int, actor: str, action: str, detail: Mapping[str, Any]
) -> Noted:
    """As `Audit.record`, in a transaction of the caller's. What is returned is for the ledger, once it is committed."""
    text = orjson.dumps(detail, option=orjson.OPT_SORT_KEYS, default=str).decode()
    latest, previous = await _latest(connection)
    number = latest + 1
    key = await asyncio.to_thread(keys.require, number)
    seal = seal_of(key, previous, number, ts, actor, action, text)
    await connection.execute(
        f"""WITH entry AS (INSERT INTO audit (number, ts, actor, action, detail, seal, key_id) VALUES ($1, $2, $3, $4, $5, $6, $7)
                RETURNING actor, {_CONCERNED} AS organisation)
            INSERT INTO audit_authors SELECT coalesce(organisation, ''), actor FROM entry ON CONFLICT DO NOTHING""",
        number,
        ts,
        actor,
        action,
        text,
        seal,
        key.id,
    )
    return number, seal, ts, actor, action


class LastSeal(Row):
    number: int
    seal: bytes


async def _latest(connection: asyncpg.Connection) -> tuple[int, bytes]:
    """The latest entry's number and seal; others wait until this transaction has ended."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    row = await find(connection, LastSeal, "SELECT number, seal FROM audit ORDER BY number DESC LIMIT 1")
    return (row.number, row.seal) if row is not None else (0, FIRST)


def seal_of(key: Key | None, previous: bytes, number: int, ts: int, actor: str, action: str, detail: str) -> bytes:
    text = previous + orjson.dumps([number, ts, actor, action, detail])
    return hashlib.sha256(text).digest() if key is None else hmac.digest(key.secret, text, "sha256")


def without_secrets(value: Any) -> Any:
    """What may be kept of an administrator's request: no password, no token, nothing that somebody wrote."""
    if isinstance(value, Mapping):
        return {key: HIDDEN if key in _SECRET else without_secrets(inner) for key, inner in value.items()}
    return [without_secrets(inner) for inner in value] if isinstance(value, list) else value


class AuditTrail(AdminDoor):
    """Writes down each request of an administrator: what changes something before it is done, and once more if it fails; what
    only reads, once an hour.
    """

    def __init__(self, audit: Audit, door: AdminDoor) -> None:
        self._audit, self._door = audit, door

    async def __call__(self, request: Request, endpoint: Endpoint, act: Callable[[], Awaitable[Answer]]) -> Answer:
        action = f"{request.method} {endpoint.path}"
        if request.method in ("GET", "HEAD"):
            if endpoint.path != LOG:  # the log is not about itself
                await self._audit.read(request.user_id, action, {**request.params})
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
    """`shown`: of entries, those that somebody may see."""

    def __init__(self, audit: Audit, shown: Callable[[str, list[dict[str, Any]]], Awaitable[list[dict[str, Any]]]]) -> None:
        self._audit, self._shown = audit, shown

    @endpoint("GET", LOG, auth=ADMIN_AUTH, api="admin")
    async def entries(self, request: Request) -> Answer:
        """The latest first; `before`: the number of the last one that was answered."""
        before = request.query_int("before", 0, 1) if request.query("before") is not None else None
        entries = await self._audit.entries(before, request.query_int("limit", 100, 1, 1000))
        following = {"next": entries[-1]["number"]} if entries and entries[-1]["number"] > 1 else {}
        return {"entries": await self._shown(request.user_id, entries), **following}
