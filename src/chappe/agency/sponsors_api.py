"""Guests for the agents who invite them: with a purpose and an end, renewed in one request."""

from __future__ import annotations

import msgspec

from chappe.agency.guest_cards import GuestCards
from chappe.agency.sponsors import Sponsors
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.modules.third_party_invites.third_party_invites import ThirdPartyInvites
from chappe.matrix.email_address import parse_email
from chappe.matrix.identifiers import domain_of, parse_room_id, parse_user_id

_GUESTS = "/_chappe/client/v1/guests"


class Invitation(msgspec.Struct):
    room_id: str
    address: str
    purpose: str
    ends_ts: int | None = None


class SponsorshipChange(msgspec.Struct):
    purpose: str | None = None
    ends_ts: int | None = None


class SponsorsApi:
    def __init__(self, sponsors: Sponsors, cards: GuestCards, invites: ThirdPartyInvites) -> None:
        self._sponsors, self._cards, self._invites = sponsors, cards, invites

    @endpoint("GET", _GUESTS)
    async def mine(self, request: Request) -> Answer:
        return await self._sponsors.of(request.user_id)

    @endpoint("POST", _GUESTS, acts=True, limit="invite", body_limit=SMALL_LIMIT)
    async def invite(self, request: Request) -> Answer:
        """Into a room that is open to guests. `ends_ts` in ms; left out, as late as may be."""
        body, user_id = await request.body_as(Invitation), request.user_id
        room_id, address = parse_room_id(body.room_id), parse_email(body.address)
        terms = await self._sponsors.checked(body.purpose, body.ends_ts, user_id)
        await self._invites.invite(user_id, room_id, "email", address, domain_of(user_id), terms)
        if not await self._sponsors.has_account(address):
            await self._sponsors.invited(user_id, address, body.purpose, body.ends_ts)
        return {}

    @endpoint("GET", _GUESTS + "/{userId}")
    async def card(self, request: Request) -> Answer:
        """For agents who are in a room with a guest: who answers for them, what for, until when; their addresses."""
        return await self._cards.of(request.user_id, parse_user_id(request.params["userId"]))

    @endpoint("PUT", _GUESTS + "/{userId}", acts=True, limit="account", body_limit=SMALL_LIMIT)
    async def change(self, request: Request) -> Answer:
        body = await request.body_as(SponsorshipChange)
        user_id = parse_user_id(request.params["userId"])
        return await self._sponsors.change(request.user_id, user_id, body.purpose, body.ends_ts)

    @endpoint("POST", _GUESTS + "/{userId}/renew", acts=True, limit="account", body_limit=SMALL_LIMIT)
    async def renew(self, request: Request) -> Answer:
        return await self._sponsors.renew(request.user_id, parse_user_id(request.params["userId"]))

    @endpoint("POST", _GUESTS + "/{userId}/take_over", acts=True, limit="account", body_limit=SMALL_LIMIT)
    async def take_over(self, request: Request) -> Answer:
        """Becomes the sponsor of a guest who has lost theirs."""
        await self._sponsors.take_over(request.user_id, parse_user_id(request.params["userId"]))
        return {}
