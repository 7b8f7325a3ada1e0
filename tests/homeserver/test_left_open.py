"""What the specification leaves open, or says otherwise than some servers do: `docs/conformance.md`, "What the text leaves open"."""

from __future__ import annotations

from typing import Any

from tests.support import PASSWORD, Person, joined, refused, segment


async def test_a_failed_stage_is_401_and_another_persons_proof_403(alice: Person, bob: Person) -> None:
    phone = await alice.another_device()
    path = f"/devices/{phone.device}"
    session = (await refused(alice.call("DELETE", path, {}))).body["session"]
    own = {"type": "m.login.password", "user": alice.id, "password": PASSWORD, "session": session}
    answer = await refused(alice.call("DELETE", path, {"auth": own | {"password": "not this"}}))
    assert (answer.status, answer.errcode) == (401, "M_FORBIDDEN") and answer.body["flows"]
    for word in (PASSWORD, "not this"):  # it says nothing of the other's password
        answer = await refused(alice.call("DELETE", path, {"auth": own | {"user": bob.id, "password": word}}))
        assert (answer.status, answer.errcode) == (403, "M_FORBIDDEN") and "flows" not in answer.body
    await alice.call("DELETE", path, {"auth": own})  # the session went on


async def test_a_full_page_of_a_search_has_a_token_and_a_last_page_of_a_room_none(alice: Person) -> None:
    room = await alice.create_room()
    for n in range(3):
        await alice.say(room, f"chanterelle {n}")
    wanted = {"search_categories": {"room_events": {"search_term": "chanterelle", "filter": {"limit": 3}}}}
    full = (await alice.call("POST", "/search", wanted))["search_categories"]["room_events"]
    assert len(full["results"]) == full["count"] == 3
    rest = (await alice.call("POST", "/search", wanted, next_batch=full["next_batch"]))["search_categories"]["room_events"]
    assert (rest["results"], rest["count"], rest.get("next_batch")) == ([], 3, None)
    wanted["search_categories"]["room_events"]["filter"]["limit"] = 4
    assert "next_batch" not in (await alice.call("POST", "/search", wanted))["search_categories"]["room_events"]
    page = await alice.messages(room, limit=100)
    assert page["chunk"][-1]["type"] == "m.room.create" and "end" not in page


async def test_before_a_rooms_creation_its_creator_is_in_it(alice: Person, bob: Person) -> None:
    room = await alice.create_room(invite=[bob.id])
    start, whole = joined(await alice.sync(), room)["timeline"], alice.since
    assert start["events"][0]["type"] == "m.room.create"
    members = f"/rooms/{segment(room)}/members"
    assert [e["state_key"] for e in (await alice.call("GET", members, at=start["prev_batch"]))["chunk"]] == [alice.id]
    assert (await alice.call("GET", members, at=start["prev_batch"], not_membership="join"))["chunk"] == []
    assert {e["state_key"] for e in (await alice.call("GET", members, at=whole))["chunk"]} == {alice.id, bob.id}


async def test_who_may_not_read_a_room_hears_so_before_what_was_malformed(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    await bob.leave(room)
    await bob.call("POST", f"/rooms/{segment(room)}/forget", {})
    path = f"/rooms/{segment(room)}/messages"
    assert (await refused(bob.call("GET", path))).errcode == (await refused(bob.messages(room))).errcode == "M_FORBIDDEN"
    assert (await refused(alice.call("GET", path))).errcode == "M_MISSING_PARAM"


async def test_a_picture_is_an_mxc_address(alice: Person) -> None:
    path = f"/profile/{segment(alice.id)}/avatar_url"
    assert (await refused(alice.call("PUT", path, {"avatar_url": "LemurLover"}))).errcode == "M_INVALID_PARAM"
    await alice.call("PUT", path, {"avatar_url": "mxc://example.org/lemur"})


async def test_who_is_named_in_the_text_alone_is_not_mentioned(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    await alice.say(room, f"what does {bob.id} think?")
    assert await unread(bob, room) == {"notification_count": 1, "highlight_count": 0}
    await alice.say(room, "and now?", **{"m.mentions": {"user_ids": [bob.id]}})
    assert await unread(bob, room) == {"notification_count": 2, "highlight_count": 1}


async def unread(person: Person, room: str) -> Any:
    return joined(await person.call("GET", "/sync"), room)["unread_notifications"]


async def test_stripped_state_has_four_fields(alice: Person, bob: Person) -> None:
    room = await alice.create_room(name="Archive", invite=[bob.id])
    shown = (await bob.sync())["rooms"]["invite"][room]["invite_state"]["events"]
    assert "m.room.create" in {event["type"] for event in shown}
    of_the_room = [event for event in shown if event["state_key"] != bob.id]
    assert all(set(event) == {"sender", "type", "state_key", "content"} for event in of_the_room)


async def test_settings_follow_into_a_room_that_both_rooms_name(alice: Person, bob: Person) -> None:
    """Who makes the new room by hand is in it before the old one names it."""
    old = await alice.create_room(preset="public_chat")
    await bob.join(old)
    last = await alice.say(old, "last words")
    for person in (alice, bob):
        await person.call("PUT", f"/pushrules/global/room/{segment(old)}", {"actions": []})
    before = {"predecessor": {"room_id": old, "event_id": last}}
    new = await alice.create_room(preset="public_chat", creation_content=before)
    await alice.set_state(old, "m.room.tombstone", {"body": "moved", "replacement_room": new})
    await bob.join(new)
    rules = [{r["rule_id"] for r in await who.call("GET", "/pushrules/global/room/")} for who in (alice, bob)]
    assert rules == [{old}, {old, new}]
