"""What an invitation or a knock shows of a room travels as events of that room, and what comes otherwise is not believed
(server-server API, "Inviting to a room" and "Knocking upon a room": `invite_room_state`, `knock_room_state`, since 1.16)."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import pytest

from chappe.homeserver.rooms.remote.checks import PduChecks
from chappe.homeserver.rooms.remote.shown_state import MOST_SHOWN
from chappe.matrix.events import event_id_of, seal
from chappe.matrix.room_versions import ROOM_VERSIONS, RoomVersion
from chappe.matrix.signing import SigningKey
from tests.federation.conftest import Peer
from tests.federation.foreign import Foreign
from tests.process import free_port
from tests.support import Person, Refused, segment

FIELDS = {"type", "state_key", "sender", "content"}
WITH_KNOCKS = [version.id for version in ROOM_VERSIONS.values() if version.knocking]


# ------------------------------------------------------------------------------------------------------- what is sent


def exchanged(there: Any) -> tuple[list[Any], list[Any]]:
    """(what a server sends to others, what it is answered), from now on."""
    sent: list[Any] = []
    answered: list[Any] = []
    client = there.node.federation_client
    ask = client.request

    async def note(*arguments: Any, content: Any = None, **options: Any) -> Any:
        answer = await ask(*arguments, content=content, **options)
        sent.append(content)
        answered.append(answer)
        return answer

    client.request = note
    return sent, answered


async def are_events_of(person: Person, room_id: str, shown: list[Any]) -> set[str]:
    """The types of some entries, each of which is an event of the room's state, with a signature that is good."""
    node = person.server.node
    room = await node.rooms.require(room_id)
    checks = PduChecks(node.keyring)
    for entry in shown:
        assert event_id_of(entry, room.version) == room.state[entry["type"], entry["state_key"]].event_id
        assert (await checks.check(entry, room.version)).room_id == room_id
    return {entry["type"] for entry in shown}


@pytest.mark.parametrize("version", list(ROOM_VERSIONS))
async def test_invitations_show_whole_events(peer: Peer, version: str) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    sent, _ = exchanged(here)
    room = await alice.create_room(name="Cabinet", topic="What we do", room_version=version)
    await alice.invite(room, bob)
    [shown] = [content["invite_room_state"] for content in sent if content and "invite_room_state" in content]
    types = await are_events_of(alice, room, shown)
    assert types >= {"m.room.create", "m.room.name", "m.room.topic", "m.room.join_rules", "m.room.member"}
    seen = (await bob.sync())["rooms"]["invite"][room]["invite_state"]["events"]
    assert types <= {event["type"] for event in seen}
    assert all(set(event) == FIELDS for event in seen if event["type"] != "m.room.member")


@pytest.mark.parametrize("version", WITH_KNOCKS)
async def test_knocks_are_answered_with_whole_events(peer: Peer, version: str) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(name="Cabinet", room_version=version)
    await alice.set_state(room, "m.room.join_rules", {"join_rule": "knock"})
    _, answered = exchanged(there)
    await bob.call("POST", f"/knock/{segment(room)}", {}, via=here.config.server_name)
    [shown] = [answer["knock_room_state"] for answer in answered if "knock_room_state" in answer]
    assert await are_events_of(alice, room, shown) >= {"m.room.create", "m.room.name", "m.room.join_rules"}
    seen = (await bob.sync())["rooms"]["knock"][room]["knock_state"]["events"]
    assert {"Cabinet"} == {event["content"]["name"] for event in seen if event["type"] == "m.room.name"}


# ------------------------------------------------------------------------------------------------------- what comes in


class House:
    """A room of a foreign server, and what it shows of itself: its create event, and its name."""

    def __init__(self, of: Foreign, version: RoomVersion) -> None:
        self.of, self.version, self.owner = of, version, f"@owner:{of.name}"
        mark = secrets.token_hex(8)  # two of one moment are two rooms
        self.create = self.event(
            "m.room.create", {"room_version": version.id, "creator": self.owner, "org.example": mark}, room_id=None
        )
        self.room_id = self.create.get("room_id", "!" + event_id_of(self.create, version)[1:])
        self.name = self.event("m.room.name", {"name": "Cabinet"})
        self.shown: list[Any] = [self.create, self.name]

    def event(self, kind: str, content: Mapping[str, Any], key: SigningKey | None = None, **changes: Any) -> dict[str, Any]:
        version, name = self.version, self.of.name
        pdu = {
            "type": kind,
            "sender": self.owner,
            "state_key": "",
            "content": dict(content),
            "depth": 1,
            "prev_events": [],
            "auth_events": [],
            "origin_server_ts": int(time.time() * 1000),
            "room_id": getattr(self, "room_id", ""),
            **changes,
        }
        if pdu["room_id"] is None:
            pdu["room_id"] = f"!{secrets.token_hex(8)}:{name}"
            if version.room_id_is_create_hash:
                del pdu["room_id"]
        if not version.event_ids_are_hashes:
            pdu["event_id"] = f"${secrets.token_hex(8)}:{name}"
        seal(pdu, version, pdu["sender"].partition(":")[2], key or self.of.key)
        return pdu

    async def invites(self, target: Person, shown: object) -> tuple[int, Any]:
        membership = self.event("m.room.member", {"membership": "invite"}, state_key=target.id)
        event_id = event_id_of(membership, self.version)
        path = f"/_matrix/federation/v2/invite/{segment(self.room_id)}/{segment(event_id)}"
        body = {"event": membership, "room_version": self.version.id}
        return await self.of.asks(target.server, "PUT", path, body if shown is None else {**body, "invite_room_state": shown})


