"""/sync: what each section holds, when it is answered, and with how many statements."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from tests.homeserver.reference_client import SlidingReferenceClient
from tests.support import Person, Refused, Server, bodies, joined, segment


async def test_an_initial_sync_and_what_follows(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat", name="Salle")
    first = joined(await alice.sync(), room)
    assert {e["type"] for e in first["state"]["events"]} | {e["type"] for e in first["timeline"]["events"]} >= {
        "m.room.create",
        "m.room.member",
        "m.room.power_levels",
        "m.room.name",
    }
    assert first["summary"] == {"m.joined_member_count": 1, "m.invited_member_count": 0}
    await bob.join(room)
    said = await bob.say(room, "salut")
    section = joined(await alice.sync(), room)
    assert [e["type"] for e in section["timeline"]["events"]] == ["m.room.member", "m.room.message"]
    assert section["timeline"]["events"][1]["event_id"] == said
    assert section["timeline"]["limited"] is False and section["state"]["events"] == []
    assert section["unread_notifications"] == {"notification_count": 1, "highlight_count": 0}
    assert "rooms" not in await alice.sync()


async def test_a_long_poll_ends_with_the_news(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    await alice.sync()
    waiting = asyncio.create_task(alice.sync(timeout=20_000))
    while not alice.server.node.notifier.waiters:
        await asyncio.sleep(0)
    await bob.say(room, "news")
    assert bodies(joined(await waiting, room)["timeline"]["events"]) == ["news"]


async def test_a_long_poll_ends_after_its_time_with_a_token(alice: Person) -> None:
    await alice.sync()
    answer = await alice.sync(timeout=50)
    assert "rooms" not in answer and answer["device_one_time_keys_count"] == {"signed_curve25519": 0}


async def test_a_client_that_goes_ends_its_long_poll(alice: Person) -> None:
    await alice.sync()
    waiters = alice.server.node.notifier.waiters
    before = len(waiters)
    waiting = asyncio.create_task(alice.sync(timeout=60_000))
    while len(waiters) == before:
        await asyncio.sleep(0.001)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    for _ in range(2000):
        if len(waiters) == before:
            break
        await asyncio.sleep(0.001)
    assert len(waiters) == before


async def test_limited_timelines_can_be_filled(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    await bob.sync()
    since = bob.since
    await alice.set_state(room, "m.room.topic", {"topic": "in the gap"})
    for n in range(30):
        await alice.say(room, str(n))
    section = joined(await bob.sync(filter={"room": {"timeline": {"limit": 5}}}), room)
    assert section["timeline"]["limited"] and bodies(section["timeline"]["events"]) == ["25", "26", "27", "28", "29"]
    assert [e["type"] for e in section["state"]["events"]] == ["m.room.topic"]
    gap = await bob.messages(room, dir="b", limit=100, **{"from": section["timeline"]["prev_batch"], "to": since})
    assert bodies(gap["chunk"]) == [str(n) for n in reversed(range(25))]
    forward = await bob.messages(room, dir="f", limit=100, **{"from": since, "to": section["timeline"]["prev_batch"]})
    assert bodies(forward["chunk"]) == [str(n) for n in range(25)]


async def test_invitations_come_with_what_identifies_the_room(alice: Person, bob: Person) -> None:
    await bob.sync()
    room = await alice.create_room(name="Cabinet", invite=[bob.id], topic="Affaires")
    events = (await bob.sync())["rooms"]["invite"][room]["invite_state"]["events"]
    assert {"m.room.create", "m.room.name", "m.room.join_rules", "m.room.member"} <= {e["type"] for e in events}
    mine = next(e for e in events if e.get("state_key") == bob.id)
    assert mine["sender"] == alice.id and mine["content"]["membership"] == "invite"


async def test_rooms_that_were_left_appear_once(alice: Person, bob: Person) -> None:
    room, declined = await alice.create_room(preset="public_chat"), await alice.create_room(invite=[bob.id])
    await bob.join(room)
    await bob.sync()
    await alice.say(room, "before")
    await alice.act("kick", room, bob, "bye")
    await alice.say(room, "after")
    await bob.leave(declined)
    left = (await bob.sync())["rooms"]["leave"]
    assert bodies(left[room]["timeline"]["events"]) == ["before"]
    assert left[room]["timeline"]["events"][-1]["content"] == {"membership": "leave", "reason": "bye"}
    assert declined in left
    assert "rooms" not in await bob.sync()
    fresh = await bob.call("GET", "/sync")
    assert "leave" not in fresh.get("rooms", {})
    fresh = await bob.call("GET", "/sync", filter=json.dumps({"room": {"include_leave": True}}))
    assert room in fresh["rooms"]["leave"]


async def test_a_room_joined_later_comes_with_its_whole_state(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat", name="Salle")
    for n in range(20):
        await alice.say(room, str(n))
    await bob.sync()
    await bob.join(room)
    section = joined(await bob.sync(), room)
    assert section["timeline"]["limited"] is True
    assert {"m.room.create", "m.room.name", "m.room.member"} <= {e["type"] for e in section["state"]["events"]}
    await bob.leave(room)
    await bob.sync()
    await bob.join(room)
    assert "m.room.create" in {e["type"] for e in joined(await bob.sync(), room)["state"]["events"]}


async def test_lazy_loading_sends_each_member_once(server: Server, alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    for _ in range(4):
        await (await server.person()).join(room)
    await bob.join(room)
    for n in range(12):
        await bob.say(room, str(n))
    lazy = {"room": {"state": {"lazy_load_members": True}, "timeline": {"limit": 3}}}
    first = joined(await alice.sync(filter=lazy), room)
    members = {e["state_key"] for e in first["state"]["events"] if e["type"] == "m.room.member"}
    assert bob.id in members and alice.id in members
    assert len(first["summary"]["m.heroes"]) == 5 and set(first["summary"]["m.heroes"]) <= members
    await bob.say(room, "again")
    assert joined(await alice.sync(filter=lazy), room)["state"]["events"] == []


@pytest.mark.parametrize("how", ["kick", "ban", "leave", "decline"])
async def test_state_after_tells_of_the_end_of_a_membership(alice: Person, bob: Person, how: str) -> None:
    room = await alice.create_room(preset="public_chat", invite=[bob.id])
    if how != "decline":
        await bob.join(room)
    await bob.sync(use_state_after="true")
    if how in ("kick", "ban"):
        await alice.call("POST", f"/rooms/{segment(room)}/{how}", {"user_id": bob.id})
    else:
        await bob.leave(room)
    left = (await bob.sync(use_state_after="true"))["rooms"]["leave"][room]
    membership = [e["content"]["membership"] for e in left["state_after"]["events"] if e.get("state_key") == bob.id]
    assert membership == ["ban" if how == "ban" else "leave"]


async def test_who_asks_again_from_an_old_token_is_sent_its_members_again(alice: Person, bob: Person) -> None:
    """A browser that is reloaded resumes from the last token that it had saved: of rooms made since it knows nothing."""
    lazy = {"room": {"state": {"lazy_load_members": True}, "timeline": {"limit": 3}}}
    saved = (await alice.sync(filter=lazy))["next_batch"]
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    for n in range(5):
        await bob.say(room, str(n))
    for _ in range(2):
        for state in ({}, {"use_state_after": "true"}):
            answer = await alice.call("GET", "/sync", since=saved, filter=orjson.dumps(lazy).decode(), **state)
            section = joined(answer, room)
            events = section["state_after" if state else "state"]["events"]
            assert {alice.id, bob.id} <= {e["state_key"] for e in events if e["type"] == "m.room.member"}


async def test_state_after(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat", name="old")
    await bob.join(room)
    await bob.sync(use_state_after="true")
    await alice.set_state(room, "m.room.name", {"name": "new"})
    section = joined(await bob.sync(use_state_after="true"), room)
    assert "state" not in section
    assert [e["content"] for e in section["state_after"]["events"]] == [{"name": "new"}]
    whole = joined(await bob.call("GET", "/sync", use_state_after="true"), room)
    assert {"name": "new"} in [e["content"] for e in whole["state_after"]["events"]]


async def test_full_state(alice: Person) -> None:
    room = await alice.create_room()
    await alice.sync()
    section = joined(await alice.sync(full_state="true", timeout=30_000), room)
    assert "m.room.create" in {e["type"] for e in section["state"]["events"]}


@pytest.mark.parametrize(
    "bad",
    [
        "x",
        "7",
        "[]",
        '{"presence":"x"}',
        '{"room":{"timeline":"x"}}',
        '{"room":{"timeline":{"senders":"x"}}}',
        '{"room":{"timeline":{"senders":["x"]}}}',
        '{"presence":{"not_senders":["x"]}}',
        '{"room":{"rooms":["#a:x"]}}',
        '{"room":{"state":{"not_rooms":["x"]}}}',
        '{"room":{"timeline":{"limit":"x"}}}',
        '{"event_format":"x"}',
        '{"event_fields":["a",7]}',
        '{"room":{"timeline":{"types":[7]}}}',
        '{"room":{"include_leave":1}}',
        "{",
    ],
)
async def test_malformed_filters(alice: Person, bad: str) -> None:
    with pytest.raises(Refused) as refused:
        await alice.call("GET", "/sync", filter=bad)
    assert refused.value.status == 400
    if bad.startswith("{") and bad != "{":
        with pytest.raises(Refused) as refused:
            await alice.call("POST", f"/user/{segment(alice.id)}/filter", json.loads(bad))
        assert (refused.value.status, refused.value.errcode) == (400, "M_BAD_JSON")


@pytest.mark.parametrize("fields", [None, ["type", "prev_events", "unsigned.membership"]])
async def test_events_as_they_travel_between_servers(alice: Person, bob: Person, fields: list[str] | None) -> None:
    """Client-server API, "Filtering", `event_format`: "'federation' will return the raw event as received over federation"."""
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    said = await alice.say(room, "hello")
    form = {"event_format": "federation"} | ({"event_fields": fields} if fields else {})
    wanted = {**form, "room": {"timeline": {"limit": 1}}}
    section = joined(await bob.call("GET", "/sync", filter=json.dumps(wanted)), room)
    [event] = section["timeline"]["events"]
    assert event["type"] == "m.room.message" and event["prev_events"] and event["unsigned"]["membership"] == "join"
    if fields:
        assert set(event) == {"type", "prev_events", "unsigned"}
        return
    assert event["event_id"] == said and event["content"]["body"] == "hello" and event["sender"] == alice.id
    assert {"auth_events", "depth", "hashes", "signatures", "origin_server_ts"} <= event.keys()
    assert all("auth_events" in event for event in section["state"]["events"])
    await bob.leave(room)
    gone = json.dumps({**form, "room": {"include_leave": True}})
    assert "hashes" in (await bob.call("GET", "/sync", filter=gone))["rooms"]["leave"][room]["timeline"]["events"][-1]


async def test_filters(alice: Person, bob: Person) -> None:
    wanted, other = await alice.create_room(), await alice.create_room()
    await alice.say(wanted, "x")
    await alice.send(wanted, "m.sticker", {"body": "s"})
    stored = await alice.call(
        "POST",
        f"/user/{segment(alice.id)}/filter",
        {"room": {"rooms": [wanted], "timeline": {"types": ["m.*"], "not_types": ["m.room.*"]}, "state": {"not_types": ["*"]}}},
    )
    answer = await alice.call("GET", "/sync", filter=stored["filter_id"])
    assert list(answer["rooms"]["join"]) == [wanted] and other not in str(answer)
    assert [e["type"] for e in joined(answer, wanted)["timeline"]["events"]] == ["m.sticker"]
    assert joined(answer, wanted)["state"]["events"] == []
    got = await alice.call("GET", f"/user/{segment(alice.id)}/filter/{stored['filter_id']}")
    assert got["room"]["rooms"] == [wanted]
    with pytest.raises(Refused) as refused:
        await bob.call("GET", f"/user/{segment(alice.id)}/filter/{stored['filter_id']}")
    assert refused.value.status == 403


async def test_only_the_fields_that_are_asked_for(alice: Person) -> None:
    room = await alice.create_room()
    await alice.say(room, "x")
    wanted = json.dumps({"event_fields": ["type", "content.body"]})
    section = joined(await alice.call("GET", "/sync", filter=wanted), room)
    assert section["timeline"]["events"][-1] == {"type": "m.room.message", "content": {"body": "x"}}
    assert all(e.keys() <= {"type", "content"} for e in section["state"]["events"])


async def test_what_some_fields_leave_is_kept_for_these_fields(alice: Person, bob: Person) -> None:
    """Whoever asks for what, and after whom: it is what they would get alone."""
    room = await alice.create_room(preset="public_chat", name="Salle")
    await bob.join(room)
    await alice.say(room, "first")
    fields = (["type"], ["type", "content.body"], ["content"], None)

    async def shown(person: Person, wanted: list[str] | None, form: str = "client") -> list[dict[str, Any]]:
        rule = {"event_format": form} | ({"event_fields": wanted} if wanted else {})
        section = joined(await person.call("GET", "/sync", filter=json.dumps(rule)), room)
        return [*section["timeline"]["events"], *section["state"]["events"]]

    for last in ("first", "second"):
        for wanted in (*fields, *reversed(fields), *fields):
            for person in (alice, bob):
                events = await shown(person, wanted)
                assert [e["content"].get("body") for e in events if "body" in e.get("content", {})][-1:] == (
                    [last] if wanted != ["type"] else []
                )
                if wanted is not None:
                    assert {key for event in events for key in event} == {field.split(".")[0] for field in wanted}
        assert all("auth_events" in event for event in await shown(bob, None, "federation"))
        await alice.say(room, "second")


async def test_ones_own_transaction_id(alice: Person) -> None:
    room = await alice.create_room()
    phone = await alice.another_device()
    await alice.sync()
    await phone.sync()
    await alice.say(room, "x", txn="mine")
    here = joined(await alice.sync(), room)["timeline"]["events"][0]
    there = joined(await phone.sync(), room)["timeline"]["events"][0]
    assert here["unsigned"]["transaction_id"] == "mine" and "transaction_id" not in there["unsigned"]


async def test_a_receipt_for_the_room_is_not_hidden_by_that_for_the_thread(alice: Person, bob: Person) -> None:
    """MSC4102: an event's receipts of somebody are one entry; that without a thread is it, whichever came last."""
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    for threads in ({}, {"thread_id": "main"}), ({"thread_id": "main"}, {}):
        said = await alice.say(room, "read this")
        for thread in threads:
            await bob.receipt(room, said, **thread)
        [receipts] = joined(await alice.sync(), room)["ephemeral"]["events"]
        assert "thread_id" not in receipts["content"][said]["m.read"][bob.id]


