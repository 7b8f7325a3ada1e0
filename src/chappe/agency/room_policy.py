"""What may happen in rooms: by their kind, their classification, who is a guest, and what an organisation lets its people do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from chappe.agency import access_rules, classification, last_admin, state_formats
from chappe.agency.access_rules import EVENT, RoomKind, kind_of
from chappe.agency.classification import Levels
from chappe.agency.former_accounts import FormerAccounts
from chappe.agency.guests import Guests
from chappe.agency.organisations import Organisation, Organisations
from chappe.agency.people import People
from chappe.agency.reading_policy import ReadingPolicy
from chappe.agency.sponsors import Sponsors
from chappe.agency.statistics import Statistics
from chappe.config import Agency, Classification
from chappe.homeserver.database.pool import Database
from chappe.homeserver.policy import ContentOf, StateItem
from chappe.homeserver.rooms.listings import PublishedRooms
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.rooms import Content, Rooms
from chappe.matrix.errors import Forbidden, MatrixError
from chappe.matrix.identifiers import UserId, domain_of

MEMBER = "m.room.member"
_SAID = frozenset(("m.room.message", "m.room.encrypted"))
_TWO = "A direct conversation is between two people"


class RoomPolicy(ReadingPolicy):
    carried_over = frozenset((EVENT, classification.EVENT))
    never_redacted = access_rules.NEVER_REDACTED | {classification.EVENT}
    stands_on = frozenset(((EVENT, ""), (classification.EVENT, ""), (state_formats.POWER_LEVELS, "")))

    _asked: Asked

    def __init__(self, settings: Agency, database: Database, statistics: Statistics) -> None:
        super().__init__()
        self._database, self._statistics = database, statistics
        self.organisations = Organisations(database)
        self.guests = Guests(settings)
        self.levels = Levels(settings.classifications)
        self._retention = settings.retention

    def ask(self, asked: Asked) -> None:
        """From now on the policy asks these."""
        self._asked = asked

    async def may_create_room(self, user_id: UserId, request: Mapping[str, Any]) -> None:
        if self.guests.is_guest(user_id):
            raise Forbidden("Guests cannot create rooms")

    async def shape_room(self, user_id: UserId, request: Mapping[str, Any], state: Sequence[StateItem]) -> Sequence[StateItem]:
        override = request["power_level_content_override"]
        state_formats.check(state_formats.POWER_LEVELS, "", override, "power levels content override")
        state_formats.check_all(state)
        shaped = access_rules.shape(request, state)
        content = {(kind, key): value for kind, key, value in shaped}
        kind = kind_of(content[EVENT, ""])
        people = [user for user in request["invite"] if user != user_id]
        if kind.is_public:
            organisation = await self._organisation_of(user_id)
            if organisation is not None and not organisation.rules.forums:
                raise Forbidden(f"{organisation.label} does not let its people make forums")
        if kind.rule == access_rules.UNRESTRICTED:
            await self._require_may_have_guests(user_id)
        if kind.is_direct and len(people) + len(request["invite_3pid"]) > 1:
            raise Forbidden(_TWO)
        for target in people:
            self._require_welcome(kind, target)
        shaped = classification.shape(self.levels, kind, shaped)
        level = self.levels.of(next((c for t, k, c in shaped if t == classification.EVENT and not k), None))
        for person in (user_id, *people):
            await self._require_cleared(level, person)
        return shaped

    async def may_empower(self, user_id: UserId, creators: Collection[str], state: Sequence[StateItem]) -> None:
        if self.guests.among(creators):
            raise Forbidden("Guests cannot be creators of a room")
        state_formats.check_all(state)  # an upgrade takes over what other servers have written
        kind = kind_of(next((content for event_type, key, content in state if (event_type, key) == (EVENT, "")), None))
        for event_type, _, content in state:
            if event_type == "m.room.power_levels":
                access_rules.check_levels(kind, content, self._guests_in(content))

    async def may_join(self, user_id: UserId, room_id: str, before: str) -> None:
        if before == "join":
            return
        room = await self._asked.rooms.live.find(room_id)
        kind = self.kind(room) if room is not None else None
        if kind is not None:
            self._require_welcome(kind, user_id)
        if before != "invite" and self.guests.is_guest(user_id):  # whether or not anything is known of the room
            raise Forbidden("Guests come in by invitation")
        if room is None or kind is None:
            return
        if kind.is_direct and user_id not in self.people(room) and len(self.people(room)) >= 2:
            raise Forbidden(_TWO)
        await self._require_cleared(self.level(room), user_id)

    async def may_invite(self, user_id: UserId, room_id: str, target: UserId) -> None:
        if self.guests.is_guest(user_id):
            raise Forbidden("Guests cannot invite anybody")
        room = await self._asked.rooms.live.find(room_id) if room_id else None
        if room is None:
            return
        kind = self.kind(room)
        self._require_welcome(kind, target)
        if self.guests.is_guest(target):
            await self._require_may_have_guests(user_id)
        people = self.people(room)
        if kind.is_direct and target not in people and len(people) + self._addresses(room) >= 2:
            raise Forbidden(_TWO)
        await self._require_cleared(self.level(room), target)

    async def may_invite_address(self, user_id: UserId, room_id: str, medium: str, address: str) -> None:
        if self.guests.is_guest(user_id):
            raise Forbidden("Guests cannot invite anybody")
        if medium != "email":
            raise Forbidden("People are invited by e-mail address only")
        organisation = await self.organisations.of_address(address)
        room = await self._asked.rooms.live.find(room_id) if room_id else None
        if room is None:
            return
        kind = self.kind(room)
        is_outside = organisation is None or self.guests.is_guest_home(organisation.home)
        if is_outside and kind.rule == access_rules.RESTRICTED:
            raise Forbidden("This room is not open to guests: open it first, then invite them")
        if is_outside:
            await self._require_may_have_guests(user_id)
        level = self.level(room)
        if level is not None and level.organisations and (organisation is None or organisation.name not in level.organisations):
            raise Forbidden("People of this organisation are not let into rooms of this level")
        if kind.is_direct and len(self.people(room)) + self._addresses(room) >= 2:
            raise Forbidden(_TWO)

    async def may_have_webhook(self, owner: UserId, room_id: str) -> None:
        """A program that speaks or listens is of no organisation, and what it is told leaves the service."""
        room = await self._asked.rooms.live.find(room_id)
        if room is not None and self.level(room) is not None:
            raise Forbidden("Classified rooms have no webhooks")

    async def may_publish(self, user_id: UserId, content_of: ContentOf) -> None:
        if self.guests.is_guest(user_id):
            raise Forbidden("Guests cannot list rooms in the directory")
        self._require_may_be_listed(content_of)

    def _require_may_be_listed(self, content_of: ContentOf) -> None:
        """Asked where a room is to be listed, and where a listed room is to say something else."""
        if _kind_by(content_of).rule != access_rules.RESTRICTED:
            raise Forbidden("Only rooms for agents are listed in the directory")
        if self.levels.of(content_of((classification.EVENT, ""))) is not None:
            raise Forbidden("Classified rooms are not listed in the directory")

    async def may_send(
        self, user_id: UserId, room_id: str, event_type: str, content: Mapping[str, Any], state_key: str | None = None
    ) -> None:
        if state_key is None:
            if event_type in _SAID:
                self._statistics.said(user_id)
        else:
            if self.guests.is_guest(user_id) and not access_rules.is_anybodys(event_type):
                raise Forbidden("Guests change nothing of a room")
            state_formats.check(event_type, state_key, content)
            if state_key != "" and not event_type.startswith(classification.CALLS):
                return
        room = await self._asked.rooms.live.find(room_id) if state_key == "" or self.levels.all else None
        if room is None:
            return
        level = self.level(room)
        if level is not None:
            classification.check_message(level, event_type, content)
        if state_key == "":
            if event_type == EVENT and content.get("rule") == access_rules.UNRESTRICTED:
                await self._require_may_have_guests(user_id)
            await self._may_set_state(room, level, event_type, content)

    async def may_call(self, user_id: UserId, room_id: str) -> None:
        room = await self._asked.rooms.live.find(room_id)
        if room is None:
            return
        level = self.level(room)
        if level is not None and not level.calls:
            raise Forbidden(classification.NO_CALLS)
        self._require_welcome(self.kind(room), user_id)
        await self._require_cleared(level, user_id)

    async def _may_set_state(
        self, room: LiveRoom, level: Classification | None, event_type: str, content: Mapping[str, Any]
    ) -> None:
        """Complex: one short case for each type of state, all about what is read of the room before them."""
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
            if kind_of(content).admits_guests and not kind.admits_guests:
                access_rules.check_levels(kind_of(content), (now := self._power_levels(room)), self._guests_in(now))
        elif event_type == "m.room.power_levels":
            levels = self._power_levels(room) if kind.admits_guests else None
            access_rules.check_levels(kind, content, self._guests_in(content), levels)
        elif event_type == "m.room.retention":
            access_rules.check_retention(kind, content)
        elif event_type == "m.room.encryption" and (kind.is_public or kind.is_forced_plain):
            raise Forbidden("Whether a room is encrypted is decided when it is made")
        elif event_type == "m.room.join_rules" and kind.is_direct:
            raise Forbidden(_TWO)
        elif event_type in access_rules.NOT_IN_DIRECT and kind.is_direct:
            raise Forbidden("A direct conversation has no name, picture or topic of its own")
        if event_type in (EVENT, classification.EVENT) and await self._asked.published.is_listed(room.nid):
            self._require_may_be_listed(lambda key: content if key == (event_type, "") else room.content_of(key))

    async def _may_classify(self, room: LiveRoom, content: Mapping[str, Any]) -> None:
        before, join_rules = room.get((classification.EVENT, "")), room.get(("m.room.join_rules", ""))
        level = self.levels.check_change(before.content if before is not None else None, content)
        join_rule = join_rules.content.get("join_rule") if join_rules is not None else None
        classification.check_room(level, self.kind(room), join_rule, room.history_visibility)
        for person in sorted(self.people(room)):
            await self._require_cleared(level, person)

    async def before_leaving(self, user_id: UserId, room_id: str) -> None:
        """The last administrator hands over before leaving."""
        room = await self._asked.rooms.live.find(room_id)
        if room is None or room.membership(user_id) != "join":
            return
        kind = self.kind(room)

        def handed_over(room: LiveRoom, _now: Content) -> Content | None:
            return last_admin.handed_over(room, user_id, self.guests.is_guest, everybody=not kind.admits_guests)

        try:
            await self._asked.rooms.change_state(user_id, room_id, "m.room.power_levels", handed_over)
        except MatrixError as error:
            if error.status not in (400, 403):  # nobody is kept in a room for want of an heir
                raise

    # ------------------------------------------------------------------------------------------------------ helpers

    def kind(self, room: LiveRoom) -> RoomKind:
        return _kind_by(room.content_of)

    @staticmethod
    def _power_levels(room: LiveRoom) -> Content:
        return room.content_of((state_formats.POWER_LEVELS, "")) or {}

    def level(self, room: LiveRoom) -> Classification | None:
        """None for a room that is unmarked."""
        return self.levels.of(room.content_of((classification.EVENT, ""))) if self.levels.all else None

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
        if self._asked.rooms.is_hosted(user_id):
            return await self._asked.people.organisation_of(user_id) in names
        return any(one.home == domain_of(user_id) for one in await self.organisations.all() if one.name in names)

    async def _organisation_of(self, user_id: str) -> Organisation | None:
        name = await self._asked.people.organisation_of(user_id)
        return None if name is None else await self.organisations.find(name)

    async def _require_may_have_guests(self, user_id: str) -> None:
        """Raises Forbidden to people of an organisation that has none."""
        organisation = await self._organisation_of(user_id)
        if organisation is not None and not organisation.rules.guests:
            raise Forbidden(f"{organisation.label} does not invite people from outside")

    def _require_welcome(self, kind: RoomKind, user_id: str) -> None:
        if kind.rule == access_rules.RESTRICTED and self.guests.is_guest(user_id):
            raise Forbidden("This room is not open to guests")

    @staticmethod
    def people(room: LiveRoom) -> set[str]:
        """Who is in the room, or invited."""
        return {key for (kind, key), event in room.state.items() if kind == MEMBER and event.membership in ("join", "invite")}

    @staticmethod
    def _addresses(room: LiveRoom) -> int:
        """Invitations by address that wait."""
        return sum(
            1 for (kind, _), e in room.state.items() if kind == "m.room.third_party_invite" and e.content.get("public_key")
        )

    def _guests_in(self, levels: Mapping[str, Any]) -> list[str]:
        users = levels.get("users")
        return self.guests.among(users) if type(users) is dict else []


class Asked:
    """What the policy asks about rooms and people. They are made of the engine, which asks the policy: so they come later, and tell it
    of themselves, before the first request."""

    def __init__(
        self,
        policy: RoomPolicy,
        rooms: Rooms,
        published: PublishedRooms,
        people: People,
        sponsors: Sponsors,
        former: FormerAccounts,
    ) -> None:
        self.rooms, self.published, self.people, self.sponsors, self.former = rooms, published, people, sponsors, former
        policy.ask(self)


def _kind_by(content_of: ContentOf) -> RoomKind:
    join_rule = (content_of(("m.room.join_rules", "")) or {}).get("join_rule")
    return kind_of(content_of((EVENT, "")), join_rule if type(join_rule) is str else None)
