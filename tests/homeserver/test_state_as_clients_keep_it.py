"""Whatever a client asks `/sync` to leave out, and whatever it may not see: the state that it gathers is the room's.

Random histories with every history visibility, filter, way of telling state, gap and change of membership, read by two clients
of each person, now at this process and now at another. `tests/federation/test_state_across_servers.py`: the same across servers.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.homeserver.reference_client import MEMBER, ReferenceClient, SlidingReferenceClient, state_of
from tests.support import Person, Refused, Server, bodies, joined, segment

PEOPLE, ROOMS = 3, 2
VISIBILITIES = ("world_readable", "shared", "invited", "joined")
JOIN_RULES = ("public", "invite", "knock")
_person, _room, _other = st.integers(0, PEOPLE - 1), st.integers(0, ROOMS), st.integers(0, PEOPLE - 1)
_op = st.one_of(
    st.tuples(st.just("say"), _person, _room, st.integers(1, 6)),
    st.tuples(st.sampled_from(["topic", "name", "encryption", "visibility"]), _person, _room, st.integers(0, 3)),
    st.tuples(st.just("rules"), _person, _room, st.integers(0, 2)),
    st.tuples(st.sampled_from(["join", "leave", "forget", "rename", "knock", "upgrade"]), _person, _room, st.none()),
    st.tuples(st.sampled_from(["react", "picture", "redact"]), _person, _room, st.none()),
    st.tuples(st.sampled_from(["invite", "kick", "ban", "unban", "ignore"]), _person, _room, _other),
    st.tuples(st.sampled_from(["sync", "sync", "sync elsewhere", "full"]), _person, _room, st.integers(0, 1)),
    st.tuples(st.just("slide"), _person, _room, st.tuples(st.integers(0, 1), st.integers(0, 4), st.sampled_from([0, 19]))),
)
# what a filter may say of events, by the text ("Filtering"); numbers stand for people and rooms
_only = st.sampled_from(
    [
        {},
        {},
        {"types": ["m.room.message"]},
        {"not_types": ["m.room.*"]},
        {"types": ["m.room.m*", "m.room.topic"]},
        {"types": []},
        {"senders": [0]},
        {"not_senders": [0]},
        {"not_senders": [1]},
        {"senders": []},
        {"not_rooms": [0]},
        {"rooms": [1]},
        {"contains_url": True},
        {"contains_url": False},
        {"related_by_rel_types": ["m.annotation"]},
        {"related_by_senders": [1]},
        {"types": ["m.room.*"], "not_types": ["m.room.topic"], "not_senders": [2]},
    ]
)
_of_state = st.sampled_from(
    [
        {},
        {},
        {},
        {"types": ["m.room.*"]},
        {"not_types": ["m.room.topic"]},
        {"types": ["m.room.member", "m.room.encryption"]},
        {"senders": [0]},
        {"not_senders": [1]},
        {"contains_url": False},
        {"not_rooms": [1]},
        {"types": []},
    ]
)
_kind = st.one_of(
    st.builds(lambda limit: {"limit": limit, "kind": "sliding"}, st.integers(1, 8)),
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["state", "state_after"]),
            "limit": st.integers(0, 8),
            "only": _only,
            "of_state": _of_state,
            "lazy": st.sampled_from(
                [{}, {"lazy_load_members": True}, {"lazy_load_members": True, "include_redundant_members": True}]
            ),
            "of_room": st.sampled_from([{}, {}, {}, {"include_leave": True}, {"not_rooms": [0]}, {"rooms": [0, 1]}]),
        }
    ),
)
PLAIN: dict[str, Any] = {"kind": "state", "limit": 8, "only": {}, "of_state": {}, "lazy": {}, "of_room": {}}

LAZY: dict[str, Any] = {**PLAIN, "limit": 1, "lazy": {"lazy_load_members": True}}


@pytest_asyncio.fixture
async def elsewhere(server: Server) -> AsyncIterator[Server]:
    """Another process on the same database."""
    other = await Server(server.config, server.data, server.url).start()
    yield other
    await other.stop()


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    ops=st.lists(_op, min_size=5, max_size=45),
    kinds=st.lists(_kind, min_size=PEOPLE * 2, max_size=PEOPLE * 2),
    visibilities=st.tuples(st.sampled_from(VISIBILITIES), st.sampled_from(VISIBILITIES)),
)
@example(
    ops=[("topic", 0, 0, 1), ("encryption", 0, 0, 1), ("join", 1, 0, None)],
    kinds=[PLAIN] * 6,
    visibilities=("joined", "shared"),
)
@example(  # who comes back hears of those who went meanwhile
    ops=[
        ("join", 1, 0, None),
        ("join", 2, 0, None),
        ("say", 2, 0, 1),
        ("sync", 1, 0, 0),
        ("leave", 1, 0, None),
        ("leave", 2, 0, None),
        ("join", 1, 0, None),
        ("say", 0, 0, 3),
    ],
    kinds=[LAZY] * 6,
    visibilities=("shared", "shared"),
)
@example(  # whoever was told that they have left begins anew
    ops=[
        ("join", 1, 0, None),
        ("say", 0, 0, 1),
        ("sync", 1, 0, 0),
        ("leave", 1, 0, None),
        ("sync", 1, 0, 0),
        ("join", 1, 0, None),
        ("say", 0, 0, 2),
    ],
    kinds=[LAZY] * 6,
    visibilities=("shared", "shared"),
)
@example(  # a room that has lost its name is known by its people
    ops=[("name", 0, 0, 1), ("join", 1, 0, None), ("sync", 1, 0, 0), ("name", 0, 0, 0)],
    kinds=[PLAIN] * 6,
    visibilities=("shared", "shared"),
)
async def test_the_state_gathered_is_the_state_of_the_room(
    server: Server, elsewhere: Server, ops: list[Any], kinds: list[Any], visibilities: Any
) -> None:
    people = [await server.person() for _ in range(PEOPLE)]
    rooms = [await _room_of(people[n], visibilities[n]) for n in range(ROOMS)]
    await people[0].invite(rooms[0], people[1])
    devices = [await person.another_device() for person in people]
    clients = [
        _client(kinds[2 * n + m], device, [p.id for p in people], rooms)
        for n, pair in enumerate(zip(people, devices, strict=True))
        for m, device in enumerate(pair)
    ]
    play = Play(people, rooms)
    for what, who, where, detail in ops:
        if what in ("sync", "sync elsewhere", "full", "slide"):
            number = detail[0] if what == "slide" else detail
            await _read(what, clients[2 * who + number], detail, elsewhere)
            continue
        if what == "ignore":
            clients[2 * who].ignores = clients[2 * who + 1].ignores = True
        try:
            await play.perform(what, people[who], rooms[where % len(rooms)], detail)
        except Refused as refused:  # what the rules of the room refuse does not happen
            assert refused.status < 500, refused
    for client in clients:
        await _read("sync", client, None, elsewhere)


async def _read(what: str, client: Any, how: Any, elsewhere: Server) -> None:
    """Reads in one of the ways that the client can, and looks whether it knows the truth."""
    if isinstance(client, SlidingReferenceClient):
        rules, window = how[1:] if what == "slide" else (0, 19)
        await client.sync(rules, window)
        await client.check()
    elif what == "sync elsewhere":
        await elsewhere.node.clock.catch_up()
        await client.sync(elsewhere)
        await client.check(elsewhere)
    else:
        await client.sync(**({"full_state": "true"} if what == "full" else {}))
        await client.check()


async def _room_of(person: Person, visibility: str) -> str:
    state = [{"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": visibility}}]
    anybody = {"power_level_content_override": {"events": {"m.room.topic": 0}}}
    return await person.create_room(preset="public_chat", initial_state=state, **anybody)


def _client(kind: dict[str, Any], person: Person, ids: list[str], rooms: list[str]) -> Any:
    if kind["kind"] == "sliding":
        return SlidingReferenceClient(person, kind["limit"])

    def named(f: dict[str, Any]) -> dict[str, Any]:
        source = {"senders": ids, "not_senders": ids, "related_by_senders": ids, "rooms": rooms, "not_rooms": rooms}
        return {name: [source[name][n] for n in value] if name in source else value for name, value in f.items()}

    of_room = {
        "timeline": {"limit": kind["limit"], **named(kind["only"])},
        "state": {**named(kind["of_state"]), **kind["lazy"]},
        **named(kind["of_room"]),
    }
    return ReferenceClient(person, of_room, kind["kind"] == "state_after")


class Play:
    """What people do. Everything is done at once, so that who reads next may know all of it."""

    def __init__(self, people: list[Person], rooms: list[str]) -> None:
        self.people, self.rooms, self.count = people, rooms, 0
        self.said: dict[str, list[str]] = {}

    async def perform(self, what: str, person: Person, room: str, detail: Any) -> None:
        self.count += 1
        said = self.said.setdefault(room, [])
        if what == "say":
            for n in range(detail):
                said.append(await person.say(room, f"{self.count}.{n}"))
        elif what == "picture":
            picture = {"msgtype": "m.image", "body": "x", "url": "mxc://localhost/x"}
            said.append(await person.send(room, "m.room.message", picture))
        elif what in ("react", "redact"):
            await self._of_what_was_said(what, person, room, said)
        elif what in ("topic", "name", "encryption", "visibility", "rules"):
            await self._set_state(what, person, room, detail)
        elif what == "upgrade":
            answer = await person.call("POST", f"/rooms/{segment(room)}/upgrade", {"new_version": "11"})
            self.rooms.append(answer["replacement_room"])
        elif what == "rename":  # here at once: a change of profile reaches the rooms by and by
            if room in (await person.call("GET", "/joined_rooms"))["joined_rooms"]:
                await person.set_state(room, MEMBER, {"membership": "join", "displayname": f"{self.count}"}, person.id)
        elif what in ("join", "leave", "forget"):
            await person.call("POST", f"/rooms/{segment(room)}/{what}", {})
        elif what == "knock":
            await person.call("POST", f"/knock/{segment(room)}", {})
        elif what == "ignore":
            ignored = {self.people[detail].id: {}} if self.people[detail] is not person else {}
            path = f"/user/{segment(person.id)}/account_data/m.ignored_user_list"
            await person.call("PUT", path, {"ignored_users": ignored})
        else:
            await person.act(what, room, self.people[detail])

    async def _of_what_was_said(self, what: str, person: Person, room: str, said: list[str]) -> None:
        if not said:
            return
        if what == "redact":
            await person.redact(room, said[-1])
            return
        relation = {"rel_type": "m.annotation", "event_id": said[-1], "key": f"{self.count}"}
        await person.send(room, "m.reaction", {"m.relates_to": relation})

    async def _set_state(self, what: str, person: Person, room: str, detail: int) -> None:
        kind, content = {
            "topic": ("m.room.topic", {"topic": f"{self.count}"}),
            "name": ("m.room.name", {"name": f"{self.count}" if detail else ""}),
            "encryption": ("m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2", "n": self.count}),
            "visibility": ("m.room.history_visibility", {"history_visibility": VISIBILITIES[detail]}),
            "rules": ("m.room.join_rules", {"join_rule": JOIN_RULES[detail % len(JOIN_RULES)]}),
        }[what]
        await person.set_state(room, kind, content)


# ------------------------------------------------------------------------------------------------- the listed cases


async def test_heroes_come_with_the_summary_that_names_them(server: Server, alice: Person, bob: Person) -> None:
    """Lazy loading (sync.yaml, `m.heroes`: their membership events MUST be included in the state): the sixth becomes the fifth."""
    room = await alice.create_room(preset="public_chat")
    others = [await server.person() for _ in range(7)]
    for person in (*others, bob):
        await person.join(room)
    client = ReferenceClient(bob, {"timeline": {"limit": 1}, "state": {"lazy_load_members": True}}, False)
    await _read("sync", client, None, server)
    for person in others[:3]:
        await person.leave(room)
        await _read("sync", client, None, server)


@pytest.mark.parametrize("visibility", VISIBILITIES)
@pytest.mark.parametrize("initial", [True, False])
async def test_who_enters_learns_that_the_room_is_encrypted(alice: Person, bob: Person, visibility: str, initial: bool) -> None:
    room = await _room_of(alice, visibility)
    await alice.set_state(room, "m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"})
    if not initial:
        await bob.sync()
    await bob.join(room)
    section = joined(await bob.sync(), room)
    told = [*section["state"]["events"], *section["timeline"]["events"]]
    assert {"m.room.encryption", "m.room.create", "m.room.power_levels"} <= {e["type"] for e in told}


async def test_who_asks_for_messages_alone_hears_of_the_state(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat", name="Salle")
    await bob.join(room)
    only = {"room": {"timeline": {"types": ["m.room.message"]}}}
    first = joined(await bob.sync(filter=only), room)
    known = {(e["type"], e["state_key"]): e["event_id"] for e in first["state"]["events"]}
    assert known == await state_of(bob, room)
    named = await alice.set_state(room, "m.room.name", {"name": "Bureau"})
    assert [e["event_id"] for e in joined(await bob.sync(filter=only), room)["state"]["events"]] == [named]


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_filter_is_applied_before_the_cut(server: Server, alice: Person, bob: Person, restarted: bool) -> None:
    """A bot's commands are found behind what it does not want to hear of."""
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    commands = {"room": {"timeline": {"types": ["m.room.message"], "limit": 2}}}
    await bob.sync(filter=commands)
    since = bob.since
    for n in range(3):
        await alice.say(room, f"!command {n}")
        for m in range(40):
            await alice.send(room, "m.reaction", {"n": m})
    reader = bob
    if restarted:
        await server.stop()
        again = await Server(server.config, server.data, server.url).start()
        server.node, server.session, server.base = again.node, again.session, again.base
    section = joined(await reader.sync(filter=commands), room)["timeline"]
    assert bodies(section["events"]) == ["!command 1", "!command 2"] and section["limited"]
    gap = await bob.messages(room, **{"from": section["prev_batch"], "to": since, "limit": 100})
    assert bodies(gap["chunk"]) == ["!command 0"]
    wider = {"room": {"timeline": {"types": ["m.room.message"], "limit": 5}}}
    section = joined(await bob.call("GET", "/sync", since=since, filter=json.dumps(wider)), room)["timeline"]
    assert bodies(section["events"]) == [f"!command {n}" for n in range(3)] and not section["limited"]


