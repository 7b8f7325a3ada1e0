"""Accounts: registering, proving who one is, changing, deactivating."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

import orjson

from chappe.homeserver.accounts.account_states import AccountStates
from chappe.homeserver.accounts.application_services import ApplicationServices
from chappe.homeserver.accounts.fragments import AccountChangeRow, AccountStateRow
from chappe.homeserver.accounts.fresh_proof import Notice
from chappe.homeserver.accounts.passwords import Passwords
from chappe.homeserver.accounts.registration_tokens import RegistrationTokens
from chappe.homeserver.accounts.session_store import InTransaction
from chappe.homeserver.accounts.store import AccountStore, User
from chappe.homeserver.accounts.ways_to_act import AccountState
from chappe.homeserver.bus.erased import ErasedAuthors
from chappe.homeserver.database.group_writer import GroupWriter, Write
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.database.shared_rows import DirectoryEntryRow
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.policy import Policy
from chappe.matrix.directory_entries import directory_entry
from chappe.matrix.email_address import parse_email
from chappe.matrix.errors import BadRequest, Forbidden, MatrixError, NotFound
from chappe.matrix.identifiers import UserId, domain_of, is_new_localpart, localpart_of, parse_user_id


class NoticesAccount(str):
    """The localpart of each domain's account for server notices. Nobody can register it, nor the one that it has by default."""

    __slots__ = ()
    default = "notices"

    def is_taken(self, localpart: str) -> bool:
        return localpart in (self, self.default)


