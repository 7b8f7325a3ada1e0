"""Profiles: what people are called and shown by, and whatever else they say of themselves (profile.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from chappe.homeserver.accounts.bridges import Bridges
from chappe.homeserver.accounts.fragments import AccountChangeRow, ProfileCarryRow
from chappe.homeserver.accounts.given_fields import GivenFields
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.database.clock import Clock, Commit
from chappe.homeserver.database.group_writer import GroupWriter, Write
from chappe.homeserver.database.shared_rows import DirectoryEntryRow
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.queries import Queries
from chappe.homeserver.policy import Policy
from chappe.matrix.directory_entries import directory_entry
from chappe.matrix.errors import BadRequest, Forbidden, NotFound
from chappe.matrix.identifiers import UserId, domain_of, is_picture_url
from chappe.matrix.profile_fields import CARRIED

MAX_PROFILE_BYTES = 65_536
MAX_FIELD_NAME = 255
MOST_KNOWN = 50_000  # profiles that are kept
BOT_MARK = "org.chappe.bot"  # profile field: what a bot is, and whose


class Profiles:
    """Raises MatrixError subclasses only."""

    def __init__(
        self,
        store: AccountStore,
        writer: GroupWriter,
        clock: Clock,
        domains: Domains,
        policy: Policy,
        bridges: Bridges,
        queries: Queries,
        given: GivenFields,
    ) -> None:
        self._store, self._writer, self._domains, self._policy = store, writer, domains, policy
        self._bridges, self._queries, self._given = bridges, queries, given
        self._known: dict[str, dict[str, Any]] = {}
        clock.listen(self._heard)

    def _heard(self, commit: Commit) -> None:
        for user in commit.users:
            self._known.pop(user, None)

    async def of(self, user_id: str) -> dict[str, Any]:
        """All fields. Raises M_NOT_FOUND for unknown and deactivated users."""
        found = self._known.get(user_id)
        if found is None and not self._domains.is_hosted(domain_of(user_id)):
            return await self._queries.profile(user_id)
        if found is None:
            user = await self._store.find_user(user_id)
            if user is None and await self._bridges.ask_for_user(user_id):
                user = await self._store.find_user(user_id)
            if user is None or user.deactivated:
                raise NotFound("There is no such person here")
            found = self._known[user_id] = user.profile
            if len(self._known) > MOST_KNOWN:
                self._known.clear()
        return found

    async def in_memberships(self, user_id: str) -> Mapping[str, Any]:
        """What membership events repeat of a profile; empty for people who are not here."""
        try:
            profile = await self.of(user_id)
        except NotFound:
            return {}
        return {k: profile[k] for k in CARRIED if profile.get(k)}

    async def set_field(self, user_id: str, name: str, value: Any, by_owner: bool = False) -> bool:
        """Sets (None: deletes) a field. Returns whether it changed. Raises M_KEY_TOO_LARGE, M_PROFILE_TOO_LARGE.

        `by_owner`: the person changes it, who may not change everything everywhere.
        """
        if by_owner:
            await self._require_own_name(user_id, name)
            if name in self._given.of(domain_of(user_id)):
                raise Forbidden("This comes from your organisation's directory: it cannot be changed here")
            await self._policy.may_set_profile(UserId(user_id), name, value)
        if len(name.encode()) > MAX_FIELD_NAME:
            raise BadRequest("The field's name is too long", "M_KEY_TOO_LARGE")
        if name in CARRIED:
            _check_shown(name, value)
            value = value or None
        profile = dict(await self.of(user_id))
        if profile.get(name) == value and (value is not None or name not in profile):
            return False
        if value is None:
            profile.pop(name, None)
        else:
            profile[name] = value
        await self._write(user_id, profile, is_carried=name in CARRIED)
        return True

    async def follow(self, user_id: str, said: Mapping[str, str | None]) -> bool:
        """A directory or provider has said something of its person (None: nothing any more). Returns whether rooms repeat some of
        what has changed. Raises M_PROFILE_TOO_LARGE."""
        before = await self.of(user_id)
        profile = {name: value for name, value in {**before, **said}.items() if name not in said or value is not None}
        if profile == before:
            return False
        is_carried = any(profile.get(name) != before.get(name) for name in CARRIED)
        await self._write(user_id, profile, is_carried)
        return is_carried

    async def _write(self, user_id: str, profile: dict[str, Any], is_carried: bool) -> None:
        """`is_carried`: into the rooms that the person is in, later. Raises M_PROFILE_TOO_LARGE."""
        if len(orjson.dumps(profile)) > MAX_PROFILE_BYTES:
            raise BadRequest("The profile is larger than 64 KiB", "M_PROFILE_TOO_LARGE")
        write = Write()
        write.add(AccountChangeRow(who=user_id, profile=orjson.dumps(profile)))
        write.add(DirectoryEntryRow(*directory_entry(user_id, profile)))
        if is_carried:
            write.add(ProfileCarryRow(who=user_id))
        write.touch_user(user_id, "profile")
        await self._writer.submit(write)

    async def name_by_administrator(self, user_id: UserId, wanted: str | None) -> str | None:
        """The name that an account gets where an administrator wants one. Raises M_FORBIDDEN for bots, which are their owner's."""
        user = await self._store.find_user(user_id)
        if user is not None and user.kind == "bot" and user.owner is not None:
            if wanted == user.profile.get("displayname"):
                return wanted
            raise Forbidden("A bot's name says that it is one: its owner has given it")
        return await self._policy.name_given(user_id, wanted or None)

    async def _require_own_name(self, user_id: str, field: str) -> None:
        """What a bot is called says that it is one: its owner gave the name. Raises M_FORBIDDEN."""
        user = await self._store.find_user(user_id) if field in ("displayname", BOT_MARK) else None
        if field == BOT_MARK or (user is not None and user.is_nobodys):
            raise Forbidden("This name was given by whoever answers for the account: it cannot be changed here")


def _check_shown(name: str, value: Any) -> None:
    """What a person is shown by: raises BadRequest for what is no name, or no picture."""
    if value is not None and type(value) is not str:
        raise BadRequest(f"{name} must be a string", "M_BAD_JSON")
    if type(value) is str and len(value) > (1000 if name == "avatar_url" else 256):
        raise BadRequest(f"{name} is too long", "M_INVALID_PARAM")
    if name == "avatar_url" and type(value) is str and not is_picture_url(value):
        raise BadRequest("avatar_url must be an mxc:// address", "M_INVALID_PARAM")