async def test_receipts_and_counts(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    ids = [await alice.say(room, str(n)) for n in range(3)]
    assert joined(await bob.sync(), room)["unread_notifications"]["notification_count"] == 3
    await bob.receipt(room, ids[1])
    section = joined(await bob.sync(), room)
    assert section["unread_notifications"]["notification_count"] == 1
    assert section["ephemeral"]["events"][0]["content"][ids[1]]["m.read"][bob.id]["ts"] > 0
    assert ids[1] in str(joined(await alice.sync(), room)["ephemeral"])
    await bob.receipt(room, ids[0])  # backwards: nothing changes
    assert joined(await bob.call("GET", "/sync"), room)["unread_notifications"]["notification_count"] == 1
    await bob.receipt(room, ids[2], "m.read.private")
    assert joined(await bob.sync(), room)["unread_notifications"]["notification_count"] == 0
    assert ids[2] not in str((await alice.sync()).get("rooms", {}))
    await alice.say(room, "hello @bob", **{"m.mentions": {"user_ids": [bob.id]}})
    assert joined(await bob.sync(), room)["unread_notifications"] == {"notification_count": 1, "highlight_count": 1}
    await bob.say(room, "own message implies read")
    assert joined(await bob.sync(), room)["unread_notifications"] == {"notification_count": 0, "highlight_count": 0}


def _badge(known: int, section: Any) -> int:
    """As matrix-js-sdk reads an answer: counts that are there count, and what is missing in them is 0."""
    return int(section["unread_notifications"].get("notification_count", 0)) if "unread_notifications" in section else known


async def test_nothing_but_reading_clears_a_badge(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    await bob.sync()
    said = await alice.say(room, "unread")
    badge = _badge(0, joined(await bob.sync(), room))
    mine = f"/user/{segment(bob.id)}"
    writing = {"typing": True, "timeout": 30_000}
    for act in (
        lambda: alice.call("PUT", f"/rooms/{segment(room)}/typing/{segment(alice.id)}", writing),
        lambda: alice.receipt(room, said),
        lambda: bob.call("PUT", f"{mine}/rooms/{segment(room)}/tags/m.favourite", {"order": 0.5}),
        lambda: bob.call("PUT", f"{mine}/rooms/{segment(room)}/account_data/x", {"n": 1}),
        lambda: bob.set_state(room, "m.room.member", {"membership": "join", "displayname": "Robert"}, bob.id),
        lambda: alice.set_state(room, "m.room.topic", {"topic": "x"}),
        lambda: alice.call("PUT", f"/profile/{segment(alice.id)}/displayname", {"displayname": "A"}),
    ):
        await act()
        section = joined(await bob.sync(), room) or {}
        badge = _badge(badge, section)
        assert badge == 1
        assert section.get("summary", {"m.joined_member_count": 2})  # whole, or not there
    await bob.receipt(room, said)
    assert _badge(badge, joined(await bob.sync(), room)) == 0


@pytest.mark.parametrize("cold", [False, True])
async def test_what_a_client_does_by_itself_reads_nothing(new_server: Callable[..., Awaitable[Server]], cold: bool) -> None:
    server = await new_server()
    alice, bob = await server.person(), await server.person()
    call = {"org.matrix.msc3401.call.member": 0}
    room = await alice.create_room(preset="public_chat", power_level_content_override={"events": call})
    await bob.join(room)
    await alice.say(room, "unread")
    await bob.set_state(room, "m.room.member", {"membership": "join", "displayname": "Robert"}, bob.id)
    await bob.set_state(room, "org.matrix.msc3401.call.member", {"n": 1}, bob.id)
    reader = bob
    if cold:
        reader = Person(await Server(server.config, server.data, server.url).start(), bob.session)
    try:
        counts = joined(await reader.call("GET", "/sync"), room)["unread_notifications"]
        assert counts == {"notification_count": 1, "highlight_count": 0}
        await reader.send(room, "m.reaction", {"n": 1})
        assert joined(await reader.call("GET", "/sync"), room)["unread_notifications"]["notification_count"] == 0
    finally:
        if cold:
            await reader.server.stop()


async def test_counts_follow_changed_push_rules(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    await bob.call("PUT", f"/pushrules/global/room/{segment(room)}", {"actions": []})
    await alice.say(room, "quiet")
    assert joined(await bob.sync(), room)["unread_notifications"]["notification_count"] == 0
    await bob.call(
        "PUT", "/pushrules/global/content/word", {"pattern": "ministre", "actions": ["notify", {"set_tweak": "highlight"}]}
    )
    await alice.say(room, "le Ministre arrive")
    assert joined(await bob.sync(), room)["unread_notifications"] == {"notification_count": 1, "highlight_count": 1}
    types = {e["type"] for e in (await bob.call("GET", "/sync"))["account_data"]["events"]}
    assert "m.push_rules" in types


async def test_read_markers(alice: Person) -> None:
    room = await alice.create_room()
    first, second = await alice.say(room, "1"), await alice.say(room, "2")
    await alice.sync()
    await alice.call("POST", f"/rooms/{segment(room)}/read_markers", {"m.fully_read": second, "m.read": second})
    await alice.call("POST", f"/rooms/{segment(room)}/read_markers", {"m.fully_read": first})
    section = joined(await alice.sync(), room)
    assert section["account_data"]["events"] == [{"type": "m.fully_read", "content": {"event_id": second}}]


async def test_typing(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    await alice.sync()
    path = f"/rooms/{segment(room)}/typing/{segment(bob.id)}"
    await bob.call("PUT", path, {"typing": True, "timeout": 60_000})
    assert joined(await alice.sync(), room)["ephemeral"]["events"] == [{"type": "m.typing", "content": {"user_ids": [bob.id]}}]
    await bob.call("PUT", path, {"typing": False})
    assert joined(await alice.sync(), room)["ephemeral"]["events"] == [{"type": "m.typing", "content": {"user_ids": []}}]
    await bob.call("PUT", path, {"typing": True, "timeout": 1})
    await alice.sync()
    ended = joined(await alice.sync(timeout=5000), room)
    assert ended is None or ended["ephemeral"]["events"][0]["content"]["user_ids"] == []
    with pytest.raises(Refused):
        await alice.call("PUT", path, {"typing": True})


async def test_account_data_and_tags(alice: Person, bob: Person) -> None:
    room = await alice.create_room()
    await alice.sync()
    path = f"/user/{segment(alice.id)}"
    await alice.call("PUT", f"{path}/account_data/my.type", {"a": 1})
    await alice.call("PUT", f"{path}/rooms/{segment(room)}/account_data/room.type", {"b": 2})
    await alice.call("PUT", f"{path}/rooms/{segment(room)}/tags/u.work", {"order": 0.5})
    answer = await alice.sync()
    assert {"type": "my.type", "content": {"a": 1}} in answer["account_data"]["events"]
    assert {e["type"] for e in joined(answer, room)["account_data"]["events"]} == {"room.type", "m.tag"}
    assert await alice.call("GET", f"{path}/account_data/my.type") == {"a": 1}
    assert await alice.call("GET", f"{path}/rooms/{segment(room)}/tags") == {"tags": {"u.work": {"order": 0.5}}}
    await alice.call("DELETE", f"{path}/rooms/{segment(room)}/tags/u.work")
    assert await alice.call("GET", f"{path}/rooms/{segment(room)}/tags") == {"tags": {}}
    for refused_call in (
        bob.call("GET", f"{path}/account_data/my.type"),
        alice.call("PUT", f"{path}/account_data/m.push_rules", {}),
    ):
        with pytest.raises(Refused):
            await refused_call


async def test_a_token_of_another_database_starts_afresh(alice: Person) -> None:
    room = await alice.create_room()
    answer = await alice.call("GET", "/sync", since="s5_0_0_00000000")
    assert joined(answer, room)
    with pytest.raises(Refused) as refused:
        await alice.call("GET", "/sync", since="nonsense")
    assert refused.value.errcode == "M_INVALID_PARAM"


# ------------------------------------------------------------------------------------------------------------- budgets


async def _statements(server: Server, act: Callable[[], Awaitable[object]]) -> tuple[int, int]:
    """(statements outside the writer, commits) that an act costs."""
    node = server.node
    before = node.database.statements, node.writer.commits
    await act()
    return node.database.statements - before[0], node.writer.commits - before[1]


async def test_sending_reads_nothing_and_is_one_commit(new_server: Callable[..., Awaitable[Server]]) -> None:
    server = await new_server()
    alice = await server.person()
    room = await alice.create_room()
    await alice.say(room, "warm")
    assert await _statements(server, lambda: alice.say(room, "x")) == (0, 1)
    assert await _statements(server, lambda: alice.set_state(room, "t", {"x": 1})) == (0, 1)


async def test_a_sync_with_news_in_live_rooms_reads_nothing(new_server: Callable[..., Awaitable[Server]]) -> None:
    server = await new_server()
    alice, bob = await server.person(), await server.person()
    rooms = [await alice.create_room(preset="public_chat") for _ in range(5)]
    for room in rooms:
        await bob.join(room)
    await bob.sync()
    await bob.sync()
    for room in rooms:
        await alice.say(room, "x")
    assert await _statements(server, bob.sync) == (0, 0)
    assert await _statements(server, bob.sync) == (0, 0)


async def test_a_waiting_sync_is_left_alone_until_something_of_its_own_changes(
    new_server: Callable[..., Awaitable[Server]],
) -> None:
    server = await new_server()
    alice, bob, carol = [await server.person() for _ in range(3)]
    mine, foreign = await alice.create_room(preset="public_chat"), await bob.create_room(preset="public_chat")
    await carol.join(foreign)
    await carol.join(mine)
    await alice.sync()
    waiting = asyncio.create_task(alice.sync(timeout=20_000))
    waiters = server.node.notifier.waiters._waiting
    while alice.id not in waiters:
        await asyncio.sleep(0)
    before = set(waiters[alice.id])
    for n in range(5):
        await bob.say(foreign, str(n))
        await bob.call("PUT", f"/user/{segment(bob.id)}/account_data/x", {"n": n})
        await carol.receipt(foreign, await carol.say(foreign, "x"))
        await carol.call("PUT", f"/rooms/{segment(foreign)}/typing/{segment(carol.id)}", {"typing": n % 2 == 0})
    assert set(waiters[alice.id]) == before and not waiting.done()  # the same future: it was not even woken
    await carol.say(mine, "news")
    assert bodies(joined(await waiting, mine)["timeline"]["events"]) == ["news"]


@pytest.mark.parametrize("members", [2, 40])
async def test_a_message_writes_the_same_rows_whatever_the_room(
    new_server: Callable[..., Awaitable[Server]], members: int
) -> None:
    server = await new_server()
    alice = await server.person()
    room = await alice.create_room(preset="public_chat")
    await asyncio.gather(*[(await server.person()).join(room) for _ in range(members)])

    async def rows() -> int:
        tables = (
            "events",
            "memberships",
            "receipts",
            "push_hits",
            "state_packs",
            "auth_events",
            "sent",
            "journal",
            "account_data",
        )
        return sum([await server.node.database.fetchval(f"SELECT count(*) FROM {t}") for t in tables])

    before = await rows()
    await alice.say(room, "x")
    assert await rows() - before == 3  # the event, its transaction id, the commit
    before = await rows()
    await alice.set_state(room, "m.room.topic", {"topic": "t"})
    assert await rows() - before == 5  # and a tree pack and an auth chain


@pytest.mark.parametrize("was", ["invited", "joined"])
async def test_a_room_that_was_left_and_forgotten_is_told_to_other_devices(alice: Person, bob: Person, was: str) -> None:
    phone = await bob.another_device()
    room = await alice.create_room(invite=[bob.id], name="Salle")
    if was == "joined":
        await bob.join(room)
    await bob.sync()
    slides = SlidingReferenceClient(bob, 5)
    await slides.sync()
    await phone.leave(room)
    await phone.call("POST", f"/rooms/{segment(room)}/forget", {})
    section = (await bob.sync())["rooms"]["leave"][room]
    assert section["timeline"]["events"][-1]["content"]["membership"] == "leave"
    await slides.sync()
    mine = await alice.call("GET", f"/rooms/{segment(room)}/members", not_membership="join")
    assert slides.state[room]["m.room.member", bob.id] == mine["chunk"][0]["event_id"]
    for device in (bob, phone):
        everything = {"room": {"include_leave": True}}
        assert room not in str((await device.call("GET", "/sync", filter=json.dumps(everything))).get("rooms", {}))
        fresh = SlidingReferenceClient(device, 5)
        await fresh.sync()
        assert room not in fresh.state
