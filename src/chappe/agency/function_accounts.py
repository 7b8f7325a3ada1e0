"""Function accounts: a post rather than a person (the prefecture's duty officer), held by one of several people at a time.

Nobody knows a password of it. Whoever may hold it takes it with their own account, once they prove again who they are: they get a
login token, the holder before them is signed out, both are told by mail, and who held it when is written down. Its session ends
with the session that took it. Its rooms and its key backup stay.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

from msgspec.structs import asdict

from chappe.agency.organisation_people import place_first
from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.fresh_proof import FreshProof, Notice, OwnerMail
from chappe.homeserver.accounts.login_tokens import LIFETIME_MS, LoginTokens
from chappe.homeserver.accounts.sessions import Sessions
from chappe.homeserver.accounts.uia import UserInteractiveAuth
from chappe.homeserver.accounts.ways_to_act import AccountState
from chappe.homeserver.database.pool import Database, Executor
from chappe.homeserver.database.rows import Row, columns, find, read, values
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import SMALL_LIMIT, Answer, endpoint
from chappe.matrix.errors import BadRequest, Forbidden, MatrixError, NotFound
from chappe.matrix.identifiers import UserId, parse_user_id

KIND = "function"
HOLDERS_AT_MOST = 100
SIGNING_IN_MS = 60_000  # between the look at a login token and the session that comes of it
_PATH = "/_chappe/client/v1/function_accounts"
# Those whose sessions, if there are any, are not of their holder.
_UNHELD = """SELECT f.user_id, f.holder, f.since_ts FROM function_accounts f JOIN users u USING (user_id)
              WHERE (f.holder IS NULL OR u.owner IS DISTINCT FROM f.holder)"""
_END_TURNS = "UPDATE function_turns SET ended_ts = $2 WHERE user_id = $1 AND ended_ts IS NULL"


class HeldAccount(Row):
    user_id: str
    holder: str


class UnheldAccount(Row):
    user_id: str
    holder: str | None
    since_ts: int | None


class HolderOfFunction(Row):
    organisation: str
    holder: str | None


class OrganisationHome(Row):
    label: str
    home: str


class Turn(Row):
    holder: str
    began_ts: int
    ended_ts: int | None


class HeldFunction(Row):
    user_id: str
    display_name: str | None
    holder: str | None
    since_ts: int | None


class FunctionAccount(HeldFunction):
    holders: list[str]


class FunctionAccountRow(Row):
    user_id: str
    organisation: str
    holder: str | None
    since_ts: int | None


class FunctionAccounts:
    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        sessions: Sessions,
        login_tokens: LoginTokens,
        owner_mail: OwnerMail,
        now_ms: NowMs,
    ) -> None:
        self._database, self._accounts = database, accounts
        self._login_tokens, self._owner_mail, self._now_ms = login_tokens, owner_mail, now_ms
        self._one = asyncio.Lock()  # a process holds one connection at most while it waits for others
        self._changing_hands: set[str] = set()  # signed out by us: the turn is ended with it
        sessions.on_device_removed.append(self._signed_out)

    async def _signed_out(self, user_id: str, devices: Iterable[str]) -> None:
        """Whoever holds it and signs out hands it back. A dehydrated device is no session: it goes with the turn."""
        if user_id in self._changing_hands:
            return
        holder = await self._database.fetchval("SELECT holder FROM function_accounts WHERE user_id = $1", user_id)
        if holder is not None and not await self._accounts.store.sessions.is_signed_in(user_id):
            await self._end_turn(user_id, holder, only_unused=True)

    async def end_unused_turns(self) -> None:
        """Now and then: a post that was taken and never signed in to, or whose session has ended without its device, is given back.

        And who is signed in to one that nobody holds, or whose turn was not ended to its end, is signed out.
        """
        before = self._now_ms() - LIFETIME_MS - SIGNING_IN_MS
        for row in await read(
            self._database, HeldAccount, "SELECT user_id, holder FROM function_accounts WHERE since_ts < $1", before
        ):
            if not await self._accounts.store.sessions.is_signed_in(row.user_id):
                await self._end_turn(row.user_id, row.holder, only_unused=True)
        unheld = [row.user_id for row in await read(self._database, UnheldAccount, _UNHELD)]
        for user_id in await self._accounts.store.sessions.who_is_signed_in(unheld):
            await self._end_unheld(user_id)

    async def _end_unheld(self, user_id: str) -> None:
        async with self._alone(user_id):
            row = await find(self._database, UnheldAccount, f"{_UNHELD} AND f.user_id = $1", user_id)
            if row is not None:
                await self._sign_out(user_id)
                if row.holder is not None:
                    await self._nobody_holds(user_id, row.holder, row.since_ts or 0)

    @contextlib.asynccontextmanager
    async def _alone(self, user_id: str) -> AsyncIterator[None]:
        """One hand at a time, whatever process is asked: nobody's fresh token is ended by the end of another's turn."""
        async with self._one, self._database.transaction(reads_beside=True) as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"duty account {user_id}")
            yield

    async def _nobody_holds(self, user_id: str, holder: str, since: int) -> bool:
        """The turn that began then is over. False where it was before."""
        async with self._database.transaction() as connection:
            ended = await connection.fetchval(
                """UPDATE function_accounts SET holder = NULL, since_ts = NULL
                    WHERE user_id = $1 AND holder = $2 AND since_ts = $3 RETURNING true""",
                user_id,
                holder,
                since,
            )
            if ended:
                await self._accounts.store.set_owner(user_id, None, connection)
                await connection.execute(_END_TURNS, user_id, self._now_ms())
        return bool(ended)

    # ------------------------------------------------------------------------------------------- for administrators

    async def add(self, organisation: str, name: str, called: str) -> UserId:
        """`name`: of the account; `called`: how it is shown, before its organisation. Raises M_NOT_FOUND, M_USER_IN_USE …"""
        row = await find(
            self._database, OrganisationHome, "SELECT label, home FROM organisations WHERE name = $1", organisation
        )
        if row is None:
            raise NotFound(f"There is no organisation {organisation}")
        called = " ".join(called.replace("[", " ").replace("]", " ").split())
        if not called or len(called) > 100:
            raise BadRequest("A function account is called by up to 100 characters", "M_INVALID_PARAM")
        user_id = self._accounts.user_id_for(name, row.home)
        await self._accounts.register(user_id, None, display_name=f"{called} [{row.label}]", kind=KIND)
        await self._database.execute(
            "INSERT INTO function_accounts (user_id, organisation) VALUES ($1, $2)", user_id, organisation
        )
        await place_first(self._database, user_id, organisation, self._now_ms())
        return user_id

    async def all(self, organisation: str) -> list[dict[str, Any]]:
        rows = await read(
            self._database,
            FunctionAccount,
            """SELECT f.user_id, d.display_name, f.holder, f.since_ts,
                      array(SELECT h.holder FROM function_holders h WHERE h.user_id = f.user_id ORDER BY 1) AS holders
                 FROM function_accounts f JOIN users u USING (user_id) LEFT JOIN user_directory d USING (user_id)
                WHERE f.organisation = $1 AND NOT u.deactivated ORDER BY f.user_id""",
            organisation,
        )
        return [asdict(row) for row in rows]

    async def set_holders(self, user_id: UserId, holders: list[str]) -> None:
        """Who may hold it: people of its organisation. Whoever holds it and is not among them is signed out."""
        wanted = list(dict.fromkeys(parse_user_id(holder) for holder in holders))
        if len(wanted) > HOLDERS_AT_MOST:
            raise BadRequest(f"A function account has {HOLDERS_AT_MOST} holders at most", "M_INVALID_PARAM")
        async with self._database.transaction() as connection:
            row = await find(
                connection,
                HolderOfFunction,
                "SELECT organisation, holder FROM function_accounts WHERE user_id = $1 FOR NO KEY UPDATE",
                user_id,
            )
            if row is None:
                raise _no_such()
            known = await values(
                connection,
                str,
                """SELECT p.user_id FROM organisation_people p JOIN users u USING (user_id) WHERE p.user_id = ANY($1::text[])
                      AND p.organisation = $2 AND NOT u.deactivated AND u.kind IS NULL ORDER BY 1 FOR SHARE OF p""",
                wanted,
                row.organisation,
            )
            strangers = set(wanted).difference(known)
            if strangers:
                raise BadRequest(f"{min(strangers)} is not of this organisation", "M_INVALID_PARAM")
            await connection.execute(
                "DELETE FROM function_holders WHERE user_id = $1 AND holder <> ALL($2::text[])", user_id, wanted
            )
            await connection.execute(
                "INSERT INTO function_holders SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING", user_id, wanted
            )
        if row.holder is not None and row.holder not in wanted:
            await self._accounts.states.enter(row.holder, AccountState.DUTY_RIGHT_WITHDRAWN)

    async def turns(self, user_id: str, limit: int) -> list[dict[str, Any]]:
        """Who held it when, the latest first."""
        rows = await read(
            self._database,
            Turn,
            "SELECT holder, began_ts, ended_ts FROM function_turns WHERE user_id = $1 ORDER BY id DESC LIMIT $2",
            user_id,
            limit,
        )
        return [asdict(row) for row in rows]

    # ---------------------------------------------------------------------------------------------------- for holders

    async def of(self, holder: str) -> list[dict[str, Any]]:
        """Those that somebody may hold, and who holds each."""
        rows = await read(
            self._database,
            HeldFunction,
            """SELECT f.user_id, d.display_name, f.holder, f.since_ts FROM function_holders h JOIN function_accounts f USING (user_id)
                 JOIN users u USING (user_id) LEFT JOIN user_directory d USING (user_id)
                WHERE h.holder = $1 AND NOT u.deactivated ORDER BY f.user_id""",
            holder,
        )
        return [asdict(row) for row in rows]

    async def take(self, proof: FreshProof, device_id: str, user_id: UserId) -> str:
        """Returns a login token, for a session that ends with the holder's (`device_id`). Whoever held it before is signed out of it.

        Raises M_NOT_FOUND, to strangers too.
        """
        holder = proof.user_id
        async with self._alone(user_id):
            await self.require_holder(holder, user_id)
            user = await self._accounts.store.find_user(user_id)
            if user is None or user.deactivated or user.locked or user.suspended:
                raise _locked()
            before, called = await self._require(user_id), str(user.profile.get("displayname") or user_id)
            letters = [await self._owner_mail.notice(holder, "post_taken", called)]
            if before.holder not in (None, holder):
                letters.append(await self._owner_mail.notice(before.holder, "post_lost", called))
            await self._sign_out(user_id)
            try:
                return await self._give(user_id, holder, device_id, letters)
            except MatrixError:  # something was withdrawn meanwhile, and whoever held it is signed out
                if before.holder is not None:
                    await self._nobody_holds(user_id, before.holder, before.since_ts or 0)
                raise

    async def _give(self, user_id: UserId, holder: str, device_id: str, letters: Iterable[Notice]) -> str:
        """Returns the login token."""
        browser = await self._accounts.store.sessions.browser_of_device(holder, device_id)  # whoever ends that, ends both
        now = self._now_ms()
        async with self._database.transaction() as connection:
            await connection.execute(
                "UPDATE function_accounts SET holder = $2, since_ts = $3 WHERE user_id = $1", user_id, holder, now
            )
            await self._require_may_take(connection, holder, device_id, user_id)
            await self._accounts.store.set_owner(user_id, holder, connection)  # it may do what its holder may
            await connection.execute(_END_TURNS, user_id, now)
            await connection.execute(
                "INSERT INTO function_turns (user_id, holder, began_ts) VALUES ($1, $2, $3)", user_id, holder, now
            )
            for letter in letters:
                await letter.put(connection)
            return await self._login_tokens.put(connection, user_id, device_id, browser, parent_user=holder)

    async def _require_may_take(self, connection: Any, holder: str, device_id: str, user_id: UserId) -> None:
        """Asked again under locks: whoever withdraws the right, ends the session or locks one of the accounts, comes before this,
        or waits for the commit and finds who holds it. Raises M_NOT_FOUND, Forbidden.
        """
        if not await connection.fetchval(
            "SELECT true FROM function_holders WHERE user_id = $1 AND holder = $2 FOR SHARE", user_id, holder
        ):
            raise _no_such()
        if not await self._accounts.store.keep_open(connection, [user_id, holder]):
            raise _locked()
        if not await self._accounts.store.sessions.keep_session(connection, holder, device_id):
            raise Forbidden("You are signed out")

    async def hand_back(self, holder: UserId, user_id: UserId) -> None:
        """Nobody holds it any more. Raises Forbidden to whoever does not hold it."""
        await self.require_holder(holder, user_id)
        if not await self._end_turn(user_id, holder):
            raise Forbidden("Somebody else holds it, or nobody")

    async def end_turns(self, user_id: str, of_itself: bool = True, only_without_right: bool = False) -> None:
        """Of whoever holds some, and of the function account itself; or only those that somebody may not hold any more."""
        for row in await read(
            self._database,
            HeldAccount,
            """SELECT user_id, holder FROM function_accounts f WHERE f.holder IS NOT NULL AND (f.holder = $1 OR ($3 AND f.user_id = $1))
                AND NOT ($2 AND EXISTS (SELECT 1 FROM function_holders h WHERE h.user_id = f.user_id AND h.holder = $1))""",
            user_id,
            only_without_right,
            of_itself,
        ):
            await self._end_turn(row.user_id, row.holder)

    async def end_rights(self, user_id: str) -> None:
        """An account has ended: a holder, or the function account itself."""
        await self._database.execute("DELETE FROM function_holders WHERE holder = $1 OR user_id = $1", user_id)
        await self.end_turns(user_id)  # one that was being taken while the others ended

    async def _end_turn(self, user_id: str, holder: str, only_unused: bool = False) -> bool:
        """Of this holder, never of whoever has taken it since; `only_unused`: where no session lives. False where there is none."""
        async with self._alone(user_id):
            since = await self._database.fetchval(
                "SELECT since_ts FROM function_accounts WHERE user_id = $1 AND holder = $2", user_id, holder
            )
            if since is None or (only_unused and await self._accounts.store.sessions.is_signed_in(user_id)):
                return False
            async with self._database.transaction() as connection:  # from here on nothing becomes a session of it
                await self._accounts.store.set_owner(user_id, None, connection)
            await self._sign_out(user_id)
            return await self._nobody_holds(user_id, holder, since)

    async def _sign_out(self, user_id: str) -> None:
        """Every device, and whoever was about to sign in."""
        self._changing_hands.add(user_id)
        try:
            await self._accounts.states.enter(user_id, AccountState.SIGNED_OUT_EVERYWHERE)
        finally:
            self._changing_hands.discard(user_id)

    async def _require(self, user_id: str) -> FunctionAccountRow:
        row = await find(
            self._database,
            FunctionAccountRow,
            f"SELECT {columns(FunctionAccountRow)} FROM function_accounts WHERE user_id = $1",
            user_id,
        )
        if row is None:
            raise _no_such()
        return row

    async def require_holder(self, holder: str, user_id: str) -> None:
        if not await self._database.fetchval(
            "SELECT EXISTS (SELECT 1 FROM function_holders WHERE user_id = $1 AND holder = $2)", user_id, holder
        ):
            raise _no_such()


def _no_such() -> NotFound:
    return NotFound("There is no such function account")


def _locked() -> Forbidden:
    return Forbidden("This account is locked: ask your administrator")


class FunctionAccountsApi:
    def __init__(self, functions: FunctionAccounts, uia: UserInteractiveAuth) -> None:
        self._functions, self._uia = functions, uia

    @endpoint("GET", _PATH)
    async def mine(self, request: Request) -> Answer:
        """The function accounts that one may hold."""
        return {"accounts": await self._functions.of(request.user_id)}

    @endpoint("POST", _PATH + "/{userId}/take", acts=True, limit="account", body_limit=SMALL_LIMIT)
    async def take(self, request: Request) -> Answer:
        """A token for `m.login.token`, to whoever may hold it and proves again who they are."""
        user_id = parse_user_id(request.params["userId"])
        await self._functions.require_holder(request.user_id, user_id)
        proof = await self._uia.require_owner(request, f"take_post {user_id}", await request.json_object(optional=True))
        token = await self._functions.take(proof, request.requester.device_id, user_id)
        return {"user_id": user_id, "login_token": token, "expires_in_ms": LIFETIME_MS}

    @endpoint("POST", _PATH + "/{userId}/hand_back", acts=True, limit="account", body_limit=SMALL_LIMIT)
    async def hand_back(self, request: Request) -> Answer:
        await self._functions.hand_back(request.user_id, parse_user_id(request.params["userId"]))
        return {}


async def remove_holder(connection: Executor, holder: str) -> None:
    """Somebody may hold none any more: their turns end by themselves."""
    await connection.execute("DELETE FROM function_holders WHERE holder = $1", holder)
