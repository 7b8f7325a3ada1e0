"""Administering rooms, tokens and notices; figures; the description of it all (OpenAPI)."""

from __future__ import annotations

import re
import secrets
from typing import Any

import msgspec
import orjson

from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.actions.delete_room import DeleteRoom
from chappe.homeserver.actions.join_room import JoinRoom
from chappe.homeserver.actions.purge_history import PurgeHistory
from chappe.homeserver.actions.server_notices import ServerNotices
from chappe.homeserver.actions.shut_down_room import MakeRoomAdmin
from chappe.homeserver.http.administration import ADMIN, V1, V2, page_of
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import ADMIN_AUTH, NO_AUTH, Answer, Endpoint, endpoint
from chappe.homeserver.load.bounded import Recent
from chappe.homeserver.modules.administration.administration import ROOM_ORDERS, Administration
from chappe.homeserver.policy.acts import blocking
from chappe.homeserver.rooms.aliases import Aliases
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.canonical_json import MAX_INTEGER
from chappe.matrix.errors import BadRequest, MatrixError, NotFound
from chappe.matrix.identifiers import UserId, parse_event_id, parse_room_id, parse_user_id

KEPT_PURGES = 1000  # of which is told that they are done


class Deletion(msgspec.Struct):
    """The body of a deletion. `block`: nobody of here enters it again; `purge`: nothing stays in the database;
    `force_purge`: even where somebody could not be made to leave. `new_room_user_id`: who makes a room in its place,
    called `room_name`, with `message` in it.
    """

    block: bool = False
    purge: bool = True
    force_purge: bool = False
    new_room_user_id: str | None = None
    room_name: str = "Content Violation Notification"
    message: str = "Sharing illegal content on this server is not permitted and rooms in violation will be blocked."


class Redaction(msgspec.Struct):
    """The body of `/redact`. `rooms`: room ids; none: all. `limit`: events, the latest first."""

    rooms: list[str] = []
    reason: str | None = None
    limit: int = 1000


class PurgeRequest(msgspec.Struct):
    """The body of `/purge_history`. `purge_up_to_ts`: in ms. `delete_local_events`: also what people of here have said."""

    delete_local_events: bool = False
    purge_up_to_event_id: str | None = None
    purge_up_to_ts: int | None = None


