"""Delayed events (MSC4140), in the dialect that is deployed and in the current one."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from chappe.homeserver.actions.send_delayed_event import SendDelayedEvent
from chappe.homeserver.http.request import Request, transaction_key
from chappe.homeserver.http.router import EVENT_BODY, GUEST_AUTH, NO_AUTH, Answer, endpoint
from chappe.homeserver.modules.delayed_events.delayed_events import ACTIONS, DelayedEvent, DelayedEvents, Scheduled
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import BadRequest, MatrixError
from chappe.matrix.events import check_content
from chappe.matrix.identifiers import parse_room_id

_UNSTABLE = "/_matrix/client/unstable/org.matrix.msc4140"
_EVENTS = "/delayed_events"


class Schedule(msgspec.Struct):
    delay_ms: int
    content: dict[str, Any]
    state_key: str | None = None


class DelayedEventsApi:
    def __init__(self, delayed: DelayedEvents, send: SendDelayedEvent, rooms: Rooms) -> None:
        self._delayed, self._send, self._rooms = delayed, send, rooms

    @endpoint(
        "PUT",
        "/_matrix/client/v3/rooms/{roomId}/delayed_event/{eventType}/{txnId}",
        _UNSTABLE + "/rooms/{roomId}/delayed_event/{eventType}/{txnId}",
        auth=GUEST_AUTH,
        acts=True,
        limit="message",
        **EVENT_BODY,
        features=("org.matrix.msc4140",),
    )
    async def schedule(self, request: Request) -> Answer:
        room_id, body = parse_room_id(request.params["roomId"]), await request.body_as(Schedule)
        event_type = request.params["eventType"]
        room = await self._rooms.require_joined(request.user_id, room_id)
        check_content(body.content, room.version)
        if not event_type or "\0" in event_type + (body.state_key or ""):
            raise BadRequest("The event's type or state key is malformed", "M_INVALID_PARAM")
        wanted = Scheduled(
            request.user_id,
            request.requester.device_id,
            room_id,
            event_type,
            body.state_key,
            body.content,
            body.delay_ms,
            transaction_key(request, f"{room_id}\x1fdelay\x1f{event_type}"),
        )
        return {"delay_id": await self._delayed.schedule(wanted, is_old_dialect=False)}

    # ---------------------------------------------------------------------------------------------------- managing

    @endpoint("POST", "/_matrix/client/v1/delayed_events/{delayId}/{action}", auth=GUEST_AUTH)
    async def act(self, request: Request) -> Answer:
        await request.json_object(optional=True)
        row = await self._delayed.find(request.params["delayId"], request.user_id)
        await self._send.act(row, _named_action(request), is_old_dialect=False)
        return {}

    @endpoint("POST", _UNSTABLE + "/delayed_events/{delayId}/{action}", auth=NO_AUTH, limit="delayed_events")
    async def act_with_the_id_alone(self, request: Request) -> Answer:
        """Whoever was given the id may act: a media server that sees who is still connected, say."""
        await request.json_object(optional=True)
        action = _named_action(request)
        await self._send.act(await self._delayed.find(request.params["delayId"], None), action, is_old_dialect=True)
        return {}

    @endpoint(
        "POST",
        "/_matrix/client/v1/delayed_events/{delayId}",
        _UNSTABLE + "/delayed_events/{delayId}",
        auth=NO_AUTH,
        limit="delayed_events",
    )
    async def act_by_body(self, request: Request) -> Answer:
        action = _action((await request.json_object()).get("action"))
        await self._send.act(await self._delayed.find(request.params["delayId"], None), action, is_old_dialect=True)
        return {}

    # ----------------------------------------------------------------------------------------------------- reading

    @endpoint("GET", "/_matrix/client/v1/delayed_events/{delayId}", _UNSTABLE + "/delayed_events/{delayId}", auth=GUEST_AUTH)
    async def one(self, request: Request) -> Answer:
        return _described(await self._delayed.find(request.params["delayId"], request.user_id))

    @endpoint("GET", "/_matrix/client/v1/delayed_events", auth=GUEST_AUTH)
    async def listed(self, request: Request) -> Answer:
        rows = await self._delayed.scheduled(request.user_id, None)
        return {"delayed_events": [_described(row) for row in rows]}

    @endpoint("GET", _UNSTABLE + "/delayed_events", auth=GUEST_AUTH)
    async def listed_in_both_dialects(self, request: Request) -> Answer:
        status, ids = request.query("status"), request.query_all("delay_id") or None
        if status not in (None, "scheduled", "finalised"):
            raise BadRequest("`status` must be `scheduled` or `finalised`", "M_UNKNOWN")
        answer: dict[str, Any] = {}
        if status in (None, "scheduled"):
            rows = [_described(row) for row in await self._delayed.scheduled(request.user_id, ids)]
            answer |= {"scheduled": rows, "delayed_events": rows}
        if status in (None, "finalised"):
            answer["finalised"] = [_finalised(row) for row in await self._delayed.finalised(request.user_id, ids)]
        return answer


def _named_action(request: Request) -> str:
    """Of a path, which is no path for another."""
    if (action := request.params["action"]) not in ACTIONS:
        raise MatrixError(404, "M_UNRECOGNIZED", "Unknown request")
    return action


def _action(value: Any) -> str:
    if value not in ACTIONS:
        raise MatrixError(400, "M_INVALID_PARAM", f"`action` must be one of {', '.join(ACTIONS)}")
    return str(value)


def _described(row: DelayedEvent) -> dict[str, Any]:
    """With the names of both dialects."""
    found = {
        "delay_id": row.delay_id,
        "room_id": row.room_id,
        "type": row.type,
        "state_key": row.state_key,
        "delay": row.delay_ms,
        "delay_ms": row.delay_ms,
        "running_since": row.running_since,
        "scheduled_at": row.running_since,
        "content": orjson.Fragment(row.content),
        "event_id": row.event_id,
        "finalised_ts": row.finalised_ts,
        "error": None if row.error is None else orjson.Fragment(row.error),
    }
    return {key: value for key, value in found.items() if value is not None}


def _finalised(row: DelayedEvent) -> dict[str, Any]:
    by_itself = row.finalised_ts is not None and row.finalised_ts >= row.send_at
    reason = "error" if row.error is not None else "delay" if row.outcome == "send" and by_itself else "action"
    described = _described(row)
    result = {
        "delayed_event": described,
        "outcome": row.outcome,
        "reason": reason,
        "origin_server_ts": row.finalised_ts,
        "event_id": row.event_id,
        "error": described.get("error"),
    }
    return {key: value for key, value in result.items() if value is not None}
