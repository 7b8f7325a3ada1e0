"""SQL of users and of their addresses. Their devices and tokens: `session_store.py`; what a commit writes: `fragments.py`."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from asyncpg.pool import PoolConnectionProxy

from chappe.homeserver.accounts.session_store import InTransaction, SessionStore
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, columns, find, mapping, read, values
from chappe.matrix.account_standing import Standing
from chappe.matrix.directory_entries import directory_entry
from chappe.matrix.identifiers import UserId

RENEWED_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class User:
    user_id: str
    server_name: str
    password_hash: str | None
    is_admin: bool
    is_guest: bool
    deactivated: bool
    created: Any
    profile: dict[str, Any]
    locked: bool = False
    locked_by: str | None = None  # in whose right: of an organisation; None: of the installation
    suspended: bool = False
    erased: bool = False
    expires_ts: int | None = None
    appservice: str | None = None
    kind: str | None = None
    owner: str | None = None
    purpose: str | None = None
    language: str | None = None  # "fr", "en": of the program in which they were seen last; None: as their domain speaks

    @property
    def is_nobodys(self) -> bool:
        """Bots, and accounts of functions: people act through them, and nobody signs in to them."""
        return self.kind in ("bot", "function")

    @property
    def standing(self) -> Standing:
        """Its own: not with that of whoever answers for it (`Standings`)."""
        return Standing(self.locked, self.suspended, self.expires_ts, self.deactivated)


class UserRow(Row):
    user_id: str
    server_name: str
    password_hash: str | None
    is_admin: bool
    is_guest: bool
    deactivated: bool
    created: datetime
    profile: bytes
    locked: bool
    locked_by: str | None
    suspended: bool
    erased: bool
    expires_ts: int | None
    appservice: str | None
    kind: str | None
    owner: str | None
    purpose: str | None
    language: str | None


def _user(row: UserRow) -> User:
    return User(
        row.user_id,
        row.server_name,
        row.password_hash,
        row.is_admin,
        row.is_guest,
        row.deactivated,
        row.created,
        orjson.loads(row.profile),
        row.locked,
        row.locked_by,
        row.suspended,
        row.erased,
        row.expires_ts,
        row.appservice,
        row.kind,
        row.owner,
        row.purpose,
        row.language,
    )


class ProfileCarry(Row):
    user_id: str
    serial: int


class NameInDirectory(Row):
    user_id: str
    display_name: str | None


class Address(Row):
    medium: str
    address: str


class Mailbox(Row):
    user_id: str
    address: str


class Threepid(Row):
    medium: str
    address: str
    validated_at: int
    added_at: int


class AccountStore:
    """`pepper`: of this installation, for looking addresses up by their hashes."""

    def __init__(self, database: Database, pepper: str) -> None:
        self._database, self.pepper = database, pepper
        self.sessions = SessionStore(database)

    async def find_user(self, user_id: str) -> User | None:
        row = await find(self._database, UserRow, f"SELECT {columns(UserRow)} FROM users WHERE user_id = $1", user_id)
        return None if row is None else _user(row)

    async def speak(self, languages: Mapping[str, str]) -> None:
        """What people read, by what their programs have said."""
        await self._database.execute(
            """UPDATE users u SET language = s.language FROM unnest($1::text[], $2::text[]) s (user_id, language)
                WHERE u.user_id = s.user_id AND u.language IS DISTINCT FROM s.language""",
            list(languages),
            list(languages.values()),
        )

    async def languages(self, users: Collection[str]) -> dict[str, str]:
        """What some people read, of those of whom it is known."""
        return await mapping(
            self._database,
            str,
            str,
            "SELECT user_id, language FROM users WHERE user_id = ANY($1::text[]) AND language IS NOT NULL",
            list(users),
        )

    async def made_by(self, service: str, user_ids: Iterable[str]) -> set[str]:
        """Those accounts that an application service has made. No statement for nobody."""
        if not (asked := list(user_ids)):
            return set()
        return set(
            await values(
                self._database,
                str,
                "SELECT user_id FROM users WHERE appservice = $1 AND user_id = ANY($2::text[])",
                service,
                asked,
            )
        )

    async def erased(self) -> dict[str, int]:
        """Who has asked for their messages to be erased, and where the log was then."""
        return await mapping(self._database, str, int, "SELECT user_id, erased_at FROM users WHERE erased_at IS NOT NULL")

    async def profile_carries(self, user_id: str | None = None) -> list[tuple[UserId, int]]:
        """Whose profile is not in all their rooms yet, with the serial of its latest change; of everybody, or of one."""
        rows = await read(
            self._database,
            ProfileCarry,
            "SELECT user_id, serial FROM profile_carries WHERE $1::text IS NULL OR user_id = $1 ORDER BY serial",
            user_id,
        )
        return [(UserId(row.user_id), row.serial) for row in rows]

    async def profile_carried(self, user_id: str, serial: int) -> None:
        """It is in all their rooms now, unless it has changed since."""
        await self._database.execute("DELETE FROM profile_carries WHERE user_id = $1 AND serial = $2", user_id, serial)

    async def administrators(self) -> list[UserId]:
        """Of the installation."""
        return await values(self._database, UserId, "SELECT user_id FROM users WHERE is_admin AND NOT deactivated ORDER BY 1")

    async def administers_since(self, user_id: str) -> int | None:
        """Since when (ms) somebody administers the installation; None: they do not."""
        since: int | None = await self._database.fetchval(
            "SELECT coalesce(admin_since_ts, 0) FROM users WHERE user_id = $1 AND is_admin AND NOT deactivated", user_id
        )
        return since

    async def add_user(self, user: User, limit: InTransaction | None = None, beside: InTransaction | None = None) -> bool:
        """False where the user id is taken. `limit` counts, behind a lock, in the transaction that adds; raises for one too many.

        `beside`: what is written in that transaction, too.
        """
        statement = """INSERT INTO users
            (user_id, server_name, password_hash, is_admin, is_guest, profile, appservice, kind, owner, purpose)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING"""
        values = (
            user.user_id,
            user.server_name,
            user.password_hash,
            user.is_admin,
            user.is_guest,
            orjson.dumps(user.profile),
            user.appservice,
            user.kind,
            user.owner,
            user.purpose,
        )
        added = await self._write(statement, values, beside, limit)
        if added and not user.is_guest:
            await self._add_to_directory(user)
        return added

    async def _write(
        self, statement: str, values: Sequence[Any], beside: InTransaction | None, limit: InTransaction | None = None
    ) -> bool:
        """Whether the statement changed one row. Only then is `beside` written, in the same transaction; `limit` comes first."""
        if limit is None and beside is None:
            return (await self._database.execute(statement, *values)).endswith(" 1")
        async with self._database.transaction() as connection:
            if limit is not None:
                await limit(connection)
            is_done: bool = (await connection.execute(statement, *values)).endswith(" 1")
            if is_done and beside is not None:
                await beside(connection)
        return is_done

    async def _add_to_directory(self, user: User) -> None:
        await self._database.execute(
            "INSERT INTO user_directory VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            *directory_entry(user.user_id, user.profile),
        )

    async def fill_directory(self) -> None:
        """With accounts from before the directory was kept, or whose registration was interrupted."""
        for row in await read(
            self._database,
            UserRow,
            f"""SELECT {columns(UserRow)} FROM users u WHERE NOT deactivated AND NOT is_guest
                AND NOT EXISTS (SELECT 1 FROM user_directory d WHERE d.user_id = u.user_id)""",
        ):
            await self._add_to_directory(_user(row))

    async def renew_directory(self) -> bool:
        """Makes anew what some people are found by, where earlier rules have made it. False when nobody is left."""
        async with self._database.transaction() as connection:
            rows = await read(
                connection,
                NameInDirectory,
                """SELECT user_id, display_name FROM user_directory WHERE rules < 1 ORDER BY user_id LIMIT $1
                      FOR UPDATE SKIP LOCKED""",
                RENEWED_AT_ONCE,
            )
            entries = [directory_entry(row.user_id, {"displayname": row.display_name}) for row in rows]
            if entries:
                await connection.execute(
                    """UPDATE user_directory d SET search = x.search, rules = 1
                         FROM unnest($1::text[], $2::text[]) x(user_id, search) WHERE d.user_id = x.user_id""",
                    [entry.user_id for entry in entries],
                    [entry.search for entry in entries],
                )
        return bool(rows)

    async def guests_among(self, user_ids: Sequence[str]) -> list[str]:
        return await values(
            self._database, str, "SELECT user_id FROM users WHERE is_guest AND user_id = ANY($1::text[])", user_ids
        )

    async def list_users(self, server_name: str | None) -> list[User]:
        rows = await read(
            self._database,
            UserRow,
            f"SELECT {columns(UserRow)} FROM users WHERE $1::text IS NULL OR server_name = $1 ORDER BY user_id",
            server_name,
        )
        return [_user(row) for row in rows]

    async def has_users(self) -> bool:
        return bool(await self._database.fetchval("SELECT EXISTS (SELECT 1 FROM users WHERE NOT is_guest)"))

    async def user_by_threepid(self, medium: str, address: str) -> str | None:
        return await self._database.fetchval(  # type: ignore[no-any-return]
            "SELECT user_id FROM threepids WHERE medium = $1 AND address = $2", medium, address
        )

    async def add_threepid(
        self, user_id: str, medium: str, address: str, now_ms: int, beside: InTransaction | None = None
    ) -> bool:
        """False where somebody has it already. `beside`: what is written in the same transaction."""
        return await self._write(
            """INSERT INTO threepids (medium, address, user_id, validated_at, added_at, lookup_hash)
               VALUES ($1, $2, $3, $4, $4, $5) ON CONFLICT DO NOTHING""",
            (medium, address, user_id, now_ms, self.lookup_hash(medium, address)),
            beside,
        )

    def lookup_hash(self, medium: str, address: str) -> bytes:
        """What those who know the address, and this installation's pepper, ask for."""
        return hashlib.sha256(f"{address} {medium} {self.pepper}".encode()).digest()

    async def fill_lookup_hashes(self) -> None:
        """For addresses from before there was a lookup."""
        rows = await read(self._database, Address, "SELECT medium, address FROM threepids WHERE lookup_hash IS NULL")
        for row in rows:
            await self._database.execute(
                "UPDATE threepids SET lookup_hash = $3 WHERE medium = $1 AND address = $2",
                row.medium,
                row.address,
                self.lookup_hash(row.medium, row.address),
            )

    async def threepids(self, user_id: str) -> list[Threepid]:
        return await read(
            self._database,
            Threepid,
            "SELECT medium, address, validated_at, added_at FROM threepids WHERE user_id = $1 ORDER BY added_at",
            user_id,
        )

    async def mailboxes(self, user_ids: Collection[str]) -> dict[str, list[str]]:
        """The e-mail addresses of some accounts, of those that have any."""
        rows = await read(
            self._database,
            Mailbox,
            "SELECT user_id, address FROM threepids WHERE medium = 'email' AND user_id = ANY($1::text[]) ORDER BY added_at",
            list(user_ids),
        )
        found: dict[str, list[str]] = {}
        for row in rows:
            found.setdefault(row.user_id, []).append(row.address)
        return found

    async def remove_threepid(self, user_id: str, medium: str, address: str, beside: InTransaction | None = None) -> bool:
        """Whether it was the account's. `beside`: what is written in the same transaction."""
        statement = "DELETE FROM threepids WHERE user_id = $1 AND medium = $2 AND address = $3"
        return await self._write(statement, (user_id, medium, address), beside)

    async def set_owner(self, user_id: str, owner: str | None, connection: PoolConnectionProxy) -> None:
        """Who answers for an account. `connection`: of the transaction in which it comes to that."""
        await connection.execute("UPDATE users SET owner = $2 WHERE user_id = $1", user_id, owner)

    async def keep_open(self, connection: PoolConnectionProxy, user_ids: Sequence[str]) -> bool:
        """Whether accounts may act; until the transaction is over, whoever locks, suspends or ends one waits.

        Before `keep_session`, where one asks both: two who hold the same account would wait for one another.
        """
        open_ones = await values(
            connection,
            str,
            """SELECT user_id FROM users WHERE user_id = ANY($1::text[]) AND NOT deactivated AND NOT locked AND NOT suspended
                ORDER BY user_id FOR NO KEY UPDATE""",
            user_ids,
        )
        return len(open_ones) == len(set(user_ids))

    async def remove_threepids(self, user_id: str) -> None:
        await self._database.execute("DELETE FROM threepids WHERE user_id = $1", user_id)