class AdminRooms:
    """Rooms, as an administrator of the installation lists, reads, closes and empties them (Synapse's rooms API)."""

    def __init__(
        self,
        administration: Administration,
        rooms: Rooms,
        aliases: Aliases,
        delete_room: DeleteRoom,
        make_admin: MakeRoomAdmin,
        join_room: JoinRoom,
        purge_history: PurgeHistory,
    ) -> None:
        self._administration, self._rooms, self._aliases = administration, rooms, aliases
        self._delete_room, self._make_admin, self._join_room = delete_room, make_admin, join_room
        self._purge_history = purge_history
        self._results: dict[str, tuple[str, dict[str, Any]]] = {}
        self._purges: Recent[str, str] = Recent(KEPT_PURGES)  # of which room, by id

    @endpoint("GET", V1 + "/rooms", **ADMIN)
    async def list(self, request: Request) -> Answer:
        """Lists rooms, page by page: by a search term, public or not, empty or not, in the order that is asked for."""
        start, limit, backwards = page_of(request)
        order = request.query_choice("order_by", tuple(ROOM_ORDERS), "name")
        flags = [{"true": True, "false": False}.get(request.query(n) or "") for n in ("public_rooms", "empty_rooms")]
        term = request.query("search_term")
        rooms, total = await self._administration.rooms(term, flags[0], flags[1], order, backwards, start, limit)
        answer: dict[str, Any] = {"rooms": rooms, "offset": start, "total_rooms": total}
        if start + len(rooms) < total:
            answer["next_batch"] = start + len(rooms)
        if start:
            answer["prev_batch"] = max(0, start - limit)
        return answer

    @endpoint("GET", V1 + "/rooms/{roomId}", **ADMIN)
    async def get(self, request: Request) -> Answer:
        """Describes one room. Raises M_NOT_FOUND."""
        return await self._administration.room(request.params["roomId"])

    @endpoint("GET", V1 + "/rooms/{roomId}/members", **ADMIN)
    async def members(self, request: Request) -> Answer:
        """Lists the members of a room, sorted."""
        room = await self._rooms.require(parse_room_id(request.params["roomId"]))
        return {"members": sorted(room.joined), "total": len(room.joined)}

    @endpoint("GET", V1 + "/rooms/{roomId}/state", **ADMIN)
    async def state(self, request: Request) -> Answer:
        """Returns the state of a room, or the state events of one type of it."""
        room = await self._rooms.require(parse_room_id(request.params["roomId"]))
        events = await self._rooms.timeline.state_after(room, room.last_position)
        wanted = request.query("type")
        return {"state": [orjson.Fragment(e.for_joined()) for e in events.values() if wanted in (None, e.type)]}

    @endpoint("GET", V1 + "/rooms/{roomId}/block", **ADMIN)
    async def is_blocked(self, request: Request) -> Answer:
        """Says whether a room is blocked, and who has blocked it."""
        by = await self._administration.blocked_by(request.params["roomId"])
        return {"block": by is not None} | ({"user_id": by} if by else {})

    @endpoint("PUT", V1 + "/rooms/{roomId}/block", does=blocking, **ADMIN)
    async def block(self, request: Request) -> Answer:
        """Blocks a room, so that nobody of here enters it, or opens it again."""
        value = (await request.json_object()).get("block")
        if type(value) is not bool:
            raise BadRequest("`block` must be true or false")
        await self._administration.block(parse_room_id(request.params["roomId"]), request.user_id, value)
        return {"block": value}

    @endpoint("POST", V1 + "/join/{roomIdOrAlias}", does="join_room", **ADMIN)
    async def join(self, request: Request) -> Answer:
        """Brings somebody into a room that they, or the administrator, may join or are invited to."""
        body = await request.json_object()
        user_id = parse_user_id(str(body.get("user_id", "")))
        room_id = await self._aliases.room_id_of(request.reader, request.params["roomIdOrAlias"])
        return {"room_id": await self._join_room(user_id, parse_room_id(room_id))}

    @endpoint("POST", V1 + "/rooms/{roomId}/make_room_admin", does="appoint", **ADMIN)
    async def make_admin(self, request: Request) -> Answer:
        """Gives somebody the power of the most powerful member of here, and invites them where they are not in the room.
        Raises M_FORBIDDEN where nobody of here may give it.
        """
        body = await request.json_object(optional=True)
        room_id = parse_room_id(await self._aliases.room_id_of(request.reader, request.params["roomId"]))
        await self._make_admin(room_id, parse_user_id(str(body.get("user_id", request.user_id))))
        return {}

    @endpoint("DELETE", V1 + "/rooms/{roomId}", does="delete_room", **ADMIN)
    async def delete(self, request: Request) -> Answer:
        """Answers when it is done; "purged" is false where other servers must still hear of it: `delete_status` tells."""
        delete_id = await self._close(request)
        await self._delete_room.go_on(delete_id)
        told = await self._delete_room.purges.status(delete_id)
        assert told is not None
        if told["status"] == "failed":
            raise MatrixError(400, "M_UNKNOWN", told["error"])
        return {**told["shutdown_room"], "purged": told["purged"], "delete_id": delete_id}

    @endpoint("DELETE", V2 + "/rooms/{roomId}", does="delete_room", **ADMIN)
    async def delete_later(self, request: Request) -> Answer:
        """The room is closed when the answer comes; what was said in it goes afterwards."""
        return {"delete_id": await self._close(request)}

    async def _close(self, request: Request) -> str:
        body = await request.body_as(Deletion, optional=True)
        user = parse_user_id(body.new_room_user_id) if body.new_room_user_id else None
        room_id = parse_room_id(request.params["roomId"])
        words = (body.room_name, body.message)
        return await self._delete_room.close(request.user_id, room_id, body.block, user, words, body.purge, body.force_purge)

    @endpoint("GET", V2 + "/rooms/{roomId}/delete_status", **ADMIN)
    async def delete_statuses(self, request: Request) -> Answer:
        """Lists the deletions of a room with what each has done so far. Raises M_NOT_FOUND where there is none."""
        found = await self._delete_room.purges.of_room(request.params["roomId"])
        if not found:
            raise NotFound("This room is not being deleted")
        return {"results": found}

    @endpoint("GET", V2 + "/rooms/delete_status/{deleteId}", **ADMIN)
    async def delete_status(self, request: Request) -> Answer:
        """Says how far a deletion is: shutting_down, purging, complete, or failed with the reason. Raises M_NOT_FOUND."""
        found = await self._delete_room.purges.status(request.params["deleteId"])
        if found is None:
            raise NotFound("There is no such deletion")
        return found

    @endpoint("POST", V1 + "/user/{userId}/redact", does="redact", **ADMIN)
    async def redact(self, request: Request) -> Answer:
        """Redacts what somebody has said, in some rooms or in all, as if they did it themselves. Answers when it is done."""
        body = await request.body_as(Redaction, optional=True)
        user_id = parse_user_id(request.params["userId"])
        failed: dict[str, str] = {}
        content = {"reason": body.reason} if body.reason else {}
        for row in await self._administration.sent_by(user_id, body.rooms, max(1, min(body.limit, 10_000))):
            try:
                await self._rooms.redact(UserId(user_id), row.room_id, row.event_id, dict(content), None)
            except MatrixError as error:
                failed[row.event_id] = error.message
        redact_id = f"redact{len(self._results) + 1:016x}"
        self._results[redact_id] = (user_id, {"failed_redactions": failed})
        return {"redact_id": redact_id}

    @endpoint("GET", V1 + "/user/redact_status/{redactId}", **ADMIN)
    async def redact_status(self, request: Request) -> Answer:
        """Says of which events a redaction by this process has failed. Raises M_NOT_FOUND."""
        found = self._results.get(request.params["redactId"])
        if found is None:
            raise NotFound("There is no such redaction")
        return {"status": "complete", **found[1]}

    @endpoint("POST", V1 + "/purge_history/{roomId}", V1 + "/purge_history/{roomId}/{eventId}", does="purge_history", **ADMIN)
    async def purge(self, request: Request) -> Answer:
        """Deletes what was said in a room before an event or a time. Answers when it is done. Raises M_MISSING_PARAM without
        either.
        """
        body = await request.body_as(PurgeRequest, optional=True)
        room = await self._rooms.require(parse_room_id(request.params["roomId"]))
        event_id = request.params.get("eventId") or body.purge_up_to_event_id
        if event_id is None and body.purge_up_to_ts is None:
            raise BadRequest("Say up to which event, or which time", "M_MISSING_PARAM")
        position, ts = MAX_INTEGER, min(max(0, body.purge_up_to_ts or 0), MAX_INTEGER)
        if event_id is not None:
            event = await self._rooms.timeline.find(room, parse_event_id(event_id))
            if event is None:
                raise NotFound("There is no such event in the room")
            position, ts = event.position, MAX_INTEGER
        await self._purge_history(room, position, ts, body.delete_local_events)
        purge_id = secrets.token_hex(8)
        self._purges.put(purge_id, room.room_id)
        return {"purge_id": purge_id}

    @endpoint("GET", V1 + "/purge_history_status/{purgeId}", **ADMIN)
    async def purge_status(self, request: Request) -> Answer:
        """Says that a purge by this process is complete: it was, when it was answered. Raises M_NOT_FOUND."""
        if self._purges.get(request.params["purgeId"]) is None:
            raise NotFound("There is no such purge")
        return {"status": "complete"}


