"""Making, changing and ending accounts, in the routes of `/_synapse/admin` that existing tools use."""

from __future__ import annotations

import msgspec
import orjson

from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.endings import THE_WHOLE
from chappe.homeserver.accounts.fresh_proof import ADMINISTRATOR, FreshProof
from chappe.homeserver.accounts.profiles import Profiles
from chappe.homeserver.accounts.session_store import Origin
from chappe.homeserver.accounts.sessions import Sessions
from chappe.homeserver.actions.bind_threepid import BindThreepid
from chappe.homeserver.actions.deactivate_account import DeactivateAccount
from chappe.homeserver.actions.reset_password import ResetPassword
from chappe.homeserver.actions.server_notices import ServerNotices
from chappe.homeserver.actions.set_profile_field import SetProfileField
from chappe.homeserver.http.administration import ADMIN, V1, V2
from chappe.homeserver.http.request import Request, Response
from chappe.homeserver.http.router import Answer, endpoint
from chappe.homeserver.http.typed import convert
from chappe.homeserver.modules.administration.administration import Administration
from chappe.homeserver.policy.acts import changes_of_account, end_of_account, setting_administrator
from chappe.matrix.email_address import parse_email
from chappe.matrix.errors import BadRequest, Forbidden, NotFound
from chappe.matrix.identifiers import UserId, parse_user_id

_SIGNED_IN_AS = (
    "{administrator}, qui administre le service, a ouvert votre compte. La session se voit et se ferme dans Réglages, Appareils.\n\n"
    "{administrator}, who administers the service, has opened your account. See and end the session in Settings, Devices."
)


class Change(msgspec.Struct):
    """The body of a change of an account: what is not named stays as it is.

    `logout_devices`: with `password`, all its devices are signed out. `expiration_ts`: in ms, None for never. `erase`: with
    `deactivated`, what the account has said goes as well.
    """

    password: str | None = None
    logout_devices: bool = True
    displayname: str | msgspec.UnsetType | None = msgspec.UNSET
    avatar_url: str | msgspec.UnsetType | None = msgspec.UNSET
    admin: bool | None = None
    deactivated: bool | None = None
    locked: bool | None = None
    suspended: bool | None = None
    expiration_ts: int | msgspec.UnsetType | None = msgspec.UNSET
    threepids: list[dict[str, str]] | None = None
    external_ids: list[dict[str, str]] | None = None
    user_type: str | msgspec.UnsetType | None = msgspec.UNSET
    erase: bool = False


class NewPassword(msgspec.Struct):
    """The body of `/reset_password`. `logout_devices`: all devices of the account are signed out."""

    new_password: str
    logout_devices: bool = True


