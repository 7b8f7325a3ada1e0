"""The one door for membership: whoever changes it, by whatever verb, is asked the same questions here, and nowhere else.

`Admission.admit` turns what somebody wants into the event that may be written; `Rooms.submit` writes no membership event
that did not come from here. What another server has signed is `judge`d only: it cannot be changed. `RULES` are the
questions, in the order in which they are asked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from chappe.homeserver.rooms.create_event import Admitted, Draft
from chappe.homeserver.rooms.ground import id_at
from chappe.homeserver.rooms.join_rules import allowed_rooms, is_allowed_in, join_rule_of
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.membership_change import AdmissionFacts, MembershipChange
from chappe.homeserver.rooms.rooms import GUEST_ACCESS, MEMBER, ProfileOf, Rooms
from chappe.matrix.errors import BadRequest, Forbidden, MatrixError
from chappe.matrix.event_auth import CREATE, JOIN_RULES, StateKey, creators_of
from chappe.matrix.identifiers import UserId, domain_of, is_picture_url, parse_server_name
from chappe.matrix.profile_fields import CARRIED, NAMES

VOUCHER = "join_authorised_via_users_server"
COMING = frozenset(("join", "knock", "invite"))
BY_ONESELF = frozenset(("join", "knock"))
ANY = frozenset(("join", "knock", "invite", "leave", "ban"))

AdmissionFactsOf = Callable[[str, str], Awaitable[AdmissionFacts]]  # user id, room id
MayBeInvited = Callable[[str, str], Awaitable[None]]  # target, sender: raises where the target accepts no invitation


@dataclass(frozen=True, slots=True)
class Rule:
    """A question asked of a change to one of `to`. `enters`: only where the change is a new one (`MembershipChange.is_new`)."""

    name: str
    to: frozenset[str]
    ask: Callable[[Admission, MembershipChange], Awaitable[None]]
    enters: bool = True


class Admission:
    """Raises MatrixError with the specification's codes."""

    def __init__(
        self, rooms: Rooms, profile_of: ProfileOf, facts_of: AdmissionFactsOf, may_be_invited: MayBeInvited, notices: str
    ) -> None:
        """`notices`: the localpart of each domain's account for server notices."""
        self._rooms, self._profile_of, self._notices_account = rooms, profile_of, notices
        self._facts_of, self._may_be_invited = facts_of, may_be_invited

    # ---------------------------------------------------------------------------------------------------- the door

    async def admit(self, change: MembershipChange) -> Draft:
        """Judges a change, and returns the event that may be written as long as the state that it was judged by stays (`ground`)."""
        change.content = {**change.content, "membership": change.to}
        await self.judge(change)
        return Draft(MEMBER, change.sender, change.content, change.target, ground=change.ground, admitted=Admitted())

    async def judge(self, change: MembershipChange) -> None:
        """Asks every question that concerns a change."""
        change.before = await self._before(change)
        if change.room is not None:
            change.ground = {key: id_at(change.room, key) for key in self._asked_about(change)}
        if change.to in COMING and change.is_new and not change.makes_room:
            change.facts = await self._facts_of(change.target, change.room_id)
        for rule in RULES:
            if change.to in rule.to and (change.is_new or not rule.enters):
                await rule.ask(self, change)

    async def uninvited(self, user_id: UserId, room_id: str) -> None:
        """Asks, of somebody who enters a room elsewhere, what is asked of the uninvited: the server that lets them in knows of no
        invitation, and so the questions that one answers were left out."""
        change = MembershipChange(user_id, user_id, "join", room_id)
        await self._may_join(change)
        await self._reads(change)

    async def _before(self, change: MembershipChange) -> str:
        if change.makes_room:
            return "leave"
        if change.room is not None:
            event = change.room.get((MEMBER, change.target))
            return event.membership if event is not None else "leave"
        room = await self._rooms.live.find_any(change.room_id)
        mine = (await self._rooms.memberships.of(change.target)).get(room.nid) if room is not None else None
        return mine.membership if mine is not None else "leave"

    def _asked_about(self, change: MembershipChange) -> list[StateKey]:
        """The keys of the state events by which a change is judged."""
        keys: list[StateKey] = [(MEMBER, change.target)]
        if change.to in COMING:
            keys += [JOIN_RULES, GUEST_ACCESS, *((kind, "") for kind in self._rooms.policy.carried_over)]
        return keys

    # ------------------------------------------------------------------------------------------------- the questions

    async def _blocked(self, change: MembershipChange) -> None:
        if change.facts.is_blocked:
            raise Forbidden("This room has been blocked on this server")

    async def _guest_access(self, change: MembershipChange) -> None:
        if not change.facts.is_guest:
            return
        access = change.room.get(GUEST_ACCESS) if change.room is not None else None
        if change.to != "join" or access is None or access.content.get("guest_access") != "can_join":
            raise Forbidden("Guests may not join this room", "M_GUEST_ACCESS_FORBIDDEN")

    async def _bot_scope(self, change: MembershipChange) -> None:
        if change.facts.scope is not None and change.room_id not in change.facts.scope:
            raise Forbidden("This bot was made for other rooms")

    async def _boundaries(self, change: MembershipChange) -> None:
        own, asking = domain_of(change.target), domain_of(change.sender)
        if not self._rooms.is_hosted(change.sender) and self._rooms.is_hosted(change.target):
            if not self._rooms.servers.may_share_room(asking, own):
                raise Forbidden(f"People of {own} are not invited by people of {asking}")
        for user in {change.sender, change.target}:
            if not self._rooms.is_hosted(user):
                parse_server_name(domain_of(user))
        if change.room is None:
            return
        if self._rooms.is_hosted(change.target):
            self._rooms.servers.require_may_meet(change.target, change.room)
        else:
            self._rooms.servers.require_may_enter(own, change.room)

    async def _may_join(self, change: MembershipChange) -> None:
        if not change.makes_room:
            await self._rooms.policy.may_join(change.target, change.room_id, change.before)

    async def _may_invite(self, change: MembershipChange) -> None:
        await self._rooms.policy.may_invite(change.sender, change.room_id, change.target)

    async def _declined(self, change: MembershipChange) -> None:
        await self._may_be_invited(change.target, change.sender)

    async def _reads(self, change: MembershipChange) -> None:
        """Counts the rooms that people of here enter uninvited: they may be there to read everything. For rooms elsewhere
        `Entering.join` asks, which learns with the template whether they were invited."""
        if change.before != "invite" and not change.makes_room and self._rooms.is_hosted(change.target):
            await self._rooms.reading.enters(change.target, change.room_id)

    async def _conditions(self, change: MembershipChange) -> None:
        """A restricted rule, as the room is now: what an event cites, and its template, are their author's word."""
        room = change.room
        if room is None or change.before == "invite" or join_rule_of(room) not in ("restricted", "knock_restricted"):
            return
        if not is_allowed_in(await self._rooms.memberships.of(change.target), room):
            await self._require_knows_conditions(change, room)
            raise Forbidden("You are not invited to this room, nor in a room whose members may join it")
        change.needs_voucher = True

    async def _require_knows_conditions(self, change: MembershipChange, room: LiveRoom) -> None:
        """Of its own people this server knows where they are; of others' only in rooms that it is in."""
        if change.origin is None:
            return
        for other in allowed_rooms(room):
            known = await self._rooms.live.find(other)
            if known is None or not self._rooms.servers.has_own_member(known):
                raise BadRequest("This server is not in the rooms whose members may join", "M_UNABLE_TO_AUTHORISE_JOIN")

    async def _notices(self, change: MembershipChange) -> None:
        """Notices of the service cannot be declined unread."""
        now = change.room.get((MEMBER, change.target)) if change.room is not None and change.is_own else None
        if (
            now is not None
            and now.membership == "invite"
            and now.sender == f"@{self._notices_account}:{domain_of(change.target)}"
        ):
            raise Forbidden("Notices of the service cannot be declined", "M_CANNOT_LEAVE_SERVER_NOTICE_ROOM")

    async def _hands_over(self, change: MembershipChange) -> None:
        if change.is_own and change.room is not None and change.origin is None:
            await self._rooms.policy.before_leaving(change.target, change.room_id)

    async def _voucher(self, change: MembershipChange) -> None:
        """Who vouches for a join is said by this server, and never by who writes the event."""
        if change.origin is None:
            change.content.pop(VOUCHER, None)
        if not change.needs_voucher or change.room is None:
            return
        voucher = authorising_user(change.room, self._rooms.is_hosted)
        if voucher is not None:
            change.content.setdefault(VOUCHER, voucher)
        elif change.origin is not None or not change.room.is_federated:  # else another server can let them in
            raise MatrixError(400, "M_UNABLE_TO_GRANT_JOIN", "Nobody in this room can let you in")

    async def _names(self, change: MembershipChange) -> None:
        """Names and pictures are those of the person's profile. People say otherwise of themselves only, where they may; what service
        they are of is the profile's to say in any case."""
        if change.origin is not None:
            return
        given = {name: change.content.pop(name) for name in CARRIED if name in change.content}
        if not change.is_own and not (change.makes_room and change.to == "ban"):  # a ban that a new room takes over
            given = {}
        own = {name: given[name] for name in NAMES if name in given and name not in self._rooms.policy.fixed_fields}
        picture = own.get("avatar_url")
        if type(picture) is str and not is_picture_url(picture):
            if change.is_own:
                raise BadRequest("avatar_url must be an mxc:// address", "M_INVALID_PARAM")
            del own["avatar_url"]  # what another server wrote into a ban keeps nobody from upgrading the room
        if change.to in COMING and self._rooms.is_hosted(change.target):
            own = {**await self._profile_of(change.target), **own}
        change.content |= own


