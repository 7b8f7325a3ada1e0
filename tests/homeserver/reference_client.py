"""A client that knows nothing but the specification's text: how it comes to the state of its rooms from what it is sent.

`/sync`: the events of `state` are applied first, then the state events of the timeline, in order; with `use_state_after`
those of `state_after`, and the timeline changes nothing (client-server API, "Syncing"). Sliding sync: `required_state`.
"""

from __future__ import annotations

import re
from typing import Any

from tests.support import Person, Refused, Server, segment

SLIDING = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"
MEMBER = "m.room.member"
QUIET = {"set_presence": "offline"}
Key = tuple[str, str]
State = dict[Key, str]  # event ids


class ReferenceClient:
    """`state`: by room that the person is in, event ids by key. `left`: the same of rooms that the person left. `waiting`: rooms
    by `invite` and `knock`."""

    def __init__(self, person: Person, filter_: dict[str, Any], state_after: bool) -> None:
        self.person, self.of_room = person, filter_
        self.of_state = filter_.get("state", {})
        self.lazy = bool(self.of_state.get("lazy_load_members"))
        self.query: dict[str, Any] = {**QUIET, **({"use_state_after": "true"} if state_after else {})}
        self.state: dict[str, State] = {}
        self.left: dict[str, State] = {}
        self.waiting: dict[str, set[str]] = {"invite": set(), "knock": set()}
        self.ignores = False  # whose invitations are not shown any more is told by nobody
        self.needed: dict[str, set[str]] = {}  # by room: whose members lazy loading must have told
        self.summary: dict[str, dict[str, Any]] = {}

    async def sync(self, at: Server | None = None, **query: Any) -> bool:
        """`at`: another process. Whether there was anything of rooms."""
        reader = self._at(at)
        rooms = (await reader.sync(filter={"room": self.of_room}, **self.query, **query)).get("rooms", {})
        self.person.since, self.needed = reader.since, {}
        for room, section in rooms.get("join", {}).items():
            self._no_longer_waits(room)
            self.left.pop(room, None)
            self._apply(room, self.state.setdefault(room, {}), section)
        for room, section in rooms.get("leave", {}).items():
            self._no_longer_waits(room)
            known = self.state.pop(room, {})
            last = self._apply(room, known, section)
            if last is not None and last.get("unsigned", {}).get("prev_content", {}).get("membership") == "join":
                self.left[room] = known
        for kind in ("invite", "knock"):
            for room in rooms.get(kind, {}):
                self._no_longer_waits(room)
                self.waiting[kind].add(room)
                self.state.pop(room, None)
                self.left.pop(room, None)
        return bool(rooms)

    def _at(self, server: Server | None) -> Person:
        if server is None:
            return self.person
        reader = Person(server, self.person.session)
        reader.since = self.person.since
        return reader

    def _no_longer_waits(self, room: str) -> None:
        for rooms in self.waiting.values():
            rooms.discard(room)

    def _apply(self, room: str, known: State, section: dict[str, Any]) -> dict[str, Any] | None:
        """Answers the last event about the person's own membership."""
        timeline = section["timeline"]["events"]
        given = section.get("state", section.get("state_after"))["events"]
        own = None
        for event in given if "state_after" in section else [*given, *timeline]:
            if "state_key" in event:
                known[event["type"], event["state_key"]] = event["event_id"]
        for event in [*given, *timeline]:
            if event["type"] == MEMBER and event.get("state_key") == self.person.id:
                own = event
        self.summary.setdefault(room, {}).update(section.get("summary", {}))
        heroes = section.get("summary", {}).get("m.heroes", [])
        self.needed[room] = {self.person.id, *heroes, *(e["sender"] for e in timeline)}
        return own

    async def check(self, at: Server | None = None) -> None:
        """That what was gathered is what the server has: right after `sync`, while nothing happens."""
        reader = self._at(at)
        joined = (await reader.call("GET", "/joined_rooms"))["joined_rooms"]
        assert {room for room in joined if passes_room(self.of_room, room)} == set(self.state)
        for room, known in self.state.items():
            self._compare(room, known, await events_of(reader, room))
        for room, known in self.left.items():
            try:
                real = await events_of(reader, room)
            except Refused:  # forgotten
                continue
            self._compare(room, known, real)
        fresh = (await reader.call("GET", "/sync", **QUIET)).get("rooms", {})
        for room in self.state:
            summary = fresh["join"][room]["summary"]
            assert {name: self.summary[room].get(name) for name in summary} == summary
        if self.ignores:
            return
        for kind, rooms in self.waiting.items():
            assert {room for room in fresh.get(kind, {}) if passes_room(self.of_room, room)} == rooms

    def _compare(self, room: str, known: State, real: dict[Key, dict[str, Any]]) -> None:
        """Of what the client's own filter of the state lets through."""
        asked_for = {key: e["event_id"] for key, e in real.items() if passes(self.of_state, room, e)}
        assert {key: known[key] for key in known.keys() & asked_for.keys()} == {
            key: event_id for key, event_id in asked_for.items() if key in known
        }
        needed = {(MEMBER, user) for user in self.needed.get(room, ())}
        told = {key for key in asked_for if not self.lazy or key[0] != MEMBER or key in needed}
        assert told <= known.keys()
        assert known.keys() <= real.keys()


