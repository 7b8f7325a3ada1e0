"""Profiles (profile.yaml)."""

from __future__ import annotations

from typing import Any

from chappe.homeserver.accounts.profiles import Profiles
from chappe.homeserver.actions.set_profile_field import SetProfileField
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import EVENT_BODY, OPTIONAL_AUTH, Answer, endpoint
from chappe.homeserver.rooms.sight import Sight
from chappe.matrix.canonical_json import check_canonical
from chappe.matrix.errors import BadRequest, Forbidden, NotFound
from chappe.matrix.identifiers import parse_user_id

_FIELD = "/_matrix/client/v3/profile/{userId}/{keyName}"
_MSC4133 = "/_matrix/client/unstable/uk.tcpip.msc4133/profile/{userId}/{keyName}"


class Profile:
    def __init__(self, profiles: Profiles, set_field: SetProfileField, sight: Sight) -> None:
        self._profiles, self._set_field, self._sight = profiles, set_field, sight

    async def _profile(self, request: Request) -> dict[str, Any]:
        """Raises M_NOT_FOUND for people who are not there, or not for the reader to look up."""
        user_id = parse_user_id(request.params["userId"])
        self._sight.require(request.reader)
        if not await self._sight.known(request.reader, [user_id]):
            raise NotFound("There is no such person here")
        try:
            return await self._profiles.of(user_id)
        except NotFound:
            await self._sight.looked_for_in_vain(request.reader, [user_id])
            raise

    @endpoint("GET", "/_matrix/client/v3/profile/{userId}", auth=OPTIONAL_AUTH)
    async def get(self, request: Request) -> Answer:
        return dict(await self._profile(request))

    @endpoint("GET", _FIELD, _MSC4133, auth=OPTIONAL_AUTH)
    async def get_field(self, request: Request) -> Answer:
        name = request.params["keyName"]
        profile = await self._profile(request)
        if name not in profile:
            if name in ("displayname", "avatar_url"):
                return {}
            raise NotFound("The profile has no such field")
        return {name: profile[name]}

    @endpoint("PUT", _FIELD, _MSC4133, acts=True, limit="account", **EVENT_BODY)
    async def set_field(self, request: Request) -> Answer:
        name = request.params["keyName"]
        self._require_own(request)
        body = await request.json_object()
        if name not in body:
            raise BadRequest(f"`{name}` is missing", "M_MISSING_PARAM")
        check_canonical(body[name])
        await self._set_field(request.user_id, name, body[name], by_owner=True)
        return {}

    @endpoint("DELETE", _FIELD, _MSC4133, acts=True, limit="account")
    async def delete_field(self, request: Request) -> Answer:
        self._require_own(request)
        await self._set_field(request.user_id, request.params["keyName"], None, by_owner=True)
        return {}

    @staticmethod
    def _require_own(request: Request) -> None:
        """An administrator as well: others' profiles have a door of administration, which is logged."""
        if parse_user_id(request.params["userId"]) != request.user_id:
            raise Forbidden("You may change your own profile only")
