"""Reporting (report_content.yaml)."""

from __future__ import annotations

import msgspec

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.modules.reporting.reporting import Reports
from chappe.matrix.errors import BadRequest
from chappe.matrix.identifiers import parse_event_id, parse_room_id, parse_user_id


class Report(msgspec.Struct):
    reason: str | None = None
    score: int | None = None


class ReportContent:
    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    @endpoint("POST", "/_matrix/client/v3/rooms/{roomId}/report/{eventId}", limit="account", body_limit=SMALL_LIMIT)
    async def event(self, request: Request) -> Answer:
        body = await request.body_as(Report, optional=True)
        if body.score is not None and not -100 <= body.score <= 0:
            raise BadRequest("`score` lies between -100 and 0", "M_INVALID_PARAM")
        room_id, event_id = parse_room_id(request.params["roomId"]), parse_event_id(request.params["eventId"])
        await self._reports.event(request.user_id, room_id, event_id, body.reason, body.score)
        return {}

    @endpoint(
        "POST",
        "/_matrix/client/v3/rooms/{roomId}/report",
        "/_matrix/client/unstable/org.matrix.msc4151/rooms/{roomId}/report",
        limit="account",
        body_limit=SMALL_LIMIT,
        features=("org.matrix.msc4151",),
    )
    async def room(self, request: Request) -> Answer:
        reason = (await request.body_as(Report, optional=True)).reason
        await self._reports.room(request.user_id, parse_room_id(request.params["roomId"]), reason)
        return {}

    @endpoint(
        "POST",
        "/_matrix/client/v3/users/{userId}/report",
        "/_matrix/client/unstable/org.matrix.msc4260/users/{userId}/report",
        limit="account",
        body_limit=SMALL_LIMIT,
        features=("org.matrix.msc4260",),
    )
    async def user(self, request: Request) -> Answer:
        reason = (await request.body_as(Report, optional=True)).reason
        await self._reports.user(request.user_id, parse_user_id(request.params["userId"]), reason)
        return {}
