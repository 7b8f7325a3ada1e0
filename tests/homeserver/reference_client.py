"""A client that knows nothing but the specification's text: how it comes to the state of its rooms from what it is sent.

`/sync`: the events of `state` are applied first, then the state events of the timeline, in order; with `use_state_after`
those of `state_after`, and the timeline changes nothing (client-server API, "Syncing"). Sliding sync: `required_state`.
"""

from __future__ import annotations

from typing import Any

from tests.support import Person, Refused, segment

SLIDING = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"
MEMBER = "m.room.member"
QUIET = {"set_presence": "offline"}
Key = tuple[str, str]


class ReferenceClient:
    """`state`: by room that the person is in, event ids by key. `left`: the same of rooms that the person left."""

    def __init__(self, person: Person, timeline: dict[str, Any], lazy: bool, state_after: bool) -> None:
        self.person, self.lazy = person, lazy
        self.filter = {"room": {"timeline": timeline, "state": {"lazy_load_members": True} if lazy else {}}}
        self.query: dict[str, Any] = {**QUIET, **({"use_state_after": "true"} if state_after else {})}
        self.state: dict[str, dict[Key, str]] = {}
        self.left: dict[str, dict[Key, str]] = {}
        self.speakers: dict[str, set[str]] = {}

    async def sync(self) -> None:
        self.speakers = {}
        rooms = (await self.person.sync(filter=self.filter, **self.query)).get("rooms", {})
        for room, section in rooms.get("join", {}).items():
            known = self.state.setdefault(room, {})
            self.left.pop(room, None)
            self._apply(room, known, section)
        for room, section in rooms.get("leave", {}).items():
            known = self.state.pop(room, {})
            last = self._apply(room, known, section)
            if last is not None and last.get("unsigned", {}).get("prev_content", {}).get("membership") == "join":
                self.left[room] = known
        for kind in ("invite", "knock"):
            for room in rooms.get(kind, {}):
                self.state.pop(room, None)
                self.left.pop(room, None)

    def _apply(self, room: str, known: dict[Key, str], section: dict[str, Any]) -> dict[str, Any] | None:
        """Answers the last event about the person's own membership."""
        timeline = section["timeline"]["events"]
        given = section.get("state", section.get("state_after"))["events"]
        if self.lazy and any(e["type"] == "m.room.create" for e in given):  # told anew: whose members are only some
            for key in [k for k in known if k[0] == MEMBER]:
                del known[key]
        own = None
        for event in given if "state_after" in section else [*given, *timeline]:
            if "state_key" in event:
                known[event["type"], event["state_key"]] = event["event_id"]
        for event in [*given, *timeline]:
            if event["type"] == MEMBER and event.get("state_key") == self.person.id:
                own = event
        self.speakers[room] = {e["sender"] for e in timeline}
        return own

    async def check(self) -> None:
        """That the state gathered is the server's: right after `sync`, while nothing happens."""
        for room, known in self.state.items():
            real = await state_of(self.person, room)
            self._compare(room, known, real)
        for room, known in self.left.items():
            try:
                real = await state_of(self.person, room)
            except Refused:  # forgotten
                continue
            self._compare(room, known, real)
        joined = (await self.person.call("GET", "/joined_rooms"))["joined_rooms"]
        assert set(joined) == set(self.state)

    def _compare(self, room: str, known: dict[Key, str], real: dict[Key, str]) -> None:
        if not self.lazy:
            assert known == real
            return
        assert {k: v for k, v in known.items() if k[0] != MEMBER} == {k: v for k, v in real.items() if k[0] != MEMBER}
        assert {k: v for k, v in known.items() if real.get(k) != v} == {}
        needed = {(MEMBER, user) for user in self.speakers.get(room, ())}
        assert needed <= known.keys()


class SlidingReferenceClient:
    """The same by sliding sync: every state event asked for."""

    def __init__(self, person: Person, limit: int) -> None:
        self.person, self.limit, self.pos = person, limit, None
        self.state: dict[str, dict[Key, str]] = {}

    async def sync(self) -> None:
        lists = {"all": {"ranges": [[0, 19]], "timeline_limit": self.limit, "required_state": [["*", "*"]]}}
        query = {"pos": self.pos} if self.pos else {}
        answer = await self.person.call("POST", SLIDING, {"lists": lists}, **QUIET, **query)
        self.pos = answer["pos"]
        for room, result in answer["rooms"].items():
            known = {} if result.get("initial") else self.state.get(room, {})
            known.update({(e["type"], e["state_key"]): e["event_id"] for e in result.get("required_state", ())})
            self.state[room] = known

    async def check(self) -> None:
        for room in (await self.person.call("GET", "/joined_rooms"))["joined_rooms"]:
            assert self.state[room] == await state_of(self.person, room)


async def state_of(person: Person, room: str) -> dict[Key, str]:
    events = await person.call("GET", f"/rooms/{segment(room)}/state")
    return {(e["type"], e["state_key"]): e["event_id"] for e in events}