RULES = (
    Rule("blocked room", COMING, Admission._blocked),
    Rule("guest access", BY_ONESELF, Admission._guest_access),
    Rule("bot's scope", BY_ONESELF, Admission._bot_scope),
    Rule("who may meet", COMING, Admission._boundaries),
    Rule("who may join", BY_ONESELF, Admission._may_join),
    Rule("who may invite", frozenset(("invite",)), Admission._may_invite),
    Rule("who accepts invitations", frozenset(("invite",)), Admission._declined),
    Rule("read guard", frozenset(("join",)), Admission._reads),
    Rule("restricted room", frozenset(("join",)), Admission._conditions),
    Rule("voucher", ANY, Admission._voucher, enters=False),
    Rule("notices", frozenset(("leave",)), Admission._notices),
    Rule("last administrator", frozenset(("leave",)), Admission._hands_over),
    Rule("names", ANY, Admission._names, enters=False),
)


def authorising_user(room: LiveRoom, is_hosted: Callable[[str], bool]) -> str | None:
    """A member of here who may invite, and so can vouch for a restricted join."""
    levels, create = room.power_levels(), room.get(CREATE)
    assert create is not None
    named = room.get(("m.room.power_levels", ""))
    users = named.content.get("users") if named else None
    likely = [*creators_of(create, room.version), *(users if type(users) is dict else ())]
    for user in (*likely, *room.joined):
        if user in room.joined and is_hosted(user) and levels.of(user) >= levels.level("invite"):
            return str(user)
    return None
