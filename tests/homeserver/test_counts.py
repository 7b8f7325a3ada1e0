"""Unread counts as clients read them: every reader says the same, whatever was redacted, ignored or withdrawn meanwhile."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.homeserver.reference_client import SLIDING
from tests.homeserver.test_push import LOCAL, gathered, pusher
from tests.neighbours import Gateway
from tests.support import Person, Server, joined, segment, until

NewServer = Callable[..., Awaitable[Server]]
Counts = tuple[int, int]  # notifications, highlights


class Reading:
    """A client that keeps the counts of one room as it is told them: what is missing in an object is 0 (matrix-js-sdk, `sync.js`)."""

    def __init__(self, person: Person, room: str) -> None:
        self.person, self.room, self.pos = person, room, ""
        self.by_sync: Counts = (0, 0)
        self.by_thread: Counts = (0, 0)
        self.by_slide: Counts = (0, 0)
        self.threaded = Person(person.server, person.session)

    async def read(self) -> dict[str, Counts]:
        """The counts that each way of reading has come to."""
        section = joined(await self.person.sync(), self.room)
        if section is not None and "unread_notifications" in section:
            self.by_sync = _pair(section["unread_notifications"])
        threads = {"room": {"timeline": {"unread_thread_notifications": True}}}
        section = joined(await self.threaded.sync(filter=threads), self.room)
        if section is not None and "unread_notifications" in section:
            every = [section["unread_notifications"], *section.get("unread_thread_notifications", {}).values()]
            self.by_thread = sum(_pair(c)[0] for c in every), sum(_pair(c)[1] for c in every)
        lists = {"all": {"ranges": [[0, 19]], "timeline_limit": 1, "required_state": []}}
        query = {"pos": self.pos} if self.pos else {}
        answer = await self.person.call("POST", SLIDING, {"lists": lists}, **query)
        self.pos = answer["pos"]
        result = answer["rooms"].get(self.room, {})
        if "notification_count" in result:
            self.by_slide = result["notification_count"], result["highlight_count"]
        return {
            "sync": self.by_sync,
            "sync by thread": self.by_thread,
            "sliding sync": self.by_slide,
            "listed": await self._listed(),
            **await told_afresh(self.person, self.room),
        }

    async def _listed(self) -> Counts:
        """Of `/notifications`."""
        counts = []
        for only in ({}, {"only": "highlight"}):
            found = (await self.person.call("GET", "/notifications", limit=100, **only))["notifications"]
            counts.append(sum(n["room_id"] == self.room and not n["read"] for n in found))
        return counts[0], counts[1]


async def told_afresh(person: Person, room: str) -> dict[str, Counts]:
    section = joined(await person.call("GET", "/sync"), room)
    cold = await Server(person.server.config, person.server.data, person.server.url).start()
    try:
        elsewhere = joined(await Person(cold, person.session).call("GET", "/sync"), room)
    finally:
        await cold.stop()
    return {"a new sync": _pair(section["unread_notifications"]), "another process": _pair(elsewhere["unread_notifications"])}


def _pair(counts: dict[str, int]) -> Counts:
    return counts.get("notification_count", 0), counts.get("highlight_count", 0)


async def agree(reading: Reading, expected: Counts, why: str) -> None:
    for reader, counts in (await reading.read()).items():
        assert counts == expected, f"{why}: {reader}"


@pytest.mark.parametrize("rules", ["default", "own"])
@pytest.mark.parametrize("by", ["its author", "a moderator"])
async def test_what_is_redacted_is_unread_no_more(server: Server, rules: str, by: str) -> None:
    alice, bob, carol = [await server.person() for _ in range(3)]
    room = await alice.create_room(preset="public_chat")
    for person in (bob, carol):
        await person.join(room)
    if rules == "own":
        rule = {"pattern": "never said", "actions": ["notify"]}
        await bob.call("PUT", "/pushrules/global/content/x", rule)
    reading = Reading(bob, room)
    redacts = carol if by == "its author" else alice
    mention = {"m.mentions": {"user_ids": [bob.id]}}
    plain = await carol.say(room, "one")
    named = await carol.say(room, "bob!", **mention)
    root = await carol.say(room, "root")
    threaded = await carol.say(room, "in the thread", **mention, **_in_thread(root))
    await agree(reading, (4, 2), "said")
    await redacts.redact(room, plain)
    await agree(reading, (3, 2), "a message")
    await redacts.redact(room, named)
    await agree(reading, (2, 1), "a mention")
    await redacts.redact(room, threaded)
    await agree(reading, (1, 0), "a mention in a thread")
    reaction = await carol.send(
        room, "m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "event_id": root, "key": "x"}}
    )
    await carol.redact(room, reaction)
    await agree(reading, (1, 0), "a reaction counts neither way")
    await redacts.redact(room, root)
    await redacts.redact(room, root)
    await agree(reading, (0, 0), "twice is once")
    last = await carol.say(room, "last")
    await agree(reading, (1, 0), "another")
    await bob.receipt(room, last)
    await redacts.redact(room, last)
    await agree(reading, (0, 0), "what was read is not taken away again")
    await carol.say(room, "news")
    await agree(reading, (1, 0), "news")


async def test_what_is_redacted_far_back_is_unread_no_more(server: Server) -> None:
    """Beyond what a live room holds in memory, and while somebody else has read on."""
    alice, bob, carol = [await server.person() for _ in range(3)]
    room = await alice.create_room(preset="public_chat")
    for person in (bob, carol):
        await person.join(room)
    old = [await alice.say(room, f"{n}") for n in range(2)]
    new = [await alice.say(room, f"{n}") for n in range(70)]
    readings = Reading(bob, room), Reading(carol, room)
    await carol.receipt(room, new[9])
    for reading, expected in zip(readings, (72, 60), strict=True):
        await agree(reading, (expected, 0), "said")
    await alice.redact(room, old[1])
    for reading, expected in zip(readings, (71, 60), strict=True):
        await agree(reading, (expected, 0), "old")
    await alice.redact(room, new[40])
    for reading, expected in zip(readings, (70, 59), strict=True):
        await agree(reading, (expected, 0), "newer")
    await bob.receipt(room, new[39])
    await agree(readings[0], (29, 0), "read up to the message before it")


async def test_a_redaction_is_remembered_until_everybody_of_here_has_read_so_far(server: Server) -> None:
    alice, bob, carol = [await server.person() for _ in range(3)]
    room = await alice.create_room(preset="public_chat")
    for person in (bob, carol):
        await person.join(room)
    node, reading = server.node, Reading(bob, room)
    number = (await node.rooms.require(room)).nid
    root = await alice.say(room, "root")
    main = [await alice.say(room, f"{n}") for n in range(3)]
    thread = [await alice.say(room, f"{n}", **_in_thread(root)) for n in range(2)]
    for event_id in (main[0], main[2], thread[1]):
        await alice.redact(room, event_id)

    async def kept(threads: list[str], counts: Counts, why: str) -> None:
        await node.counts.prune()
        rows = await node.database.fetch("SELECT thread FROM retractions WHERE room_nid = $1 ORDER BY 1", number)
        assert [row["thread"] for row in rows] == threads, why
        await agree(reading, counts, why)

    await agree(reading, (3, 0), "redacted")
    await kept(["", "", root], (3, 0), "nobody has read anything")
    await carol.receipt(room, main[2])
    await kept(["", "", root], (3, 0), "bob has not")
    await bob.receipt(room, main[1], thread_id="main")
    await kept(["", root], (1, 0), "the first")
    await bob.receipt(room, thread[1], thread_id=root)
    await kept(["", root], (0, 0), "carol has not read the thread")
    await carol.leave(room)
    await kept([""], (0, 0), "who has left reads nothing any more")
    await bob.receipt(room, thread[1])
    await kept([], (0, 0), "a receipt for all threads")
    await alice.say(room, "news")
    await agree(reading, (1, 0), "news")


def _in_thread(root: str) -> dict[str, Any]:
    return {"m.relates_to": {"rel_type": "m.thread", "event_id": root}}


async def test_the_badge_counts_what_is_shown(new_server: NewServer, gateway: Gateway) -> None:
    """A redacted message, an invitation of somebody ignored, one that a filter hides: none of them is in the number on the icon."""
    server = await new_server(push=LOCAL)
    alice, bob, carol, mallory = [await server.person(name) for name in ("alice", "bob", "carol", "mallory")]
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    await bob.call("POST", "/pushers/set", pusher(gateway, "phone"))

    async def badge(expected: int) -> None:
        await until(lambda: gateway.got and gateway.got[-1]["counts"]["unread"] == expected)

    unread = await alice.say(room, "unread")
    await badge(1)
    await mallory.invite(await mallory.create_room(), bob)
    await badge(2)
    account = f"/user/{segment(bob.id)}/account_data"
    await bob.call("PUT", f"{account}/m.ignored_user_list", {"ignored_users": {mallory.id: {}}})
    await badge(1)
    await mallory.invite(await mallory.create_room(), bob)
    await gathered(server)
    await bob.call("PUT", f"{account}/m.ignored_user_list", {"ignored_users": {}})
    await carol.invite(await carol.create_room(), bob)
    await badge(4)
    hidden = {"enabled": True, "ignored_users": [mallory.id]}
    await bob.call("PUT", f"{account}/org.matrix.msc4155.invite_permission_config", hidden)
    await badge(2)
    pushed = len(gateway.events())
    await mallory.invite(await mallory.create_room(), bob)
    await gathered(server)
    await alice.redact(room, unread)
    await badge(1)
    said = await alice.say(room, "said")
    await badge(2)
    assert len(gateway.events()) == pushed + 1, "nothing rings for an invitation that is not shown"
    listed = json.dumps(await bob.call("GET", "/notifications"))
    assert mallory.id not in listed and unread not in listed and said in listed and carol.id in listed
