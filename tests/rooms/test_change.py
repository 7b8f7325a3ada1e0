"""For any history, a room that hears of each commit by its `RoomChange` is the room that is read anew from the database."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chappe.homeserver.rooms.change import RoomChange
from tests.rooms.pictures import Follower, read_anew, record, require_same
from tests.support import Person, Refused, Server

PEOPLE = 3
_who, _other = st.integers(0, PEOPLE - 1), st.integers(0, PEOPLE - 1)
_act = st.one_of(
    st.tuples(st.just("say"), _who, st.sampled_from([1, 2, 5, 30])),
    st.tuples(st.sampled_from(["topic", "level", "server_acl"]), _who, st.integers(0, 3)),
    st.tuples(st.sampled_from(["join", "leave"]), _who, st.none()),
    st.tuples(st.sampled_from(["invite", "kick", "ban", "unban"]), _who, _other),
    st.tuples(st.sampled_from(["redact", "edit", "react", "thread", "mention"]), _who, st.integers(0, 5)),
)
_acts = st.lists(st.lists(_act, min_size=1, max_size=4), min_size=3, max_size=14)  # those of an inner list at once


class History:
    def __init__(self, people: list[Person], room: str) -> None:
        self.people, self.room = people, room
        self.said: list[str] = []

    async def perform(self, act: Any) -> None:
        with contextlib.suppress(Refused):
            await self._perform(*act)

    async def _perform(self, what: str, who: int, detail: Any) -> None:
        person, room = self.people[who], self.room
        if what == "say":
            for number in range(detail):
                self.said.append(await person.say(room, f"word {number}"))
        elif what == "topic":
            self.said.append(await person.set_state(room, "m.room.topic", {"topic": f"about {detail}"}))
        elif what == "server_acl":
            await person.set_state(room, "m.room.server_acl", {"allow": ["*"], "deny": [f"{detail}.example"]})
        elif what == "level":
            users = {self.people[0].id: 100, self.people[1].id: 50 * (detail % 3)}
            await person.set_state(room, "m.room.power_levels", {"users": users, "events": {"m.room.topic": 0}})
        elif what in ("join", "leave"):
            await getattr(person, what)(room)
        elif what in ("invite", "kick", "ban", "unban"):
            await person.act(what, room, self.people[detail])
        elif what == "mention":
            await person.say(room, "you", **{"m.mentions": {"user_ids": [self.people[detail % PEOPLE].id]}})
        elif self.said:
            await self._relate(what, person, self.said[-1 - detail % len(self.said)])

    async def _relate(self, what: str, person: Person, target: str) -> None:
        if what == "redact":
            await person.redact(self.room, target)
        elif what == "react":
            relation = {"rel_type": "m.annotation", "event_id": target, "key": "+"}
            self.said.append(await person.send(self.room, "m.reaction", {"m.relates_to": relation}))
        else:
            kind = {"edit": "m.replace", "thread": "m.thread"}[what]
            more = {"m.new_content": {"msgtype": "m.text", "body": "better"}} if what == "edit" else {}
            relation = {"rel_type": kind, "event_id": target}
            self.said.append(await person.say(self.room, "more", **{"m.relates_to": relation, **more}))


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(acts=_acts)
async def test_applied_is_read_anew(server: Server, acts: list[list[Any]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        changes = record(patch)
        people = [await server.person() for _ in range(PEOPLE)]
        room_id = await people[0].create_room(preset="public_chat")
        own = await server.node.rooms.require(room_id)
        follower = Follower(own, changes)
        await follower.start()
        history = History(people, room_id)
        await history.perform(("say", 0, 1))
        for at_once in acts:
            await asyncio.gather(*(history.perform(act) for act in at_once))
            await follower.require_same()
        assert follower.heard > 0


async def test_a_change_that_was_read_already_changes_nothing(server: Server) -> None:
    with pytest.MonkeyPatch.context() as patch:
        changes = record(patch)
        alice = await server.person()
        own = await server.node.rooms.require(await alice.create_room())
        await alice.say(own.room_id, "one")
        known = changes(own)
        room = await read_anew(own)
        for data in known:
            room.apply(RoomChange.unpacked(data, room))
        require_same(room, await read_anew(own))
