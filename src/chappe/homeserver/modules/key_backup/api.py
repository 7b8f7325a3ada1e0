"""Server-side key backups (key_backup.yaml)."""

from __future__ import annotations

from typing import Any

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.http.typed import convert
from chappe.homeserver.modules.key_backup.backed_up_session import AllSessions, BackedUpSession, RoomSessions
from chappe.homeserver.modules.key_backup.key_backup import BackupVersion, KeyBackup
from chappe.matrix.errors import NotFound
from chappe.matrix.identifiers import parse_room_id

_VERSION = "/_matrix/client/v3/room_keys/version"
_KEYS = "/_matrix/client/v3/room_keys/keys"
_ROOM = _KEYS + "/{roomId}"
_SESSION = _ROOM + "/{sessionId}"
_MANY: dict[str, Any] = {"body_limit": 10 << 20, "body_reason": "the keys of thousands of conversations at once"}


class KeyBackupApi:
    def __init__(self, backup: KeyBackup) -> None:
        self._backup = backup

    @endpoint("POST", _VERSION, body_limit=SMALL_LIMIT)
    async def create_version(self, request: Request) -> Answer:
        return {"version": await self._backup.create_version(request.user_id, await request.body_as(BackupVersion))}

    @endpoint("GET", _VERSION, _VERSION + "/{version}")
    async def version(self, request: Request) -> Answer:
        """With `org.chappe.quiet`, that there is none is said with a status of success: browsers show others as errors."""
        try:
            return await self._backup.version(request.user_id, request.params.get("version"))
        except NotFound as error:
            if request.query("org.chappe.quiet") != "true":
                raise
            return {"errcode": error.errcode, "error": error.message}

    @endpoint("PUT", _VERSION + "/{version}", body_limit=SMALL_LIMIT)
    async def update_version(self, request: Request) -> Answer:
        body = await request.body_as(BackupVersion)
        await self._backup.update_version(request.user_id, request.params["version"], body)
        return {}

    @endpoint("DELETE", _VERSION + "/{version}")
    async def delete_version(self, request: Request) -> Answer:
        await self._backup.delete_version(request.user_id, request.params["version"])
        return {}

    @endpoint("PUT", _KEYS, **_MANY)
    async def put_all(self, request: Request) -> Answer:
        body = convert(await request.json_object(), AllSessions)
        rooms = {room: found.sessions for room, found in body.rooms.items()}
        return await self._backup.put(request.user_id, request.query("version"), rooms)

    @endpoint("PUT", _ROOM, **_MANY)
    async def put_room(self, request: Request) -> Answer:
        body = convert(await request.json_object(), RoomSessions)
        rooms = {str(parse_room_id(request.params["roomId"])): body.sessions}
        return await self._backup.put(request.user_id, request.query("version"), rooms)

    @endpoint("PUT", _SESSION, body_limit=SMALL_LIMIT)
    async def put_session(self, request: Request) -> Answer:
        session = await request.body_as(BackedUpSession)
        rooms = {str(parse_room_id(request.params["roomId"])): {request.params["sessionId"]: session}}
        return await self._backup.put(request.user_id, request.query("version"), rooms)

    @endpoint("GET", _KEYS)
    async def get_all(self, request: Request) -> Answer:
        found = await self._backup.get(request.user_id, request.query("version"))
        return {"rooms": {room: {"sessions": sessions} for room, sessions in found.items()}}

    @endpoint("GET", _ROOM)
    async def get_room(self, request: Request) -> Answer:
        room_id = parse_room_id(request.params["roomId"])
        found = await self._backup.get(request.user_id, request.query("version"), room_id)
        return {"sessions": found.get(room_id, {})}

    @endpoint("GET", _SESSION)
    async def get_session(self, request: Request) -> Answer:
        room_id, session_id = parse_room_id(request.params["roomId"]), request.params["sessionId"]
        found = await self._backup.get(request.user_id, request.query("version"), room_id, session_id)
        if not found:
            raise NotFound("The backup has no such session")
        return dict(found[room_id][session_id])

    @endpoint("DELETE", _KEYS, _ROOM, _SESSION)
    async def delete(self, request: Request) -> Answer:
        room_id, session_id = request.params.get("roomId"), request.params.get("sessionId")
        return await self._backup.delete(request.user_id, request.query("version"), room_id, session_id)
