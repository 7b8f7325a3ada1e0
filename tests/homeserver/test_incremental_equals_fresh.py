"""For any history, an initial sync plus increments shows the same as a new initial sync.

Three people do random things in two rooms; each syncs now and then, in ways drawn at random. At the end, what each has
gathered is compared with what a fresh sync says.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import Person, Refused, Server, segment

PEOPLE, ROOMS = 3, 2
_person, _room, _other = st.integers(0, PEOPLE - 1), st.integers(0, ROOMS - 1), st.integers(0, PEOPLE - 1)
_op = st.one_of(
    st.tuples(st.just("say"), _person, _room, st.integers(1, 14)),
    st.tuples(st.just("state"), _person, _room, st.integers(0, 2)),
    st.tuples(st.sampled_from(["join", "leave", "forget"]), _person, _room, st.none()),
    st.tuples(st.sampled_from(["invite", "kick", "ban", "unban"]), _person, _room, _other),
    st.tuples(
        st.sampled_from(["read", "redact", "mark", "tag", "account", "react", "edit"]), _person, _room, st.integers(0, 3)
    ),
    st.tuples(st.sampled_from(["thread", "read thread", "follow"]), _person, _room, st.integers(0, 1)),
    st.tuples(st.just("presence"), _person, _room, st.integers(0, 2)),
    st.tuples(st.just("ignore"), _person, _room, _other),
    st.tuples(st.just("forget account"), _person, _room, st.integers(0, 3)),
    st.tuples(st.just("slide"), _person, _room, st.integers(1, 14)),
    st.tuples(st.just("device"), _person, _room, _other),
    st.tuples(st.just("typing"), _person, _room, st.booleans()),
    st.tuples(st.just("sync"), _person, _room, st.sampled_from(["", "small", "after"])),
)
SMALL = json.dumps({"room": {"timeline": {"limit": 3, "unread_thread_notifications": True}}})
BY_THREAD = json.dumps({"room": {"timeline": {"limit": 20, "unread_thread_notifications": True}}})
QUIET = {"set_presence": "offline"}  # presence is what people say, not that they sync
SLIDING = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"
FOLLOWED = "io.element.msc4308.thread_subscriptions"


class Seen:
    """What a client that applies every answer knows."""

    def __init__(self) -> None:
        self.joined: dict[str, dict[str, Any]] = {}
        self.invited: set[str] = set()
        self.account: dict[str, Any] = {}
        self.room_account: dict[tuple[str, str], Any] = {}
        self.messages: list[Any] = []
        self.presence: dict[str, Any] = {}

    def apply(self, answer: dict[str, Any]) -> None:
        rooms = answer.get("rooms", {})
        for room, section in rooms.get("join", {}).items():
            self.invited.discard(room)
            self._join(room, section)
        for room in rooms.get("leave", {}):
            self.joined.pop(room, None)
            self.invited.discard(room)
        self.invited.update(rooms.get("invite", {}))
        for event in answer.get("account_data", {}).get("events", []):
            self.account[event["type"]] = event["content"]
        self.account = {kind: content for kind, content in self.account.items() if content != {}}  # deleted
        self.messages += answer.get("to_device", {}).get("events", [])
        for event in answer.get("presence", {}).get("events", []):
            self.presence[event["sender"]] = {k: v for k, v in event["content"].items() if k in ("presence", "status_msg")}

    def _join(self, room: str, section: dict[str, Any]) -> None:
        known = self.joined.setdefault(
            room, {"state": {}, "timeline": [], "receipts": {}, "typing": [], "counts": None, "summary": {}}
        )
        state = {}
        for event in section.get("state", section.get("state_after", {}))["events"]:
            state[event["type"], event["state_key"]] = event["event_id"]
        if "m.room.create" in {k[0] for k in state}:
            known["state"] = {}  # the whole state: forget what was known
        if "state" in section:
            for event in section["timeline"]["events"]:
                if "state_key" in event:
                    state[event["type"], event["state_key"]] = event["event_id"]
        known["state"].update(state)
        if section["timeline"]["limited"]:
            known["timeline"] = []
        known["timeline"] += [e["event_id"] for e in section["timeline"]["events"]]
        for event in section["account_data"]["events"]:
            self.room_account[room, event["type"]] = event["content"]
        for event in section["ephemeral"]["events"]:
            if event["type"] == "m.typing":
                known["typing"] = sorted(event["content"]["user_ids"])
            else:
                self._receipts(known["receipts"], event["content"])
        if "unread_notifications" in section:
            known["counts"] = section["unread_notifications"], section.get("unread_thread_notifications")
        known["summary"].update(section.get("summary", {}))

    @staticmethod
    def _receipts(known: dict[Any, str], content: dict[str, Any]) -> None:
        for event_id, kinds in content.items():
            for kind, users in kinds.items():
                for user, data in users.items():
                    known[kind, user, data.get("thread_id")] = event_id

    def comparable(self, ignores: bool) -> dict[str, Any]:
        rooms = {
            room: (known["state"], known["receipts"], None if ignores else known["counts"], known["summary"])
            for room, known in self.joined.items()
        }
        account = {key: value for key, value in self.room_account.items() if key[0] in self.joined}
        return {"rooms": rooms, "invited": not ignores and self.invited, "account": self.account, "room_account": account}


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(ops=st.lists(_op, min_size=5, max_size=60))
async def test_incremental_equals_fresh(server: Server, ops: list[Any]) -> None:
    people = [await server.person() for _ in range(PEOPLE)]
    rooms = [await people[0].create_room(preset="public_chat"), await people[1].create_room(preset="private_chat")]
    await people[0].invite(rooms[0], people[1])
    await people[1].join(rooms[0])
    await people[1].invite(rooms[1], people[2])
    play = _Play(people, rooms)
    for op in ops:
        await play.perform(*op)
    cold = await Server(server.config, server.data, server.url).start()  # knows nothing but the database
    try:
        for number, person in enumerate(people):
            await _compare(play, number, person, cold)
    finally:
        await cold.stop()


async def _compare(play: _Play, number: int, person: Person, cold: Server) -> None:
    """The first two end where they began; the third takes an old token to a server that remembers no commit."""
    elsewhere = Person(cold, person.session)
    moved = number == PEOPLE - 1
    if moved:
        elsewhere.since = person.since
        play.seen[number].apply(await elsewhere.sync(filter=BY_THREAD, **QUIET))
    else:
        await play.sync(number, "threads")
    fresh, warm = Seen(), Seen()
    fresh.apply(await elsewhere.call("GET", "/sync", filter=BY_THREAD, **QUIET))
    warm.apply(await person.call("GET", "/sync", filter=BY_THREAD, **QUIET))
    gathered = play.seen[number]
    ignores = person.id in play.ignorers
    assert gathered.comparable(ignores) == fresh.comparable(ignores)
    everybody = {p.id for p in play.people}
    for user, content in fresh.presence.items():
        assert user not in everybody or gathered.presence[user] == content
    await _compare_slides(play, number, elsewhere)
    for room, known in warm.joined.items() if not moved else ():
        assert known["typing"] == gathered.joined[room]["typing"]  # never stored: each process has its own
    for room, known in fresh.joined.items() if not ignores else ():
        mine = gathered.joined[room]["timeline"]
        shared = min(len(mine), len(known["timeline"]))
        assert mine[len(mine) - shared :] == known["timeline"][len(known["timeline"]) - shared :]
    assert [m["content"]["n"] for m in gathered.messages] == play.sent[number]


async def _compare_slides(play: _Play, number: int, elsewhere: Person) -> None:
    """What a sliding connection gathered bit by bit, against a new connection at the other server."""
    await play.slides[number].ask(5)
    fresh, ignores = Slides(elsewhere), elsewhere.id in play.ignorers
    await fresh.ask(20)
    gathered = play.slides[number]
    assert gathered.comparable(fresh.rooms, ignores) == fresh.comparable(fresh.rooms, ignores)
    for room, known in fresh.rooms.items() if not ignores else ():
        mine = gathered.rooms[room]["timeline"]
        shared = min(len(mine), len(known["timeline"]))
        assert mine[len(mine) - shared :] == known["timeline"][len(known["timeline"]) - shared :]


class Slides:
    """A sliding sync connection, and what a client that applies every answer knows."""

    def __init__(self, person: Person) -> None:
        self.person, self.pos = person, None
        self.rooms: dict[str, dict[str, Any]] = {}
        self.account: dict[str, Any] = {}
        self.followed: dict[tuple[str, str], Any] = {}

    async def ask(self, limit: int) -> None:
        """`limit`: of the timeline; it also says how large the window is, so rooms come and go."""
        names = ("account_data", "receipts", "typing", FOLLOWED)
        lists = {"all": {"ranges": [[0, limit % 3 + 1]], "timeline_limit": limit, "required_state": [["*", "*"]]}}
        if limit in (5, 20):
            lists["all"]["ranges"] = [[0, 19]]
        body = {"lists": lists, "extensions": {name: {"enabled": True} for name in names}}
        answer = await self.person.call("POST", SLIDING, body, **QUIET, **({"pos": self.pos} if self.pos else {}))
        self.pos = answer["pos"]
        for room, result in answer["rooms"].items():
            self._room(room, result)
        extensions = answer["extensions"]
        for event in extensions.get("account_data", {}).get("global", []):
            self.account[event["type"]] = event["content"]
        for room, receipts in extensions.get("receipts", {}).get("rooms", {}).items():
            Seen._receipts(self.rooms[room]["receipts"], receipts["content"])
        for room, events in extensions.get("account_data", {}).get("rooms", {}).items():
            self.rooms[room]["account"].update((e["type"], e["content"]) for e in events)
        for kind in ("subscribed", "unsubscribed"):
            for room, threads in extensions.get(FOLLOWED, {}).get(kind, {}).items():
                self.followed.update(((room, root), kind == "subscribed") for root in threads)

    def _room(self, room: str, result: dict[str, Any]) -> None:
        if result.get("initial") or room not in self.rooms:
            self.rooms[room] = {
                "state": {},
                "timeline": [],
                "receipts": {},
                "account": {},
                "counts": None,
                "people": None,
                "kind": "",
            }
        known = self.rooms[room]
        known["kind"] = next((kind for kind in ("invite_state", "knock_state") if kind in result), "")
        for event in result.get("required_state", []):
            known["state"][event["type"], event["state_key"]] = event["event_id"]
        if result.get("limited") or result.get("unstable_expanded_timeline"):
            known["timeline"] = []
        known["timeline"] += [e["event_id"] for e in result.get("timeline", [])]
        if "notification_count" in result:
            known["counts"] = result["notification_count"], result["highlight_count"]
        if "joined_count" in result:
            known["people"] = result["joined_count"], result["invited_count"]

    def comparable(self, rooms: Any, ignores: bool) -> dict[str, Any]:
        """`rooms`: those to compare; a room that was left stays with who saw the leave."""
        left_out = ("timeline", "counts" if ignores else "")
        shown = {room: {k: v for k, v in self.rooms[room].items() if k not in left_out} for room in rooms}
        for room, known in rooms.items():
            if known["people"] is None:  # who was removed is not told how many are there now
                shown[room]["people"] = None
        account = {kind: content for kind, content in self.account.items() if content != {}}
        return {"rooms": shown, "account": account, "followed": {k for k, on in self.followed.items() if on}}


class _Play:
    def __init__(self, people: list[Person], rooms: list[str]) -> None:
        self.people, self.rooms = people, rooms
        self.seen = [Seen() for _ in people]
        self.slides = [Slides(person) for person in people]
        self.sent: list[list[int]] = [[] for _ in people]
        self.events: dict[str, list[str]] = {room: [] for room in rooms}
        self.ignorers: set[str] = set()  # what they missed meanwhile is not sent later (specification)
        self.replies: dict[tuple[str, str], list[str]] = {}  # by room and root
        self.count = 0

    async def sync(self, number: int, how: str) -> None:
        query: dict[str, Any] = {"filter": SMALL if how == "small" else BY_THREAD, **QUIET}
        if how == "after":
            query["use_state_after"] = "true"
        self.seen[number].apply(await self.people[number].sync(**query))

    async def perform(self, what: str, who: int, where: int, detail: Any) -> None:
        """What the rules of the room refuse simply does not happen."""
        self.count += 1
        person, room = self.people[who], self.rooms[where]
        try:
            await self._perform(what, who, person, room, detail)
        except Refused as refused:
            assert refused.status < 500, refused

    async def _perform(self, what: str, who: int, person: Person, room: str, detail: Any) -> None:
        path = f"/user/{segment(person.id)}"
        if what == "say":
            for _ in range(detail):
                mentions = {"m.mentions": {"user_ids": [self.people[(who + 1) % PEOPLE].id]}} if detail % 3 == 0 else {}
                self.events[room].append(await person.say(room, f"{self.count}", **mentions))
        elif what == "state":
            self.events[room].append(await person.set_state(room, "m.room.topic", {"topic": f"{self.count}"}, str(detail)))
        elif what in ("join", "leave", "forget"):
            await person.call("POST", f"/rooms/{segment(room)}/{what}", {})
        elif what in ("invite", "kick", "ban", "unban"):
            await person.act(what, room, self.people[detail])
        elif what == "device":
            body = {"messages": {self.people[detail].id: {"*": {"n": self.count}}}}
            await person.call("PUT", f"/sendToDevice/x/{self.count}", body)
            self.sent[detail].append(self.count)
        elif what == "typing":
            await person.call(
                "PUT", f"/rooms/{segment(room)}/typing/{segment(person.id)}", {"typing": detail, "timeout": 60_000}
            )
        elif what == "tag":
            await person.call("PUT", f"{path}/rooms/{segment(room)}/tags/t{detail}", {"order": self.count})
        elif what == "account":
            await person.call("PUT", f"{path}/account_data/type{detail}", {"n": self.count})
        elif what == "sync":
            await self.sync(who, detail)
        elif what == "slide":
            await self.slides[who].ask(detail)
        elif what == "presence":
            state = ("online", "unavailable", "offline")[detail]
            await person.call(
                "PUT", f"/presence/{segment(person.id)}/status", {"presence": state, "status_msg": f"{self.count}"}
            )
        elif what == "ignore":
            ignored = {self.people[detail].id: {}} if detail != who else {}
            await person.call("PUT", f"{path}/account_data/m.ignored_user_list", {"ignored_users": ignored})
            self.ignorers.add(person.id)
        elif what == "forget account":
            await person.call("DELETE", f"{path}/account_data/type{detail}")
        elif self.events[room]:
            event = self.events[room][-1 - detail % len(self.events[room])]
            if what == "redact":
                await person.redact(room, event)
            elif what == "react":
                await person.send(room, "m.reaction", _relates("m.annotation", event, key=f"{self.count}"))
            elif what == "edit":
                new = {"msgtype": "m.text", "body": "edited"}
                await person.send(room, "m.room.message", {**new, "m.new_content": new, **_relates("m.replace", event)})
            elif what in ("thread", "read thread", "follow"):
                await self._thread(what, person, room, detail)
            elif what == "read":
                await person.receipt(room, event, "m.read" if detail % 2 else "m.read.private")
            else:
                await person.receipt(room, event, "m.fully_read")

    async def _thread(self, what: str, person: Person, room: str, which: int) -> None:
        """Each room has two threads."""
        root = self.events[room][min(which, len(self.events[room]) - 1)]
        if what == "thread":
            reply = await person.say(room, f"{self.count}", **_relates("m.thread", root))
            self.replies.setdefault((room, root), []).append(reply)
        elif (room, root) in self.replies and what == "follow":
            path = f"/_matrix/client/unstable/io.element.msc4306/rooms/{segment(room)}/thread/{segment(root)}/subscription"
            await person.call("PUT" if self.count % 3 else "DELETE", path, {})
        elif (room, root) in self.replies:
            await person.receipt(room, self.replies[room, root][-1], thread_id=root)


def _relates(rel_type: str, event: str, **more: Any) -> dict[str, Any]:
    return {"m.relates_to": {"rel_type": rel_type, "event_id": event, **more}}
