"""Somebody has proven who they are elsewhere: finds their account, or makes it.

An account is found by the provider's name for the person; else by a proven e-mail address, if the provider may link; else
it is made, if the provider may create accounts and the policy agrees.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.fresh_proof import PROVIDER, FreshProof
from chappe.homeserver.accounts.single_sign_on.ldap import Directories, Entry
from chappe.homeserver.accounts.single_sign_on.providers import ProvenIdentity
from chappe.homeserver.accounts.store import User
from chappe.homeserver.accounts.upstream_links import UpstreamLink, UpstreamLinks
from chappe.homeserver.actions.bind_threepid import BindThreepid
from chappe.homeserver.actions.set_profile_field import SetProfileField
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.server_time import NowMs
from chappe.matrix.errors import Forbidden, MatrixError
from chappe.matrix.identifiers import UserId, domain_of

log = logging.getLogger(__name__)
TRIES = 50
SAME_DAY_MS = 86_400_000  # within which the clocks of a directory and of this server agree


class SignInUpstream:
    def __init__(
        self, database: Database, accounts: Accounts, bind_threepid: BindThreepid, set_profile: SetProfileField, now_ms: NowMs
    ) -> None:
        self._links, self._accounts, self._bind_threepid = UpstreamLinks(database), accounts, bind_threepid
        self._set_profile, self._now_ms = set_profile, now_ms

    async def __call__(self, proven: ProvenIdentity, server_name: str) -> User:
        """Raises M_FORBIDDEN where there is no account and none may be made, or it is of no use."""
        known = await self.account_of(proven)
        if known is None:
            known = await self._by_address(proven, server_name) or await self._create(proven, server_name)
            # who had this place in the directory before has it no longer
            await self._links.remove_older(proven.provider, proven.place, (proven.made_ts or 0) - SAME_DAY_MS)
            known = await self._links.add(proven.provider, proven.subject, known, self._now_ms())
        user = await self._accounts.store.find_user(known)
        if user is not None and user.deactivated and await self._accounts.come_back(_facts(proven)) == known:
            user = await self._accounts.store.find_user(known)
        if user is None or user.deactivated:
            raise Forbidden("This account has been deactivated", "M_USER_DEACTIVATED")
        if user.is_nobodys:
            raise Forbidden("Nobody signs in to this account")
        if user.server_name != server_name:
            raise Forbidden(f"Your account belongs to {user.server_name}: please sign in there")
        await self._follow_name(proven)
        await self._follow_address(UserId(user.user_id), proven)
        await self._follow_facts(UserId(user.user_id), proven)
        return user

    async def account_of(self, proven: ProvenIdentity) -> str | None:
        """Whose account a provider's or directory's name for somebody means, where they have signed in before."""
        names = [proven.subject, *proven.also, proven.place]
        links = await self._links.first_of(proven.provider, names)
        return next((link.user_id for link in links if not _is_anothers(proven, link)), None)

    async def _follow_name(self, proven: ProvenIdentity) -> None:
        """Whoever was linked by their place in a directory, or by a lesser name, is linked by the name that counts."""
        if proven.place is not None:
            await self._links.rename(proven.provider, [*proven.also, proven.place], proven.subject)

    async def _follow_address(self, user_id: UserId, proven: ProvenIdentity) -> None:
        """The provider vouches for another address than before: it is the account's, where nobody else has it."""
        if proven.email is None or await self._accounts.store.user_by_threepid("email", proven.email) is not None:
            return
        try:
            await self._bind_threepid.by_owner(FreshProof(user_id, PROVIDER), "email", proven.email, self._now_ms())
        except MatrixError as error:  # nobody is kept out for an address that does not count here
            log.warning("an address was not taken over", extra={"fields": {"user": user_id, "error": error.message}})

    async def _follow_facts(self, user_id: UserId, proven: ProvenIdentity) -> None:
        """Post, service and telephone are what they are there now."""
        try:
            await self._set_profile.follow(user_id, proven.facts)
        except MatrixError as error:  # a profile that is full keeps nobody out
            log.warning("a profile did not follow its directory", extra={"fields": {"user": user_id, "error": error.message}})

    async def _by_address(self, proven: ProvenIdentity, server_name: str) -> str | None:
        if proven.email is None or not proven.links_by_email:
            return None
        owner = await self._accounts.store.user_by_threepid("email", proven.email)
        if owner is None or domain_of(owner) != server_name:
            return None
        if proven.place is not None:  # an address may be given again; of a directory it is known to whom the account belongs
            links = await self._links.of(proven.provider, owner)
            if any(_is_anothers(proven, link) for link in links):
                return None
        return owner

    async def _create(self, proven: ProvenIdentity, server_name: str) -> str:
        if not proven.creates:
            raise Forbidden("You have no account here: ask your administrator")
        if proven.email is not None and await self._accounts.store.user_by_threepid("email", proven.email) is not None:
            raise Forbidden("An account with your address exists already: ask your administrator to link it")
        user_id = await self._register(proven, server_name, _facts(proven))
        if proven.email is not None:
            await self._bind_threepid(user_id, "email", proven.email, self._now_ms())
        return user_id

    async def _register(self, proven: ProvenIdentity, server_name: str, facts: dict[str, str | None]) -> UserId:
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


