"""State resolution: hand-made rooms for each known attack and reset, random rooms against the letter of the text."""

from __future__ import annotations

import hashlib
import random
from typing import Any

import pytest

from chappe.matrix import state_resolution
from chappe.matrix.errors import Forbidden
from chappe.matrix.event_auth import CREATE, JOIN_RULES, POWER_LEVELS, StateKey, auth_event_keys, check_auth
from chappe.matrix.room_versions import ROOM_VERSIONS, RoomVersion
from chappe.matrix.state_resolution import Conflict, ResolvableEvent, resolve
from tests.matrix import state_resolution_reference as letter

State = dict[StateKey, ResolvableEvent]
TOPIC: StateKey = ("m.room.topic", "")
ALICE, BOB, CAROL, DAVE = (f"@{name}:{name[0]}.example" for name in ("alice", "bob", "carol", "dave"))
V1, V2, V11, V12 = (ROOM_VERSIONS[v] for v in ("1", "2", "11", "12"))


def member(user: str) -> StateKey:
    return "m.room.member", user


def resolved(states: list[State], version: RoomVersion, create: ResolvableEvent) -> State:
    """The whole resolved state, the conflict found by walking."""
    if version.state_resolution == "1":
        agreed = {k: e for s in states for k, e in s.items() if all(o.get(k, e) is e for o in states)}
        conflicted, others = {e for s in states for k, e in s.items() if k not in agreed}, set()
    else:
        agreed, conflicted = letter.separate(states)
        others = letter.auth_difference(states) - conflicted
        if version.state_resolution == "2.1":
            others |= letter.conflicted_subgraph(conflicted) - conflicted
    return {**agreed, **resolve(Conflict(version, create, list(conflicted), list(others), agreed.get))}


class Room:
    """Events without signatures, each authorised where it is sent; a branch is a state that goes its own way."""

    def __init__(self, version: RoomVersion, seed: int = 0, creator: str = ALICE, **content: Any) -> None:
        self.version, self.random, self.ts, self.depth = version, random.Random(seed), 1000, 0
        self.events: list[ResolvableEvent] = []
        if not version.implicit_creator:
            content["creator"] = creator
        self.create = self._event(CREATE, creator, {"room_version": version.id, **content}, {}, [])

    def _event(
        self, key: StateKey, sender: str, content: dict[str, Any], state: State, prev: list[str], ts: int | None = None
    ) -> ResolvableEvent:
        self.depth += 1
        self.ts += 1
        wanted = auth_event_keys(key[0], key[1], sender, content, self.version)
        cited = [state[k] for k in wanted if k in state]
        digest = hashlib.sha256(f"{self.random.random()}".encode()).hexdigest()[:16]
        pdu: dict[str, Any] = {
            "type": key[0],
            "state_key": key[1],
            "sender": sender,
            "content": content,
            "depth": self.depth,
            "origin_server_ts": ts if ts is not None else self.ts,
            "auth_events": [e.event_id for e in cited],
            "prev_events": prev,
            "room_id": "!room:a.example",
        }
        if key == CREATE and self.version.room_id_is_create_hash:
            del pdu["room_id"]
        return ResolvableEvent(f"${digest}", pdu, cited)

    def may(self, event: ResolvableEvent, state: State) -> bool:
        known = {CREATE: self.create, **state}
        try:
            check_auth(event.pdu, self.version, known.get)
        except Forbidden:
            return False
        return True

    def put(
        self, state: State, key: StateKey, sender: str, content: dict[str, Any], ts: int | None = None, first: bool = False
    ) -> State:
        """The state after an event that must be allowed."""
        event = self._event(key, sender, content, state, [self.create.event_id] if first else ["$x"], ts)
        assert self.may(event, state), f"{sender} may not send {key} {content}"
        self.events.append(event)
        return {**state, key: event}

    def begin(self, users: dict[str, int] | None = None, rule: str = "public", joined: tuple[str, ...] = (BOB, CAROL)) -> State:
        state: State = self.put({CREATE: self.create}, member(ALICE), ALICE, {"membership": "join"}, first=True)
        levels = dict(users or {})
        if not self.version.privileged_creators:
            levels[ALICE] = 100
        state = self.put(state, POWER_LEVELS, ALICE, {"users": levels})
        state = self.put(state, JOIN_RULES, ALICE, {"join_rule": "public"})
        for user in joined:
            state = self.put(state, member(user), user, {"membership": "join"})
        return state if rule == "public" else self.put(state, JOIN_RULES, ALICE, {"join_rule": rule})

    def merge(self, *states: State) -> State:
        return resolved(list(states), self.version, self.create)


def membership(state: State, user: str) -> Any:
    return state[member(user)].content["membership"] if member(user) in state else None


