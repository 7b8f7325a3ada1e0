"""The state that clients gather, where rooms are shared with another server: entries whose members come later, wires that are cut
while both sides decide, removals from afar. `tests/homeserver/test_state_as_clients_keep_it.py`: the same on one server.
"""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest_asyncio
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.matrix.event_auth import CREATE
from tests.federation import test_faster_joins
from tests.federation.conftest import Peer
from tests.federation.partition import heal, split
from tests.federation.test_faster_joins import Gate
from tests.federation.test_rooms import agree, enter
from tests.homeserver.reference_client import MEMBER, ReferenceClient, SlidingReferenceClient
from tests.homeserver.test_state_as_clients_keep_it import VISIBILITIES
from tests.support import Person, Refused, Server, segment, until

gate = test_faster_joins.gate
# alice and dave are at home, bob and carol elsewhere: it is their clients that are looked at
ALICE, DAVE, BOB, CAROL = range(4)
_anybody, _far = st.integers(0, 3), st.integers(BOB, CAROL)
_act = st.one_of(
    st.tuples(st.just("say"), _anybody, st.integers(1, 4)),
    st.tuples(st.sampled_from(["topic", "name", "rename", "leave"]), _anybody, st.just(0)),
    st.tuples(st.sampled_from(["kick", "ban", "unban", "invite"]), st.sampled_from([ALICE, BOB]), _anybody),
)
_op = st.one_of(
    _act,
    st.tuples(st.just("enter"), _anybody, st.just(0)),
    st.tuples(st.just("upgrade"), st.just(ALICE), st.just(0)),
    st.tuples(st.just("gate"), st.just(0), st.booleans()),
    st.tuples(st.just("sync"), _far, st.integers(0, 1)),
    st.tuples(st.just("apart"), st.just(0), st.lists(_act, min_size=2, max_size=8)),
)
_lazy = st.sampled_from([{}, {"state": {"lazy_load_members": True}}])
_timeline = st.sampled_from([{}, {"types": ["m.room.message"]}, {"not_types": ["m.room.member"]}, {"limit": 1}, {"limit": 0}])
_kind = st.one_of(
    st.integers(1, 5),  # sliding sync, with such a limit
    st.tuples(st.builds(lambda lazy, timeline: {**lazy, "timeline": timeline}, _lazy, _timeline), st.booleans()),
)


@pytest_asyncio.fixture
async def pair(peer: Peer) -> tuple[Server, Server]:
    return await peer(), await peer()


class Afar(ReferenceClient):
    """Held to what its server has, members that are still to come left aside."""

    async def check(self, at: Server | None = None) -> None:
        node = self.person.server.node
        rooms = (await self.person.call("GET", "/joined_rooms"))["joined_rooms"]
        assert self.state.keys() <= {*rooms}
        for room in rooms:
            live = await node.rooms.require(room)
            if live.is_partial and not self.lazy:
                continue  # shown once its members are here
            assert room in self.state
            known = self.state[room]
            real = {key: event.event_id for key, event in live.state.items()}
            told = {key for key in real if not self.lazy or key[0] != MEMBER}
            assert told <= known.keys()
            assert {(MEMBER, user) for user in self.needed.get(room, ())} & real.keys() <= known.keys()
            assert {k: known[k] for k in known.keys() & real.keys()} == {k: real[k] for k in known.keys() & real.keys()}


class SlidingAfar(SlidingReferenceClient):
    async def check(self) -> None:
        node = self.person.server.node
        for room in (await self.person.call("GET", "/joined_rooms"))["joined_rooms"]:
            live = await node.rooms.require(room)
            real = {key: event.event_id for key, event in live.state.items()}
            assert room in self.state
            known = self.state[room]
            assert {key: known.get(key) for key in real} == real


def _client(kind: Any, person: Person) -> Any:
    return SlidingAfar(person, kind) if isinstance(kind, int) else Afar(person, kind[0], kind[1])


LAZY: dict[str, Any] = {"state": {"lazy_load_members": True}, "timeline": {}}
KINDS: list[Any] = [({"timeline": {}}, False), (LAZY, False), 3, ({"timeline": {}}, True)]
BOTH_IN: list[Any] = [("gate", 0, True), ("enter", BOB, 0), ("enter", CAROL, 0)]
ALL_READ: list[Any] = [("sync", who, number) for who in (BOB, CAROL) for number in (0, 1)]


