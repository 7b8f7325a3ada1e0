"""The read guard's routes: its pace for clients; for administrators, who read too much, and letting them go on."""

from __future__ import annotations

from chappe.agency.read_guard import ReadGuard
from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import ADMIN_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.sync.token import optional_position
from chappe.matrix.errors import NotFound
from chappe.matrix.identifiers import parse_room_id, parse_user_id

_ADMIN = "/_chappe/admin/v1/read_guard"


class ReadGuardApi:
    def __init__(self, guard: ReadGuard, accounts: Accounts, rooms: Rooms) -> None:
        self._guard, self._accounts, self._rooms = guard, accounts, rooms

    @endpoint("GET", "/_chappe/client/v1/reading_pace/{roomId}")
    async def pace(self, request: Request) -> Answer:
        """How many milliseconds a device should wait before it reads a page of a room's history for its own index, `from` a token."""
        room = await self._rooms.require_joined(request.user_id, parse_room_id(request.params["roomId"]))
        events = request.query_int("events", 100, 1, 1000)
        position = optional_position(request.query("from"))
        return {"pause_ms": round(await self._guard.pause_for(request.user_id, room, events, position) * 1000)}

    @endpoint("GET", _ADMIN + "/alerts", auth=ADMIN_AUTH, api="admin")
    async def alerts(self, request: Request) -> Answer:
        return {"alerts": await self._guard.alerts(request.query_int("limit", 100, 1, 1000))}

    @endpoint("POST", _ADMIN + "/release/{userId}", auth=ADMIN_AUTH, does="unlock", body_limit=SMALL_LIMIT, api="admin")
    async def release(self, request: Request) -> Answer:
        """Unlocks a frozen account; what it has read is forgotten."""
        user_id = parse_user_id(request.params["userId"])
        if await self._accounts.store.find_user(user_id) is None:
            raise NotFound("There is no such account")
        await self._guard.forgive(user_id)
        await self._accounts.set_state(user_id, locked=False)
        return {}