class Accounts:
    """Raises MatrixError subclasses only."""

    def __init__(
        self,
        database: Database,
        store: AccountStore,
        writer: GroupWriter,
        domains: Domains,
        passwords: Passwords,
        policy: Policy,
        states: AccountStates,
        services: ApplicationServices,
        erased: ErasedAuthors,
        notices: NoticesAccount,
        now_ms: NowMs,
    ) -> None:
        self._database, self.store, self._writer, self._domains = database, store, writer, domains
        self.passwords, self.policy, self.states, self.now_ms = passwords, policy, states, now_ms
        self._erased, self.registration_tokens = erased, RegistrationTokens(database, now_ms)
        self._services, self._notices = services, notices

    # -------------------------------------------------------------------------------------------------- registering

    def user_id_for(self, localpart: str, server_name: str, is_service: bool = False) -> UserId:
        """Raises M_INVALID_USERNAME."""
        if localpart.startswith("@"):
            try:
                user_id = parse_user_id(localpart)
            except MatrixError:
                raise BadRequest("This is not a user name", "M_INVALID_USERNAME") from None
            localpart, server_name = user_id[1:].split(":", 1)
        # "@USER cannot refer to a different user to @user" (appendices, "User Identifiers")
        localpart = localpart.lower()
        if not is_new_localpart(localpart) or (localpart.startswith("_") and not is_service):
            raise BadRequest("User names may hold a-z, 0-9 and . _ = - / + only", "M_INVALID_USERNAME")
        if self._notices.is_taken(localpart):
            raise BadRequest("This user name is the service's own", "M_EXCLUSIVE")
        if not self._domains.is_hosted(server_name):
            raise BadRequest(f"{server_name} is not hosted here", "M_INVALID_USERNAME")
        user_id = UserId(f"@{localpart}:{server_name}")
        if len(user_id) > 255:
            raise BadRequest("This user name is too long", "M_INVALID_USERNAME")
        return user_id

    async def require_available(self, user_id: UserId) -> None:
        """Raises M_USER_IN_USE; ids of deactivated accounts are never given again."""
        if await self.store.find_user(user_id) is not None:
            raise BadRequest("This user name is already taken", "M_USER_IN_USE")

    async def register(
        self,
        user_id: UserId,
        password: str | None,
        *,
        is_admin: bool = False,
        is_guest: bool = False,
        display_name: str | None = None,
        facts: Mapping[str, Any] | None = None,
        appservice: str | None = None,
        kind: str | None = None,
        owner: str | None = None,
        purpose: str | None = None,
        limit: InTransaction | None = None,
        beside: InTransaction | None = None,
    ) -> None:
        """`limit`, `beside`: see `AccountStore.add_user`."""
        self._services.require_free_for(user_id, appservice)
        await self.require_may_register(user_id, facts or {})
        display_name = await self.policy.display_name(user_id, facts or {}, display_name)
        stored = None
        if password is not None:
            self.passwords.check_strength(password)
            stored = await self.passwords.hash(password)
        profile = {"displayname": display_name or user_id[1:].split(":")[0]}
        user = User(
            user_id,
            domain_of(user_id),
            stored,
            is_admin,
            is_guest,
            False,
            None,
            {} if is_guest else profile,
            appservice=appservice,
            kind=kind,
            owner=owner,
            purpose=purpose,
        )
        if await self.store.add_user(user, limit, beside):
            return
        raise BadRequest("This user name is already taken", "M_USER_IN_USE")

    async def require_may_register(self, user_id: UserId, facts: Mapping[str, Any]) -> None:
        """Raises what the policy refuses an account with."""
        await self.policy.may_register(user_id, facts)

    async def come_back(self, facts: Mapping[str, Any]) -> UserId | None:
        """Brings back the ended account of whoever proves to be the same person, as the policy sees it; None: there is none."""
        former = await self.policy.former_account(facts)
        if former is not None:
            await self.bring_back(former)
        return former

    async def bring_back(self, user_id: UserId) -> None:
        """An ended account is one again, as the policy sees it; one that has not ended stays as it is."""
        user = await self.store.find_user(user_id)
        if user is None or not user.deactivated:
            return
        await self.policy.comes_back(user_id)
        user = await self.store.find_user(user_id)
        if user is not None and user.deactivated:  # the policy has nothing to say about it
            await self.change(user_id, deactivated=False)

    async def user_id_of(self, facts: Mapping[str, Any], server_name: str) -> UserId | None:
        """The account's id where what was proven says it; None where the person may choose.

        Of several domains hosted here it is on the one that its address belongs to, wherever the person came in.
        """
        stem = await self.policy.localpart(facts)
        if stem is None:
            return None
        try:
            home = await self.home_of(facts["email"]) if facts.get("email") else None
        except NotFound:
            home = None  # whether there may be an account is asked when it is made
        if home is not None and self._domains.is_hosted(home[0]):
            server_name = home[0]
        for number in range(1, 1000):
            user_id = self.user_id_for(stem if number == 1 else f"{stem}{number}", server_name)
            if await self.store.find_user(user_id) is None:
                return user_id
        raise BadRequest("No free user name was found: ask your administrator", "M_USER_IN_USE")

    async def home_of(self, address: str) -> tuple[str, str] | None:
        """The server that the accounts with an address are on, and its organisation's name; None where any may be.

        Raises M_NOT_FOUND for an address that nobody uses here.
        """
        return await self.policy.home_of(address)

    def free_localpart(self) -> str:
        """For registrations that name none."""
        return f"{secrets.randbelow(10**12):012d}"

    # ------------------------------------------------------------------------------------------------ who is it

    async def check_password(self, user_id: str, password: str) -> User:
        """Raises M_FORBIDDEN (wrong) or M_USER_DEACTIVATED. Unknown users and wrong passwords look alike."""
        user = await self.store.find_user(user_id)
        right = await self.passwords.verify(user.password_hash if user and not user.is_nobodys else None, password)
        if user is not None and user.deactivated:
            raise Forbidden("This account has been deactivated", "M_USER_DEACTIVATED")
        if user is None or not right:
            raise Forbidden("Wrong user name or password")
        return user

    async def identify(self, identifier: Mapping[str, Any], server_name: str) -> str:
        """The user id that a login identifier means. Raises M_FORBIDDEN for an unknown e-mail address."""
        kind = identifier.get("type")
        if kind == "m.id.user" and type(identifier.get("user")) is str:
            user: str = identifier["user"]
            if len(user.encode()) > 255:
                raise BadRequest("No user name is that long", "M_INVALID_USERNAME")
            user = user.strip()
            if not user.startswith("@"):
                return f"@{user.lower()}:{server_name}"
            user_id, lowered = parse_user_id(user), f"@{localpart_of(user).lower()}:{domain_of(user)}"
            known = user_id == lowered or await self.store.find_user(user_id) is not None
            return user_id if known else lowered
        if kind == "m.id.thirdparty" and type(identifier.get("address")) is str:
            try:
                address = parse_email(identifier["address"].strip(" "))
            except BadRequest:
                return "@:unknown"
            found = await self.store.user_by_threepid(str(identifier.get("medium")), address)
            return found or "@:unknown"
        if kind == "m.id.phone":
            return "@:unknown"
        raise BadRequest("Unknown kind of login identifier", "M_UNKNOWN")

    # ---------------------------------------------------------------------------------------------------- changing

    async def change(
        self,
        user_id: str,
        *,
        password: str | None = None,
        is_admin: bool | None = None,
        deactivated: bool | None = None,
        erased: bool | None = None,
        profile: dict[str, Any] | None = None,
        notice: Notice | None = None,
    ) -> None:
        """Changes what is given; every process learns of it through the log, and everything by which the account acts.

        `profile`: with the end of an account, or its return; else it is changed by `Profiles`. `notice`: the letters about it.
        Raises M_FORBIDDEN for a password of an account that has none.

        Complex: there is one write: what comes before it, with it and after it for each argument shows its order only side by side.
        """
        stored = None
        if password is not None:
            await self._require_person(user_id)
            self.passwords.check_strength(password)
            stored = await self.passwords.hash(password)
        write = Write()
        raw = None if profile is None else orjson.dumps(profile)
        write.add(
            AccountChangeRow(
                who=user_id, password_hash=stored, is_admin=is_admin, deactivated=deactivated, erased=erased, profile=raw
            )
        )
        if deactivated:
            write.add(
                DirectoryEntryRow(who=user_id, server_name=domain_of(user_id), display_name=None, avatar_url=None, search=None)
            )
        elif profile is not None:
            write.add(DirectoryEntryRow(*directory_entry(user_id, profile)))
        if notice is not None:
            notice.put_with(write)
        if profile is not None:
            write.touch_user(user_id, "profile")
        await self._touch_account(write, user_id)
        await self._writer.submit(write)
        if erased is not None:
            await self.load_erased()
        if deactivated:
            await self.states.enter(user_id, AccountState.ERASED if erased else AccountState.ENDED)
        if password is not None:
            await self.states.enter(user_id, AccountState.PASSWORD_CHANGED)
        if is_admin is False:
            await self.states.enter(user_id, AccountState.CONSOLE_RIGHT_WITHDRAWN)

    async def _touch_account(self, write: Write, user_id: str) -> None:
        """How it stands may have changed, and with it how those stand that it answers for."""
        for one in (user_id, *await self.states.owned(user_id)):
            write.touch_user(one, "account")

    async def _require_person(self, user_id: str) -> None:
        """Posts and bots have no password: whoever holds a post signs in as themselves. Raises M_FORBIDDEN."""
        user = await self.store.find_user(user_id)
        if user is not None and user.is_nobodys:
            raise Forbidden("This account has no password: whoever is responsible for it signs in as themselves")

    async def load_erased(self) -> None:
        """Who is erased, as it is now: at start, when it changes here, and now and then for what other processes changed."""
        found = await self.store.erased()
        if found != self._erased:
            self._erased.clear()
            self._erased.update(found)

    async def set_state(
        self,
        user_id: str,
        *,
        locked: bool | None = None,
        suspended: bool | None = None,
        expires_ts: int | None = None,
        by: str | None = None,
        ends_by: str | None = None,
    ) -> None:
        """Locks, suspends, sets the end of an account (in ms; 0: never ends), and all by which it acts with it.

        `by`: in whose right it is locked or suspended, or no longer: an organisation's; None: the installation's, above all.
        `ends_by`: of an end that an administrator has said, whose right that is, an organisation's or `THE_WHOLE`; None: nobody's.
        """
        write = Write()
        write.add(
            AccountStateRow(
                who=user_id,
                locked=locked,
                suspended=suspended,
                expires_ts=expires_ts,
                whose=by,
                ends_by=ends_by,
                now=self.now_ms(),
            )
        )
        await self._touch_account(write, user_id)
        await self._writer.submit(write)
        if locked:
            await self.states.enter(user_id, AccountState.LOCKED)
        if suspended:
            await self.states.enter(user_id, AccountState.SUSPENDED)
        if expires_ts and expires_ts <= self.now_ms():
            await self.states.enter(user_id, AccountState.EXPIRED)

    # --------------------------------------------------------------------------------------- the first administrator

    async def first_administrator_token(self) -> str | None:
        """While there is no account: the token with which the first one, an administrator, may be registered."""
        if await self.store.has_users():
            return None
        row = await self._database.fetchval("SELECT value FROM secrets WHERE name = 'registration_nonce'")
        return hashlib.sha256(b"first administrator" + row).hexdigest()[:24]