class AdminUserChanges:
    """Accounts, as an administrator of the installation makes, changes and ends them."""

    def __init__(
        self,
        administration: Administration,
        accounts: Accounts,
        profiles: Profiles,
        sessions: Sessions,
        reset_password: ResetPassword,
        deactivate: DeactivateAccount,
        set_profile_field: SetProfileField,
        bind_threepid: BindThreepid,
        notices: ServerNotices,
    ) -> None:
        self._administration, self._accounts, self._profiles, self._sessions = administration, accounts, profiles, sessions
        self._reset_password, self._deactivate = reset_password, deactivate
        self._set_profile_field, self._bind_threepid, self._notices = set_profile_field, bind_threepid, notices

    @endpoint("PUT", V2 + "/users/{userId}", does=changes_of_account, **ADMIN)
    async def put(self, request: Request) -> Answer:
        """Creates an account (201), or changes what the body names (200). Nobody takes their own rights away (M_FORBIDDEN)."""
        body = convert(await request.json_object(), Change)
        user_id = parse_user_id(request.params["userId"])
        if body.user_type is not msgspec.UNSET:  # refused before anything is written
            self._administration.require_kind(body.user_type)
        user = await self._accounts.store.find_user(user_id)
        is_new = user is None
        if is_new:
            localpart, server_name = user_id[1:].split(":", 1)
            self._accounts.user_id_for(localpart, server_name)
            wanted = body.displayname if type(body.displayname) is str else None
            name = await self._profiles.name_by_administrator(user_id, wanted)
            await self._accounts.register(user_id, body.password, is_admin=bool(body.admin), display_name=name)
        await self._change(request.user_id, user_id, body, is_new)
        return Response(201 if is_new else 200, orjson.dumps(await self._administration.user(user_id)))

    async def _change(self, by: UserId, user_id: UserId, body: Change, is_new: bool) -> None:
        """Does what the fields of the body say: first who may act with the account, then what is shown of it."""
        if user_id == by and (body.admin is False or body.deactivated or body.locked or body.suspended):
            raise Forbidden("You may not take your own rights away")
        if body.deactivated:
            await self._deactivate(user_id, body.erase)
            return
        shown: dict[str, str | None] = {}
        if not is_new and body.displayname is not msgspec.UNSET:  # refused before anything is written
            shown["displayname"] = await self._profiles.name_by_administrator(user_id, body.displayname)
        if body.avatar_url is not msgspec.UNSET:
            shown["avatar_url"] = body.avatar_url or None
        await self._change_state(user_id, body, is_new)
        for field, value in shown.items():
            await self._set_profile_field(user_id, field, value)
        if body.user_type is not msgspec.UNSET:
            await self._administration.set_kind(user_id, body.user_type)
        if body.threepids is not None:
            await self._set_addresses(user_id, body.threepids)
        if body.external_ids is not None:
            links = [(i.get("auth_provider", ""), i.get("external_id", "")) for i in body.external_ids]
            await self._administration.set_links(user_id, links)

    async def _change_state(self, user_id: UserId, body: Change, is_new: bool) -> None:
        """`is_new`: it has been made with the password and the rights that the body names."""
        if body.deactivated is False:
            await self._accounts.bring_back(user_id)
        if not is_new and body.password is not None:
            await self._reset_password(FreshProof(user_id, ADMINISTRATOR), body.password, None, body.logout_devices)
        if not is_new and body.admin is not None:
            await self._accounts.change(user_id, is_admin=body.admin)
        expires = body.expiration_ts
        if body.locked is not None or body.suspended is not None or expires is not msgspec.UNSET:
            end = None if expires is msgspec.UNSET else expires or 0
            await self._accounts.set_state(
                user_id, locked=body.locked, suspended=body.suspended, expires_ts=end, ends_by=THE_WHOLE
            )

    async def _set_addresses(self, user_id: UserId, wanted: list[dict[str, str]]) -> None:
        addresses = {parse_email(t.get("address", "")) for t in wanted if t.get("medium") == "email"}
        for address in addresses:
            if await self._accounts.store.user_by_threepid("email", address) not in (None, user_id):
                raise BadRequest("This address belongs to another account", "M_THREEPID_IN_USE")
        known = {r.address for r in await self._accounts.store.threepids(user_id)}
        for gone in known - addresses:
            await self._bind_threepid.remove(user_id, "email", gone)
        for address in addresses - known:
            await self._bind_threepid(user_id, "email", address, self._accounts.now_ms())

    @endpoint("PUT", V1 + "/users/{userId}/admin", does=setting_administrator, **ADMIN)
    async def set_admin(self, request: Request) -> Answer:
        """Makes an account an administrator of the installation, or no longer one. Not one's own (M_FORBIDDEN)."""
        value = (await request.json_object()).get("admin")
        if type(value) is not bool:
            raise BadRequest("`admin` must be true or false")
        user_id = await self._require(request)
        if user_id == request.user_id and not value:
            raise Forbidden("You may not take your own rights away")
        await self._accounts.change(user_id, is_admin=value)
        return {}

    @endpoint("POST", V1 + "/deactivate/{userId}", does=end_of_account, **ADMIN)
    async def deactivate(self, request: Request) -> Answer:
        """Ends an account for good; with `erase`, what it has said goes as well."""
        erase = (await request.json_object(optional=True)).get("erase", False)
        user_id = await self._require(request)
        await self._deactivate(user_id, erase is True)
        return {"id_server_unbind_result": "success"}

    @endpoint("PUT", V1 + "/suspend/{userId}", does="suspend", **ADMIN)
    async def suspend(self, request: Request) -> Answer:
        """Suspends an account, which then reads and does nothing else, or lets it act again."""
        value = (await request.json_object()).get("suspend")
        if type(value) is not bool:
            raise BadRequest("`suspend` must be true or false")
        user_id = await self._require(request)
        await self._accounts.set_state(user_id, suspended=value)
        return {f"user_{user_id}_suspended": value}

    @endpoint("POST", V1 + "/reset_password/{userId}", does="reset_password", **ADMIN)
    async def reset_password(self, request: Request) -> Answer:
        """Sets another password for an account."""
        body = await request.body_as(NewPassword)
        proof = FreshProof(await self._require(request), ADMINISTRATOR)
        await self._reset_password(proof, body.new_password, None, body.logout_devices)
        return {}

    @endpoint("POST", V1 + "/users/{userId}/login", does="sign_in_as", **ADMIN)
    async def sign_in_as(self, request: Request) -> Answer:
        """A session of somebody else's account, on a device that its owner sees and can end, and is told of."""
        await request.json_object(optional=True)
        user_id = await self._require(request)
        if user_id == request.user_id:
            raise Forbidden("You are signed in already")
        await self._notices.send(user_id, _SIGNED_IN_AS.format(administrator=request.user_id))
        origin = Origin(asked_by=request.requester.session)
        tokens = await self._sessions.sign_in(user_id, None, f"Administrator {request.user_id}", False, origin)
        return {"access_token": tokens.access_token}

    async def _require(self, request: Request) -> UserId:
        user_id = parse_user_id(request.params["userId"])
        if await self._accounts.store.find_user(user_id) is None:
            raise NotFound("There is no such account")
        return user_id
