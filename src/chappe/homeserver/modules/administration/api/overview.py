"""What the pages of administration tools show beside accounts, rooms and files: figures, tasks, other servers, reports of people."""

from __future__ import annotations

from typing import Any

from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.database.pool import Database
from chappe.homeserver.http.administration import ADMIN, V1, page_of
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import Answer, endpoint
from chappe.homeserver.modules.administration.overview import TASKS, UPLOAD_ORDERS, Overview
from chappe.homeserver.outbound.federation.destinations import DestinationState, destination_states, forget_failures, wait_after
from chappe.matrix.canonical_json import MAX_INTEGER
from chappe.matrix.errors import BadRequest, NotFound
from chappe.matrix.identifiers import UserId, parse_server_name, parse_user_id

_SERVER = V1 + "/federation/destinations/{serverName}"
_ORDERS = ("destination", "retry_last_ts", "retry_interval", "failure_ts", "last_successful_stream_ordering")


class AdminFigures:
    def __init__(self, overview: Overview, store: AccountStore) -> None:
        self._overview, self._store = overview, store

    @endpoint("GET", V1 + "/statistics/users/media", **ADMIN)
    async def uploads(self, request: Request) -> Answer:
        start, limit, backwards = page_of(request)
        order = request.query_choice("order_by", tuple(UPLOAD_ORDERS), "user_id")
        since, until = request.query_int("from_ts", 0, 0), request.query_int("until_ts", MAX_INTEGER, 0)
        if since > until:
            raise BadRequest("`from_ts` is after `until_ts`", "M_INVALID_PARAM")
        people, total = await self._overview.uploads(request.query("search_term"), since, until, order, backwards, start, limit)
        more = start + len(people)
        return {"users": people, "total": total} | ({"next_token": more} if more < total else {})

    @endpoint("GET", V1 + "/statistics/database/rooms", **ADMIN)
    async def largest_rooms(self, request: Request) -> Answer:
        return {"rooms": await self._overview.largest_rooms()}

    @endpoint("GET", V1 + "/scheduled_tasks", **ADMIN)
    async def tasks(self, request: Request) -> Answer:
        """Rooms that are being deleted, or were."""
        if request.query("action_name") not in (None, "shutdown_and_purge_room"):
            return {"scheduled_tasks": []}
        state = request.query("job_status")
        if state is not None and state not in {*TASKS.values(), "scheduled", "cancelled"}:
            raise BadRequest("`job_status` is none that a task has", "M_INVALID_PARAM")
        return {"scheduled_tasks": await self._overview.tasks(request.query("resource_id"), state)}

    @endpoint("GET", V1 + "/users/{userId}/sent_invite_count", **ADMIN)
    async def invitations(self, request: Request) -> Answer:
        user_id = await self._require(request)
        return {"invite_count": await self._overview.invitations_by(user_id, request.query_int("from_ts", 0, 0))}

    @endpoint("GET", V1 + "/users/{userId}/cumulative_joined_room_count", **ADMIN)
    async def rooms_entered(self, request: Request) -> Answer:
        user_id = await self._require(request)
        found = await self._overview.rooms_entered(user_id, request.query_int("from_ts", 0, 0))
        return {"cumulative_joined_room_count": found}

    async def _require(self, request: Request) -> UserId:
        user_id = parse_user_id(request.params["userId"])
        if await self._store.find_user(user_id) is None:
            raise NotFound("There is no such account")
        return user_id


class AdminServers:
    """Other servers that this one sends to."""

    def __init__(self, database: Database, overview: Overview) -> None:
        self._database, self._overview = database, overview

    @endpoint("GET", V1 + "/federation/destinations", **ADMIN)
    async def list(self, request: Request) -> Answer:
        start, limit, backwards = page_of(request)
        order = request.query_choice("order_by", _ORDERS, "destination")
        term = (request.query("destination") or "").lower()
        found = [_destination(s) for s in await destination_states(self._database) if term in s.server_name]
        found.sort(key=lambda one: one["destination"])
        known = [one for one in found if one[order] is not None]
        known.sort(key=lambda one: one[order], reverse=backwards)
        found = known + [one for one in found if one[order] is None]  # these come last either way
        return _page("destinations", found[start : start + limit], start, len(found))

    @endpoint("GET", _SERVER, **ADMIN)
    async def get(self, request: Request) -> Answer:
        return _destination(await self._require(request))

    @endpoint("GET", _SERVER + "/rooms", **ADMIN)
    async def rooms(self, request: Request) -> Answer:
        """The rooms that are shared with it."""
        start, limit, _ = page_of(request)
        server_name = parse_server_name(request.params["serverName"].lower())
        rooms, total = await self._overview.rooms_with(server_name, start, limit)
        return _page("rooms", [{"room_id": room_id} for room_id in rooms], start, total)

    @endpoint("POST", _SERVER + "/reset_connection", does="retry_server", **ADMIN)
    async def retry(self, request: Request) -> Answer:
        """It is tried at once, however long it has not answered."""
        state = await self._require(request)
        if state.failing_since is None:
            raise BadRequest("This server answers: there is nothing to try again", "M_UNKNOWN")
        await forget_failures(self._database, state.server_name)
        return {}

    async def _require(self, request: Request) -> DestinationState:
        server_name = parse_server_name(request.params["serverName"].lower())
        for state in await destination_states(self._database):
            if state.server_name == server_name:
                return state
        raise NotFound("Nothing was sent to this server yet")


def _destination(state: DestinationState) -> dict[str, Any]:
    """`retry_interval`: the wait, in ms, from the last try to the next, without the random part that is added to it."""
    is_failing = state.failing_since is not None
    interval = wait_after(state.failures)
    return {
        "destination": state.server_name,
        "failure_ts": state.failing_since,
        "retry_last_ts": max(0, state.retry_ts - interval) if is_failing else 0,
        "retry_interval": interval,
        "last_successful_stream_ordering": None,
        "waiting_events": state.events,
        "waiting_edus": state.edus,
        "last_error": state.last_error,
        "last_success_ts": state.last_success_ts,
    }


def _page(name: str, found: list[Any], start: int, total: int) -> dict[str, Any]:
    more = start + len(found)
    return {name: found, "total": total} | ({"next_token": str(more)} if more < total else {})
