"""Every door by which somebody comes into a room, and for each question asked there the scene that has it answered no.

`CALLERS`: the functions of the code that use `Admission` or the verbs upon it, and by which doors each is tried.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from chappe.homeserver.policy import Amount
from chappe.homeserver.rooms.admission import RULES
from chappe.matrix.errors import Forbidden
from chappe.matrix.identifiers import UserId
from tests.support import Person, Server, segment

MEMBER = "m.room.member"
DELAYED = "/_matrix/client/unstable/org.matrix.msc4140/delayed_events"
_plans: dict[str, str] = {}  # by user id: the delayed event that brings them back
Act = Callable[[Person, Person, str], Awaitable[Any]]  # who comes in, whose room it is, the room


@dataclass(frozen=True)
class Door:
    """`before`: what has happened before the question is asked, may name another room. `says`: the refusal is an answer.

    `not_asked`: the rules that do not apply, with the reason.
    """

    to: str
    act: Act
    before: Act | None = None
    says: bool = True
    not_asked: Mapping[str, str] = field(default_factory=dict)


# ------------------------------------------------------------------------------------------------------------- doors


async def join(who: Person, host: Person, room: str) -> None:
    await who.call("POST", f"/join/{segment(room)}", {}, via=host.server.config.server_name)


async def knock(who: Person, host: Person, room: str) -> None:
    await who.call("POST", f"/knock/{segment(room)}", {}, via=host.server.config.server_name)


async def invite(who: Person, host: Person, room: str) -> None:
    await host.invite(room, who)


def put(to: str) -> Act:
    async def act(who: Person, host: Person, room: str) -> None:
        await (host if to == "invite" else who).set_state(room, MEMBER, {"membership": to}, who.id)

    return act


async def _delay(author: Person, who: Person, to: str, room: str) -> str:
    path, delay = f"/rooms/{segment(room)}/state/{MEMBER}/{segment(who.id)}", {"org.matrix.msc4140.delay": 60_000}
    return str((await author.call("PUT", path, {"membership": to}, **delay))["delay_id"])


async def _delayed_invite(who: Person, host: Person, room: str) -> None:
    await host.call("POST", f"{DELAYED}/{await _delay(host, who, 'invite', room)}/send", {})


async def _plan_to_come_back(who: Person, host: Person, room: str) -> None:
    await who.join(room)
    _plans[who.id] = await _delay(who, who, "join", room)
    await who.leave(room)


async def _come_back(who: Person, host: Person, room: str) -> None:
    await who.call("POST", f"{DELAYED}/{_plans.pop(who.id)}/send", {})


async def _administrators_join(who: Person, host: Person, room: str) -> None:
    await host.call("POST", f"/_synapse/admin/v1/join/{segment(room)}", {"user_id": who.id})


async def _administrators_right(who: Person, host: Person, room: str) -> None:
    await host.call("POST", f"/_synapse/admin/v1/rooms/{segment(room)}/make_room_admin", {"user_id": who.id})


async def _shut_down(who: Person, host: Person, room: str) -> None:
    await host.call("DELETE", f"/_synapse/admin/v1/rooms/{segment(room)}", {"new_room_user_id": host.id})


async def _create_room(who: Person, host: Person, room: str) -> None:
    await host.create_room(invite=[who.id])


async def _upgrade(who: Person, host: Person, room: str) -> None:
    await host.call("POST", f"/rooms/{segment(room)}/upgrade", {"new_version": "11"})


async def _be_in(who: Person, host: Person, room: str) -> None:
    await host.invite(room, who)
    await who.join(room)


def _address(who: Person) -> str:
    return f"{who.id[1:].split(':')[0]}@agents.example"


async def _has_address(who: Person, host: Person, room: str) -> None:
    await who.server.node.bind_threepid(UserId(who.id), "email", _address(who), 1)


async def by_address(who: Person, host: Person, room: str) -> None:
    body = {"id_server": host.server.config.server_name, "id_access_token": "x", "medium": "email"}
    await host.call("POST", f"/rooms/{segment(room)}/invite", {**body, "address": _address(who)})


async def _notice(who: Person, host: Person, room: str) -> None:
    await who.server.node.server_notices.send(UserId(who.id), "Tonight at ten")


async def _notice_declined(who: Person, host: Person, room: str) -> str:
    await _notice(who, host, room)
    [room] = [m.room_id for m in (await who.server.node.rooms.memberships.of(who.id)).values()]
    await who.leave(room)
    return room


_NEW = {"blocked room": "the room is a new one"}
_ALONE = {"who may meet": "nobody of another server is in a new room; people elsewhere are invited by the verb"}
LOCAL = {
    "join": Door("join", join),
    "PUT state, join": Door("join", put("join")),
    "delayed event, join": Door("join", _come_back, _plan_to_come_back),
    "an administrator's join": Door("join", _administrators_join),
    "knock": Door("knock", knock),
    "PUT state, knock": Door("knock", put("knock")),
    "invite": Door("invite", invite),
    "PUT state, invite": Door("invite", put("invite")),
    "delayed event, invite": Door("invite", _delayed_invite),
    "an administrator's right": Door("invite", _administrators_right),
    "a room that replaces one shut down": Door("invite", _shut_down, _be_in, says=False, not_asked=_NEW),
    "createRoom": Door("invite", _create_room, not_asked=_NEW | _ALONE),
    "upgrade": Door("invite", _upgrade, _be_in, says=False, not_asked=_NEW),
    "by address": Door("invite", by_address, _has_address),
    "by address, proven later": Door("invite", _has_address, by_address, says=False),
    "a notice of the service": Door(
        "join",
        _notice,
        _notice_declined,
        says=False,
        not_asked={
            "read guard": "they are invited by then",
            "restricted room": "they are invited by then",
            "guest access": "guests without a registration get none",
            "bot's scope": "bots get none",
        },
    ),
    "a notice's invitation": Door("invite", _notice, _notice_declined, says=False),
}
APPSERVICE = {"a ghost's join": Door("join", join), "a ghost's PUT state": Door("join", put("join"))}
_THEIRS = dict.fromkeys(("guest access", "bot's scope"), "of accounts of here only")
_KNOWN_LATER = {"restricted room": "asked by the server that is in the room"}
FEDERATION = {  # the server that is asked: where the room is ("here"), or where the person is ("there")
    "make_ and send_join": Door("join", join, not_asked=_THEIRS | {"read guard": "counted by their server"}),
    "make_ and send_knock": Door("knock", knock, not_asked=_THEIRS),
    "invitation of somebody elsewhere": Door("invite", invite, not_asked={"who accepts invitations": "their server's"}),
    "exchange_third_party_invite": Door("invite", by_address, not_asked={"who accepts invitations": "their server's"}),
    "there: join": Door("join", join, not_asked=_KNOWN_LATER),
    "there: knock": Door(
        "knock", knock, not_asked={"who may meet": "who is in the room is not known yet: asked when they are invited"}
    ),
    "there: inbound invite": Door("invite", invite),
}
DOORS = LOCAL | APPSERVICE | FEDERATION

_VERB, _OUT, _NOBODY = "a verb: its callers are the doors", "leads out of a room", "brings nobody in"
CALLERS: dict[str, str | tuple[str, ...]] = {
    "Membership._join": ("join", "a ghost's join", "make_ and send_join", "there: join"),
    "RoomSend.set_state": ("PUT state, join", "PUT state, knock", "PUT state, invite", "a ghost's PUT state"),
    "SendDelayedEvent._send": ("delayed event, join", "delayed event, invite"),
    "AdminRooms.join": ("an administrator's join",),
    "MakeRoomAdmin.__call__": ("an administrator's right",),
    "ShutDownRoom.__call__": ("a room that replaces one shut down",),
    "Membership.knock": ("knock", "make_ and send_knock", "there: knock"),
    "Membership.invite": ("invite", "by address", "invitation of somebody elsewhere"),
    "RoomCreation.create": ("createRoom",),
    "RoomCreation._invite_afterwards": ("createRoom",),
    "UpgradeRoom._invite_members": ("upgrade",),
    "ThirdPartyInvites.invite": ("by address",),
    "ThirdPartyInvites.redeem": ("by address, proven later",),
    "SponsorsApi.invite": ("by address",),
    "BindThreepid.__call__": ("by address, proven later",),
    "ServerNotices._bring_in": ("a notice of the service", "a notice's invitation"),
    "ExchangeInvites.exchange": ("exchange_third_party_invite",),
    "ExchangeInvites._invite": "what `redeem` does, where the proof comes from another identity service",
    "RemoteMembership.invited": ("there: inbound invite",),
    "RemoteMembership.join": "what `MembershipChanges.join` has asked, once more, for an invitation of which nothing is left",
    "Residence.template": ("make_ and send_join", "make_ and send_knock"),
    "Residence.accept": ("make_ and send_join", "make_ and send_knock"),
    "Webhooks._speaker": "the webhook's own bot, made for this room, by the verbs `invite` and `join`",
    "JoinRoom.__call__": _VERB,
    "MembershipChanges.join": _VERB,
    "MembershipChanges._write": _VERB,
    "MembershipChanges.knock": _VERB,
    "MembershipChanges.leave": _OUT,
    "MembershipChanges.evict": _OUT,
    "GuestAccess.close": _OUT,
    "DeactivateAccount.__call__": _OUT,
    "EvictGuests._leave": _OUT,
    "Membership.leave": _OUT,
    "Membership.forget": _OUT,
    "Membership.kick": _OUT,
    "Membership.ban": _OUT,
    "Membership.unban": _OUT,
    "SetProfileField._carry_into_rooms": _NOBODY,
    "RoomUpgrades.upgrade": _NOBODY,
    "RoomCreation._drafts": "who makes the room comes into it",
    "UpgradeRoom._drafts": "who makes the room, and its bans",
}


# ------------------------------------------------------------------------------------------------------------- rules

Scene = Callable[[Server, Person, Person, str], Awaitable[None]]  # of the server that is asked


async def _is_blocked(server: Server, who: Person, host: Person, room: str) -> None:
    await server.node.administration.block(room, host.id, True)


async def _is_guest(server: Server, who: Person, host: Person, room: str) -> None:
    await server.node.database.execute("UPDATE users SET is_guest = true WHERE user_id = $1", who.id)


async def _has_scope(server: Server, who: Person, host: Person, room: str) -> None:
    await server.node.database.execute("UPDATE users SET kind = 'bot', scope = '{!other:localhost}' WHERE user_id = $1", who.id)


def _refuses(question: str) -> Scene:
    async def attach(server: Server, who: Person, host: Person, room: str) -> None:
        async def refuse(*_: Any) -> None:
            raise Forbidden("by policy")

        server.node.policy.__dict__[question] = refuse

    return attach


async def _may_not_meet(server: Server, who: Person, host: Person, room: str) -> None:
    server.node.rooms.servers.may_share_room = lambda _server, _own: False  # type: ignore[method-assign]
    server.node.rooms.servers.others = lambda _room: frozenset(("far.example",))  # type: ignore[method-assign]


async def _declines(server: Server, who: Person, host: Person, room: str) -> None:
    content = {"default_action": "block"}
    await who.call("PUT", f"/user/{who.id}/account_data/m.invite_permission_config", content)


async def _is_restricted(server: Server, who: Person, host: Person, room: str) -> None:
    await host.set_state(room, "m.room.join_rules", {"join_rule": "restricted", "allow": []})


SCENES: dict[str, Scene] = {
    "blocked room": _is_blocked,
    "guest access": _is_guest,
    "bot's scope": _has_scope,
    "who may meet": _may_not_meet,
    "who may join": _refuses("may_join"),
    "who may invite": _refuses("may_invite"),
    "who accepts invitations": _declines,
    "read guard": _refuses("reads"),
    "restricted room": _is_restricted,
}
ELSEWHERE = {  # rules that refuse nobody who comes in: the test of each
    "voucher": "test_who_vouches_is_not_the_clients_to_say",
    "names": "test_names_are_not_chosen_in_member_events",
    "notices": "tests/homeserver/test_services.py",
    "last administrator": "tests/agency/test_access_rules.py",
}


def cells(doors: Mapping[str, Door]) -> list[tuple[str, str]]:
    """(door, rule) for each question that a door asks."""
    return [
        (name, rule.name)
        for name, door in doors.items()
        for rule in RULES
        if door.to in rule.to and rule.name in SCENES and rule.name not in door.not_asked
    ]


async def room_for(door: Door, who: Person, host: Person) -> str:
    """A room that the door leads into, where nothing is against it."""
    rule = {"knock": "knock", "invite": "invite"}.get(door.to, "public")
    rules = {"type": "m.room.join_rules", "content": {"join_rule": rule}}
    room = await host.create_room(preset="private_chat", initial_state=[rules], room_version="11")
    await host.set_state(room, "m.room.guest_access", {"guest_access": "forbidden"})
    other = await door.before(who, host, room) if door.before is not None else None
    return str(other) if other is not None else room


async def come_to(server: Server, user_id: str, to: str) -> set[str]:
    """The rooms in which a server sees somebody as `to`: who was invited may be in by now."""
    rows = await server.node.database.fetch(
        "SELECT r.room_id FROM memberships m JOIN rooms r USING (room_nid) WHERE m.user_id = $1 AND m.membership = ANY($2)",
        user_id,
        [to, "join"],
    )
    return {row["room_id"] for row in rows}


@contextmanager
def as_before(server: Server) -> Iterator[None]:
    """What a scene changes of a server is put back."""
    owners = (server.node.policy, server.node.rooms, server.node.rooms.servers, server.node.admission)
    kept = [dict(owner.__dict__) for owner in owners]
    try:
        yield
    finally:
        for owner, values in zip(owners, kept, strict=True):
            owner.__dict__.clear()
            owner.__dict__.update(values)


@contextmanager
def reads_of(server: Server) -> Iterator[list[tuple[str, str, float]]]:
    """What the policy is told that people read, as (person, what, amount)."""
    counted: list[tuple[str, str, float]] = []

    async def reads(user_id: str, what: str, amount: Amount = 1) -> None:
        counted.append((user_id, what, await amount() if callable(amount) else amount))

    with as_before(server):
        server.node.policy.__dict__["reads"] = reads
        yield counted


class Ghost(Person):
    """A user of an application service, which speaks in their name."""

    async def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        return await super().call(method, path, body, user_id_=self.id, **query)

    @classmethod
    async def of(cls, server: Server, name: str, token: str) -> Ghost:
        body = {"type": "m.login.application_service", "username": name}
        _, raw, _ = await server.raw("POST", "/_matrix/client/v3/register", body, token)
        return cls(server, {"device_id": "", **json.loads(raw), "access_token": token})