class NewToken(msgspec.Struct):
    """The body of `/registration_tokens/new`. `uses_allowed`: None for any number; `expiry_time`: in ms; `length`: of a
    token that the server chooses, in characters.
    """

    token: str | None = None
    uses_allowed: int | None = None
    expiry_time: int | None = None
    length: int = 16


class AdminRest:
    """Registration tokens, server notices and figures; the description of this API."""

    def __init__(self, administration: Administration, accounts: Accounts, notices: ServerNotices, version: str) -> None:
        self._administration, self._accounts, self._notices, self._version = administration, accounts, notices, version
        self._endpoints: list[Endpoint] = []

    def learn(self, endpoints: list[Endpoint]) -> None:
        """Takes the endpoints that the description is to describe. The node calls it when it knows them all."""
        self._endpoints = [e for e in endpoints if e.api == "admin" and "/admin/" in e.path]

    @endpoint("GET", V1 + "/server_version", auth=NO_AUTH, api="admin")
    async def version(self, request: Request) -> Answer:
        """Says which version of Chappe runs here."""
        return {"server_version": self._version}

    # --------------------------------------------------------------------------------------------------- tokens

    @endpoint("GET", V1 + "/registration_tokens", **ADMIN)
    async def tokens(self, request: Request) -> Answer:
        found = [_token(t) for t in await self._accounts.registration_tokens.all()]
        if request.query("valid") is not None:
            valid, now = request.query_bool("valid"), self._accounts.now_ms()
            found = [t for t in found if _is_valid(t, now) is valid]
        return {"registration_tokens": found}

    @endpoint("POST", V1 + "/registration_tokens/new", does="add_registration_token", **ADMIN)
    async def new_token(self, request: Request) -> Answer:
        """Makes a registration token. Raises M_INVALID_PARAM for a malformed one, a time that has passed, or a negative
        number.
        """
        body = await request.body_as(NewToken, optional=True)
        if body.token is not None and not re.fullmatch(r"[A-Za-z0-9._~-]{1,64}", body.token):
            raise BadRequest("A token has 1 to 64 of A-Z a-z 0-9 . _ ~ -", "M_INVALID_PARAM")
        if (body.uses_allowed or 0) < 0 or not 1 <= body.length <= 64:
            raise BadRequest("`uses_allowed` and `length` must be positive", "M_INVALID_PARAM")
        if body.expiry_time is not None and body.expiry_time < self._accounts.now_ms():
            raise BadRequest("`expiry_time` has passed", "M_INVALID_PARAM")
        token = await self._accounts.registration_tokens.add(body.token, body.uses_allowed, body.expiry_time)
        return await self._token(token)

    @endpoint("GET", V1 + "/registration_tokens/{token}", **ADMIN)
    async def token(self, request: Request) -> Answer:
        """Describes a registration token. Raises M_NOT_FOUND."""
        return await self._token(request.params["token"])

    async def _token(self, token: str) -> dict[str, Any]:
        for row in await self._accounts.registration_tokens.all():
            if row["token"] == token:
                return _token(row)
        raise NotFound("There is no such token")

    @endpoint("PUT", V1 + "/registration_tokens/{token}", does="change_registration_token", **ADMIN)
    async def change_token(self, request: Request) -> Answer:
        """Changes how often and until when (ms) a registration token may be used."""
        body, token = await request.json_object(), request.params["token"]
        known = await self._token(token)
        values = {name: body.get(name, known[name]) for name in ("uses_allowed", "expiry_time")}
        if not all(v is None or (type(v) is int and 0 <= v <= MAX_INTEGER) for v in values.values()):
            raise BadRequest("`uses_allowed` and `expiry_time` must be integers", "M_INVALID_PARAM")
        await self._accounts.registration_tokens.change(token, values["uses_allowed"], values["expiry_time"])
        return await self._token(token)

    @endpoint("DELETE", V1 + "/registration_tokens/{token}", does="remove_registration_token", **ADMIN)
    async def delete_token(self, request: Request) -> Answer:
        if not await self._accounts.registration_tokens.remove(request.params["token"]):
            raise NotFound("There is no such token")
        return {}

    # --------------------------------------------------------------------------------------------------- notices

    @endpoint("POST", V1 + "/send_server_notice", does="send_notice", **ADMIN)
    @endpoint("PUT", V1 + "/send_server_notice/{txnId}", does="send_notice", **ADMIN)
    async def notice(self, request: Request) -> Answer:
        """With a transaction id, whoever asks again sends nothing again."""
        body = await request.json_object()
        content = body.get("content")
        text = content.get("body") if type(content) is dict else None
        if type(text) is not str:
            raise BadRequest("`content.body` is missing", "M_MISSING_PARAM")
        user_id, txn = parse_user_id(str(body.get("user_id", ""))), request.params.get("txnId")
        once = None if txn is None else f"{request.user_id}\x1f{txn}"
        return {"event_id": await self._notices.send(user_id, text, once=once)}

    # --------------------------------------------------------------------------------------------------- the rest

    @endpoint("GET", "/_chappe/admin/v1/statistics", **ADMIN)
    async def statistics(self, request: Request) -> Answer:
        return await self._administration.statistics()

    @endpoint("GET", "/_chappe/admin/v1/openapi.json", auth=ADMIN_AUTH, api="admin")
    async def openapi(self, request: Request) -> Answer:
        paths: dict[str, Any] = {}
        for e in self._endpoints:
            names = re.findall(r"\{(\w+)\}", e.path)
            parameters = [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names]
            operation: dict[str, Any] = {
                "operationId": f"{e.method.lower()}{re.sub(r'[^A-Za-z0-9]+', '_', e.path)}",
                "summary": e.summary,
                "parameters": parameters,
                "responses": {"200": {"description": "done"}, "default": {"$ref": "#/components/responses/error"}},
            }
            if e.auth != NO_AUTH:
                operation["security"] = [{"administrator": []}]
            if e.method in ("POST", "PUT"):
                operation["requestBody"] = {"content": {"application/json": {"schema": {"type": "object"}}}}
            paths.setdefault(e.path, {})[e.method.lower()] = operation
        error = {
            "type": "object",
            "required": ["errcode", "error"],
            "properties": {"errcode": {"type": "string"}, "error": {"type": "string"}},
        }
        return {
            "openapi": "3.1.0",
            "info": {"title": "Chappe administration", "version": self._version},
            "paths": paths,
            "components": {
                "securitySchemes": {"administrator": {"type": "http", "scheme": "bearer"}},
                "responses": {"error": {"description": "refused", "content": {"application/json": {"schema": error}}}},
            },
        }


def _token(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "token": row["token"],
        "uses_allowed": row["uses_allowed"],
        "pending": 0,
        "completed": row["used"],
        "expiry_time": row["expires_ts"],
    }


def _is_valid(token: dict[str, Any], now: int) -> bool:
    left = token["uses_allowed"] is None or token["completed"] < token["uses_allowed"]
    return left and (token["expiry_time"] is None or token["expiry_time"] > now)