def stripped(event: dict[str, Any]) -> dict[str, Any]:
    return {name: event[name] for name in FIELDS}


def message(house: House) -> dict[str, Any]:
    event = house.event("m.room.name", {"name": "No state"})
    del event["state_key"]
    seal(event, house.version, house.of.name, house.of.key)
    return event


def gone(house: House, kind: str = "m.room.name", **changes: Any) -> dict[str, Any]:
    """Of somebody whose server nobody can ask for its key."""
    sender = f"@gone:localhost:{free_port()}"
    return house.event(kind, {"name": "Long ago"}, SigningKey(secrets.token_bytes(32), "g"), sender=sender, **changes)


def wrong(house: House, kind: str = "m.room.name") -> dict[str, Any]:
    return house.event(kind, {"name": "Forged"}, SigningKey(secrets.token_bytes(32), "f"))


_ELSEWHERE = "!elsewhere:localhost"
Shows = Callable[[House], Any]
# what comes; whether an invitation of version 12 is refused for it; how clients see the room called where it is not
TABLE: dict[str, tuple[Shows, bool, str | None]] = {
    "events": (lambda h: h.shown, False, "Cabinet"),
    "the create event at the end": (lambda h: [*([h.name] * MOST_SHOWN), h.create], False, "Cabinet"),
    "stripped state, as before 1.16": (lambda h: [stripped(e) for e in h.shown], False, "Cabinet"),
    "only the create event whole": (lambda h: [h.create, stripped(h.name)], False, "Cabinet"),
    "all but the create event whole": (lambda h: [stripped(h.create), h.name], True, "Cabinet"),
    "no create event": (lambda h: [h.name], True, "Cabinet"),
    "stripped state without the create event": (lambda h: [stripped(h.name)], True, "Cabinet"),
    "the create event of another room": (lambda h: [House(h.of, h.version).create, h.name], True, "Cabinet"),
    "nothing": (lambda h: [], True, None),
    "no such field": (lambda h: None, True, None),
    "no list": (lambda h: {"m.room.create": h.create}, True, None),
    "an event of another room": (lambda h: [h.create, h.event("m.room.name", {"name": "x"}, room_id=_ELSEWHERE)], True, None),
    "what nobody is shown, of another room": (lambda h: [*h.shown, h.event("m.x", {}, room_id=_ELSEWHERE)], True, "Cabinet"),
    "what nobody is shown, in no form": (lambda h: [*h.shown, {**h.event("m.x", {}), "depth": "1"}], True, "Cabinet"),
    "what nobody is shown, by another key": (lambda h: [*h.shown, wrong(h, "m.x")], False, "Cabinet"),
    "a signature by another key": (lambda h: [h.create, wrong(h)], True, None),
    "no signature": (lambda h: [h.create, {**h.name, "signatures": {}}], True, None),
    "an event that is no state": (lambda h: [*h.shown, message(h)], True, "Cabinet"),
    "no event": (lambda h: [*h.shown, 1, None, "m.room.name", []], True, "Cabinet"),
    "stripped state that is none": (lambda h: [*h.shown, {"type": "m.room.name", "content": 1}], True, "Cabinet"),
    "content that was not signed": (lambda h: [h.create, {**h.name, "content": {"name": "Forged"}}], False, None),
    "a name by a server that is gone": (lambda h: [h.create, gone(h)], False, None),
    "another room's name by a server that is gone": (lambda h: [h.create, gone(h, room_id=_ELSEWHERE)], True, None),
}


async def called(person: Person, room: str, section: str) -> str | None:
    """How a client shows a room that its user is not in; all that it is told of it are four fields of each event."""
    events = (await person.sync())["rooms"][section][room][f"{section}_state"]["events"]
    assert all(set(event) == FIELDS for event in events if event["type"] != "m.room.member")
    return next((event["content"].get("name") for event in events if event["type"] == "m.room.name"), None)


