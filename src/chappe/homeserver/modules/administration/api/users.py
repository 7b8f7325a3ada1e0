"""Finding and reading accounts, and ending their sessions, in the routes of `/_synapse/admin` that existing tools use."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import asdict

from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.second_factors import SecondFactors
from chappe.homeserver.accounts.sessions import Sessions
from chappe.homeserver.accounts.ways_to_act import AccountState
from chappe.homeserver.http.administration import ADMIN, V1, V2, page_of
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import Answer, endpoint
from chappe.homeserver.modules.administration.administration import USER_ORDERS, Administration
from chappe.homeserver.modules.push.pushers import Pushers
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import BadRequest, NotFound
from chappe.matrix.identifiers import UserId, domain_of, parse_user_id


class Devices(msgspec.Struct):
    """The body of `/delete_devices`: device ids."""

    devices: list[str]


class AdminUsers:
    """Accounts, as an administrator of the installation finds and reads them (Synapse's users API)."""

    def __init__(
        self,
        administration: Administration,
        accounts: Accounts,
        sessions: Sessions,
        factors: SecondFactors,
        rooms: Rooms,
        pushers: Pushers,
    ) -> None:
        self._administration, self._accounts, self._sessions = administration, accounts, sessions
        self._factors, self._rooms, self._pushers = factors, rooms, pushers

    @endpoint("GET", V2 + "/users", "/_synapse/admin/v3/users", **ADMIN)
    async def list(self, request: Request) -> Answer:
        """Lists accounts, page by page: by name, state and hosted domain, in the order that is asked for."""
        start, limit, backwards = page_of(request)
        order = request.query_choice("order_by", tuple(USER_ORDERS), "name")
        deactivated = request.query("deactivated")
        filters = [
            deactivated != "false" if request.raw_path.startswith(b"/_synapse/admin/v3") else deactivated == "true",
            request.query("guests") != "false",
            {"true": True, "false": False}.get(request.query("admins") or ""),
            request.query("server_name"),
            request.query("locked") != "false",
        ]
        term = request.query("name") or request.query("user_id")
        users, total = await self._administration.users(term, filters, order, backwards, start, limit)
        answer: dict[str, Any] = {"users": users, "total": total}
        if start + len(users) < total:
            answer["next_token"] = str(start + len(users))
        return answer

    @endpoint("GET", V2 + "/users/{userId}", **ADMIN)
    async def get(self, request: Request) -> Answer:
        """Describes an account. Raises M_NOT_FOUND."""
        return await self._administration.user(parse_user_id(request.params["userId"]))

    @endpoint("GET", V1 + "/users/{userId}/admin", **ADMIN)
    async def is_admin(self, request: Request) -> Answer:
        """Says whether an account administers the installation."""
        return {"admin": (await self._administration.user(parse_user_id(request.params["userId"])))["admin"]}

    @endpoint("GET", V1 + "/whois/{userId}", **ADMIN)
    async def whois(self, request: Request) -> Answer:
        """Lists the sessions of an account, with when and from where each was last used."""
        return await self._sessions.whois(await self._require(request))

    @endpoint("GET", V1 + "/users/{userId}/joined_rooms", V1 + "/users/{userId}/memberships", **ADMIN)
    async def rooms(self, request: Request) -> Answer:
        """Lists the rooms that an account is in; with `/memberships`, its membership of every room."""
        user_id = await self._require(request)
        memberships = (await self._rooms.memberships.of(user_id)).values()
        if request.raw_path.endswith(b"/memberships"):
            return {"memberships": {m.room_id: m.membership for m in memberships}}
        joined = sorted(m.room_id for m in memberships if m.membership == "join")
        return {"joined_rooms": joined, "total": len(joined)}

    @endpoint("GET", V1 + "/users/{userId}/pushers", **ADMIN)
    async def pushers(self, request: Request) -> Answer:
        """Lists where an account's notifications are sent."""
        pushers = await self._pushers.list(await self._require(request))
        return {"pushers": pushers, "total": len(pushers)}

    @endpoint("GET", V2 + "/users/{userId}/devices", **ADMIN)
    async def devices(self, request: Request) -> Answer:
        """Lists the devices of an account."""
        user_id = await self._require(request)
        rows = [{**asdict(row), "user_id": user_id} for row in await self._accounts.store.sessions.devices(user_id)]
        return {"devices": rows, "total": len(rows)}

    @endpoint("GET", V2 + "/users/{userId}/devices/{deviceId}", **ADMIN)
    async def device(self, request: Request) -> Answer:
        """Describes one device. Raises M_NOT_FOUND."""
        user_id = await self._require(request)
        row = await self._accounts.store.sessions.device(user_id, request.params["deviceId"])
        if row is None:
            raise NotFound("There is no such device")
        return {**asdict(row), "user_id": user_id}

    @endpoint("DELETE", V2 + "/users/{userId}/devices/{deviceId}", does="remove_device", **ADMIN)
    async def delete_device(self, request: Request) -> Answer:
        """Signs a device out and removes it."""
        await self._sessions.remove_devices(await self._require(request), [request.params["deviceId"]])
        return {}

    @endpoint("POST", V2 + "/users/{userId}/delete_devices", does="remove_device", **ADMIN)
    async def delete_devices(self, request: Request) -> Answer:
        """Signs several devices out and removes them."""
        body = await request.body_as(Devices)
        await self._sessions.remove_devices(await self._require(request), body.devices)
        return {}

    @endpoint("GET", V1 + "/auth_providers/{provider}/users/{externalId}", **ADMIN)
    async def by_identity(self, request: Request) -> Answer:
        """Returns the account that an identity provider's identifier belongs to. Raises M_NOT_FOUND."""
        return {"user_id": await self._administration.user_by_link(request.params["provider"], request.params["externalId"])}

    @endpoint("GET", V1 + "/threepid/{medium}/users/{address}", **ADMIN)
    async def by_address(self, request: Request) -> Answer:
        """Returns the account that an address belongs to. Raises M_NOT_FOUND."""
        found = await self._accounts.store.user_by_threepid(request.params["medium"], request.params["address"].lower())
        if found is None:
            raise NotFound("No account has this address")
        return {"user_id": found}

    @endpoint("GET", V1 + "/username_available", **ADMIN)
    async def available(self, request: Request) -> Answer:
        """Says whether a user name is free on the administrator's own domain. Raises what refuses it."""
        name = request.query("username")
        if name is None:
            raise BadRequest("`username` is missing", "M_MISSING_PARAM")
        await self._accounts.require_available(self._accounts.user_id_for(name, domain_of(request.user_id)))
        return {"available": True}

    @endpoint("POST", "/_chappe/admin/v1/users/{userId}/reset_second_factor", does="reset_second_factor", **ADMIN)
    async def reset_second_factor(self, request: Request) -> Answer:
        """For somebody who lost their telephone and their recovery codes."""
        await self._accounts.states.enter(await self._require(request), AccountState.SECOND_FACTOR_RESET)
        return {}

    async def _require(self, request: Request) -> UserId:
        user_id = parse_user_id(request.params["userId"])
        if await self._accounts.store.find_user(user_id) is None:
            raise NotFound("There is no such account")
        return user_id
