"""What the console shows of many people: the overview, lists with filters, a table of them, one act for several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from chappe.agency.audit import Audit
from chappe.agency.console.audit_table import AskedEntries, AuditTable
from chappe.agency.console.overview import Overview
from chappe.agency.console.people_list import MOST_COUNTED, PeopleList, Wanted
from chappe.agency.console.scope import Actor, ConsoleScope
from chappe.agency.console.several import MOST, Several
from chappe.agency.console.views import Views
from chappe.homeserver.http.request import Request, Response
from chappe.homeserver.http.router import SMALL_LIMIT, Answer, endpoint

_ORGANISATION = "/_chappe/console/v1/organisations/{organisation}"
_SEE: Mapping[str, Any] = {"is_console": True}
_DO: Mapping[str, Any] = {**_SEE, "acts": True, "limit": "account", "body_limit": SMALL_LIMIT}
LONGEST = 200  # of what is looked for
MAX_ENTRY = 2**53 - 1  # the largest number that JSON's readers keep


class Table(msgspec.Struct):
    """Which people a table is of, as `Wanted`, and the language of its head."""

    language: Literal["fr", "en"] = "fr"
    search: str = ""
    state: str = ""
    seen: str = ""
    organisation: str = ""
    people: list[str] | None = None


class People(msgspec.Struct):
    people: list[str]


class ConsoleListsApi:
    def __init__(
        self,
        scope: ConsoleScope,
        people: PeopleList,
        views: Views,
        overview: Overview,
        several: Several,
        audit: Audit,
        audit_table: AuditTable,
    ) -> None:
        self._scope, self._people, self._views = scope, people, views
        self._overview, self._several, self._audit = overview, several, audit
        self._audit_table = audit_table

    @endpoint("GET", _ORGANISATION + "/overview", **_SEE)
    async def overview(self, request: Request) -> Answer:
        """What there is to see to, in numbers."""
        return await self._overview.numbers(await self._actor(request))

    @endpoint("GET", _ORGANISATION + "/people", **_SEE)
    async def people(self, request: Request) -> Answer:
        """A page of people, as any list, and `total`: how many there are; `total_is_more`: there are more than that. Filters: `search`,
        `state`, `seen`, `organisation`."""
        actor = await self._actor(request)
        search, state, seen, organisation = [
            (request.query(field) or "")[:LONGEST] for field in ("search", "state", "seen", "organisation")
        ]
        wanted = Wanted(search, state, seen, organisation)
        start = request.query_int("from", 0, 0, 1_000_000)
        items, more = await self._people.page(actor, wanted, start)
        await self._audit.read(actor.user_id, "read_list", {"organisation": actor.organisation, "view": "people"})
        names = await self._views.names_in(actor, items)
        counted = await self._people.count(actor, wanted)
        total = {"total": min(counted, MOST_COUNTED), **({"total_is_more": True} if counted > MOST_COUNTED else {})}
        return {"items": items, "names": names, **total, **({"next": start + len(items)} if more else {})}

    @endpoint("GET", _ORGANISATION + "/audit", **_SEE)
    async def audit(self, request: Request) -> Answer:
        """Of the audit log, the latest first. Filters: `search`, `action`, `by` (who), and `days`: how far back."""
        actor, start = await self._actor(request), request.query_int("from", 0, 0, MAX_ENTRY)
        search, action, by = [(request.query(field) or "")[:LONGEST] for field in ("search", "action", "by")]
        days = request.query_int("days", 0, 0, 36_500)
        items, following = await self._views.audit(actor, search, start, action, days, by)
        authors = await self._views.authors(actor) if start == 0 else []
        names = await self._views.names_in(actor, [*items, *authors])
        found = {"items": items, "names": names, "authors": [each["actor"] for each in authors]}
        return {**found, "next": following} if following else found

    @endpoint("POST", _ORGANISATION + "/people_table", **_DO)
    async def table(self, request: Request) -> Answer:
        """The same people as a file for a spreadsheet. Who took it, and of how many, is written down."""
        actor, asked = await self._actor(request), await request.body_as(Table)
        wanted = Wanted(asked.search[:LONGEST], asked.state, asked.seen, asked.organisation, asked.people)
        table, rows = await self._people.table(actor, wanted, asked.language)
        await self._audit.record(
            actor.user_id, "fetch_people", {"organisation": actor.organisation, "rows": rows, "outcome": "done"}
        )
        headers = ((b"content-disposition", b'attachment; filename="people.csv"'),)
        return Response(200, table, "text/csv; charset=utf-8", headers)

    @endpoint("POST", _ORGANISATION + "/audit_table", **_DO)
    async def audit_table(self, request: Request) -> Answer:
        """The audit log as a file. Who took it, and how many entries, is written down."""
        actor, asked = await self._actor(request), await request.body_as(AskedEntries)
        for field in ("search", "action", "by"):
            setattr(asked, field, getattr(asked, field)[:LONGEST])
        table, rows = await self._audit_table.made(actor, asked)
        detail = {"organisation": actor.organisation, "rows": rows, "format": asked.format, "outcome": "done"}
        await self._audit.record(actor.user_id, "fetch_audit", detail)
        kind = "text/csv; charset=utf-8" if asked.format == "csv" else "application/json"
        named = f'attachment; filename="audit.{asked.format}"'.encode()
        return Response(200, table, kind, ((b"content-disposition", named),))

    @endpoint("POST", _ORGANISATION + "/several/{action}", **_DO)
    async def several(self, request: Request) -> Answer:
        """One act for several people (at most `most`): `results` says what became of each."""
        actor, asked = await self._actor(request), await request.body_as(People)
        return {"results": await self._several.act(actor, request.params["action"], asked.people), "most": MOST}

    async def _actor(self, request: Request) -> Actor:
        return await self._scope.require(request.user_id, request.params["organisation"])