# The random histories are the same in every run, so that a run that fails is one that can be repeated, and a change fails by its
# own fault; a draw by hand takes `derandomize` away. They are not shrunk: one that does not settle takes two minutes to say so.
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
@given(
    ops=st.lists(_op, min_size=5, max_size=25),
    kinds=st.lists(_kind, min_size=4, max_size=4),
    visibility=st.sampled_from(VISIBILITIES),
)
@example(
    ops=[
        ("enter", BOB, 0),
        ("sync", BOB, 0),
        ("sync", BOB, 1),
        ("say", DAVE, 2),
        ("topic", ALICE, 0),
        ("sync", BOB, 0),
        ("gate", 0, True),
        ("sync", BOB, 1),
        ("enter", CAROL, 0),
        ("apart", 0, [("topic", ALICE, 0), ("topic", BOB, 0)]),
    ],
    kinds=KINDS,
    visibility="joined",
)
@example(  # removed, and in again
    ops=[*BOTH_IN, *ALL_READ, ("kick", ALICE, CAROL), *ALL_READ, ("topic", ALICE, 0), ("enter", CAROL, 0), *ALL_READ],
    kinds=KINDS,
    visibility="shared",
)
@example(  # banned and let in again, while both sides decide
    ops=[
        *BOTH_IN,
        *ALL_READ,
        ("apart", 0, [("ban", ALICE, CAROL), ("say", CAROL, 2), ("topic", BOB, 0)]),
        *ALL_READ,
        ("unban", ALICE, CAROL),
        ("enter", CAROL, 0),
        *ALL_READ,
    ],
    kinds=KINDS,
    visibility="invited",
)
@example(  # one leaves, and the other comes in before anybody has heard of it
    ops=[("gate", 0, True), ("enter", BOB, 0), *ALL_READ, ("leave", BOB, 0), ("enter", CAROL, 0), *ALL_READ],
    kinds=KINDS,
    visibility="shared",
)
@example(  # the room moves on
    ops=[*BOTH_IN, *ALL_READ, ("upgrade", ALICE, 0), *ALL_READ, ("enter", BOB, 0), ("enter", CAROL, 0), ("topic", BOB, 0)],
    kinds=KINDS,
    visibility="shared",
)
@example(  # banned before the members came
    ops=[("enter", CAROL, 0), ("apart", 0, [("say", CAROL, 3), ("say", DAVE, 2), ("ban", ALICE, CAROL), ("leave", ALICE, 0)])],
    kinds=KINDS,
    visibility="shared",
)
@example(  # left alone before the members came
    ops=[("leave", DAVE, 0), ("enter", BOB, 0), ("apart", 0, [("leave", ALICE, 0), ("topic", BOB, 0)])],
    kinds=KINDS,
    visibility="shared",
)
async def test_the_state_gathered_is_the_state_of_the_room(
    pair: tuple[Server, Server], gate: Gate, ops: list[Any], kinds: list[Any], visibility: str
) -> None:
    here, there = pair
    people = [await server.person() for server in (here, here, there, there)]
    state = [{"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": visibility}}]
    levels = {"power_level_content_override": {"users": {people[ALICE].id: 100, people[BOB].id: 50}}}
    room = await people[ALICE].create_room(preset="public_chat", room_version="11", initial_state=state, **levels)
    await people[DAVE].join(room)
    gate.opened.clear()
    play = Play(people, room, here, there, gate)
    clients: dict[int, list[Any]] = {BOB: [], CAROL: []}
    for number, kind in enumerate(kinds):
        who = (BOB, CAROL)[number // 2]
        clients[who].append(_client(kind, people[who] if number % 2 == 0 else await people[who].another_device()))
    for what, who, detail in ops:
        if what == "sync":
            await _read(clients[who][detail])
        else:
            await play.perform(what, who, detail)
    await play.perform("gate", 0, True)
    await play.settled()
    readers = [*clients[BOB], *clients[CAROL]]
    for client in readers:
        await _read(client)
    if await play.all_come_in():
        for client in readers:
            await _read(client)
            assert client.state[play.room].keys() >= {CREATE, (MEMBER, client.person.id)}


async def _read(client: Any) -> None:
    """What does not fit is wrong only where nothing more has come meanwhile."""
    while True:
        await client.sync()
        try:
            return await client.check()
        except AssertionError:
            # whoever reads the database may know of a commit before the clock has told of it
            await client.person.server.node.clock.catch_up()
            if not await client.sync():
                raise


class Play:
    """What people do in the last of `rooms`: the others were upgraded."""

    def __init__(self, people: list[Person], room: str, here: Server, there: Server, gate: Gate) -> None:
        self.people, self.rooms, self.here, self.there, self.gate, self.count = people, [room], here, there, gate, 0

    @property
    def room(self) -> str:
        return self.rooms[-1]

    async def perform(self, what: str, who: int, detail: Any) -> None:
        """What the rules of the room refuse does not happen, nor what would wait for members that are held back."""
        if what == "gate":
            await self._open_or_close(detail)
        elif what == "apart":
            await self._apart(detail)
        elif what not in ("kick", "ban", "unban", "invite") or not await self._is_partial(self.people[who], self.room):
            self.count += 1
            try:
                await self._act(what, self.people[who], self.room, detail)
            except Refused as refused:
                assert refused.status < 500, refused

    async def _act(self, what: str, person: Person, room: str, detail: Any) -> None:
        if what == "say":
            for n in range(detail):
                await person.say(room, f"{self.count}.{n}")
        elif what in ("topic", "name"):
            await person.set_state(room, f"m.room.{what}", {what: f"{self.count}"})
        elif what == "rename":
            if room in (await person.call("GET", "/joined_rooms"))["joined_rooms"]:
                content = {"membership": "join", "displayname": f"{self.count}"}
                await person.set_state(room, MEMBER, content, person.id)
        elif what == "leave":
            await person.leave(room)
        elif what == "enter":
            await enter(person, room, self.there if person.server is self.here else self.here)
        elif what == "upgrade":
            answer = await person.call("POST", f"/rooms/{segment(room)}/upgrade", {"new_version": "11"})
            self.rooms.append(answer["replacement_room"])
        else:
            await person.act(what, room, self.people[detail])

    async def _open_or_close(self, is_open: bool) -> None:
        if not is_open:
            self.gate.opened.clear()
            return
        self.gate.opened.set()

        async def are_whole() -> bool:
            return not any([await self._is_partial(self.people[BOB], room) for room in self.rooms])

        await until(are_whole)

    async def _apart(self, acts: list[Any]) -> None:
        with split([self.here], [self.there]):
            for what, who, detail in acts:
                if what != "invite":
                    await asyncio.wait_for(self.perform(what, who, detail), 60)
        await heal(self.here, self.there)

    async def _is_partial(self, person: Person, room: str) -> bool:
        """Whether members are still to come, of a room that somebody of there is in: to others nobody tells them."""
        live = await person.server.node.rooms.live.find(room)
        return live is not None and live.is_partial and bool(self._members(person.server, live))

    def _members(self, server: Server, live: LiveRoom) -> set[str]:
        """Those of a server who are in a room, as it was seen by one."""
        return {person.id for person in self.people if person.server is server} & live.joined.keys()

    async def settled(self) -> None:
        """Once both servers have the same of the rooms that both are in."""
        for room in self.rooms:
            here, there = await until(functools.partial(self._known_of_both, room))
            speakers = [person for person in self.people[:BOB] if person.id in here.joined]
            if speakers and self._members(self.there, there):
                await speakers[0].say(room, "the last word")
                await agree(room, self.here, self.there)

    async def _known_of_both(self, room: str) -> tuple[LiveRoom, LiveRoom] | None:
        """The room as either has it, once they know the same of who is in it from afar: removals may be on the way.

        Where nobody of here is in it any more, nobody tells this server.
        """
        here, there = [await server.node.rooms.live.find(room) for server in (self.here, self.there)]
        assert here is not None
        far = self._members(self.there, there) if there is not None else set()
        is_settled = far == self._members(self.there, here) or not self._members(self.here, here)
        return (here, there or here) if is_settled else None

    async def all_come_in(self) -> bool:
        """Brings everybody into the room. Whether there was anybody to let them in."""
        rooms = [await server.node.rooms.live.find(self.room) for server in (self.here, self.there)]
        if not any(live is not None and self._members(s, live) for s, live in zip((self.here, self.there), rooms, strict=True)):
            return False
        await self._act("enter", self.people[ALICE], self.room, 0)
        for who in (BOB, CAROL):
            await self.perform("unban", ALICE, who)
        await self.settled()
        for who in (BOB, CAROL):
            await self._act("enter", self.people[who], self.room, 0)
        await self.perform("gate", 0, True)
        await self.settled()
        return True
