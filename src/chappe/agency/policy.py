"""The public sector's answers to the engine's questions (`homeserver/policy`). Each says no in words that a person understands."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from chappe.agency import access_rules, classification, last_admin, red_list
from chappe.agency.access_rules import EVENT, Kind, kind_of
from chappe.agency.classification import Levels
from chappe.agency.former_accounts import FormerAccounts
from chappe.agency.guests import Guests
from chappe.agency.names import display_name, localpart_of_address
from chappe.agency.organisations import Organisations
from chappe.agency.people import People
from chappe.agency.read_guard import ReadGuard
from chappe.agency.sponsors import Sponsors
from chappe.agency.statistics import Statistics
from chappe.config import Agency, Classification
from chappe.homeserver.database.pool import Database
from chappe.homeserver.matrix.errors import Forbidden, MatrixError, NotFound
from chappe.homeserver.matrix.identifiers import UserId, domain_of
from chappe.homeserver.policy import Policy, StateItem
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.rooms import Rooms

MEMBER = "m.room.member"
_SAID = frozenset(("m.room.message", "m.room.encrypted"))


class ReadingPolicy(Policy):
    """What any server may have: an eye on who reads too much."""

    def __init__(self) -> None:
        self.guard: ReadGuard | None = None

    async def reads(self, user_id: UserId, what: str, amount: float = 1) -> None:
        if self.guard is not None:
            await self.guard.count(user_id, what, amount)


class AgencyPolicy(ReadingPolicy):
    """`attach` once the engine is there: the answers are about its rooms."""

    carried_over = frozenset((EVENT, classification.EVENT))
    fixed_fields = frozenset(("displayname",))

    def __init__(self, settings: Agency) -> None:
        super().__init__()
        self.guests = Guests(settings)
        self.levels = Levels(settings.classifications)
        self.sponsors: Sponsors | None = None
        self.people_of: People | None = None
        self.former: FormerAccounts | None = None
        self.statistics: Statistics | None = None
        self._retention = settings.retention
        self._rooms: Rooms
        self._database: Database
        self.organisations: Organisations

    def attach(self, rooms: Rooms, database: Database) -> None:
        self._rooms, self._database = rooms, database
        self.organisations = Organisations(database)

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

    async def is_invited(self, address: str) -> bool:
        return bool(await self._database.fetchval(
            "SELECT EXISTS (SELECT 1 FROM third_party_invites WHERE medium = 'email' AND address = $1)", address
        ))  # fmt: skip

    async def home_of(self, address: str) -> tuple[str, str] | None:
        organisation = await self.organisations.of_address(address)
        if organisation is None:
            raise NotFound("No organisation is known for this address")
        return organisation.home, organisation.label

    async def localpart(self, facts: Mapping[str, Any]) -> str | None:
        address = facts.get("email")
        return None if address is None else localpart_of_address(address)

    async def former_account(self, facts: Mapping[str, Any]) -> UserId | None:
        address = facts.get("email")
        return None if address is None or self.former is None else await self.former.of_address(address)

    async def comes_back(self, user_id: UserId) -> None:
        if self.former is not None:
            await self.former.reactivate(user_id)

    async def display_name(self, user_id: UserId, facts: Mapping[str, Any], wanted: str | None) -> str | None:
        address = facts.get("email")
        organisation = None if address is None else await self.organisations.of_address(address)
        return wanted if organisation is None or address is None else display_name(address, organisation.label, wanted)

    async def has_proven(self, user_id: UserId, medium: str, address: str) -> None:
        if medium == "email" and self.sponsors is not None:
            await self.sponsors.arrived(user_id, address)
        if medium == "email" and self.people_of is not None:
            await self.people_of.proven(user_id, address)

    async def may_prove(self, user_id: UserId, medium: str, address: str) -> None:
        if medium == "email" and self.people_of is not None:
            await self.people_of.require_may_prove(user_id, address)

    async def may_remove_address(self, user_id: UserId, medium: str, address: str) -> None:
        if medium == "email" and self.people_of is not None:
            await self.people_of.require_may_remove(user_id, address)

    async def may_set_profile(self, user_id: UserId, field: str, value: Any) -> None:
        if field in self.fixed_fields:
            raise Forbidden("Your name comes from your organisation: it cannot be changed here")

    # ------------------------------------------------------------------------------------------------------- rooms

    async def may_create_room(self, user_id: UserId, request: Mapping[str, Any]) -> None:
        if self.guests.is_guest(user_id):
            raise Forbidden("Guests cannot create rooms")

    async def shape_room(
        self, user_id: UserId, request: Mapping[str, Any], state: Sequence[StateItem]
    ) -> Sequence[StateItem]:
        shaped = access_rules.shape(request, state)
        content = {(kind, key): value for kind, key, value in shaped}
        kind = kind_of(content[EVENT, ""])
        people = [user for user in request["invite"] if user != user_id]
        if kind.is_direct and len(people) + len(request["invite_3pid"]) > 1:
            raise Forbidden("A direct conversation is between two people")
        for target in people:
            self._require_welcome(kind, target)
        access_rules.check_levels(
            kind, content["m.room.power_levels", ""], self._guests_in(content["m.room.power_levels", ""])
        )
        shaped = classification.shape(self.levels, kind, shaped)
        level = self.levels.of(next((c for t, k, c in shaped if t == classification.EVENT and not k), None))
        for target in people:
            await self._require_cleared(level, target)
        return shaped

    async def may_join(self, user_id: UserId, room_id: str) -> None:
        room = await self._rooms.live.find(room_id)
        if room is None:
            return
        kind, membership = self.kind(room), room.membership(user_id)
        if membership == "join":
            return
        if self.guests.is_guest(user_id):
            self._require_welcome(kind, user_id)
            if membership != "invite":
                raise Forbidden("Guests come in by invitation")
        if kind.is_direct and user_id not in self.people(room) and len(self.people(room)) >= 2:
            raise Forbidden("A direct conversation is between two people")
        await self._require_cleared(self.level(room), user_id)

    async def may_invite(self, user_id: UserId, room_id: str, target: UserId) -> None:
        if self.guests.is_guest(user_id):
            raise Forbidden("Guests cannot invite anybody")
        room = await self._rooms.live.find(room_id) if room_id else None
        if room is None:
            return
        kind = self.kind(room)
        self._require_welcome(kind, target)
        people = self.people(room)
        if kind.is_direct and target not in people and len(people) + self._addresses(room) >= 2:
            raise Forbidden("A direct conversation is between two people")
        await self._require_cleared(self.level(room), target)

    async def may_invite_address(self, user_id: UserId, room_id: str, medium: str, address: str) -> None:
        if self.guests.is_guest(user_id):
            raise Forbidden("Guests cannot invite anybody")
        if medium != "email":
            raise Forbidden("People are invited by e-mail address only")
        organisation = await self.organisations.of_address(address)
        room = await self._rooms.live.find(room_id) if room_id else None
        if room is None:
            return
        kind = self.kind(room)
        if kind.rule == access_rules.RESTRICTED and (
            organisation is None or self.guests.is_guest_home(organisation.home)
        ):
            raise Forbidden("This room is not open to guests: open it first, then invite them")
        level = self.level(room)
        if (
            level is not None
            and level.organisations
            and (organisation is None or organisation.name not in level.organisations)
        ):
            raise Forbidden("People of this organisation are not let into rooms of this level")
        if kind.is_direct and len(self.people(room)) + self._addresses(room) >= 2:
            raise Forbidden("A direct conversation is between two people")

    async def may_publish(self, user_id: UserId, room_id: str) -> None:
        if self.guests.is_guest(user_id):
            raise Forbidden("Guests cannot list rooms in the directory")
        room = await self._rooms.live.find(room_id)
        if room is not None and room.state and self.kind(room).rule != access_rules.RESTRICTED:
            raise Forbidden("Only rooms for agents are listed in the directory")
        if room is not None and self.level(room) is not None:
            raise Forbidden("Classified rooms are not listed in the directory")

    async def may_send(
        self, user_id: UserId, room_id: str, event_type: str, content: Mapping[str, Any], state_key: str | None = None
    ) -> None:
        if state_key is None and self.statistics is not None and event_type in _SAID:
            self.statistics.said(user_id)
        if state_key is not None and state_key != "" and not event_type.startswith(classification.CALLS):
            return
        room = await self._rooms.live.find(room_id) if state_key == "" or self.levels.all else None
        if room is None:
            return
        level = self.level(room)
        if level is not None:
            classification.check_message(level, event_type, content)
        if state_key == "":
            await self._may_set_state(room, level, event_type, content)

    async def _may_set_state(
        self, room: LiveRoom, level: Classification | None, event_type: str, content: Mapping[str, Any]
    ) -> None:
        kind = self.kind(room)
        if level is not None:
            classification.check_state(level, event_type, content)
        if event_type == classification.EVENT:
            await self._may_classify(room, content)
        elif event_type == EVENT:
            before = room.get((EVENT, ""))
            people = self.people(room)
            access_rules.check_change(
                kind, before.content if before else None, content, len(people), len(self.guests.among(people))
            )
            if content.get("rule") == access_rules.UNRESTRICTED and await self._rooms.store.published_in(room.number):
                raise Forbidden("A room that is listed in the directory is not opened to guests")
        elif event_type == "m.room.power_levels":
            access_rules.check_levels(kind, content, self._guests_in(content))
        elif event_type == "m.room.retention":
            access_rules.check_retention(kind, content)
        elif event_type == "m.room.encryption" and (kind.is_public or kind.is_forced_plain):
            raise Forbidden("Whether a room is encrypted is decided when it is made")
        elif event_type == "m.room.join_rules" and kind.is_direct:
            raise Forbidden("A direct conversation is between two people")
        elif event_type in access_rules.NOT_IN_DIRECT and kind.is_direct:
            raise Forbidden("A direct conversation has no name, picture or topic of its own")

    async def _may_classify(self, room: LiveRoom, content: Mapping[str, Any]) -> None:
        before, join_rules = room.get((classification.EVENT, "")), room.get(("m.room.join_rules", ""))
        level = self.levels.check_change(before.content if before is not None else None, content)
        join_rule = join_rules.content.get("join_rule") if join_rules is not None else None
        classification.check_room(level, self.kind(room), join_rule, room.history_visibility)
        for person in sorted(self.people(room)):
            await self._require_cleared(level, person)

    async def leaves(self, user_id: UserId, room_id: str) -> None:
        """The last administrator hands over before leaving."""
        room = await self._rooms.live.find(room_id)
        if room is None or room.membership(user_id) != "join":
            return
        kind = self.kind(room)
        levels = last_admin.handed_over(room, user_id, self.guests.is_guest, everybody=not kind.is_direct)
        if levels is not None:
            try:
                await self._rooms.set_state(user_id, room_id, "m.room.power_levels", "", levels)
            except MatrixError as error:
                if error.status != 403:  # nobody is kept in a room for want of an heir
                    raise

    # ------------------------------------------------------------------------------------------------- directories

    async def may_search(self, user_id: UserId) -> bool:
        return not self.guests.is_guest(user_id)

    async def hidden(self, searcher: UserId, people: Collection[str]) -> Collection[str]:
        """Guests of rooms that one is not in; the red list, and whose account has ended, wherever one meets them."""
        hidden = await red_list.among(self._database, people)
        for guest in self.guests.among([user for user in people if user not in hidden]):
            if not await self._rooms.memberships.share_a_room(searcher, guest):
                hidden.add(guest)
        return hidden

    # ------------------------------------------------------------------------------------------------------ helpers

    def kind(self, room: LiveRoom) -> Kind:
        rules, join_rules = room.get((EVENT, "")), room.get(("m.room.join_rules", ""))
        join_rule = join_rules.content.get("join_rule") if join_rules is not None else None
        return kind_of(rules.content if rules is not None else None, join_rule if type(join_rule) is str else None)

    def level(self, room: LiveRoom) -> Classification | None:
        """None for a room that is unmarked."""
        if not self.levels.all:
            return None
        event = room.get((classification.EVENT, ""))
        return self.levels.of(event.content if event is not None else None)

    def keeps_for(self, room: LiveRoom) -> int | None:
        """How long messages of a room are kept, in days, whatever the room says itself; None: as it says."""
        kind, level = self.kind(room), self.level(room)
        if kind.is_public:
            default = self._retention.forum_days
        elif kind.is_direct:
            default = self._retention.direct_days
        else:
            is_open = kind.rule == access_rules.UNRESTRICTED
            default = self._retention.open_days if is_open else self._retention.private_days
        days = [d for d in (default, level.retention_days if level is not None else 0) if d]
        return min(days) if days else None

    async def _require_cleared(self, level: Classification | None, user_id: str) -> None:
        """Whether somebody may be in a room of a level. Raises Forbidden."""
        if level is None:
            return
        if self.guests.is_guest(user_id):
            if not level.guests:
                raise Forbidden("Guests are not let into rooms of this level")
            return
        if level.organisations and not await self._is_of(user_id, level.organisations):
            raise Forbidden(f"{user_id} is of no organisation whose people are let into rooms of this level")

    async def _is_of(self, user_id: str, names: Sequence[str]) -> bool:
        """People of other servers are of the organisations that are at home there."""
        if self.people_of is not None and self._rooms.is_hosted(user_id):
            return await self.people_of.organisation_of(user_id) in names
        return any(one.home == domain_of(user_id) for one in await self.organisations.all() if one.name in names)

    def _require_welcome(self, kind: Kind, user_id: str) -> None:
        if kind.rule == access_rules.RESTRICTED and self.guests.is_guest(user_id):
            raise Forbidden("This room is not open to guests")

    @staticmethod
    def people(room: LiveRoom) -> set[str]:
        """Who is in the room, or invited."""
        return {
            key
            for (kind, key), event in room.state.items()
            if kind == MEMBER and event.membership in ("join", "invite")
        }

    @staticmethod
    def _addresses(room: LiveRoom) -> int:
        """Invitations by address that wait."""
        return sum(
            1
            for (kind, _), e in room.state.items()
            if kind == "m.room.third_party_invite" and e.content.get("public_key")
        )

    def _guests_in(self, levels: Mapping[str, Any]) -> list[str]:
        users = levels.get("users")
        return self.guests.among(users) if type(users) is dict else []
