"""Administering reports: of rooms and what was said there, and of people."""

from __future__ import annotations

import re
from typing import Any

from chappe.homeserver.http.administration import ADMIN, V1
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import Answer, endpoint
from chappe.homeserver.modules.reporting.reporting import Reports
from chappe.matrix.errors import BadRequest


class AdminReports:
    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    @endpoint("GET", V1 + "/event_reports", **ADMIN)
    async def reports(self, request: Request) -> Answer:
        start = request.query_int("from", 0)
        limit = request.query_int("limit", 100, 1, 1000)
        backwards = request.query_choice("dir", ("f", "b"), "b") == "b"
        term = {name: request.query(name) for name in ("user_id", "room_id")}
        found, total = await self._reports.page(term, backwards, start, limit, of_people=False)
        answer: dict[str, Any] = {"event_reports": found, "total": total}
        return answer | ({"next_token": start + len(found)} if start + len(found) < total else {})

    @endpoint("GET", V1 + "/user_reports", **ADMIN)
    async def user_reports(self, request: Request) -> Answer:
        """Reports of people, whatever they said."""
        start, limit = request.query_int("from", 0), request.query_int("limit", 100, 1, 1000)
        backwards = request.query_choice("dir", ("f", "b"), "b") == "b"
        term = {"user_id": request.query("user_id"), "of": request.query("target_user_id")}
        found, total = await self._reports.page(term, backwards, start, limit, of_people=True)
        answer: dict[str, Any] = {"user_reports": [_of_person(r) for r in found], "total": total}
        return answer | ({"next_token": start + len(found)} if start + len(found) < total else {})

    @endpoint("GET", V1 + "/user_reports/{reportId}", **ADMIN)
    async def user_report(self, request: Request) -> Answer:
        return _of_person(await self._reports.require(_number(request), of_people=True))

    @endpoint("DELETE", V1 + "/user_reports/{reportId}", does="close_report", **ADMIN)
    async def delete_user_report(self, request: Request) -> Answer:
        await self._reports.close(_number(request), request.user_id, of_people=True)
        return {}

    @endpoint("GET", V1 + "/event_reports/{reportId}", **ADMIN)
    async def report(self, request: Request) -> Answer:
        return await self._reports.require(_number(request), of_people=False)

    @endpoint("DELETE", V1 + "/event_reports/{reportId}", does="close_report", **ADMIN)
    async def delete_report(self, request: Request) -> Answer:
        await self._reports.close(_number(request), request.user_id, of_people=False)
        return {}


def _of_person(report: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": report["id"],
        "received_ts": report["received_ts"],
        "target_user_id": report["sender"],
        "user_id": report["user_id"],
        "reason": report["reason"],
    }


def _number(request: Request) -> int:
    text = request.params["reportId"]
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise BadRequest("A report's id is a number", "M_INVALID_PARAM")
    return int(text)