class SlidingReferenceClient:
    """The same by sliding sync (MSC4186). `RULES`: what it asks for, now this and now that."""

    RULES: tuple[list[list[str]], ...] = (
        [["*", "*"]],
        [["m.room.topic", ""], ["m.room.encryption", ""], [MEMBER, "$ME"], [MEMBER, "$LAZY"]],
        [["*", "*"], [MEMBER, "$LAZY"]],
        [[MEMBER, "*"]],
        [["*", ""]],
    )

    def __init__(self, person: Person, limit: int) -> None:
        self.person, self.limit, self.pos, self.ignores = person, limit, None, False
        self.rules = self.RULES[0]
        self.state: dict[str, State] = {}
        self.unsure: set[str] = set()  # rooms of which it may have missed members who do not speak
        self.speakers: dict[str, set[str]] = {}
        self.window = 19

    async def sync(self, rules: int = 0, window: int = 19) -> bool:
        self.rules, self.speakers, self.window = self.RULES[rules], {}, window
        lists = {"all": {"ranges": [[0, window]], "timeline_limit": self.limit, "required_state": self.rules}}
        query = {"pos": self.pos} if self.pos else {}
        answer = await self.person.call("POST", SLIDING, {"lists": lists}, **QUIET, **query)
        self.pos = answer["pos"]
        if not self._is_lazy and not self._wants((MEMBER, "")):
            self.unsure.update(self.state)
        for room, result in answer["rooms"].items():
            if result.get("initial"):
                self.state.pop(room, None)
                self.unsure.discard(room)
            elif result.get("limited"):
                self.unsure.add(room)
            known = self.state.setdefault(room, {})
            known.update({(e["type"], e["state_key"]): e["event_id"] for e in result.get("required_state", ())})
            self.speakers[room] = {e["sender"] for e in result.get("timeline", ())}
        return bool(answer["rooms"])

    async def check(self) -> None:
        if self.window < 19:
            return  # not all rooms are told of
        for room in (await self.person.call("GET", "/joined_rooms"))["joined_rooms"]:
            real = {key: e["event_id"] for key, e in (await events_of(self.person, room)).items()}
            known = self.state[room]
            assert known.keys() <= real.keys()
            needed = {key for key in real if self._wants(key) or (self._is_lazy and self._speaks(room, key))}
            assert {key: known.get(key) for key in needed} == {key: real[key] for key in needed}
            if room not in self.unsure:
                members = {key for key in known.keys() & real.keys() if key[0] == MEMBER}
                assert {key: known[key] for key in members} == {key: real[key] for key in members}

    @property
    def _is_lazy(self) -> bool:
        return [MEMBER, "$LAZY"] in self.rules

    def _speaks(self, room: str, key: Key) -> bool:
        return key[0] == MEMBER and key[1] in self.speakers.get(room, ())

    def _wants(self, key: Key) -> bool:
        """With `["*", "*"]` a type that is named as well is wanted as it is named."""
        kind, state_key = key
        named = [k for t, k in self.rules if t == kind and k != "*"]
        if ["*", "*"] in self.rules and named:
            return self._is_named(named, state_key)
        return any(t in ("*", kind) and (k == "*" or self._is_named([k], state_key)) for t, k in self.rules)

    def _is_named(self, keys: list[str], state_key: str) -> bool:
        return state_key in [self.person.id if key == "$ME" else key for key in keys if key != "$LAZY"]


# ------------------------------------------------------------------------------------------------ filters, by the text


def passes_room(f: dict[str, Any], room: str) -> bool:
    return room not in f.get("not_rooms", ()) and room in f.get("rooms", [room])


def passes(f: dict[str, Any], room: str, event: dict[str, Any]) -> bool:
    """Client-server API, "Filtering", RoomEventFilter."""
    kind, sender = event["type"], event["sender"]
    if any(_matches(pattern, kind) for pattern in f.get("not_types", ())) or sender in f.get("not_senders", ()):
        return False
    if not any(_matches(pattern, kind) for pattern in f.get("types", ["*"])) or sender not in f.get("senders", [sender]):
        return False
    if "contains_url" in f and f["contains_url"] != ("url" in event["content"]):
        return False
    return passes_room(f, room)


def _matches(pattern: str, kind: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), kind) is not None


async def events_of(person: Person, room: str) -> dict[Key, dict[str, Any]]:
    events = await person.call("GET", f"/rooms/{segment(room)}/state")
    return {(e["type"], e["state_key"]): e for e in events}


async def state_of(person: Person, room: str) -> State:
    return {key: event["event_id"] for key, event in (await events_of(person, room)).items()}
