"""Finding rooms, people and messages: directories, spaces, search, dates."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.support import Person, Server, refused, segment

V1 = "/_matrix/client/v1"


# --------------------------------------------------------------------------------------------------- room directory


async def test_the_room_directory(new_server: Any) -> None:
    server = await new_server()
    alice, bob, carol = [await server.person() for _ in range(3)]
    cafe = await alice.create_room(
        visibility="public", preset="public_chat", name="Café des agents", topic="Machine à café", room_alias_name="cafe"
    )
    space = await alice.create_room(visibility="public", name="Espace", creation_content={"type": "m.space"})
    hidden = await alice.create_room(preset="public_chat", name="Caché")
    for person in (bob, carol):
        await person.join(cafe)
    status, raw, _ = await server.raw("GET", "/_matrix/client/v3/publicRooms")  # no account is needed
    listed = json.loads(raw)
    assert (
        status == 200 and [r["room_id"] for r in listed["chunk"]] == [cafe, space] and listed["total_room_count_estimate"] == 2
    )
    assert listed["chunk"][0] == {
        "room_id": cafe,
        "num_joined_members": 3,
        "join_rule": "public",
        "world_readable": False,
        "guest_can_join": False,
        "name": "Café des agents",
        "topic": "Machine à café",
        "canonical_alias": "#cafe:localhost",
    }
    for filter_, expected in (
        ({"generic_search_term": "CAFE"}, [cafe]),
        ({"generic_search_term": "machine"}, [cafe]),
        ({"generic_search_term": "%"}, []),
        ({"room_types": ["m.space"]}, [space]),
        ({"room_types": [None]}, [cafe]),
        ({}, [cafe, space]),
        ({"room_types": []}, []),
    ):
        found = await bob.call("POST", "/publicRooms", {"filter": filter_})
        assert [r["room_id"] for r in found["chunk"]] == expected, filter_
    assert (await refused(bob.call("PUT", f"/directory/list/room/{segment(hidden)}", {}))).errcode == "M_FORBIDDEN"
    await alice.call("PUT", f"/directory/list/room/{segment(hidden)}", {"visibility": "public"})
    assert await bob.call("GET", f"/directory/list/room/{segment(hidden)}") == {"visibility": "public"}
    await alice.call("PUT", f"/directory/list/room/{segment(hidden)}", {"visibility": "private"})
    assert await bob.call("GET", f"/directory/list/room/{segment(hidden)}") == {"visibility": "private"}
    assert (await refused(bob.call("GET", "/directory/list/room/!nothing"))).errcode == "M_NOT_FOUND"
    assert (await refused(bob.call("GET", "/publicRooms", server="elsewhere.example"))).errcode == "M_FORBIDDEN"
    assert (await refused(bob.call("GET", "/publicRooms", since="nonsense"))).errcode == "M_INVALID_PARAM"


async def test_where_colleagues_are_not_found(new_server: Any) -> None:
    """By no part of their name or id: before they share a room with whoever searches, or are in a public one."""
    for open_to_colleagues in (True, False):
        server = await new_server(people_find_colleagues=open_to_colleagues)
        alice, bob, carol = [await server.person(name) for name in ("user-alice", "user-bob", "user-carol")]
        await bob.create_room(preset="public_chat")
        shared = await carol.create_room(invite=[alice.id])
        everybody = {bob.id, carol.id}

        async def found(term: str, alice: Person = alice) -> set[str]:
            answer = await alice.call("POST", "/user_directory/search", {"search_term": term})
            return {each["user_id"] for each in answer["results"]}

        assert await found("@user") == (everybody if open_to_colleagues else {bob.id})
        assert await found(carol.id) >= {carol.id} if open_to_colleagues else await found(carol.id) == set()
        await alice.join(shared)
        assert await found("user") == everybody
        assert await found(carol.id) == {carol.id}


async def test_pages_of_the_room_directory(new_server: Any) -> None:
    server = await new_server()
    alice = await server.person()
    rooms = [await alice.create_room(visibility="public", name=f"{n}") for n in range(7)]
    seen, token = [], None
    for expected in (3, 3, 1):
        page = await alice.call("GET", "/publicRooms", limit=3, **({"since": token} if token else {}))
        assert len(page["chunk"]) == expected
        seen += [r["room_id"] for r in page["chunk"]]
        token = page.get("next_batch")
    assert token is None and sorted(seen) == sorted(rooms)
    back = await alice.call("GET", "/publicRooms", limit=3, since=page["prev_batch"])
    assert [r["room_id"] for r in back["chunk"]] == seen[3:6]


async def test_each_hosted_domain_has_its_directory(new_server: Any) -> None:
    server = await new_server()
    await server.node.domains.add("culture.example")
    alice, bob = await server.person(), await server.person()
    await server.node.accounts.register(server.node.accounts.user_id_for("carol", "culture.example"), "correct horse")
    login = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": "@carol:culture.example"},
        "password": "correct horse",
    }
    _, raw, _ = await server.raw("POST", "/_matrix/client/v3/login", login)
    carol = Person(server, json.loads(raw))
    here, there = await alice.create_room(visibility="public"), await carol.create_room(visibility="public")
    assert [r["room_id"] for r in (await bob.call("GET", "/publicRooms"))["chunk"]] == [here]
    assert [r["room_id"] for r in (await carol.call("GET", "/publicRooms"))["chunk"]] == [there]
    assert [r["room_id"] for r in (await bob.call("GET", "/publicRooms", server="culture.example"))["chunk"]] == [there]


# ------------------------------------------------------------------------------------------------------------- spaces


async def child(person: Person, space: str, room: str, **content: Any) -> None:
    await person.set_state(space, "m.space.child", {"via": ["localhost"], **content}, room)


async def test_a_tree_of_spaces(alice: Person, bob: Person) -> None:
    space, inner = [
        await alice.create_room(creation_content={"type": "m.space"}, preset="public_chat", name=n) for n in ("S", "I")
    ]
    first, second, deep = [await alice.create_room(preset="public_chat", name=n) for n in ("1", "2", "deep")]
    private = await alice.create_room(name="private")
    restricted = await alice.create_room(
        initial_state=[
            {
                "type": "m.room.join_rules",
                "content": {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": space}]},
            }
        ]
    )
    await child(alice, space, second, order="b", suggested=True)
    await child(alice, space, inner, order="a", suggested=True)
    for room in (first, private, restricted):
        await child(alice, space, room)
    await alice.set_state(space, "m.space.child", {}, deep)  # no via: no child
    await child(alice, inner, deep)
    await child(alice, inner, space)  # a ring
    path = f"{V1}/rooms/{segment(space)}/hierarchy"
    everything = await alice.call("GET", path)
    assert [r["room_id"] for r in everything["rooms"]] == [space, inner, deep, second, first, private, restricted]
    assert [c["state_key"] for c in everything["rooms"][0]["children_state"]] == [inner, second, first, private, restricted]
    assert everything["rooms"][0]["children_state"][0].keys() == {"type", "state_key", "sender", "content", "origin_server_ts"}
    assert everything["rooms"][1]["room_type"] == "m.space" and everything["rooms"][2]["children_state"] == []
    assert [r["room_id"] for r in (await bob.call("GET", path))["rooms"]] == [space, inner, deep, second, first]
    await bob.join(space)
    seen = (await bob.call("GET", path))["rooms"]
    assert restricted in [r["room_id"] for r in seen] and seen[-1]["allowed_room_ids"] == [space]
    suggested = await bob.call("GET", path, suggested_only="true")
    assert [r["room_id"] for r in suggested["rooms"]] == [space, inner, second]
    assert [r["room_id"] for r in (await bob.call("GET", path, max_depth=0))["rooms"]] == [space]
    first_page = await bob.call("GET", path, limit=4)
    rest = await bob.call("GET", path, limit=4, from_=first_page["next_batch"])
    assert [r["room_id"] for r in first_page["rooms"] + rest["rooms"]] == [r["room_id"] for r in seen]
    assert (
        await refused(bob.call("GET", path, limit=4, max_depth=1, from_=first_page["next_batch"]))
    ).errcode == "M_INVALID_PARAM"
    for room in (private, "!unknown"):
        assert (await refused(bob.call("GET", f"{V1}/rooms/{segment(room)}/hierarchy"))).errcode == "M_FORBIDDEN"


async def test_summaries_of_rooms(server: Server, alice: Person, bob: Person) -> None:
    private = await alice.create_room()
    public = await alice.create_room(preset="public_chat", name="Public", room_alias_name=f"p-{alice.id[1:].split(':')[0]}")
    path = V1 + "/room_summary/"
    got = await bob.call("GET", path + segment(public))
    assert (got["name"], got["membership"], got["num_joined_members"], got["join_rule"], got["room_version"]) == (
        "Public",
        "leave",
        1,
        "public",
        "12",
    )
    assert (await bob.call("GET", "/_matrix/client/unstable/im.nheko.summary/summary/" + segment(f"#p-{alice.id[1:]}")))[
        "room_id"
    ] == public
    status, raw, _ = await server.raw("GET", path + segment(public))
    assert status == 200 and "membership" not in json.loads(raw)
    for room in (private, "!unknown", "#unknown:localhost"):
        assert (await refused(bob.call("GET", path + segment(room)))).errcode == "M_NOT_FOUND"
    await alice.invite(private, bob)
    assert (await bob.call("GET", path + segment(private)))["membership"] == "invite"


# ------------------------------------------------------------------------------------------------------------- people


async def test_finding_people(new_server: Any) -> None:
    server = await new_server()
    await server.node.domains.add("culture.example")
    alice = await server.person("alice.martin")
    zoe, other = await server.person("zdupont"), await server.person("other")
    await zoe.call("PUT", f"/profile/{segment(zoe.id)}/displayname", {"displayname": "Zoé Dupont-Martin [Culture]"})
    await server.node.accounts.register(server.node.accounts.user_id_for("zoe.far", "culture.example"), "x")

    async def search(term: str, **more: Any) -> list[str]:
        found = await alice.call("POST", "/user_directory/search", {"search_term": term, **more})
        return [r["user_id"] for r in found["results"]]

    for term in ("zoe", "ZOÉ dup", "martin z", "zdup", "culture dupont"):
        assert await search(term) == [zoe.id], term
    assert await search("alice") == []  # not oneself
    assert await search("") == [] and await search("!&|:*") == [] and await search("nobody") == []
    assert "@zoe.far:culture.example" not in await search("zoe")  # another domain, no room in common
    await other.call(
        "POST",
        "/account/deactivate",
        {
            "auth": {
                "type": "m.login.password",
                "identifier": {"type": "m.id.user", "user": other.id},
                "password": "correct horse",
            }
        },
    )
    assert await search("other") == []
    found = await alice.call("POST", "/user_directory/search", {"search_term": "zoe", "limit": 1})
    assert found == {"limited": False, "results": [{"user_id": zoe.id, "display_name": "Zoé Dupont-Martin [Culture]"}]}


async def test_rooms_in_common(alice: Person, bob: Person, carol: Person) -> None:
    rooms = [await alice.create_room(preset="public_chat") for _ in range(3)]
    for room in rooms[:2]:
        await bob.join(room)
    answer = await alice.call("GET", V1 + "/mutual_rooms", user_id=bob.id)
    assert sorted(answer["joined"]) == sorted(rooms[:2]) and answer["count"] == 2
    unstable = await alice.call("GET", "/_matrix/client/unstable/uk.half-shot.msc2666/user/mutual_rooms", user_id=carol.id)
    assert unstable == {"joined": [], "count": 0}
    assert (await alice.call("GET", V1 + "/mutual_rooms", user_id="@nobody:localhost"))["joined"] == []
    for query in ({"user_id": alice.id}, {"user_id": "nonsense"}, {}, {"user_id": bob.id, "from_": "x"}):
        assert (await refused(alice.call("GET", V1 + "/mutual_rooms", **query))).status == 400


# ----------------------------------------------------------------------------------------------------------- messages


async def search(person: Person, term: str, token: str | None = None, **criteria: Any) -> Any:
    body = {"search_categories": {"room_events": {"search_term": term, **criteria}}}
    path = "/search" + (f"?next_batch={token}" if token else "")
    return (await person.call("POST", path, body))["search_categories"]["room_events"]


def found(answer: Any) -> list[str]:
    return [r["result"]["event_id"] for r in answer["results"]]


async def test_searching_in_two_languages(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat", name="Comité budgétaire")
    french = await alice.say(room, "Les réunions du comité sont reportées à l'été")
    english = await alice.say(room, "The meetings were postponed")
    other = await bob.create_room(preset="public_chat")
    elsewhere = await bob.say(other, "réunion ailleurs")
    for term, expected in (
        ("réunion", [french]),
        ("REUNIONS", [french]),
        ("reporté", [french]),
        ("meeting", [english]),
        ("postpone", [english]),
        ("meetings postponed", [english]),
        ("meetings réunions", []),
        ("été", [french]),
        ("ete", [french]),
    ):
        assert found(await search(alice, term, keys=["content.body"])) == expected, term
    assert found(await search(bob, "réunion")) == [elsewhere]  # only where one is
    names = await search(alice, "budgetaire")
    assert names["results"][0]["result"]["type"] == "m.room.name"
    answer = await search(alice, "reunion", keys=["content.body"])
    assert answer["count"] == 1 and answer["highlights"] == ["réunions"]


async def test_what_was_redacted_or_edited(alice: Person) -> None:
    room = await alice.create_room()
    gone, changed = await alice.say(room, "zanzibar"), await alice.say(room, "before")
    assert found(await search(alice, "zanzibar")) == [gone]
    await alice.redact(room, gone)
    assert found(await search(alice, "zanzibar")) == []
    new = {"msgtype": "m.text", "body": "maintenant"}
    await alice.send(
        room, "m.room.message", {**new, "m.new_content": new, "m.relates_to": {"rel_type": "m.replace", "event_id": changed}}
    )
    answer = await search(alice, "maintenant")
    assert found(answer) == [changed]
    assert answer["results"][0]["result"]["unsigned"]["m.relations"]["m.replace"]["content"]["body"] == "maintenant"
    assert found(await search(alice, "before")) == []


async def test_pages_order_groups_and_context(alice: Person, bob: Person) -> None:
    rooms = [await alice.create_room(preset="public_chat") for _ in range(2)]
    events = []
    for number in range(12):
        events.append(await alice.say(rooms[number % 2], f"dossier numéro {number}"))
        await alice.say(rooms[number % 2], "entre deux")
    first = await search(alice, "dossier", order_by="recent", filter={"limit": 5})
    assert found(first) == events[:6:-1] and first["count"] == 12
    second = await search(alice, "dossier", first["next_batch"], order_by="recent", filter={"limit": 5})
    third = await search(alice, "dossier", second["next_batch"], order_by="recent", filter={"limit": 5})
    assert found(second) + found(third) == events[6::-1] and "next_batch" not in third
    one = await search(
        alice,
        "dossier",
        filter={"rooms": [rooms[0]]},
        groupings={"group_by": [{"key": "room_id"}, {"key": "sender"}]},
        include_state=True,
    )
    assert set(found(one)) == set(events[::2]) and set(one["state"]) == {rooms[0]}
    assert set(one["groups"]["room_id"]) == {rooms[0]} and one["groups"]["sender"][alice.id]["order"] == 1
    assert found(await search(alice, "dossier", filter={"senders": [bob.id]})) == []
    around = await search(alice, "numéro 4", event_context={"before_limit": 1, "after_limit": 2, "include_profile": True})
    context = around["results"][0]["context"]
    assert [e["content"]["body"] for e in context["events_before"]] == ["entre deux"]
    assert [e["content"]["body"] for e in context["events_after"]] == ["entre deux", "dossier numéro 6"]
    assert set(context["profile_info"]) == {alice.id}
    more = await alice.messages(rooms[0], from_=context["start"], limit=1)
    assert more["chunk"][0]["content"]["body"] == "dossier numéro 2"


async def test_a_search_before_one_came_in_costs_the_same_however_much_happened(new_server: Any) -> None:
    """Between the messages the room's state changes each time: the states of then are read together."""
    server = await new_server()
    alice, late = await server.person(), await server.person()
    costs = []
    for number in (5, 40):
        room = await alice.create_room(preset="public_chat")
        for n in range(number):
            await alice.say(room, f"délibération {n}")
            await alice.set_state(room, "x.counter", {"n": n})
        await late.join(room)
        wanted = {"filter": {"rooms": [room], "limit": 2}}
        await search(late, "deliberation", **wanted)  # the index has caught up
        server.node.rooms.trees._cache.clear()
        before = server.node.database.statements
        assert (await search(late, "deliberation", **wanted))["count"] == number
        costs.append(server.node.database.statements - before)
    assert costs[1] <= costs[0] + 1, costs


