"""The public sector's answers to the engine's questions (`homeserver/policy`). Each says no in words that a person understands.

Who may have an account, what it is called, who is found: here. What may happen in rooms: `room_policy.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from chappe.agency import red_list
from chappe.agency.names import display_name, localpart_of_address
from chappe.agency.room_policy import RoomPolicy
from chappe.agency.statistics import Statistics
from chappe.config import Agency
from chappe.homeserver.accounts.standings import Standings
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import values
from chappe.homeserver.policy import InvitationTerms
from chappe.matrix.account_standing import Doing
from chappe.matrix.errors import Forbidden, NotFound
from chappe.matrix.identifiers import UserId, domain_of
from chappe.matrix.reader import Finds, Guest, Person, Reader, ServerReader


class AgencyPolicy(RoomPolicy):
    fixed_fields = frozenset(("displayname",))
    first_keys_need_proof = True
    deleted_keys_days = 30

    def __init__(self, settings: Agency, database: Database, statistics: Statistics, standings: Standings) -> None:
        super().__init__(settings, database, statistics)
        self._standings = standings

    # ---------------------------------------------------------------------------------------------------- accounts

    async def may_register(self, user_id: UserId, facts: Mapping[str, Any]) -> None:
        """By a proven professional address, on the server that is its organisation's home; guests when invited.

        What an administrator, an application service or the command line makes proves nothing, and need not.
        """
        address = facts.get("email")
        if address is None:
            return
        organisation = await self.organisations.of_address(address)
        if organisation is None:
            raise Forbidden("Your organisation does not use this service yet")
        if organisation.home != domain_of(user_id):
            raise Forbidden(f"The accounts of {organisation.label} are on {organisation.home}: please sign up there")
        if organisation.requires_invite and not await self.is_invited(address):
            raise Forbidden("With this address you can sign up once an agent has invited you")

    async def may_make_bot(self, owner: UserId) -> None:
        if self.guests.is_guest(owner):
            raise Forbidden("External guests do not make bots or webhooks")

    async def is_invited(self, address: str) -> bool:
        """By somebody who may act at present."""
        senders = await values(
            self._database,
            str,
            "SELECT DISTINCT sender FROM third_party_invites WHERE medium = 'email' AND address = $1",
            address,
        )
        return bool(await self._standings.who_may(senders, Doing.ACT))

    async def invitation_terms(self, address: str) -> InvitationTerms | None:
        return await self._asked.sponsors.terms(address)

    async def home_of(self, address: str) -> tuple[str, str] | None:
        organisation = await self.organisations.of_address(address)
        if organisation is None:
            raise NotFound("No organisation is known for this address")
        return organisation.home, organisation.label

    async def localpart(self, facts: Mapping[str, Any]) -> str | None:
        address = facts.get("email")
        return None if address is None else localpart_of_address(address)

    async def former_account(self, facts: Mapping[str, Any]) -> UserId | None:
        provider, subject = facts.get("provider"), facts.get("subject")
        if provider is None or subject is None:
            return None
        return await self._asked.former.of_identity(provider, subject, facts.get("email"))

    async def comes_back(self, user_id: UserId) -> None:
        await self._asked.former.reactivate(user_id)

    async def display_name(self, user_id: UserId, facts: Mapping[str, Any], wanted: str | None) -> str | None:
        address = facts.get("email")
        organisation = None if address is None else await self.organisations.of_address(address)
        return wanted if organisation is None or address is None else display_name(address, organisation.label, wanted)

    async def name_given(self, user_id: UserId, wanted: str | None) -> str | None:
        return await self._asked.people.called(user_id, wanted)

    async def has_proven(self, user_id: UserId, medium: str, address: str) -> None:
        if medium == "email":
            await self._asked.sponsors.arrived(user_id, address)
            await self._asked.people.proven(user_id, address)

    async def may_prove(self, user_id: UserId, medium: str, address: str) -> None:
        if medium == "email":
            await self._asked.people.require_may_prove(user_id, address)

    async def may_remove_address(self, user_id: UserId, medium: str, address: str) -> None:
        if medium == "email":
            await self._asked.people.require_may_remove(user_id, address)

    async def may_set_profile(self, user_id: UserId, field: str, value: Any) -> None:
        if field in self.fixed_fields:
            raise Forbidden("Your name comes from your organisation: it cannot be changed here")

    # ------------------------------------------------------------------------------------------------- directories

    def finds(self, reader: Reader) -> Finds:
        """Agents, and their servers, find what is published; guests what they are in; who has not signed in, nothing."""
        match reader:
            case Person(user_id):
                return Finds.SHARED if self.guests.is_guest(user_id) else Finds.PUBLISHED
            case ServerReader(server_name):
                return Finds.SHARED if self.guests.is_guest_home(server_name) else Finds.PUBLISHED
            case Guest():
                return Finds.SHARED
            case _:
                return Finds.NOTHING

    def reaches_strangers(self, sender: Reader, event_type: str) -> bool:
        """What is readable (a request to verify, to hand keys over) goes to acquaintances only: strangers would be asked by strangers.

        Encrypted messages go to other agents too: clients send the keys of a room's history just before they invite.
        """
        return self.finds(sender) is Finds.PUBLISHED and event_type == "m.room.encrypted"

    async def hidden(self, searcher: UserId, people: Collection[str]) -> Collection[str]:
        """Guests of rooms that one is not in; the red list, and whose account has ended, wherever one meets them."""
        hidden = await red_list.among(self._database, people)
        for guest in self.guests.among([user for user in people if user not in hidden]):
            if not await self._asked.rooms.memberships.share_a_room(searcher, guest):
                hidden.add(guest)
        return hidden
