"""Sending messages, state and redactions (room_send.yaml, room_state.yaml, redaction.yaml)."""

from __future__ import annotations

import contextlib
from typing import Any

from chappe.homeserver.http.request import Request, transaction_key
from chappe.homeserver.http.router import EVENT_BODY, GUEST_AUTH, Answer, endpoint
from chappe.homeserver.modules.delayed_events.delayed_events import DelayedEvents, Scheduled
from chappe.homeserver.modules.relations.relations import Relations
from chappe.homeserver.rooms.membership import MembershipChanges
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import BadRequest, Forbidden, NotFound
from chappe.matrix.events import check_content
from chappe.matrix.identifiers import RoomId, UserId, parse_event_id, parse_room_id, parse_user_id

_ROOM = "/_matrix/client/v3/rooms/{roomId}"


class RoomSend:
    def __init__(self, rooms: Rooms, relations: Relations, membership: MembershipChanges, delayed: DelayedEvents) -> None:
        self._rooms, self._relations, self._membership, self._delayed = rooms, relations, membership, delayed

    # by POST, without a transaction id: as Synapse has it, which scripts and simple bots use
    @endpoint("POST", _ROOM + "/send/{eventType}", auth=GUEST_AUTH, limit="message", **EVENT_BODY)
    @endpoint("PUT", _ROOM + "/send/{eventType}/{txnId}", auth=GUEST_AUTH, limit="message", **EVENT_BODY)
    async def send(self, request: Request) -> Answer:
        room_id, event_type = parse_room_id(request.params["roomId"]), _event_type(request)
        content = await request.json_object()
        if event_type == "m.room.redaction" and type(content.get("redacts")) is str:
            await self._require_own_if_suspended(request, room_id, content["redacts"])
        else:
            request.require_active()
        txn = _transaction(request, f"{room_id}\x1f{event_type}")
        if (delay := _delay(request)) is not None:
            return await self._schedule(request, room_id, event_type, None, content, delay, txn)
        return {"event_id": await self._rooms.send(request.user_id, room_id, event_type, content, txn, _ts(request))}

    async def _schedule(
        self,
        request: Request,
        room_id: str,
        event_type: str,
        state_key: str | None,
        content: dict[str, Any],
        delay: int,
        txn: str | None,
    ) -> Answer:
        """Delayed events in the deployed dialect of MSC4140."""
        room = await self._rooms.require_joined(request.user_id, room_id)
        check_content(content, room.version)
        if "\0" in event_type + (state_key or ""):
            raise BadRequest("U+0000 is not allowed in a state key", "M_INVALID_PARAM")
        wanted = Scheduled(request.user_id, request.requester.device_id, room_id, event_type, state_key, content, delay, txn)
        return {"delay_id": await self._delayed.schedule(wanted, is_old_dialect=True)}

    @endpoint("POST", _ROOM + "/redact/{eventId}", auth=GUEST_AUTH, limit="message")
    @endpoint("PUT", _ROOM + "/redact/{eventId}/{txnId}", auth=GUEST_AUTH, limit="message", features=("org.matrix.msc3912",))
    async def redact(self, request: Request) -> Answer:
        room_id, event_id = parse_room_id(request.params["roomId"]), parse_event_id(request.params["eventId"])
        body = await request.json_object(optional=True)
        reason = body.get("reason")
        if reason is not None and type(reason) is not str:
            raise BadRequest("`reason` must be a string")
        content = {} if reason is None else {"reason": reason}
        kinds = body.get("with_rel_types", body.get("org.matrix.msc3912.with_relations", []))
        if type(kinds) is not list or not all(type(kind) is str for kind in kinds):
            raise BadRequest("`with_rel_types` must be a list of relation types")
        await self._require_own_if_suspended(request, room_id, event_id)
        txn = _transaction(request, f"{room_id}\x1fredact\x1f{event_id}")
        redaction = await self._rooms.redact(request.user_id, room_id, event_id, content, txn)
        if kinds:
            await self._redact_related(request.user_id, room_id, event_id, kinds, content)
        return {"event_id": redaction}

    async def _require_own_if_suspended(self, request: Request, room_id: str, event_id: str) -> None:
        if request.requester.standing.suspended:
            room = await self._rooms.require_joined(request.user_id, room_id)
            event = await self._rooms.timeline.shown(request.user_id, room, event_id)
            if event is None:  # it might be anybody's
                raise NotFound("There is no such event in this room")
            if event.sender != request.user_id:
                request.require_active()

    async def _redact_related(
        self, user_id: UserId, room_id: RoomId, event_id: str, kinds: list[str], content: dict[str, Any]
    ) -> None:
        """MSC3912: with an event goes what relates to it, as far as its redactor may redact that."""
        room = await self._rooms.require_joined(user_id, room_id)
        for related in await self._relations.related_to(room, event_id, kinds):
            with contextlib.suppress(Forbidden, NotFound):
                await self._rooms.redact(user_id, room_id, related, content, None)

    @endpoint(
        "PUT",
        _ROOM + "/state/{eventType}/{stateKey}",
        _ROOM + "/state/{eventType}",
        _ROOM + "/state/{eventType}/",
        limit="message",
        **EVENT_BODY,
    )
    async def set_state(self, request: Request) -> Answer:
        room_id, event_type = parse_room_id(request.params["roomId"]), _event_type(request)
        content = await request.json_object()
        state_key = request.params.get("stateKey", "")
        leaving = state_key == request.user_id and content.get("membership") == "leave"
        if not (event_type == "m.room.member" and leaving):
            request.require_active()
        if (delay := _delay(request)) is not None:
            return await self._schedule(request, room_id, event_type, state_key, content, delay, None)
        if event_type == "m.room.member":
            member = parse_user_id(state_key)
            return {"event_id": await self._membership.set_member(request.user_id, room_id, member, content)}
        return {"event_id": await self._rooms.set_state(request.user_id, room_id, event_type, state_key, content, _ts(request))}


def _transaction(request: Request, route: str) -> str | None:
    """None where the request has no transaction id: sent again, it is done again."""
    return transaction_key(request, route) if "txnId" in request.params else None


def _delay(request: Request) -> int | None:
    name = next((n for n in ("org.matrix.msc4140.delay", "delay") if request.query(n) is not None), None)
    return None if name is None else request.query_int(name, 0, 1)


def _ts(request: Request) -> int | None:
    """Application services may say when an event really happened (application-service API, "Timestamp massaging")."""
    if request.requester.appservice is None or request.query("ts") is None:
        return None
    return request.query_int("ts", 0)


def _event_type(request: Request) -> str:
    event_type = request.params["eventType"]
    if not event_type or len(event_type.encode()) > 255:
        raise BadRequest("An event type has 1 to 255 bytes", "M_INVALID_PARAM")
    return event_type