@pytest.mark.parametrize("version", list(ROOM_VERSIONS))
async def test_what_comes_with_an_invitation(peer: Peer, foreign: Foreign, version: str) -> None:
    """invites-v2.yaml: "servers MAY apply to room versions 1 through 11 and SHOULD apply to all other room versions"."""
    bob = await (await peer()).person("bob")
    for case, (shows, refused, name) in TABLE.items():
        house = House(foreign, ROOM_VERSIONS[version])
        status, answer = await house.invites(bob, shows(house))
        if house.version.checks_shown_state and refused:
            assert (status, answer["errcode"]) == (400, "M_INVALID_PARAM"), case
            assert house.room_id not in (await bob.sync()).get("rooms", {}).get("invite", {}), case
        else:
            assert status == 200, (case, answer)
            assert await called(bob, house.room_id, "invite") == name, case


@pytest.mark.parametrize("version", ["11", "12"])
async def test_nobody_is_asked_for_the_key_of_what_nobody_is_shown(
    peer: Peer, foreign: Foreign, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """Who invites names whom this server then asks: sixty strangers would be asked at once, five hundred times."""
    bob = await (await peer()).person("bob")
    checked: list[Any] = []
    check = PduChecks.check

    async def note(self: PduChecks, raw: Any, version: RoomVersion) -> Any:
        checked.append(raw)
        return await check(self, raw, version)

    house = House(foreign, ROOM_VERSIONS[version])
    strangers = [gone(house, kind, state_key=key) for kind in ("m.room.name", "org.example") for key in ("", "a", "b")]
    strangers += [gone(house, "m.room.member", state_key=f"@{n}:elsewhere.example") for n in range(20)]
    owner = house.event("m.room.member", {"membership": "join"}, state_key=house.owner)
    monkeypatch.setattr(PduChecks, "check", note)
    assert (await house.invites(bob, [*house.shown, owner, *strangers, house.name]))[0] == 200
    of_state = [e for e in checked if e.get("content", {}).get("membership") != "invite"]
    assert sorted(e["type"] for e in of_state) == ["m.room.create", "m.room.member", "m.room.name"]
    assert await called(bob, house.room_id, "invite") == "Cabinet"


async def test_a_room_that_was_made_by_a_server_that_is_gone(peer: Peer, foreign: Foreign) -> None:
    """Who invites cannot help that: the invitation is taken, and what nobody can check is not shown. Of version 12, where the hash
    of the create event is the room's id."""
    bob = await (await peer()).person("bob")
    house = House(foreign, ROOM_VERSIONS["12"])
    create = gone(house, "m.room.create", room_id=None)
    assert (await house.invites(bob, [create]))[0] == 400, "of another room"
    house.room_id = "!" + event_id_of(create, house.version)[1:]
    assert (await house.invites(bob, [create]))[0] == 200
    events = (await bob.sync())["rooms"]["invite"][house.room_id]["invite_state"]["events"]
    assert "m.room.create" not in {event["type"] for event in events}


@pytest.mark.parametrize("version", WITH_KNOCKS)
async def test_what_comes_with_a_knock(peer: Peer, foreign: Foreign, version: str) -> None:
    """knocks.yaml: "Entries which are improperly signed or formatted SHOULD be removed"."""
    bob = await (await peer()).person("bob")
    for case, (shows, _, name) in TABLE.items():
        house = House(foreign, ROOM_VERSIONS[version])
        knock = {
            "type": "m.room.member",
            "room_id": house.room_id,
            "sender": bob.id,
            "state_key": bob.id,
            "depth": 2,
            "content": {"membership": "knock"},
            "prev_events": [],
            "auth_events": [],
        }
        foreign.answers["/make_knock/"] = orjson.dumps({"room_version": version, "event": knock})
        foreign.answers["/send_knock/"] = orjson.dumps({"knock_room_state": shows(house)})
        await bob.call("POST", f"/knock/{segment(house.room_id)}", {}, via=foreign.name)
        assert await called(bob, house.room_id, "knock") == name, case


@pytest.mark.parametrize("errcode", ["M_INVALID_PARAM", "M_MISSING_PARAM"])
async def test_what_a_server_does_wrong_is_not_its_clients_fault(peer: Peer, foreign: Foreign, errcode: str) -> None:
    """invites-v2.yaml, 400: "the Client-Server API request SHOULD fail with a 5xx error"."""
    alice = await (await peer()).person("alice")
    room = await alice.create_room()
    foreign.refusals["/invite/"] = errcode
    with pytest.raises(Refused) as refused:
        await alice.call("POST", f"/rooms/{segment(room)}/invite", {"user_id": f"@bob:{foreign.name}"})
    assert refused.value.status >= 500
