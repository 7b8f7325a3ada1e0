"""Somebody has proven who they are elsewhere: finds their account, or makes it.

An account is found by the provider's name for the person; else by a proven e-mail address, if the provider may link; else
it is made, if the provider may create accounts and the policy agrees.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.fresh_proof import PROVIDER, FreshProof
from chappe.homeserver.accounts.single_sign_on.ldap import Directories
from chappe.homeserver.accounts.single_sign_on.providers import Proven
from chappe.homeserver.accounts.store import User
from chappe.homeserver.actions.bind_threepid import BindThreepid
from chappe.homeserver.database.pool import Database
from chappe.homeserver.matrix.errors import Forbidden, MatrixError
from chappe.homeserver.matrix.identifiers import UserId, domain_of

log = logging.getLogger(__name__)
TRIES = 50


class SignInUpstream:
    def __init__(
        self, database: Database, accounts: Accounts, bind_threepid: BindThreepid, now_ms: Callable[[], int]
    ) -> None:
        self._database, self._accounts, self._bind_threepid, self._now_ms = database, accounts, bind_threepid, now_ms

    async def __call__(self, proven: Proven, server_name: str) -> User:
        """Raises M_FORBIDDEN where there is no account and none may be made, or it is of no use."""
        known = await self._database.fetchval(
            "SELECT user_id FROM upstream_links WHERE provider = $1 AND subject = $2", proven.provider, proven.subject
        )
        if known is None:
            known = await self._by_address(proven, server_name) or await self._create(proven, server_name)
            known = await self._database.fetchval(  # whoever was faster has said which account it is
                """INSERT INTO upstream_links AS l VALUES ($1, $2, $3, $4)
                   ON CONFLICT (provider, subject) DO UPDATE SET user_id = l.user_id RETURNING user_id""",
                proven.provider, proven.subject, known, self._now_ms(),
            )  # fmt: skip
        user = await self._accounts.store.find_user(known)
        if user is not None and user.deactivated and await self._accounts.come_back(_facts(proven)) == known:
            user = await self._accounts.store.find_user(known)
        if user is None or user.deactivated:
            raise Forbidden("This account has been deactivated", "M_USER_DEACTIVATED")
        if user.is_nobodys:
            raise Forbidden("Nobody signs in to this account")
        if user.server_name != server_name:
            raise Forbidden(f"Your account belongs to {user.server_name}: please sign in there")
        await self._follow_address(UserId(user.user_id), proven)
        return user

    async def _follow_address(self, user_id: UserId, proven: Proven) -> None:
        """The provider vouches for another address than before: it is the account's, where nobody else has it."""
        if proven.email is None or await self._accounts.store.user_by_threepid("email", proven.email) is not None:
            return
        try:
            await self._bind_threepid.by_owner(FreshProof(user_id, PROVIDER), "email", proven.email, self._now_ms())
        except MatrixError as error:  # nobody is kept out for an address that does not count here
            log.warning("an address was not taken over", extra={"fields": {"user": user_id, "error": error.message}})

    async def _by_address(self, proven: Proven, server_name: str) -> str | None:
        if proven.email is None or not proven.links_by_email:
            return None
        owner = await self._accounts.store.user_by_threepid("email", proven.email)
        return owner if owner is not None and domain_of(owner) == server_name else None

    async def _create(self, proven: Proven, server_name: str) -> str:
        if not proven.creates:
            raise Forbidden("You have no account here: ask your administrator")
        if proven.email is not None and await self._accounts.store.user_by_threepid("email", proven.email) is not None:
            raise Forbidden("An account with your address exists already: ask your administrator to link it")
        user_id = await self._register(proven, server_name, _facts(proven))
        if proven.email is not None:
            await self._bind_threepid(user_id, "email", proven.email, self._now_ms())
        return user_id

    async def _register(self, proven: Proven, server_name: str, facts: dict[str, str | None]) -> UserId:
        derived = await self._accounts.user_id_of(facts, server_name)
        if derived is not None:
            await self._accounts.register(derived, None, display_name=proven.display_name, facts=facts)
            return derived
        stem = localpart_of(proven.localpart) or self._accounts.free_localpart()
        for number in range(1, TRIES):
            user_id = self._accounts.user_id_for(stem if number == 1 else f"{stem}{number}", server_name)
            try:
                await self._accounts.require_available(user_id)
                await self._accounts.register(user_id, None, display_name=proven.display_name, facts=facts)
                return user_id
            except MatrixError as error:
                if error.errcode != "M_USER_IN_USE":
                    raise
        raise Forbidden("No free user name was found: ask your administrator")


def _facts(proven: Proven) -> dict[str, str | None]:
    return {"provider": proven.provider, "subject": proven.subject, "email": proven.email}


class CheckPassword:
    """A user name or address with a password: of a local account, or of a directory."""

    def __init__(self, accounts: Accounts, directories: Directories, upstream: SignInUpstream) -> None:
        self._accounts, self._directories, self._upstream = accounts, directories, upstream

    async def __call__(self, user_id: str, login: str, password: str, server_name: str) -> tuple[User, str]:
        """(the account, "password" or "ldap:…"). `login`: what the person typed, for the directory. Raises M_FORBIDDEN."""
        if self._directories.of(server_name) is not None:
            user = await self._accounts.store.find_user(user_id)
            if user is None or user.password_hash is None:
                proven = await self._directories.check(server_name, login, password)
                if proven is None:
                    raise Forbidden("Wrong user name or password")
                return await self._upstream(proven, server_name), proven.provider
        return await self._accounts.check_password(user_id, password), "password"


def localpart_of(text: str | None) -> str:
    """What of a name may stand in a user id."""
    return re.sub(r"[^a-z0-9._=/+-]", "", (text or "").lower()).lstrip("_")[:64]