async def test_a_timeline_never_ends_with_state_that_was_replaced_unseen(alice: Person, bob: Person) -> None:
    """Bob hides his own events: after Alice's topic came his own, so hers would be the last that he hears."""
    room = await alice.create_room(preset="public_chat", power_level_content_override={"state_default": 0})
    await bob.join(room)
    others = {"room": {"timeline": {"not_senders": [bob.id]}}}
    await bob.sync(filter=others)
    await alice.set_state(room, "m.room.topic", {"topic": "hers"})
    mine = await bob.set_state(room, "m.room.topic", {"topic": "his"})
    await alice.say(room, "thanks")
    section = joined(await bob.sync(filter=others), room)
    assert bodies(section["timeline"]["events"]) == ["thanks"] and section["timeline"]["limited"]
    assert [e["event_id"] for e in section["state"]["events"]] == [mine]
    before = await bob.messages(room, **{"from": section["timeline"]["prev_batch"]})
    assert before["chunk"][0]["content"] == {"topic": "hers"}


@pytest.mark.parametrize("mode", ["state", "state_after"])
async def test_who_declines_is_told_nothing_of_the_room(alice: Person, bob: Person, mode: str) -> None:
    query = {"use_state_after": "true"} if mode == "state_after" else {}
    room = await alice.create_room(preset="private_chat")
    await bob.sync(**query)
    for leaves_first in (False, True):
        await alice.invite(room, bob)
        if leaves_first:
            await bob.join(room)
            await bob.leave(room)
            await bob.sync(**query)
            await alice.invite(room, bob)
        await alice.set_state(room, "m.room.topic", {"topic": "between us"})
        await bob.leave(room)
        section = (await bob.sync(**query))["rooms"]["leave"][room]
        told = [*section[mode]["events"], *section["timeline"]["events"]]
        assert {(e["type"], e.get("state_key")) for e in told} == {(MEMBER, bob.id)}
