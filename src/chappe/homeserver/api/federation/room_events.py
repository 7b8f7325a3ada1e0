"""What servers that share a room read of it (events.yaml, backfill.yaml, event_auth.yaml)."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import SERVER_AUTH, Answer, endpoint
from chappe.homeserver.rooms.remote.serving import MOST_EVENTS, Serving
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import BadRequest, NotFound
from chappe.matrix.identifiers import parse_event_id, parse_room_id

_V1 = "/_matrix/federation/v1"
MOST_NAMED = 50


def _array(events: Iterable[bytes]) -> bytes:
    return b"[" + b",".join(events) + b"]"


class RoomEvents:
    def __init__(self, serving: Serving, rooms: Rooms) -> None:
        self._serving, self._rooms = serving, rooms

    @endpoint("GET", _V1 + "/event/{eventId}", auth=SERVER_AUTH, api="federation")
    async def event(self, request: Request) -> Answer:
        raw = await self._serving.event(request.origin, parse_event_id(request.params["eventId"]))
        return self._transaction(request, [raw])

    def _transaction(self, request: Request, events: Iterable[bytes]) -> bytes:
        return b'{"origin":%b,"origin_server_ts":%d,"pdus":%b}' % (
            orjson.dumps(request.destination),
            self._rooms.now_ms(),
            _array(events),
        )

    @endpoint("GET", _V1 + "/state/{roomId}", auth=SERVER_AUTH, api="federation", is_heavy=True)
    async def state(self, request: Request) -> Answer:
        room, known = await self._serving.at(request.origin, _room(request), _event(request))
        state, chain = await self._serving.state_and_chain(room, known)
        return b'{"pdus":%b,"auth_chain":%b}' % (_array(state), _array(chain))

    @endpoint("GET", _V1 + "/state_ids/{roomId}", auth=SERVER_AUTH, api="federation", is_heavy=True)
    async def state_ids(self, request: Request) -> Answer:
        room, known = await self._serving.at(request.origin, _room(request), _event(request))
        state, chain = await self._serving.ids_of_state(room, known)
        return {"pdu_ids": state, "auth_chain_ids": chain}

    @endpoint("GET", _V1 + "/event_auth/{roomId}/{eventId}", auth=SERVER_AUTH, api="federation", is_heavy=True)
    async def event_auth(self, request: Request) -> Answer:
        event_id = parse_event_id(request.params["eventId"])
        return b'{"auth_chain":%b}' % _array(await self._serving.event_auth(request.origin, _room(request), event_id))

    @endpoint("GET", _V1 + "/backfill/{roomId}", auth=SERVER_AUTH, api="federation", is_heavy=True)
    async def backfill(self, request: Request) -> Answer:
        start = request.query_all("v")
        if not start or len(start) > MOST_NAMED:
            raise BadRequest(f"`v` must name between 1 and {MOST_NAMED} events", "M_INVALID_PARAM")
        limit = request.query_int("limit", MOST_EVENTS, 1)
        return self._transaction(request, await self._serving.backfill(request.origin, _room(request), start, limit))

    @endpoint("POST", _V1 + "/get_missing_events/{roomId}", auth=SERVER_AUTH, api="federation", is_heavy=True)
    async def missing_events(self, request: Request) -> Answer:
        body = await request.json_object()
        earliest, latest, limit = body.get("earliest_events"), body.get("latest_events"), body.get("limit", 10)
        if not _are_ids(earliest) or not _are_ids(latest) or type(limit) is not int or limit < 1:
            raise BadRequest("`earliest_events` and `latest_events` must be lists of event ids, `limit` a positive integer")
        assert isinstance(earliest, list) and isinstance(latest, list)
        events = await self._serving.missing_events(request.origin, _room(request), earliest, latest, limit)
        return b'{"events":%b}' % _array(events)

    @endpoint("GET", _V1 + "/timestamp_to_event/{roomId}", auth=SERVER_AUTH, api="federation")
    async def timestamp_to_event(self, request: Request) -> Answer:
        backwards = request.query_choice("dir", ("f", "b"), "f") == "b"
        ts = request.query_int("ts", -1, -1)
        if ts < 0:
            raise BadRequest("`ts` is missing", "M_MISSING_PARAM")
        found = await self._serving.nearest(request.origin, _room(request), ts, backwards)
        if found is None:
            raise NotFound(f"There is no event {'before' if backwards else 'after'} this time")
        return {"event_id": found[0], "origin_server_ts": found[1]}


def _are_ids(value: object) -> bool:
    return type(value) is list and len(value) <= MOST_NAMED and all(type(v) is str for v in value)


def _room(request: Request) -> str:
    return parse_room_id(request.params["roomId"])


def _event(request: Request) -> str:
    value = request.query("event_id")
    if value is None:
        raise BadRequest("`event_id` is missing", "M_MISSING_PARAM")
    return parse_event_id(value)