def _is_anothers(proven: ProvenIdentity, link: UpstreamLink) -> bool:
    """Whether a link to a provider cannot be this person's: by a name that stays and is not theirs, or by a place (which has a
    `=`) that was somebody's before their entry was made."""
    if "=" in link.subject and proven.place is not None:
        return proven.made_ts is not None and proven.made_ts > link.linked_ts + SAME_DAY_MS
    return link.subject != proven.subject and link.subject not in proven.also


def _facts(proven: ProvenIdentity) -> dict[str, str | None]:
    return {"provider": proven.provider, "subject": proven.subject, "email": proven.email}


@dataclass(frozen=True, slots=True)
class Claimed:
    """Whom a name means, before the password is looked at. `user_id`: `UNKNOWN` for nobody who has an account.

    `guessed`: under what guesses at the password are counted: the account, else what the directory calls the person, however
    their name was written; people whom nobody knows each count for themselves. `entry`: the directory is asked, not the account.
    """

    user_id: str
    server_name: str
    guessed: str
    entry: Entry | None = None


UNKNOWN = "@:unknown"


class CheckPassword:
    """A user name or address with a password: of a local account, or of a directory.

    The name is read once: whose secret is counted is whose secret is looked at.
    """

    def __init__(self, accounts: Accounts, directories: Directories, upstream: SignInUpstream) -> None:
        self._accounts, self._directories, self._upstream = accounts, directories, upstream

    async def claim(self, identifier: Mapping[str, Any], server_name: str) -> Claimed:
        """Raises M_INVALID_USERNAME and the like for what is no name, M_UNKNOWN (503) where the directory does not answer."""
        user_id = await self._accounts.identify(identifier, server_name)
        login = _name_for_directory(identifier, server_name)
        if self._directories.of(server_name) is not None and login:
            user = await self._accounts.store.find_user(user_id)
            if user is None or user.password_hash is None:
                entry = await self._directories.find(server_name, login)
                if entry is not None:
                    known = await self._upstream.account_of(entry.who)
                    guessed = known or f"{entry.who.provider} {entry.who.subject}"
                    return Claimed(known or UNKNOWN, server_name, guessed, entry)
        return Claimed(user_id, server_name, _folded(login) if user_id == UNKNOWN else user_id)

    async def __call__(self, claimed: Claimed, password: str) -> tuple[User, str]:
        """(the account, "password" or "ldap:…"). Raises M_FORBIDDEN."""
        entry = claimed.entry
        if entry is None:
            return await self._accounts.check_password(claimed.user_id, password), "password"
        if not await self._directories.is_right(claimed.server_name, entry, password):
            raise Forbidden("Wrong user name or password")
        return await self._upstream(entry.who, claimed.server_name), entry.who.provider


def _name_for_directory(identifier: Mapping[str, Any], server_name: str) -> str:
    """What of a login identifier a directory is asked for: one field, the one that the kind of identifier has.

    Of a user id the localpart; empty for one of another domain, of which the directory knows nothing.
    """
    field = "user" if identifier.get("type") == "m.id.user" else "address"
    given = identifier.get(field)
    text = given.strip() if type(given) is str else ""
    if field == "user" and text.startswith("@"):
        localpart, _, domain = text[1:].partition(":")
        return localpart if domain == server_name else ""
    return text


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()


def localpart_of(text: str | None) -> str:
    """What of a name may stand in a user id."""
    return re.sub(r"[^a-z0-9._=/+-]", "", (text or "").lower()).lstrip("_")[:64]
