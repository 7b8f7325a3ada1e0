"""Simplified sliding sync as Element X and the JS SDK speak it (MSC4186, deployed dialect)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support import Person, Refused, Server, bodies, segment

PATH = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"
ALL = [["*", "*"]]
EVERYTHING = {name: {"enabled": True} for name in ("to_device", "e2ee", "account_data", "receipts", "typing")}


class Slider:
    """A client with one connection."""

    def __init__(self, person: Person, **body: Any) -> None:
        self.person, self.body, self.pos = person, body, None

    async def ask(self, timeout: int = 0, keep: bool = True, **changes: Any) -> Any:
        query = {"timeout": timeout} | ({"pos": self.pos} if self.pos else {})
        answer = await self.person.call("POST", PATH, {**self.body, **changes}, **query)
        if keep:
            self.pos = answer["pos"]
        return answer


def window(top: int = 19, limit: int = 10, state: Any = ALL, **more: Any) -> dict[str, Any]:
    return {"all": {"ranges": [[0, top]], "timeline_limit": limit, "required_state": state, **more}}


def types(room: Any) -> set[str]:
    return {e["type"] for e in room["required_state"]}


async def test_the_newest_rooms_first(alice: Person) -> None:
    rooms = [await alice.create_room(name=f"Room {n}") for n in range(6)]
    await alice.say(rooms[2], "news")
    slider = Slider(alice, lists=window(top=2, limit=1))
    answer = await slider.ask()
    assert answer["lists"] == {"all": {"count": 6}}
    assert set(answer["rooms"]) == {rooms[2], rooms[5], rooms[4]}
    room = answer["rooms"][rooms[2]]
    assert (room["initial"], room["name"], room["joined_count"], room["limited"]) == (True, "Room 2", 1, True)
    assert bodies(room["timeline"]) == ["news"] and room["num_live"] == 0 and room["bump_stamp"] > 0
    more = await slider.ask(lists=window(top=99, limit=1))
    assert set(more["rooms"]) == {rooms[0], rooms[1], rooms[3]}  # what was sent is not sent again
    assert (await slider.ask(lists=window(top=99, limit=1)))["rooms"] == {}


async def test_a_waiting_request_gets_what_is_new(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    slider = Slider(bob, lists=window())
    await slider.ask()
    waiting = asyncio.create_task(slider.ask(timeout=20_000))
    await asyncio.sleep(0.05)
    await alice.set_state(room, "m.room.name", {"name": "Now with a name"})
    got = (await waiting)["rooms"][room]
    assert (got["name"], got.get("initial"), got["num_live"]) == ("Now with a name", None, 1)
    assert types(got) == {"m.room.name"} and got["notification_count"] == 0
    event = await alice.say(room, "hello")
    got = (await slider.ask())["rooms"][room]
    assert bodies(got["timeline"]) == ["hello"] and got["notification_count"] == 1 and "required_state" not in got
    await bob.receipt(room, event)
    assert (await slider.ask())["rooms"][room]["notification_count"] == 0


async def test_the_same_request_again_gets_the_same_news(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    slider = Slider(bob, lists=window(state=[["m.room.member", "$LAZY"]]), extensions=EVERYTHING)
    await slider.ask()
    await alice.say(room, "one")
    first = await slider.ask(keep=False)
    await alice.say(room, "two")
    again = await slider.ask(keep=False)
    assert bodies(first["rooms"][room]["timeline"]) == ["one"]
    assert bodies(again["rooms"][room]["timeline"]) == ["one", "two"]
    changed = await slider.ask(lists=window(limit=1))  # the same position, another body
    assert bodies(changed["rooms"][room]["timeline"]) == ["two"] and changed["rooms"][room]["limited"] is True
    assert (await slider.ask())["rooms"][room]["unstable_expanded_timeline"] is True


async def test_positions_that_are_not_known(server: Server, alice: Person) -> None:
    await alice.create_room()
    slider = Slider(alice, lists=window())
    old = (await slider.ask())["pos"]
    await slider.ask()
    await slider.ask()
    for pos, body in ((old, {}), ("x", {}), ("p1_1_" + "0" * 16, {}), (slider.pos, {"conn_id": "another"})):
        with pytest.raises(Refused) as refused:
            await alice.call("POST", PATH, {"lists": window(), **body}, pos=pos)
        assert (refused.value.status, refused.value.errcode) == (400, "M_UNKNOWN_POS")
    cold = await Server(server.config, server.data, server.url).start()  # a restart: the client begins anew
    try:
        with pytest.raises(Refused) as refused:
            await Person(cold, alice.session).call("POST", PATH, {"lists": window()}, pos=slider.pos)
        assert refused.value.errcode == "M_UNKNOWN_POS"
    finally:
        await cold.stop()


async def test_connections_do_not_disturb_each_other(alice: Person) -> None:
    room = await alice.create_room()
    first, second = Slider(alice, conn_id="list", lists=window()), Slider(alice, conn_id="room", lists=window())
    await first.ask()
    assert room in (await second.ask())["rooms"]
    await alice.say(room, "x")
    for slider in (first, second):
        assert bodies((await slider.ask())["rooms"][room]["timeline"]) == ["x"]


async def test_a_room_that_left_the_window_comes_back_with_what_was_missed(alice: Person) -> None:
    rooms = [await alice.create_room() for _ in range(2)]
    slider = Slider(alice, lists=window(top=0, limit=2))
    assert set((await slider.ask())["rooms"]) == {rooms[1]}
    await alice.say(rooms[0], "a")
    assert set((await slider.ask())["rooms"]) == {rooms[0]}
    await slider.ask()
    for text in ("b", "c", "d"):
        await alice.say(rooms[1], text)
    await alice.set_state(rooms[1], "m.room.topic", {"topic": "t"})
    got = (await slider.ask())["rooms"][rooms[1]]
    assert "initial" not in got and got["limited"] is True and types(got) == {"m.room.topic"}
    assert bodies(got["timeline"]) == ["d"]


async def test_subscriptions_ask_for_more(alice: Person) -> None:
    room = await alice.create_room(name="x")
    for n in range(5):
        await alice.say(room, f"{n}")
    slider = Slider(alice, lists=window(limit=1, state=[["m.room.create", ""]]))
    got = (await slider.ask())["rooms"][room]
    assert len(got["timeline"]) == 1 and types(got) == {"m.room.create"}
    subscribed = {"room_subscriptions": {room: {"timeline_limit": 4, "required_state": [["m.room.name", ""]]}}}
    got = (await slider.ask(**subscribed))["rooms"][room]
    assert bodies(got["timeline"]) == ["1", "2", "3", "4"] and got["unstable_expanded_timeline"] is True
    assert types(got) == {"m.room.name"} and "initial" not in got
    assert (await slider.ask(**subscribed))["rooms"] == {}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ([], set()),
        ([["m.room.name", ""]], {"m.room.name"}),
        ([["m.room.member", "$ME"]], {"m.room.member"}),
        ([["m.room.name", "*"], ["*", "odd"]], {"m.room.name", "x.state"}),
        ([["m.room.member", "$LAZY"]], {"m.room.member"}),
    ],
)
async def test_required_state(alice: Person, bob: Person, state: Any, expected: set[str]) -> None:
    room = await alice.create_room(
        preset="public_chat", name="x", initial_state=[{"type": "x.state", "state_key": "odd", "content": {}}]
    )
    await bob.join(room)
    await alice.say(room, "y")
    got = (await Slider(alice, lists=window(limit=1, state=state)).ask())["rooms"][room]
    assert types(got) == expected
    members = {e["state_key"] for e in got["required_state"] if e["type"] == "m.room.member"}
    assert members <= {alice.id}  # nobody who neither speaks nor is asked for


async def test_everything_but_members_who_are_lazily_loaded(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    await bob.say(room, "x")
    slider = Slider(alice, lists=window(limit=1, state=[["*", "*"], ["m.room.member", "$LAZY"], ["m.room.member", "$ME"]]))
    got = (await slider.ask())["rooms"][room]
    assert {e["state_key"] for e in got["required_state"] if e["type"] == "m.room.member"} == {alice.id, bob.id}
    assert {"m.room.create", "m.room.power_levels", "m.room.join_rules"} <= types(got)
    await bob.say(room, "y")
    assert "required_state" not in (await slider.ask())["rooms"][room]  # Bob is known by now


async def test_filters(alice: Person, bob: Person) -> None:
    space = await alice.create_room(creation_content={"type": "m.space"}, name="Ministère")
    child = await alice.create_room(name="Café budget")
    await alice.set_state(space, "m.space.child", {"via": ["localhost"]}, child)
    secret = await alice.create_room(
        initial_state=[{"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}]
    )
    direct = await bob.create_room(is_direct=True, invite=[alice.id])
    favourite = await alice.create_room()
    await alice.call("PUT", f"/user/{segment(alice.id)}/account_data/m.direct", {bob.id: [direct]})
    await alice.call("PUT", f"/user/{segment(alice.id)}/rooms/{segment(favourite)}/tags/m.favourite", {})
    everything = {space, child, secret, direct, favourite}
    for filters, expected in (
        ({"is_dm": True}, {direct}),
        ({"is_invite": True}, {direct}),
        ({"is_invite": False}, everything - {direct}),
        ({"is_encrypted": True}, {secret}),
        ({"room_types": ["m.space"]}, {space}),
        ({"not_room_types": ["m.space"]}, everything - {space}),
        ({"room_types": [None]}, everything - {space}),
        ({"room_name_like": "CAFE"}, {child}),
        ({"tags": ["m.favourite"]}, {favourite}),
        ({"not_tags": ["m.favourite"]}, everything - {favourite}),
        ({"spaces": [space]}, {child}),
        ({"is_dm": False}, everything - {direct}),
    ):
        answer = await Slider(alice, lists=window(filters=filters)).ask()
        assert set(answer["rooms"]) == expected, filters
        assert answer["lists"]["all"]["count"] == len(expected)


async def test_invitations_leaving_and_being_removed(alice: Person, bob: Person) -> None:
    room = await alice.create_room(name="Salon", invite=[bob.id])
    slider = Slider(bob, lists=window())
    got = (await slider.ask())["rooms"][room]
    assert {"m.room.name", "m.room.member"} <= {e["type"] for e in got["invite_state"]} and "timeline" not in got
    await bob.join(room)
    got = (await slider.ask())["rooms"][room]
    assert got["initial"] is True and got["joined_count"] == 2
    await alice.say(room, "unread")
    assert (await slider.ask())["rooms"][room]["notification_count"] == 1
    await alice.act("kick", room, bob)
    got = (await slider.ask())["rooms"][room]
    assert got["notification_count"] == 0  # nothing is left to be read there
    assert got["timeline"][-1]["content"]["membership"] == "leave"
    assert room in (await Slider(bob, conn_id="2", lists=window()).ask())["rooms"]  # one should learn of having been removed
    other = await bob.create_room()
    await slider.ask()
    await bob.leave(other)
    assert (await slider.ask())["rooms"][other]["timeline"][-1]["content"]["membership"] == "leave"
    assert other not in (await Slider(bob, conn_id="3", lists=window()).ask())["rooms"]


async def test_joined_and_removed_between_two_requests(alice: Person, bob: Person) -> None:
    """The connection has the invitation only: of the room that one was in meanwhile it is told as of a new one."""
    room = await alice.create_room(name="Salon", invite=[bob.id])
    slider = Slider(bob, lists=window())
    await slider.ask()
    await bob.join(room)
    await alice.say(room, "said to bob")
    await alice.act("kick", room, bob)
    got = (await slider.ask())["rooms"][room]
    fresh = (await Slider(bob, conn_id="2", lists=window()).ask())["rooms"][room]
    assert got["initial"] is True and got["name"] == "Salon" and "said to bob" in bodies(got["timeline"])
    assert sorted(e["event_id"] for e in got["required_state"]) == sorted(e["event_id"] for e in fresh["required_state"])
    assert (await slider.ask())["rooms"] == {}


async def test_an_invitation_withdrawn_tells_nothing_of_the_room(alice: Person, bob: Person) -> None:
    room = await alice.create_room(name="Secret", topic="very", invite=[bob.id])
    await alice.say(room, "secret")
    first = Slider(bob, lists=window())
    await first.ask()
    await alice.act("kick", room, bob)
    for slider in (first, Slider(bob, conn_id="2", lists=window())):
        got = (await slider.ask())["rooms"][room]
        assert [(e["type"], e["state_key"]) for e in got["required_state"]] == [("m.room.member", bob.id)]
        assert [e["state_key"] for e in got["timeline"]] == [bob.id] * len(got["timeline"]) and "name" not in got
        assert "joined_count" not in got and "heroes" not in got


async def test_names_from_people(alice: Person, bob: Person) -> None:
    room = await alice.create_room(invite=[bob.id])
    await bob.join(room)
    got = (await Slider(alice, lists=window()).ask())["rooms"][room]
    assert "name" not in got and [h["user_id"] for h in got["heroes"]] == [bob.id] and got["heroes"][0]["displayname"]


async def test_to_device_messages_have_their_own_token(alice: Person, bob: Person) -> None:
    async def send(n: int) -> None:
        body = {"messages": {bob.id: {bob.device: {"n": n}}}}
        await alice.call("PUT", f"/sendToDevice/x/{n}", body)

    def extension(**more: Any) -> dict[str, Any]:
        return {"to_device": {"enabled": True, **more}}

    await send(1)
    slider = Slider(bob)
    first = (await slider.ask(extensions=extension()))["extensions"]["to_device"]
    assert [e["content"]["n"] for e in first["events"]] == [1]
    await send(2)
    again = (await slider.ask(extensions=extension()))["extensions"]["to_device"]  # not acknowledged
    assert [e["content"]["n"] for e in again["events"]] == [1, 2]
    limited = (await slider.ask(extensions=extension(limit=1)))["extensions"]["to_device"]
    assert [e["content"]["n"] for e in limited["events"]] == [1]
    rest = (await slider.ask(extensions=extension(since=first["next_batch"])))["extensions"]["to_device"]
    assert [e["content"]["n"] for e in rest["events"]] == [2]
    waiting = asyncio.create_task(slider.ask(timeout=20_000, extensions=extension(since=rest["next_batch"])))
    await asyncio.sleep(0.05)
    await send(3)
    assert [e["content"]["n"] for e in (await waiting)["extensions"]["to_device"]["events"]] == [3]


async def test_extensions(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    event = await alice.say(room, "x")
    await alice.receipt(room, event)
    await bob.call("PUT", f"/user/{segment(bob.id)}/account_data/x.y", {"n": 1})
    await bob.call("PUT", f"/user/{segment(bob.id)}/rooms/{segment(room)}/tags/u.x", {"order": 0.5})
    slider = Slider(bob, lists=window(), extensions=EVERYTHING)
    got = (await slider.ask())["extensions"]
    assert {e["type"] for e in got["account_data"]["global"]} == {"x.y", "m.push_rules"}
    assert [e["type"] for e in got["account_data"]["rooms"][room]] == ["m.tag"]
    assert alice.id in got["receipts"]["rooms"][room]["content"][event]["m.read"]
    assert (
        got["e2ee"]["device_one_time_keys_count"] == {"signed_curve25519": 0} or got["e2ee"]["device_one_time_keys_count"] == {}
    )
    assert "typing" not in got and "device_lists" not in got["e2ee"]
    await alice.call("PUT", f"/rooms/{segment(room)}/typing/{segment(alice.id)}", {"typing": True})
    await bob.receipt(room, event, "m.read.private")
    await bob.call("PUT", f"/user/{segment(bob.id)}/account_data/x.y", {"n": 2})
    keys = {
        "user_id": alice.id,
        "device_id": alice.device,
        "algorithms": [],
        "keys": {f"ed25519:{alice.device}": "k"},
        "signatures": {},
    }
    await alice.call("POST", "/keys/upload", {"device_keys": keys})
    got = (await slider.ask())["extensions"]
    assert got["typing"]["rooms"][room] == {"type": "m.typing", "content": {"user_ids": [alice.id]}}
    assert bob.id in got["receipts"]["rooms"][room]["content"][event]["m.read.private"]
    assert got["account_data"] == {"global": [{"type": "x.y", "content": {"n": 2}}]}
    assert got["e2ee"]["device_lists"] == {"changed": [alice.id], "left": []}
    quiet = (await slider.ask())["extensions"]
    assert quiet.keys() == {"to_device", "e2ee"}


async def test_extensions_narrowed_to_some_rooms(alice: Person, bob: Person) -> None:
    rooms = [await alice.create_room(preset="public_chat") for _ in range(2)]
    for room in rooms:
        await alice.call("PUT", f"/rooms/{segment(room)}/typing/{segment(alice.id)}", {"typing": True})
    subscription = {rooms[0]: {"timeline_limit": 1, "required_state": []}}
    for narrowed, expected in (
        ({"rooms": [rooms[0]], "lists": []}, {rooms[0]}),
        ({"rooms": []}, set(rooms)),
        ({"lists": ["other"], "rooms": ["*"]}, {rooms[0]}),
        ({}, set(rooms)),
    ):
        slider = Slider(
            alice, lists=window(), room_subscriptions=subscription, extensions={"typing": {"enabled": True, **narrowed}}
        )
        assert set((await slider.ask())["extensions"].get("typing", {}).get("rooms", {})) == expected, narrowed


async def test_followed_threads(alice: Person) -> None:
    room = await alice.create_room()
    root = await alice.say(room, "root")
    await alice.say(room, "x", **{"m.relates_to": {"rel_type": "m.thread", "event_id": root}})
    name = "io.element.msc4308.thread_subscriptions"
    slider = Slider(alice, extensions={name: {"enabled": True}})
    assert name not in (await slider.ask())["extensions"]
    path = f"/_matrix/client/unstable/io.element.msc4306/rooms/{segment(room)}/thread/{segment(root)}/subscription"
    await alice.call("PUT", path, {})
    got = (await slider.ask())["extensions"][name]
    assert got["subscribed"][room][root]["automatic"] is False
    await alice.call("DELETE", path)
    assert set((await slider.ask())["extensions"][name]["unsubscribed"][room]) == {root}


@pytest.mark.parametrize(
    "body",
    [
        {"lists": {"x" * 65: {}}},
        {"lists": {str(n): {} for n in range(101)}},
        {"lists": {"a": {"ranges": [[3, 1]]}}},
        {"lists": {"a": {"ranges": [[-1, 1]]}}},
        {"lists": {"a": {"ranges": [[1]]}}},
        {"lists": []},
        {"room_subscriptions": {"!x": 1}},
        {"lists": {"a": {"required_state": [["m.room.name"]]}}},
        {"lists": {"a": {"timeline_limit": "1"}}},
        {"extensions": {"to_device": {"enabled": True, "since": "s1"}}},
        {"conn_id": 1},
        {"lists": {"a": {"timeline_limit": -1}}},
    ],
)
async def test_bad_requests(alice: Person, body: Any) -> None:
    with pytest.raises(Refused) as refused:
        await alice.call("POST", PATH, body)
    assert refused.value.status == 400 and refused.value.errcode in ("M_BAD_JSON", "M_INVALID_PARAM")


async def test_a_room_that_one_is_not_in_cannot_be_subscribed_to(alice: Person, bob: Person) -> None:
    room = await alice.create_room()
    subscription = {
        room: {"timeline_limit": 10, "required_state": ALL},
        "!nowhere": {"timeline_limit": 1, "required_state": []},
    }
    assert (await Slider(bob, room_subscriptions=subscription).ask())["rooms"] == {}


async def test_nothing_is_read_for_news_in_a_live_room(server: Server, alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    slider = Slider(bob, lists=window())
    await slider.ask()
    await slider.ask()
    await alice.say(room, "x")
    before = server.node.database.statements
    assert room in (await slider.ask())["rooms"]
    assert server.node.database.statements - before <= 1  # the room list's row of what changed


async def test_many_rooms(server: Server, alice: Person) -> None:
    """The first window costs the same few statements, however long the list."""
    rooms = [await alice.create_room() for _ in range(60)]
    cold = await Server(server.config, server.data, server.url).start()
    try:
        person = Person(cold, alice.session)
        await person.call("GET", "/account/whoami")
        answer = await Slider(person, lists=window(top=0)).ask()
        assert answer["lists"]["all"]["count"] == len(rooms) and len(answer["rooms"]) == 1
        assert len(cold.node.rooms.live) == 1
    finally:
        await cold.stop()
