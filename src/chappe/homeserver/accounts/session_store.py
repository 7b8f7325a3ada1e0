"""SQL of devices and of tokens, which are stored as hashes only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from asyncpg.pool import PoolConnectionProxy

from chappe.homeserver.accounts.session_rows import AccessToken, Device, DeviceToken, RefreshToken, ReplacedToken, SessionKey
from chappe.homeserver.accounts.standings import COLUMNS, OWNER
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, find, read, values
from chappe.homeserver.database.writing_function import Fragment
from chappe.matrix.errors import Forbidden

InTransaction = Callable[[Any], Awaitable[None]]  # given the connection of a transaction
_LIVES = "t.expires_ts IS DISTINCT FROM 1"  # of an access token whose session was not ended under its device
_PUT_DEVICE = """INSERT INTO devices (user_id, device_id, display_name, browser, parent_user, parent_device)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (user_id, device_id) DO UPDATE SET browser = excluded.browser,
    parent_user = excluded.parent_user, parent_device = excluded.parent_device"""


class RemovedDeviceRow(Row):
    who: str
    device: str


DEVICES_REMOVED = Fragment(
    "devices_removed",
    RemovedDeviceRow,
    """
    FOR r IN SELECT * FROM unnest(devices_removed_rows) LOOP  -- first: whoever signs in locks devices before login tokens
        DELETE FROM devices WHERE user_id = r.who AND device_id = r.device;
        DELETE FROM devices WHERE parent_user = r.who AND parent_device = r.device;
    END LOOP;
    FOR r IN SELECT * FROM unnest(devices_removed_rows) LOOP
        DELETE FROM login_tokens WHERE coalesce(parent_user, user_id) = r.who AND device_id = r.device;
    END LOOP;""",
)


@dataclass(frozen=True, slots=True)
class Origin:
    """What a session comes from, which must stand when it is written.

    `browser`: whose sign-in. `parent`: the session (user, device) that it ends with, of whoever holds the account.
    `asked_by`: the session that asks for it, of whoever answers for the account, and that it does not end with.
    `password_hash`: as it was when the password was found right. `program`: the User-Agent that asked, which nothing depends on.
    """

    browser: bytes | None = None
    parent: tuple[str, str] | None = None
    asked_by: tuple[str, str] | None = None
    password_hash: str | None = None
    program: str | None = None


class SessionStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def signed_in_within(self, user_id: str, device_id: str, interval: str) -> bool:
        """Whether a device is that new: it began with a sign-in."""
        return bool(
            await self._database.fetchval(
                """SELECT EXISTS (SELECT 1 FROM devices WHERE user_id = $1 AND device_id = $2
                                 AND created > now() - $3::text::interval)""",
                user_id,
                device_id,
                interval,
            )
        )

    async def keep_session(self, connection: PoolConnectionProxy, user_id: str, device_id: str) -> bool:
        """Whether somebody is signed in at a device; until the transaction is over, whoever signs them out waits.

        What is made for a session that has just ended is made after its end, which does not find it: ask this before.
        """
        await connection.execute("SELECT 1 FROM users WHERE user_id = $1 FOR SHARE", user_id)  # see `_hold_tokens`
        return bool(
            await connection.fetchval(
                f"""SELECT true FROM devices d WHERE user_id = $1 AND device_id = $2
                       AND (EXISTS (SELECT 1 FROM refresh_tokens r WHERE r.user_id = $1 AND r.device_id = $2)
                         OR EXISTS (SELECT 1 FROM access_tokens t WHERE t.user_id = $1 AND t.device_id = $2 AND {_LIVES}))
                       FOR KEY SHARE OF d""",
                user_id,
                device_id,
            )
        )

    async def require_session(self, connection: PoolConnectionProxy, session: tuple[str, str] | None) -> None:
        """Before what a session (user, device) asks for is written: raises M_FORBIDDEN where it has ended meanwhile.

        None: it is asked for by somebody who is not signed in: an application service, another server.
        """
        if session is not None and not await self.keep_session(connection, *session):
            raise Forbidden("The session that asks for this has ended")

    async def who_is_signed_in(self, user_ids: Sequence[str]) -> list[str]:
        """Of whom a session lives, or may yet come of a login token. A device alone is none: dehydrated, or left by a challenge."""
        return await values(
            self._database,
            str,
            f"""SELECT user_id FROM refresh_tokens WHERE user_id = ANY($1::text[])
                UNION SELECT user_id FROM access_tokens t WHERE user_id = ANY($1::text[]) AND {_LIVES}
                UNION SELECT user_id FROM login_tokens WHERE user_id = ANY($1::text[]) ORDER BY user_id""",
            user_ids,
        )

    async def is_signed_in(self, user_id: str) -> bool:
        return bool(await self.who_is_signed_in([user_id]))

    async def access_tokens(self, user_id: str) -> list[DeviceToken]:
        """What is kept of an account's tokens, and of which devices they are."""
        return await read(
            self._database, DeviceToken, "SELECT token_hash, device_id FROM access_tokens WHERE user_id = $1", user_id
        )

    async def expire_tokens(self, user_id: str) -> None:
        """The devices stay. What they were given for other sessions ends, too."""
        async with self._database.transaction() as connection:
            await self._hold_tokens(connection, user_id)
            await connection.execute("DELETE FROM refresh_tokens WHERE user_id = $1", user_id)
            await connection.execute("UPDATE access_tokens SET expires_ts = 1 WHERE user_id = $1", user_id)
            await connection.execute(
                "DELETE FROM login_tokens WHERE coalesce(parent_user, user_id) = $1 AND device_id IS NOT NULL", user_id
            )

    async def _hold_tokens(self, connection: PoolConnectionProxy, user_id: str) -> None:
        """For who ends tokens and leaves their devices. Whoever is writing new ones comes before this, and what they have written
        is seen afterwards; or they wait, and find that theirs have ended. (They hold the account `FOR SHARE`.)
        """
        await connection.execute("SELECT 1 FROM users WHERE user_id = $1 FOR NO KEY UPDATE", user_id)

    # ---------------------------------------------------------------------------------------------------- devices

    async def devices(self, user_id: str) -> list[Device]:
        return await read(
            self._database,
            Device,
            """SELECT device_id, display_name, last_seen_ts, last_seen_ip, user_agent FROM devices WHERE user_id = $1
               ORDER BY created, device_id""",
            user_id,
        )

    async def device(self, user_id: str, device_id: str) -> Device | None:
        return await find(
            self._database,
            Device,
            """SELECT device_id, display_name, last_seen_ts, last_seen_ip, user_agent FROM devices
               WHERE user_id = $1 AND device_id = $2""",
            user_id,
            device_id,
        )

    async def put_device(self, user_id: str, device_id: str, display_name: str | None) -> None:
        """Without a session. A known device keeps its name; it comes from no browser, and ends with no other."""
        await self._database.execute(_PUT_DEVICE, user_id, device_id, display_name, None, None, None)

    async def forget_login_tokens(self, user_id: str, device_id: str) -> None:
        """Those that a session has asked for."""
        await self._database.execute(
            "DELETE FROM login_tokens WHERE coalesce(parent_user, user_id) = $1 AND device_id = $2", user_id, device_id
        )

    async def children_of(self, user_id: str, device_ids: Sequence[str]) -> list[tuple[str, str]]:
        """The sessions (user, device) that end with some sessions of somebody."""
        rows = await read(
            self._database,
            SessionKey,
            "SELECT user_id, device_id FROM devices WHERE parent_user = $1 AND parent_device = ANY($2::text[])",
            user_id,
            list(device_ids),
        )
        return [(row.user_id, row.device_id) for row in rows]

    async def devices_of_browser(self, browser: bytes) -> list[SessionKey]:
        """(user, device) of the sessions that come from a browser's sign-in, by either API."""
        return await read(
            self._database,
            SessionKey,
            """SELECT user_id, device_id FROM devices WHERE browser = $1
               UNION SELECT user_id, device_id FROM oauth_sessions WHERE browser = $1""",
            browser,
        )

    async def is_ended_upstream(self, browser: bytes) -> bool:
        """Whether a provider has ended the sign-in of a browser (`BrowserSessions.end_upstream`)."""
        sql = "SELECT EXISTS (SELECT 1 FROM browser_sessions WHERE id_hash = $1 AND expires_ts < 0)"
        return await self._database.fetchval(sql, browser)  # type: ignore[no-any-return]

    async def browser_of_device(self, user_id: str, device_id: str) -> bytes | None:
        """The sign-in of a browser that a session comes from."""
        found: bytes | None = await self._database.fetchval(
            """SELECT coalesce(s.browser, d.browser) FROM devices d LEFT JOIN oauth_sessions s USING (user_id, device_id)
                WHERE user_id = $1 AND device_id = $2""",
            user_id,
            device_id,
        )
        return found

    async def devices_beyond(self, user_id: str, most: int) -> list[str]:
        """Those used longest ago, where an account has more than so many."""
        return await values(
            self._database,
            str,
            """SELECT device_id FROM devices WHERE user_id = $1
                ORDER BY greatest(last_seen_ts, (extract(epoch FROM created) * 1000)::bigint) DESC, device_id OFFSET $2""",
            user_id,
            most,
        )

    async def rename_device(self, user_id: str, device_id: str, display_name: str) -> bool:
        result = await self._database.execute(
            "UPDATE devices SET display_name = $3 WHERE user_id = $1 AND device_id = $2", user_id, device_id, display_name
        )
        return result.endswith(" 1")

    async def saw(self, seen: Sequence[tuple[str, str, int, str, str | None]]) -> None:
        """(user, device, time in ms, address, program)."""
        await self._database.execute(
            """UPDATE devices d SET last_seen_ts = s.ts, last_seen_ip = s.ip, user_agent = s.agent
                 FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[]) s(user_id, device_id, ts, ip, agent)
                WHERE d.user_id = s.user_id AND d.device_id = s.device_id""",
            *map(list, zip(*seen, strict=True)),
        )

    # ----------------------------------------------------------------------------------------------------- tokens

    async def begin_session(
        self,
        user_id: str,
        device_id: str,
        display_name: str | None,
        access: bytes,
        expires_ts: int | None,
        refresh: bytes | None,
        family: bytes | None,
        origin: Origin,
        beside: InTransaction | None = None,
    ) -> bool:
        """A device, its tokens, and the end of what they come from (`beside`) are one transaction.

        Whoever ends the account, takes a post from its holder, changes the password or ends the session that this one hangs on,
        comes before it, and then nothing is written: False. Or they wait, and find the session. Locks are taken in the order of
        the commits: accounts, devices, tokens (refresh tokens before access tokens, as `retire_predecessor` does).
        """
        async with self._database.transaction() as connection:
            if not await self._keep_origin(connection, user_id, origin):
                return False
            parent = origin.parent or (None, None)
            await connection.execute(_PUT_DEVICE, user_id, device_id, display_name, origin.browser, *parent)
            # a new sign-in on a device ends the earlier one
            await connection.execute("DELETE FROM refresh_tokens WHERE user_id = $1 AND device_id = $2", user_id, device_id)
            await connection.execute("DELETE FROM access_tokens WHERE user_id = $1 AND device_id = $2", user_id, device_id)
            await connection.execute("DELETE FROM oauth_sessions WHERE user_id = $1 AND device_id = $2", user_id, device_id)
            if refresh is not None:
                await connection.execute(
                    "INSERT INTO refresh_tokens (token_hash, user_id, device_id, family) VALUES ($1, $2, $3, $4)",
                    refresh,
                    user_id,
                    device_id,
                    family,
                )
            await connection.execute(
                "INSERT INTO access_tokens VALUES ($1, $2, $3, $4, $5)", access, user_id, device_id, expires_ts, refresh
            )
            if beside is not None:
                await beside(connection)
        return True

    async def _keep_origin(self, connection: PoolConnectionProxy, user_id: str, origin: Origin) -> bool:
        """Whether what a session comes from still stands; until the transaction is over, whoever ends it waits."""
        sessions = [session for session in (origin.parent, origin.asked_by) if session is not None]
        if sessions:  # all accounts at once, in the order in which `keep_open` takes them
            users = [user_id, *(user for user, _ in sessions)]
            await connection.execute("SELECT 1 FROM users WHERE user_id = ANY($1::text[]) ORDER BY user_id FOR SHARE", users)
        if not await connection.fetchval(
            """SELECT true FROM users WHERE user_id = $1 AND NOT deactivated AND ($2::text IS NULL OR password_hash = $2)
                  AND ($3::text IS NULL OR owner = $3) FOR SHARE""",
            user_id,
            origin.password_hash,
            origin.parent[0] if origin.parent is not None else None,
        ):
            return False
        for session in sessions:
            if not await self.keep_session(connection, *session):
                return False
        return True

    async def find_access_token(self, token_hash: bytes) -> AccessToken | None:
        return await find(
            self._database,
            AccessToken,
            f"""SELECT t.user_id, t.device_id, t.expires_ts, t.refresh_hash, u.is_admin, u.is_guest, {COLUMNS},
                      o.client_id, o.scope
                 FROM access_tokens t JOIN users u USING (user_id) {OWNER}
                 LEFT JOIN oauth_sessions o ON o.user_id = t.user_id AND o.device_id = t.device_id
                WHERE t.token_hash = $1""",
            token_hash,
        )

    async def find_refresh_token(self, token_hash: bytes) -> RefreshToken | None:
        return await find(
            self._database,
            RefreshToken,
            """SELECT t.user_id, t.device_id, o.client_id FROM refresh_tokens t
                 LEFT JOIN oauth_sessions o ON o.user_id = t.user_id AND o.device_id = t.device_id
                WHERE t.token_hash = $1""",
            token_hash,
        )

    async def rotate(self, old: bytes, access: bytes, expires_ts: int, refresh: bytes, family: bytes | None) -> bool:
        """The old refresh token stays valid until one of the new tokens is used: the answer may be lost. False: it is gone."""
        async with self._database.transaction() as connection:
            # the account and the device first, as their end does: that waits, and finds the new pair, or it has come before
            await connection.execute(
                """SELECT 1 FROM refresh_tokens t JOIN users u USING (user_id) JOIN devices d USING (user_id, device_id)
                    WHERE t.token_hash = $1 FOR SHARE OF u FOR KEY SHARE OF d""",
                old,
            )
            row = await find(
                connection,
                ReplacedToken,
                "SELECT user_id, device_id, successor_hash FROM refresh_tokens WHERE token_hash = $1 FOR UPDATE",
                old,
            )
            if row is None:
                return False
            if row.successor_hash is not None:
                await connection.execute("DELETE FROM access_tokens WHERE refresh_hash = $1", row.successor_hash)
                await connection.execute("DELETE FROM refresh_tokens WHERE token_hash = $1", row.successor_hash)
            await connection.execute("UPDATE refresh_tokens SET successor_hash = $2 WHERE token_hash = $1", old, refresh)
            await connection.execute(
                "INSERT INTO refresh_tokens (token_hash, user_id, device_id, family) VALUES ($1, $2, $3, $4)",
                refresh,
                row.user_id,
                row.device_id,
                family,
            )
            await connection.execute(
                "INSERT INTO access_tokens VALUES ($1, $2, $3, $4, $5)", access, row.user_id, row.device_id, expires_ts, refresh
            )
        return True

    async def end_family(self, family: bytes) -> tuple[str, str] | None:
        """(user, device) of the session whose tokens end now; None where there is none. The device stays."""
        async with self._database.transaction() as connection:
            row = await find(
                connection, SessionKey, "SELECT user_id, device_id FROM refresh_tokens WHERE family = $1 LIMIT 1", family
            )
            if row is None:
                return None
            await self._hold_tokens(connection, row.user_id)
            if not await connection.fetchval("DELETE FROM refresh_tokens WHERE family = $1 RETURNING true", family):
                return None  # somebody has signed in anew on the device
            await connection.execute(
                "UPDATE access_tokens SET expires_ts = 1 WHERE user_id = $1 AND device_id = $2", row.user_id, row.device_id
            )
            return row.user_id, row.device_id

    async def retire_predecessor(self, refresh: bytes) -> list[bytes]:
        """A token of a new pair was used: ends the old pair. Returns the access tokens that ended."""
        return await values(
            self._database,
            bytes,
            """WITH old AS (DELETE FROM refresh_tokens WHERE successor_hash = $1 RETURNING token_hash)
               DELETE FROM access_tokens WHERE refresh_hash IN (SELECT token_hash FROM old) RETURNING token_hash""",
            refresh,
        )