both = pytest.mark.parametrize("version", [V2, ROOM_VERSIONS["6"], V11, V12], ids=lambda v: v.id)


@both
def test_a_ban_wins_over_what_the_banned_person_does_meanwhile(version: RoomVersion) -> None:
    room = Room(version)
    start = room.begin({BOB: 50})
    banned = room.put(start, member(BOB), ALICE, {"membership": "ban"})
    meanwhile = room.put(start, TOPIC, BOB, {"topic": "mine"}, ts=5)
    meanwhile = room.put(meanwhile, member(CAROL), BOB, {"membership": "ban"}, ts=6)
    after = room.merge(banned, meanwhile)
    assert membership(after, BOB) == "ban" and membership(after, CAROL) == "join" and TOPIC not in after
    assert after == room.merge(meanwhile, banned)


@both
def test_of_two_who_take_each_others_power_the_more_powerful_one_wins(version: RoomVersion) -> None:
    room = Room(version)
    start = room.begin({BOB: 90, CAROL: 50})
    levels = dict(start[POWER_LEVELS].content["users"])
    by_bob = room.put(start, POWER_LEVELS, BOB, {"users": {**levels, CAROL: 0}})
    by_carol = room.put(start, member(DAVE), DAVE, {"membership": "join"})
    by_carol = room.put(by_carol, member(DAVE), CAROL, {"membership": "ban"}, ts=1)
    after = room.merge(by_bob, by_carol)
    assert after[POWER_LEVELS] is by_bob[POWER_LEVELS]
    assert membership(after, DAVE) != "ban"


@both
def test_who_was_demoted_cannot_undo_it_from_an_old_branch(version: RoomVersion) -> None:
    room = Room(version)
    start = room.begin({BOB: 99})
    levels = dict(start[POWER_LEVELS].content["users"])
    demoted = room.put(start, POWER_LEVELS, ALICE, {"users": {**levels, BOB: 0}})
    revenge = room.put(start, POWER_LEVELS, BOB, {"users": {**levels, CAROL: 90}}, ts=1)
    after = room.merge(demoted, revenge)
    assert after[POWER_LEVELS] is demoted[POWER_LEVELS]


@both
def test_joining_while_the_door_is_closed(version: RoomVersion) -> None:
    room = Room(version)
    start = room.begin()
    closed = room.put(start, JOIN_RULES, ALICE, {"join_rule": "invite"})
    entered = room.put(start, member(DAVE), DAVE, {"membership": "join"}, ts=1)
    after = room.merge(closed, entered)
    assert after[JOIN_RULES] is closed[JOIN_RULES] and membership(after, DAVE) is None


@both
def test_nothing_is_reset_by_a_branch_that_is_merely_old(version: RoomVersion) -> None:
    room = Room(version)
    start = room.begin({BOB: 50})
    on = start
    for n in range(6):
        on = room.put(on, TOPIC, BOB, {"topic": f"{n}"})
        on = room.put(on, member(CAROL), CAROL, {"membership": "join", "displayname": f"C{n}"})
    old = room.put(start, ("m.room.name", ""), BOB, {"name": "old"})
    after = room.merge(on, old)
    assert after[TOPIC] is on[TOPIC] and after[member(CAROL)] is on[member(CAROL)]
    assert after[("m.room.name", "")].content == {"name": "old"}


def test_out_of_date_state_does_not_reset_a_room_of_version_12() -> None:
    """A server that answers with old state loses nothing that was built since (what 2.1 was made for)."""
    room = Room(V12)
    start = room.begin({BOB: 50}, rule="public")
    invite = room.put(start, JOIN_RULES, ALICE, {"join_rule": "invite"})
    invited = room.put(invite, member(DAVE), BOB, {"membership": "invite"})
    joined = room.put(invited, member(DAVE), DAVE, {"membership": "join"})
    stale = {key: event for key, event in joined.items() if key != member(BOB)}
    after = room.merge(joined, stale)
    assert after == joined


@both
def test_cycles_of_power_and_membership_do_not_hang(version: RoomVersion) -> None:
    room = Room(version)
    start = room.begin({BOB: 60, CAROL: 50})
    left, right = start, start
    for n in range(40):
        left = room.put(left, POWER_LEVELS, ALICE, {"users": {**left[POWER_LEVELS].content["users"], BOB: 60 - n % 9}})
        right = room.put(right, POWER_LEVELS, BOB, {"users": {**right[POWER_LEVELS].content["users"], CAROL: n % 50}})
    assert room.merge(left, right) == letter.resolve([left, right], version, room.create)


