"""Edits, reactions, references, threads: bundled, in pages, counted (client-server API, "Relationships between events")."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support import Person, Refused, Server, joined, segment

THREADED = json.dumps({"room": {"timeline": {"unread_thread_notifications": True}}})


def relates(rel_type: str, event: str, **more: Any) -> dict[str, Any]:
    return {"m.relates_to": {"rel_type": rel_type, "event_id": event, **more}}


async def react(person: Person, room: str, event: str, key: str = "👍") -> str:
    return await person.send(room, "m.reaction", relates("m.annotation", event, key=key))


async def edit(person: Person, room: str, event: str, text: str) -> str:
    content = {"msgtype": "m.text", "body": f"* {text}", "m.new_content": {"msgtype": "m.text", "body": text}}
    return await person.send(room, "m.room.message", {**content, **relates("m.replace", event)})


async def reply(person: Person, room: str, root: str, text: str, **more: Any) -> str:
    return await person.say(room, text, **relates("m.thread", root), **more)


async def related(person: Person, room: str, event: str, path: str = "", **query: Any) -> Any:
    return await person.call("GET", f"/_matrix/client/v1/rooms/{segment(room)}/relations/{segment(event)}{path}", **query)


async def bundle(person: Person, room: str, event: str) -> Any:
    got = await person.call("GET", f"/rooms/{segment(room)}/event/{segment(event)}")
    return got["unsigned"].get("m.relations", {})


@pytest.fixture
async def room(alice: Person, bob: Person) -> str:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    return room


async def test_an_edit_is_bundled_wherever_the_event_is_read(alice: Person, bob: Person, room: str) -> None:
    event = await alice.say(room, "helo")
    for number in range(70):  # beyond the tail
        await bob.say(room, f"{number}")
    await edit(bob, room, event, "not mine")
    await edit(alice, room, event, "hello")
    last = await edit(alice, room, event, "hello!")
    assert (await bundle(bob, room, event))["m.replace"]["event_id"] == last
    found = (await bob.messages(room, limit=100))["chunk"]
    assert next(e for e in found if e["event_id"] == event)["unsigned"]["m.relations"]["m.replace"]["content"][
        "m.new_content"
    ] == {"msgtype": "m.text", "body": "hello!"}
    context = await bob.call("GET", f"/rooms/{segment(room)}/context/{segment(event)}")
    assert context["event"]["unsigned"]["m.relations"]["m.replace"]["event_id"] == last
    assert context["event"]["content"]["body"] == "helo"  # what was said stays as it was
    initial = joined(await bob.call("GET", "/sync", filter=json.dumps({"room": {"timeline": {"limit": 100}}})), room)
    shown = next(e for e in initial["timeline"]["events"] if e["event_id"] == event)
    assert shown["unsigned"]["m.relations"]["m.replace"]["event_id"] == last
    await alice.redact(room, last)
    assert (await bundle(bob, room, event))["m.replace"]["content"]["m.new_content"]["body"] == "hello"


async def test_edits_that_do_not_count(alice: Person, room: str) -> None:
    event = await alice.say(room, "a")
    first = await edit(alice, room, event, "b")
    await edit(alice, room, first, "an edit of an edit")
    await alice.send(room, "m.room.message", {"body": "no new content", "msgtype": "m.text", **relates("m.replace", event)})
    await alice.send(room, "x.other", {"m.new_content": {}, **relates("m.replace", event)})
    assert (await bundle(alice, room, event))["m.replace"]["event_id"] == first
    assert "m.replace" not in await bundle(alice, room, first)


async def test_one_reaction_of_a_kind(alice: Person, bob: Person, room: str) -> None:
    event = await alice.say(room, "a")
    first = await react(bob, room, event)
    await react(bob, room, event, "🎉")
    with pytest.raises(Refused) as refused:
        await react(bob, room, event)
    assert (refused.value.status, refused.value.errcode) == (400, "M_DUPLICATE_ANNOTATION")
    body = relates("m.annotation", event, key="x")
    assert await bob.send(room, "m.reaction", body, "same") == await bob.send(room, "m.reaction", body, "same")
    await bob.redact(room, first)
    await react(bob, room, event)
    assert "m.annotation" not in await bundle(alice, room, event)
    assert len((await related(alice, room, event, "/m.annotation/m.reaction"))["chunk"]) == 3


async def test_relations_in_pages(alice: Person, bob: Person, room: str) -> None:
    event = await alice.say(room, "a")
    sent = [await alice.send(room, "x.y", relates("x.rel", event, n=n)) for n in range(7)]
    other = await bob.send(room, "x.z", relates("m.reference", event))
    nested = await bob.send(room, "x.y", relates("x.rel", sent[0]))
    first = await related(bob, room, event, "/x.rel", limit=3)
    assert [e["event_id"] for e in first["chunk"]] == sent[:3:-1]
    second = await related(bob, room, event, "/x.rel", limit=10, from_=first["next_batch"])
    assert [e["event_id"] for e in second["chunk"]] == sent[3::-1] and "next_batch" not in second
    forward = await related(bob, room, event, dir="f", limit=100)
    assert [e["event_id"] for e in forward["chunk"]] == [*sent, other]
    deep = await related(bob, room, event, dir="f", limit=100, recurse="true")
    assert [e["event_id"] for e in deep["chunk"]] == [*sent, other, nested] and deep["recursion_depth"] == 3
    assert (await bundle(alice, room, event))["m.reference"] == {"chunk": [{"event_id": other}]}
    assert [e["event_id"] for e in (await related(bob, room, event, "/m.reference/x.z"))["chunk"]] == [other]


async def test_filters_by_what_relates(alice: Person, bob: Person, room: str) -> None:
    plain, root, liked = [await alice.say(room, text) for text in ("plain", "root", "liked")]
    await reply(bob, room, root, "x")
    await react(alice, room, liked)
    for wanted, expected in (
        ({"related_by_rel_types": ["m.thread"]}, [root]),
        ({"related_by_rel_types": ["m.thread", "m.annotation"]}, [root, liked]),
        ({"related_by_senders": [alice.id]}, [liked]),
        ({"related_by_senders": [bob.id], "related_by_rel_types": ["m.annotation"]}, []),
    ):
        page = await bob.messages(room, "f", filter=json.dumps(wanted), limit=100)
        assert [e["event_id"] for e in page["chunk"]] == expected, wanted
        synced = joined(
            await bob.call("GET", "/sync", filter=json.dumps({"room": {"timeline": {"limit": 100, **wanted}}})), room
        )
        assert [e["event_id"] for e in synced["timeline"]["events"]] == expected, wanted


async def test_relations_of_what_one_may_not_see(server: Server, alice: Person, bob: Person, carol: Person) -> None:
    room = await alice.create_room(
        preset="private_chat",
        initial_state=[{"type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}],
    )
    event = await alice.say(room, "before")
    await alice.invite(room, bob)
    await bob.join(room)
    for person in (bob, carol):
        with pytest.raises(Refused) as refused:
            await related(person, room, event)
        assert refused.value.status in (403, 404)
    seen = await alice.say(room, "seen")
    await bob.leave(room)
    await edit(alice, room, seen, "after Bob left")
    await reply(alice, room, seen, "neither")
    assert (await related(bob, room, seen))["chunk"] == []
    assert await bundle(bob, room, seen) == {}
    assert (await bob.call("GET", f"/_matrix/client/v1/rooms/{segment(room)}/threads"))["chunk"] == []


async def test_a_thread(alice: Person, bob: Person, carol: Person, room: str) -> None:
    await carol.join(room)
    root = await alice.say(room, "root")
    first = await reply(bob, room, root, "one")
    last = await reply(bob, room, root, "two")
    changed = await edit(bob, room, last, "deux")
    thread = (await bundle(alice, room, root))["m.thread"]
    assert (thread["count"], thread["current_user_participated"]) == (2, True)
    assert thread["latest_event"]["event_id"] == last
    assert thread["latest_event"]["unsigned"]["m.relations"]["m.replace"]["event_id"] == changed
    assert (await bundle(carol, room, root))["m.thread"]["current_user_participated"] is False
    with pytest.raises(Refused) as refused:
        await reply(alice, room, first, "a thread in a thread")
    assert (refused.value.status, refused.value.errcode) == (400, "M_UNKNOWN")
    await bob.redact(room, last)
    thread = (await bundle(alice, room, root))["m.thread"]
    assert (thread["count"], thread["latest_event"]["event_id"]) == (1, first)


async def test_the_list_of_threads(alice: Person, bob: Person, room: str) -> None:
    roots = [await alice.say(room, f"root {n}") for n in range(5)]
    for root in roots:
        await reply(alice, room, root, "x")
    await reply(bob, room, roots[1], "y")
    path = f"/_matrix/client/v1/rooms/{segment(room)}/threads"
    expected = [roots[1], *(r for r in reversed(roots) if r != roots[1])]
    first = await bob.call("GET", path, limit=2)
    assert [e["event_id"] for e in first["chunk"]] == expected[:2]
    assert first["chunk"][0]["unsigned"]["m.relations"]["m.thread"]["count"] == 2
    rest = await bob.call("GET", path, limit=10, from_=first["next_batch"])
    assert [e["event_id"] for e in rest["chunk"]] == expected[2:] and "next_batch" not in rest
    mine = await bob.call("GET", path, include="participated")
    assert [e["event_id"] for e in mine["chunk"]] == [roots[1]]


async def counts(person: Person, room: str, **query: Any) -> tuple[int, dict[str, int]]:
    section = joined(await person.call("GET", "/sync", filter=THREADED, **query), room)
    threads = {root: c["notification_count"] for root, c in section["unread_thread_notifications"].items()}
    return section["unread_notifications"]["notification_count"], threads


async def test_counts_by_thread(server: Server, alice: Person, bob: Person, room: str) -> None:
    root, other = await alice.say(room, "root"), await alice.say(room, "other")
    assert await counts(bob, room) == (2, {})
    for _ in range(3):
        await reply(alice, room, root, "x")
    last = await reply(alice, room, other, "y", **{"m.mentions": {"user_ids": [bob.id]}})
    await react(alice, room, last)  # belongs to the thread, and does not count
    assert await counts(bob, room) == (2, {root: 3, other: 1})
    whole = joined(await bob.call("GET", "/sync"), room)
    assert whole["unread_notifications"] == {"notification_count": 6, "highlight_count": 1}
    assert "unread_thread_notifications" not in whole
    cold = await Server(server.config, server.data, server.url).start()
    try:
        assert await counts(Person(cold, bob.session), room) == (2, {root: 3, other: 1})
        await bob.receipt(room, last, thread_id=other)
        assert await counts(bob, room) == (2, {root: 3})
        await bob.receipt(room, other, thread_id="main")
        assert await counts(bob, room) == (0, {root: 3})
        mine = await reply(bob, room, root, "I have read it")
        assert await counts(bob, room) == (0, {})
        await reply(alice, room, root, "z")
        assert await counts(bob, room) == (0, {root: 1})
        await cold.node.clock.catch_up()
        assert await counts(Person(cold, bob.session), room) == (0, {root: 1})
    finally:
        await cold.stop()
    await bob.receipt(room, mine)  # older than what is unread
    assert await counts(bob, room) == (0, {root: 1})
    end = await alice.say(room, "end")
    await bob.receipt(room, end, "m.read.private")  # unthreaded: everything before it
    assert await counts(bob, room) == (0, {})


async def test_counts_come_with_the_event_that_changes_them(alice: Person, bob: Person, room: str) -> None:
    root = await alice.say(room, "root")
    await bob.sync(filter=THREADED)
    event = await reply(alice, room, root, "x")
    section = joined(await bob.sync(filter=THREADED), room)
    assert [e["event_id"] for e in section["timeline"]["events"]] == [event]
    assert section["unread_thread_notifications"] == {root: {"notification_count": 1, "highlight_count": 0}}
    await bob.receipt(room, event, thread_id=root)
    section = joined(await bob.sync(filter=THREADED), room)
    assert section["unread_thread_notifications"] == {}
    (content,) = (e["content"] for e in section["ephemeral"]["events"])
    assert content[event]["m.read"][bob.id]["thread_id"] == root


@pytest.mark.parametrize("thread", ["main", "$unknown", "", 7])
async def test_receipts_in_the_wrong_thread(alice: Person, bob: Person, room: str, thread: Any) -> None:
    event = await reply(alice, room, await alice.say(room, "root"), "x")
    with pytest.raises(Refused) as refused:
        await bob.receipt(room, event, thread_id=thread)
    assert (refused.value.status, refused.value.errcode) == (400, "M_INVALID_PARAM")


async def test_two_devices_read_at_once(server: Server, alice: Person, bob: Person, room: str) -> None:
    """The further of two receipts that cross each other wins, on every device."""
    import asyncio

    events = [await alice.say(room, f"{n}") for n in range(10)]
    second = await bob.another_device()
    await asyncio.gather(*(who.receipt(room, event) for event in reversed(events) for who in (bob, second)))
    for who in (bob, second):
        section = joined(await who.call("GET", "/sync"), room)
        assert section["unread_notifications"]["notification_count"] == 0
        receipts = next(e["content"] for e in section["ephemeral"]["events"] if e["type"] == "m.receipt")
        assert bob.id in receipts[events[-1]]["m.read"]


WRITTEN_BY_LOOPS = ["event_search", "leases", "progress", "time_evidence"]


async def test_a_message_in_a_room_of_ten_thousand_writes_as_much_as_in_a_small_one(server: Server, alice: Person) -> None:
    """Rules are evaluated once, whatever the number of readers."""
    small, large = await alice.create_room(), await alice.create_room()
    node = server.node
    room = await node.rooms.live.require(large)
    from chappe.homeserver.rooms.create_event import Admitted, Draft

    for start in range(0, 10_000, 500):
        drafts = []
        for number in range(start, start + 500):
            user = f"@crowd{number}:localhost"
            drafts.append(Draft("m.room.member", alice.id, {"membership": "invite"}, user, admitted=Admitted()))
            drafts.append(Draft("m.room.member", user, {"membership": "join"}, user, admitted=Admitted()))
        await node.rooms.submit(room, drafts)
    assert len(room.joined) == 10_001

    async def rows_of(send: Any) -> dict[str, int]:
        tables = [
            r["relname"]
            for r in await node.database.fetch(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> ALL ($1)",
                WRITTEN_BY_LOOPS,
            )
        ]
        count = "SELECT " + ", ".join(f"(SELECT count(*) FROM {t}) AS {t}" for t in tables)
        before, statements = dict(await node.database.fetchrow(count)), node.database.statements
        await send
        assert node.database.statements == statements  # nothing is read
        after = dict(await node.database.fetchrow(count))
        return {t: after[t] - before[t] for t in tables if after[t] != before[t]}

    first = await rows_of(alice.say(small, "hello", **{"m.mentions": {"room": True}}))
    second = await rows_of(alice.say(large, "hello", **{"m.mentions": {"room": True}}))
    assert first == second == {"events": 1, "journal": 1, "sent": 1}
    root = await alice.say(large, "root")
    assert await rows_of(reply(alice, large, root, "x")) == {"events": 1, "journal": 1, "sent": 1, "threads": 1, "relations": 1}


async def test_following_a_thread(alice: Person, bob: Person, room: str) -> None:
    root = await alice.say(room, "root")
    first = await reply(alice, room, root, "x")
    path = f"/_matrix/client/unstable/io.element.msc4306/rooms/{segment(room)}/thread/{segment(root)}/subscription"
    for call in (bob.call("GET", path), bob.call("GET", path.replace(segment(root), segment(first)))):
        with pytest.raises(Refused) as refused:
            await call
        assert refused.value.errcode == "M_NOT_FOUND"
    for cause in (await alice.say(room, "elsewhere"), root):  # a root is in the main timeline
        with pytest.raises(Refused) as refused:
            await bob.call("PUT", path, {"automatic": cause})
        assert (refused.value.status, refused.value.errcode) == (400, "IO.ELEMENT.MSC4306.M_NOT_IN_THREAD")
    await bob.call("PUT", path, {"automatic": first})
    assert await bob.call("GET", path) == {"automatic": True}
    await bob.call("PUT", path, {})
    assert await bob.call("GET", path) == {"automatic": False}
    await bob.call("DELETE", path)
    await bob.call("DELETE", path)
    with pytest.raises(Refused) as refused:
        await bob.call("PUT", path, {"automatic": first})
    assert (refused.value.status, refused.value.errcode) == (409, "IO.ELEMENT.MSC4306.M_CONFLICTING_UNSUBSCRIPTION")
    later = await reply(alice, room, root, "y")
    await bob.call("PUT", path, {"automatic": later})
    listed = await bob.call("GET", "/_matrix/client/unstable/io.element.msc4308/thread_subscriptions", dir="b")
    assert listed["subscribed"][room][root]["automatic"] is True
    alone = path.replace(segment(root), segment(await alice.say(room, "nobody has answered yet")))
    await bob.call("PUT", alone, {})
    assert await bob.call("GET", alone) == {"automatic": False}
    with pytest.raises(Refused) as refused:
        await bob.call("PUT", path.replace(segment(root), segment("$unknown")), {})
    assert (refused.value.status, refused.value.errcode) == (404, "M_NOT_FOUND")


async def test_redacting_what_relates(alice: Person, bob: Person, room: str) -> None:
    event = await alice.say(room, "a")
    changed, reaction = await edit(alice, room, event, "b"), await react(bob, room, event)
    path = f"/rooms/{segment(room)}/redact/{segment(event)}/with"
    await alice.call("PUT", path, {"with_rel_types": ["m.replace"]})
    for gone, expected in ((event, True), (changed, True), (reaction, False)):
        got = await alice.call("GET", f"/rooms/{segment(room)}/event/{segment(gone)}")
        assert ("redacted_because" in got["unsigned"]) is expected


async def test_relations_from_another_room_count_for_nothing(alice: Person, bob: Person, room: str) -> None:
    """Whoever knows an event's id can name it anywhere: the event's own room stays as it is."""
    root = await alice.say(room, "root")
    first = await reply(alice, room, root, "one")
    elsewhere = await bob.create_room()
    other = await bob.say(elsewhere, "another root")
    foreign = await reply(bob, elsewhere, other, "not here")
    await react(bob, elsewhere, other)
    await bob.send(elsewhere, "x.y", relates("m.reference", other))
    # as another server may have written them: of here nobody can
    await bob.server.node.database.execute("UPDATE relations SET target = $1 WHERE target = $2", root, other)
    thread = (await bundle(alice, room, root))["m.thread"]
    assert (thread["count"], thread["latest_event"]["event_id"], thread["current_user_participated"]) == (1, first, True)
    assert (await bundle(bob, room, root))["m.thread"]["current_user_participated"] is False
    assert (await bundle(alice, room, root)).keys() == {"m.thread"}
    assert (await bob.call("GET", f"/_matrix/client/v1/rooms/{segment(room)}/threads", include="participated"))["chunk"] == []
    await bob.redact(elsewhere, foreign)
    await alice.redact(room, first)
    assert (await bob.call("GET", f"/_matrix/client/v1/rooms/{segment(room)}/threads"))["chunk"] == []
    page = await alice.messages(room, filter=json.dumps({"related_by_rel_types": ["m.annotation", "m.reference"]}))
    assert page["chunk"] == []
