"""Application services as clients see them: the networks they reach, what they know there, whether they answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from chappe.homeserver.accounts.application_services import ApplicationService, ApplicationServices
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.database.pool import Database
from chappe.homeserver.modules.appservices.store import ListedRooms
from chappe.homeserver.outbound.application_service import ServiceCalls
from chappe.homeserver.policy import ContentOf
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import BadRequest, Forbidden, NotFound
from chappe.matrix.identifiers import UserId

Query = Mapping[str, Sequence[str]]
MayList = Callable[[UserId, ContentOf], Awaitable[None]]  # raises what refuses it


class Appservices:
    def __init__(
        self,
        database: Database,
        services: ApplicationServices,
        calls: ServiceCalls,
        accounts: AccountStore,
        rooms: Rooms,
        may_list: MayList,
    ) -> None:
        self._listed, self.services, self._calls = ListedRooms(database), services, calls
        self._accounts, self._rooms, self._may_list = accounts, rooms, may_list

    # --------------------------------------------------------------------------------------------------- networks

    async def protocols(self) -> dict[str, Any]:
        names = {p for service in self.services.services.values() for p in service.protocols}
        return {name: found for name in sorted(names) if (found := await self._protocol(name)) is not None}

    async def protocol(self, name: str) -> dict[str, Any]:
        """Raises M_NOT_FOUND."""
        found = await self._protocol(name)
        if found is None:
            raise NotFound("No bridge to this network is connected")
        return found

    async def _protocol(self, name: str) -> dict[str, Any] | None:
        """Several services may reach one network: their instances are put together."""
        merged: dict[str, Any] | None = None
        for service in self._of_protocol(name):
            answer = await self._calls.lookup(str(service.url), service.hs_token, f"protocol/{name}", {})
            if type(answer) is not dict:
                continue
            instances = [i for i in answer.get("instances", []) if type(i) is dict]
            for instance in instances:
                if type(instance.get("network_id")) is str:
                    instance["instance_id"] = f"{service.id}|{instance['network_id']}"
            if merged is None:
                merged = {**answer, "instances": instances}
            else:
                merged["instances"] += instances
        return merged

    async def lookup(self, kind: str, name: str | None, query: Query) -> list[Any]:
        """`location` or `user`, by a protocol's fields or (`name` None) by Matrix name. Raises M_NOT_FOUND."""
        services = self._of_protocol(name) if name is not None else [s for s in self.services.services.values() if s.url]
        if not services:
            raise NotFound("No bridge to this network is connected")
        path = kind if name is None else f"{kind}/{name}"
        found: list[Any] = []
        for service in services:
            answer = await self._calls.lookup(str(service.url), service.hs_token, path, query)
            if type(answer) is list:
                found += answer
        return found

    def _of_protocol(self, name: str) -> list[ApplicationService]:
        return [s for s in self.services.services.values() if s.url and name in s.protocols]

    # ----------------------------------------------------------------------------------------------------- the rest

    async def ping(self, service_id: str, asker: str | None, transaction_id: str | None) -> int:
        """Raises M_FORBIDDEN for anybody but the service itself; M_URL_NOT_SET; M_CONNECTION_…, M_BAD_STATUS."""
        if asker != service_id:
            raise Forbidden("Only the application service itself may do this")
        service = self.services.require(service_id)
        if not service.url:
            raise BadRequest("The application service has no address", "M_URL_NOT_SET")
        return await self._calls.ping(service.url, service.hs_token, transaction_id)

    async def list_room(self, user_id: UserId, service_id: str, network: str, room_id: str, listed: bool) -> None:
        """In the directory of a network. `user_id`: the service, or its user. Raises what refuses the listing."""
        room = await self._rooms.live.find(room_id)
        if room is None:
            raise NotFound("This room is not known here")
        if listed:
            await self._may_list(user_id, room.content_of)
            await self._listed.add(service_id, network, room_id)
        else:
            await self._listed.remove(service_id, network, room_id)

    async def rooms_of(self, instance: str) -> list[str]:
        """The rooms listed under an instance id: `service|network`."""
        service, _, network = instance.partition("|")
        return await self._listed.of(service, network)

    async def rooms_of_all(self) -> tuple[str, ...]:
        """The rooms listed under any instance."""
        return await self._listed.of_all()

    # ------------------------------------------------------------------------------------------------ encryption

    async def claim_keys(self, wanted: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
        """One-time keys of users whose service keeps them itself (MSC3983); of accounts that it made, and no others."""
        body = {u: {d: {a: 1} for d, a in devices.items()} for u, devices in wanted.items()}
        return await self._ask(body, "org.matrix.msc3983/keys/claim", None)

    async def query_keys(self, wanted: Mapping[str, list[str]]) -> dict[str, Any]:
        """Device keys likewise (MSC3984)."""
        return await self._ask(dict(wanted), "org.matrix.msc3984/keys/query", "device_keys")

    async def _ask(self, by_user: Mapping[str, Any], path: str, key: str | None) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for service in self.services.services.values():
            if not service.wants_encryption or not service.url:
                continue
            own = await self._accounts.made_by(service.id, [user for user in by_user if service.has_user(user)])
            mine = {user: value for user, value in by_user.items() if user in own}
            if not mine:
                continue
            answer = await self._calls.keys(str(service.url), service.hs_token, path, mine if key is None else {key: mine})
            part = answer.get(key) if key is not None and type(answer) is dict else answer
            if type(part) is dict:
                found.update((user, keys) for user, keys in part.items() if user in mine and type(keys) is dict)
        return found
