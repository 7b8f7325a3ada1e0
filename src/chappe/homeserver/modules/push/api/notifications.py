"""`GET /notifications` (notifications.yaml)."""

from __future__ import annotations

import orjson

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import Answer, endpoint
from chappe.homeserver.modules.push.notifications import Notifications
from chappe.homeserver.modules.relations.relations import Relations
from chappe.homeserver.sync.token import optional_position, position_token

MAX_PAGE = 100


class NotificationsApi:
    def __init__(self, notifications: Notifications, relations: Relations) -> None:
        self._notifications, self._relations = notifications, relations

    @endpoint("GET", "/_matrix/client/v3/notifications")
    async def notifications(self, request: Request) -> Answer:
        start, limit = optional_position(request.query("from")), request.query_int("limit", 20, 1, MAX_PAGE)
        highlights = request.query("only") == "highlight"
        found, following = await self._notifications.of(request.user_id, start, limit, highlights)
        listed = []
        for item in found:
            (event,) = await self._relations.present(request.user_id, request.requester.device_id, item.room, [item.seen])
            listed.append(
                {
                    "actions": item.actions,
                    "event": orjson.Fragment(event),
                    "read": item.is_read,
                    "room_id": item.room.room_id,
                    "ts": item.seen[0].ts,
                }
            )
        return {"notifications": listed} | ({"next_token": position_token(following)} if following else {})
