"""Guests of other servers who have become agents: each server says so of its own people, to whoever federates with it."""

from __future__ import annotations

import logging

from chappe.agency.guests import Guests
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import SERVER_AUTH, Answer, endpoint
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.client import FederationClient
from chappe.homeserver.rooms.sight import Sight
from chappe.matrix.errors import Forbidden, MatrixError
from chappe.matrix.identifiers import domain_of
from chappe.matrix.reader import Finds

log = logging.getLogger(__name__)
AGENTS_BYTES = 4 << 20  # some 100,000 of them
_PATH = "/_chappe/federation/v1/agents"


class GuestHomes:
    def __init__(self, guests: Guests, domains: Domains, client: FederationClient) -> None:
        self._guests, self._domains, self._client = guests, domains, client

    async def ask_homes(self) -> None:
        """Asks the servers of guests that are not here. One that does not answer is believed what it said last."""
        for home in self._guests.homes:
            if self._domains.is_hosted(home):
                continue
            try:
                answer = await self._client.get(self._domains.default, home, _PATH, most_bytes=AGENTS_BYTES)
            except (MatrixError, OSError) as error:
                log.info("the guests' server was not asked", extra={"fields": {"server": home, "error": str(error)}})
                continue
            agents = answer.get("agents") if type(answer) is dict else None
            if type(agents) is list:
                self._guests.agents_of[home] = frozenset(
                    user for user in agents if type(user) is str and domain_of(user) == home
                )


class GuestHomesApi:
    def __init__(self, guests: Guests, sight: Sight) -> None:
        self._guests, self._sight = guests, sight

    @endpoint("GET", _PATH, auth=SERVER_AUTH, api="federation")
    async def agents(self, request: Request) -> Answer:
        """Who of the asked domain came as a guest and is an agent now."""
        if self._sight.finds(request.reader) is not Finds.PUBLISHED:
            raise Forbidden("This is told to the servers of agents")
        return {"agents": sorted(user for user in self._guests.no_longer if domain_of(user) == request.destination)}
