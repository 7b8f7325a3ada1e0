"""People found by name from other servers: Chappe's own, between servers that name each other (`federation.people_of`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from chappe.homeserver.actions.ask_servers import PEOPLE
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import SERVER_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.modules.user_directory.user_directory import MAX_LIMIT, UserDirectory
from chappe.matrix.errors import Forbidden
from chappe.matrix.identifiers import domain_of, parse_user_id, plain_form


class PeopleSearch(msgspec.Struct):
    search_term: Annotated[str, msgspec.Meta(max_length=200)]
    searcher: str
    limit: Annotated[int, msgspec.Meta(ge=1)] = 10


class PeopleForServers:
    def __init__(self, directory: UserDirectory, people_of: Sequence[str]) -> None:
        self._directory, self._people_of = directory, frozenset(map(plain_form, people_of))

    @endpoint("POST", PEOPLE, auth=SERVER_AUTH, api="federation", body_limit=SMALL_LIMIT)
    async def search(self, request: Request) -> Answer:
        """`searcher`: who asks, of the asking server. Raises M_FORBIDDEN for servers that are not among the chosen ones."""
        body = await request.body_as(PeopleSearch)
        searcher = parse_user_id(body.searcher)
        if request.origin not in self._people_of or domain_of(searcher) != request.origin:
            raise Forbidden("Your server may not search for people here")
        term, limit = body.search_term.replace("\0", ""), min(body.limit, MAX_LIMIT)
        found, limited = await self._directory.for_server(request.destination, searcher, term, limit)
        return {"results": found, "limited": limited}