async def test_words_of_an_edit_go_with_it(alice: Person) -> None:
    """The index says what the message says: the original's words come back, or those of an earlier edit."""
    for version in ("10", "11"):
        room = await alice.create_room(preset="public_chat", room_version=version)

        async def edit(of: str, text: str, room: str = room) -> str:
            relation = {"rel_type": "m.replace", "event_id": of}
            new = {"msgtype": "m.text", "body": text}
            return await alice.say(room, f"* {text}", **{"m.new_content": new, "m.relates_to": relation})

        async def finds(*terms: str, room: str = room) -> list[bool]:
            return [(await search(alice, term, filter={"rooms": [room]}))["count"] == 1 for term in terms]

        words = "ouagadougou", "tombouctou", "bobo"
        event = await alice.say(room, words[0])
        first, second = await edit(event, words[1]), await edit(event, words[2])
        assert await finds(*words) == [False, False, True]
        await alice.redact(room, second)
        assert await finds(*words) == [False, True, False]
        await alice.redact(room, first)
        assert await finds(*words) == [True, False, False]
        third = await edit(event, words[2])
        assert await finds(*words) == [False, False, True]
        await alice.redact(room, event)
        await alice.redact(room, third)
        assert await finds(*words) == [False, False, False]


async def test_search_shows_nothing_that_one_may_not_see(alice: Person, bob: Person) -> None:
    room = await alice.create_room(
        initial_state=[{"type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}]
    )
    await alice.say(room, "secret avant")
    await alice.invite(room, bob)
    await bob.join(room)
    seen = await alice.say(room, "secret pendant")
    await bob.leave(room)
    await alice.say(room, "secret après")
    assert found(await search(bob, "secret")) == [seen]
    for term, count in (("secret", 1), ("avant", 0), ("après", 0), ("pendant", 1)):
        for criteria in ({}, {"order_by": "recent"}, {"filter": {"senders": [alice.id]}}):
            answer = await search(bob, term, **criteria)
            assert answer["count"] == count and "next_batch" not in answer, (term, criteria)
    secret = await alice.create_room(
        initial_state=[{"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}]
    )
    await alice.send(secret, "m.room.encrypted", {"algorithm": "m.megolm.v1.aes-sha2", "body": "chiffrement"})
    assert found(await search(alice, "chiffrement")) == []


async def test_pages_and_counts_of_a_search_tell_nothing_of_what_is_hidden(alice: Person, bob: Person) -> None:
    """Hidden messages stand between those that are seen; the same room without them is told in the same words."""
    carol = await alice.server.person()
    rooms = []
    for hidden in (3, 0):
        room = await alice.create_room(
            preset="public_chat",
            initial_state=[{"type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}],
        )
        for _ in range(2):
            for number in range(hidden):
                await alice.say(room, f"licenciement caché {number}")
            await bob.join(room)
            for number in range(2):
                await alice.say(room, f"licenciement annoncé {number}")
            await bob.leave(room)
        await carol.join(room)
        await alice.say(room, "licenciement après")
        rooms.append(room)
    for order in ("recent", "rank"):
        told = []
        for room in rooms:
            token, pages = None, []
            while token is not None or not pages:
                answer = await search(bob, "licenciement", token, order_by=order, filter={"rooms": [room], "limit": 3})
                token = answer.get("next_batch")
                texts = [r["result"]["content"]["body"] for r in answer["results"]]
                pages.append((answer["count"], token, texts))
            told.append(pages)
        assert told[0] == told[1]
        assert [count for count, _, _ in told[0]] == [4, 4] and len(told[0][0][2]) == 3
    await bob.call("PUT", f"/user/{segment(bob.id)}/account_data/m.ignored_user_list", {"ignored_users": {alice.id: {}}})
    assert (await search(bob, "licenciement"))["count"] == 0
    assert (await search(alice, "licenciement", filter={"contains_url": True})).get("count") is None


@pytest.mark.parametrize(
    "criteria",
    [
        {"order_by": "x"},
        {"keys": ["content.x"]},
        {"groupings": {"group_by": [{"key": "x"}]}},
        {"search_term": "x" * 2000},
        {"search_term": 1},
        {"filter": []},
    ],
)
async def test_bad_searches(alice: Person, criteria: Any) -> None:
    body = {"search_categories": {"room_events": {"search_term": "x", **criteria}}}
    assert (await refused(alice.call("POST", "/search", body))).status == 400
    assert (
        await refused(alice.call("POST", "/search?next_batch=x", {"search_categories": {"room_events": {"search_term": "x"}}}))
    ).status == 400


async def test_an_index_made_late(server: Server, new_server: Any) -> None:
    """What was said while nothing indexed is found later, by any node."""
    late = await new_server()
    alice = await late.person()
    room = await alice.create_room()
    event = await alice.say(room, "anticonstitutionnellement")
    await search(alice, "x")
    await late.node.database.execute("DELETE FROM event_search")
    await late.node.database.execute("UPDATE progress SET position = 0")
    await late.node.database.execute("DELETE FROM journal WHERE upto < (SELECT max(upto) FROM journal)")
    cold = await new_server(url=late.url)
    for _ in range(100):
        if found(await search(Person(cold, alice.session), "anticonstitutionnellement")) == [event]:
            break
        await asyncio.sleep(0.05)
    else:
        pytest.fail("not found")


# --------------------------------------------------------------------------------------------------------------- time


async def test_the_event_nearest_to_a_time(alice: Person, bob: Person) -> None:
    room = await alice.create_room()
    events = []
    for number in range(3):
        event = await alice.say(room, f"{number}")
        events.append(await alice.call("GET", f"/rooms/{segment(room)}/event/{segment(event)}"))
        await asyncio.sleep(0.003)
    path = f"{V1}/rooms/{segment(room)}/timestamp_to_event"
    for event in events:
        for direction in ("f", "b"):
            got = await alice.call("GET", path, ts=event["origin_server_ts"], dir=direction)
            assert got == {"event_id": event["event_id"], "origin_server_ts": event["origin_server_ts"]}
    assert (await alice.call("GET", path, ts=events[1]["origin_server_ts"] + 1, dir="f"))["event_id"] == events[2]["event_id"]
    assert (await alice.call("GET", path, ts=2**52, dir="b"))["event_id"] == events[2]["event_id"]
    assert (await refused(alice.call("GET", path, ts=2**52, dir="f"))).errcode == "M_NOT_FOUND"
    assert (await refused(alice.call("GET", path, dir="f"))).errcode == "M_MISSING_PARAM"
    assert (await refused(bob.call("GET", path, ts=0, dir="f"))).errcode == "M_FORBIDDEN"


async def test_no_bridges(alice: Person) -> None:
    assert await alice.call("GET", "/thirdparty/protocols") == {}
    for path in ("protocol/irc", "location/irc", "user/irc", "location?alias=%23a:b", "user?userid=%40a:b"):
        assert (await refused(alice.call("GET", f"/thirdparty/{path}"))).errcode == "M_NOT_FOUND"
    for path in ("location", "user"):
        assert (await refused(alice.call("GET", f"/thirdparty/{path}"))).errcode == "M_MISSING_PARAM"