def test_version_1_settles_by_depth_and_hash() -> None:
    room = Room(V1)
    start = room.begin({BOB: 50})
    older = room.put(start, TOPIC, BOB, {"topic": "older"})
    newer = room.put(start, TOPIC, BOB, {"topic": "newer"})
    assert room.merge(older, newer)[TOPIC].content == {"topic": "newer"}
    assert room.merge(older, start)[TOPIC] is older[TOPIC]  # a key that one state lacks is no conflict
    demoted = room.put(start, POWER_LEVELS, ALICE, {"users": {ALICE: 100, BOB: 0}})
    late = room.put(start, POWER_LEVELS, BOB, {"users": {ALICE: 100, BOB: 50, CAROL: 10}})
    assert room.merge(demoted, late)[POWER_LEVELS] is demoted[POWER_LEVELS]
    banned = room.put(start, member(CAROL), BOB, {"membership": "ban"})
    assert membership(room.merge(banned, room.put(start, member(CAROL), CAROL, {"membership": "join"})), CAROL) == "ban"


# ------------------------------------------------------------------------------------------------------ random rooms

USERS = [ALICE, BOB, CAROL, DAVE, "@erin:e.example", "@frank:f.example"]


class History(Room):
    """A room of people who fight, with forks; each merge is resolved both ways."""

    def __init__(self, version: RoomVersion, seed: int) -> None:
        super().__init__(version, seed)
        self.states = [self.begin({BOB: 100 if not version.privileged_creators else 90, CAROL: 50})]
        self.compared = 0

    def step(self) -> None:
        r = self.random
        heads = [r.choice(self.states[-8:]) for _ in range(r.choice((1, 1, 1, 2, 3)))]
        state = self.compare(heads)
        sender, target = r.choice(USERS), r.choice(USERS)
        kind = r.random()
        if kind < 0.3:
            key, sender = member(sender), sender
            content: dict[str, Any] = {"membership": r.choice(("join", "join", "leave", "knock"))}
        elif kind < 0.55:
            key, content = member(target), {"membership": r.choice(("leave", "ban", "invite"))}
        elif kind < 0.8:
            old = state[POWER_LEVELS].content if POWER_LEVELS in state else {}
            users = {**old.get("users", {}), target: r.choice((0, 25, 50, 90, 100))}
            key, content = (POWER_LEVELS, {**old, "users": users, r.choice(("ban", "kick", "invite")): r.choice((0, 50, 75))})
        elif kind < 0.9:
            key, content = JOIN_RULES, {"join_rule": r.choice(("public", "invite", "knock"))}
        else:
            key, content = TOPIC, {"topic": str(len(self.events))}
        event = self._event(key, sender, content, state, ["$x"], self.ts + r.choice((-40, -3, 0, 1)))
        if self.may(event, state):
            self.events.append(event)
            self.states.append({**state, key: event})

    def compare(self, states: list[State]) -> State:
        if all(state == states[0] for state in states):
            return states[0]
        self.compared += 1
        expected = letter.resolve(states, self.version, self.create)
        assert resolved(states, self.version, self.create) == expected
        assert resolved(states[::-1], self.version, self.create) == expected
        return expected

    def wild(self) -> None:
        """States that no honest history gives, as a wrong answer to /state could."""
        by_key: dict[StateKey, list[ResolvableEvent]] = {}
        for event in self.events:
            by_key.setdefault(event.key, []).append(event)
        for _ in range(4):
            states = []
            for _ in range(self.random.choice((2, 3))):
                changed = self.random.sample(sorted(by_key), self.random.randrange(len(by_key)))
                state = self.random.choice(self.states) | {key: self.random.choice(by_key[key]) for key in changed}
                states.append({k: e for k, e in state.items() if k == CREATE or self.random.random() > 0.05})
            self.compare(states)


@pytest.mark.parametrize("seed", range(6))
@both
def test_random_rooms_resolve_as_the_text_says(version: RoomVersion, seed: int) -> None:
    history = History(version, seed)
    for _ in range(120):
        history.step()
    history.wild()
    assert history.compared > 20


@both
def test_a_long_fight_asks_the_rules_once_for_each_event(version: RoomVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two branches of 300 changes of power each: the rules are asked once for each event."""
    room = Room(version)
    start = room.begin({BOB: 90})
    sides = []
    for sender in (ALICE, BOB):
        state = start
        for n in range(300):
            users = {**state[POWER_LEVELS].content["users"], DAVE: n % 80}
            state = room.put(state, POWER_LEVELS, sender, {"users": users})
        sides.append(state)
    asked: list[str] = []

    def counting(pdu: dict[str, Any], *rest: Any) -> None:
        asked.append(pdu["type"])
        check_auth(pdu, *rest)

    monkeypatch.setattr(state_resolution, "check_auth", counting)
    after = room.merge(*sides)
    assert len(asked) <= 2 * 300 + 20
    assert after[POWER_LEVELS] in (sides[0][POWER_LEVELS], sides[1][POWER_LEVELS])
