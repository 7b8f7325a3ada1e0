"""A room reads in the order in which it happened, whatever way it came here: left and entered again, jumped into, from several servers.

(client-server API, "Syncing": `limited`, `prev_batch`; "GET /rooms/{roomId}/messages"; docs/decisions/0015)
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from chappe.homeserver.rooms.remote import gaps
from chappe.homeserver.rooms.remote.history import History
from chappe.homeserver.rooms.remote.store import RemoteStore
from chappe.matrix.errors import Forbidden
from chappe.matrix.filters import RoomEventFilter
from tests.federation.conftest import Peer
from tests.federation.partition import heal, split
from tests.federation.test_gaps import crowd, serves
from tests.federation.test_history import everything
from tests.federation.test_hostile import Forger, scene
from tests.federation.test_kill import Victim, again, victim
from tests.federation.test_rooms import agree, enter, hears, members, until
from tests.support import Person, Refused, Server, bodies, joined, segment

__all__ = ["victim"]
SLIDING = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"


async def talk(person: Person, room: str, what: str, count: int) -> list[str]:
    said = [f"{what} {n}" for n in range(count)]
    for text in said:
        await person.say(room, text)
    return said


async def out(person: Person, room: str, *witnesses: Person) -> None:
    """Leaves; those of other servers know it."""
    await person.leave(room)
    for witness in witnesses:

        async def gone(witness: Person = witness) -> bool:
            return (await members(witness, room)).get(person.id) == "leave"

        await until(gone)


async def read(person: Person, room: str, direction: str, start: str | None = None, limit: int = 40) -> list[str]:
    """All texts in one direction, page by page, in the order in which they were given."""
    texts: list[str] = []
    query: dict[str, str] = {} if start is None else {"from": start}
    for _ in range(100):
        page = await person.messages(room, direction, limit=limit, **query)
        texts += bodies(page["chunk"])
        if "end" not in page:
            return texts
        query = {"from": page["end"]}
    raise AssertionError("it does not end")


async def reads_everywhere(person: Person, room: str, said: Sequence[str]) -> None:
    """In both directions, in large pages and in small ones."""
    for limit in (40, 7, 200):
        assert (await read(person, room, "b", limit=limit))[::-1] == said
        assert await read(person, room, "f", limit=limit) == said


async def initial(person: Person, room: str) -> Any:
    return joined(await person.call("GET", "/sync"), room)["timeline"]


async def slide(person: Person) -> Any:
    lists = {"all": {"ranges": [[0, 9]], "timeline_limit": 20, "required_state": []}}
    return (await person.call("POST", SLIDING, {"lists": lists}))["rooms"]


async def away(
    peer: Peer, version: str = "12", before: int = 15, meanwhile: int = 130
) -> tuple[Person, Person, str, list[str]]:
    """(alice, bob of another server, who was in the room, left it, and has entered again, the room, all that was said)."""
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat", room_version=version)
    said = await talk(alice, room, "early", before)
    await enter(bob, room, here)
    said += await talk(alice, room, "during", 5)
    await hears(bob, room, said[-1])
    await out(bob, room, alice)
    said += await talk(alice, room, "meanwhile", meanwhile)
    await bob.sync()
    await enter(bob, room, here)
    said += await talk(alice, room, "after", 3)
    return alice, bob, room, said


async def all_synced(person: Person, room: str, last: str) -> Any:
    """The timeline of what came since the last sync, once something is in it."""
    since = person.since

    async def look() -> Any:
        person.since = since
        news = joined(await person.sync(), room)
        return news if news is not None and last in bodies(news["timeline"]["events"]) else None

    return (await until(look))["timeline"]


@pytest.mark.parametrize("version", ["1", "11", "12"])
async def test_left_and_entered_again(peer: Peer, version: str) -> None:
    _, bob, room, said = await away(peer, version)
    news = await all_synced(bob, room, said[-1])
    assert bodies(news["events"]) == said[-3:], "what was before the gap is not shown beside what is after it"
    assert news["limited"] is True
    fresh = await initial(bob, room)
    assert (bodies(fresh["events"]), fresh["limited"], fresh["prev_batch"]) == (said[-3:], True, news["prev_batch"])
    sliding = (await slide(bob))[room]
    assert (bodies(sliding["timeline"]), sliding["limited"]) == (said[-3:], True)
    assert sliding["prev_batch"] == news["prev_batch"]
    page = await bob.messages(room, limit=20, **{"from": news["prev_batch"]})
    assert bodies(page["chunk"]) == said[-4:-24:-1]
    assert (await read(bob, room, "b", news["prev_batch"]))[::-1] == said[:-3]
    await reads_everywhere(bob, room, said)
    assert bodies((await initial(bob, room))["events"]) == said[-3:], "history is no news"
    assert room not in (await bob.sync()).get("rooms", {}).get("join", {})


async def test_nothing_was_said_meanwhile(peer: Peer) -> None:
    _, bob, room, said = await away(peer, meanwhile=0)
    await hears(bob, room, said[-1])
    await reads_everywhere(bob, room, said)


async def test_left_and_entered_several_times(peer: Peer) -> None:
    alice, bob, room, said = await away(peer, meanwhile=12)
    for turn in range(3):
        await hears(bob, room, said[-1])
        await out(bob, room, alice)
        said += await talk(alice, room, f"turn {turn}", 25)
        await enter(bob, room, alice.server)
        said += await talk(alice, room, f"back {turn}", 2)
    await hears(bob, room, said[-1])
    await reads_everywhere(bob, room, said)


async def test_older_tokens_go_on_working(peer: Peer) -> None:
    """Those of `/messages` and `/sync`, from before the gap was known."""
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    early = await talk(alice, room, "early", 10)
    await enter(bob, room, here)
    during = await talk(alice, room, "during", 10)
    await hears(bob, room, during[-1])
    since = (await bob.sync())["next_batch"]
    page = await bob.messages(room, limit=4)
    await out(bob, room, alice)
    meanwhile = await talk(alice, room, "meanwhile", 30)
    await enter(bob, room, here)
    await hears(bob, room, meanwhile[-1])
    for _ in range(2):
        assert (await read(bob, room, "b", page["end"]))[::-1] == [*early, *during[:-4]]
        assert await read(bob, room, "f", page["end"]) == [*during[-4:], *meanwhile]
        assert (await read(bob, room, "b", since))[::-1] == [*early, *during]
        assert await read(bob, room, "f", since) == meanwhile
    beginning = f"t{-(1 << 53)}"
    assert await read(bob, room, "f", beginning) == [*early, *during, *meanwhile]


async def test_between_two_tokens(peer: Peer) -> None:
    """`to`: a client fills what its sync has left out."""
    _, bob, room, said = await away(peer, meanwhile=30)
    news = await all_synced(bob, room, said[-1])
    page = await bob.messages(room, limit=10, **{"from": news["prev_batch"]})
    assert bodies(page["chunk"]) == said[-4:-14:-1]
    rest = await bob.messages(room, limit=100, to=page["end"], **{"from": news["prev_batch"]})
    assert bodies(rest["chunk"]) == bodies(page["chunk"]) and "end" not in rest
    back = await bob.messages(room, "f", limit=100, to=news["prev_batch"], **{"from": page["end"]})
    assert bodies(back["chunk"]) == bodies(page["chunk"])[::-1] and "end" not in back


async def test_who_stayed_out_reads_nothing_of_it(peer: Peer) -> None:
    """What lies in the gap was said after they had left, though its positions are lower."""
    here, there = await peer(), await peer()
    alice, bob, carol = await here.person("alice"), await there.person("bob"), await there.person("carol")
    room = await alice.create_room(preset="public_chat")
    await enter(bob, room, here)
    await enter(carol, room, here)
    await agree(room, here, there)
    during = await talk(alice, room, "during", 5)
    await hears(carol, room, during[-1])
    await out(carol, room, alice)
    await out(bob, room, alice)
    meanwhile = await talk(alice, room, "meanwhile", 20)
    await enter(bob, room, here)
    await hears(bob, room, meanwhile[0])
    await reads_everywhere(bob, room, [*during, *meanwhile])
    assert (await read(carol, room, "b"))[::-1] == during
    assert await read(carol, room, "f") == during


async def test_what_is_purged_lay_before_it(peer: Peer) -> None:
    """An administrator takes out what was said before an event: not what was said while nobody of here was in the room."""
    _, bob, room, said = await away(peer, before=3, meanwhile=8)
    await hears(bob, room, said[-1])
    await reads_everywhere(bob, room, said)
    await bob.server.node.accounts.change(bob.id, is_admin=True)
    events = {e["content"].get("body"): e["event_id"] for e in (await bob.messages(room, limit=100))["chunk"]}
    for text in ("during 2", "meanwhile 4", "after 0", "after 2"):
        await bob.call("POST", f"/_synapse/admin/v1/purge_history/{segment(room)}/{segment(events[text])}", {})
        await reads_everywhere(bob, room, said[said.index(text) :])


async def test_threads_and_contexts_across_the_gap(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    root = await alice.say(room, "root")
    thread = {"m.relates_to": {"rel_type": "m.thread", "event_id": root}}
    replies = [await alice.say(room, f"reply {n}", **thread) for n in range(3)]
    await enter(bob, room, here)
    replies += [await alice.say(room, f"reply {n}", **thread) for n in range(3, 6)]
    await hears(bob, room, "reply 5")
    await out(bob, room, alice)
    replies += [await alice.say(room, f"reply {n}", **thread) for n in range(6, 9)]
    await enter(bob, room, here)
    await read(bob, room, "b")

    async def related(direction: str) -> list[str]:
        found: list[str] = []
        query: dict[str, str] = {}
        while True:
            path = f"/_matrix/client/v1/rooms/{segment(room)}/relations/{segment(root)}/m.thread"
            page = await bob.call("GET", path, dir=direction, limit=2, **query)
            found += [e["event_id"] for e in page["chunk"]]
            if "next_batch" not in page:
                return found
            query = {"from": page["next_batch"]}

    assert await related("f") == replies
    assert await related("b") == replies[::-1]
    shown = await bob.call("GET", f"/rooms/{segment(room)}/event/{segment(root)}")
    summary = shown["unsigned"]["m.relations"]["m.thread"]
    assert (summary["count"], summary["latest_event"]["event_id"]) == (9, replies[-1])
    for place in range(1, 8):  # each beside its neighbours, on both sides of the gap and in it
        around = await bob.call("GET", f"/rooms/{segment(room)}/context/{segment(replies[place])}", limit=20)
        before, after = bodies(around["events_before"])[::-1], bodies(around["events_after"])
        assert before[-place:] == [f"reply {n}" for n in range(place)]
        assert after[: 8 - place] == [f"reply {n}" for n in range(place + 1, 9)]
        assert bodies((await bob.messages(room, limit=50, **{"from": around["start"]}))["chunk"]) == []
    latest = await alice.say(room, "needle")
    await hears(bob, room, "needle")
    wanted = {"search_term": "needle", "order_by": "recent", "event_context": {"before_limit": 5, "after_limit": 5}}
    found = await bob.call("POST", "/search", {"search_categories": {"room_events": wanted}})
    (hit,) = found["search_categories"]["room_events"]["results"]
    assert hit["result"]["event_id"] == latest
    assert bodies(hit["context"]["events_before"])[:3] == ["reply 8", "reply 7", "reply 6"]


async def test_threads_are_listed_by_when_they_were_answered_to(peer: Peer) -> None:
    """Those of before this server came in too, and those with answers in a gap where these belong."""
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    roots = {name: await alice.say(room, name) for name in ("before", "during", "meanwhile", "after")}
    last: dict[str, str] = {}

    async def answer(person: Person, *names: str) -> None:
        for name in names:
            relation = {"rel_type": "m.thread", "event_id": roots[name]}
            last[roots[name]] = await person.say(room, f"to {name}", **{"m.relates_to": relation})

    await answer(alice, "before")
    await enter(bob, room, here)
    await answer(alice, "meanwhile", "during")
    await hears(bob, room, "to during")
    await out(bob, room, alice)
    await answer(alice, "meanwhile")
    await enter(bob, room, here)
    await answer(alice, "after")
    await hears(bob, room, "to after")
    await read(bob, room, "b")
    path = f"/_matrix/client/v1/rooms/{segment(room)}/threads"
    expected = [roots[name] for name in ("after", "meanwhile", "during", "before")]
    for limit in (1, 3, 10):
        found: list[Any] = []
        query: dict[str, str] = {}
        while True:
            page = await bob.call("GET", path, limit=limit, **query)
            found += page["chunk"]
            if "next_batch" not in page:
                break
            query = {"from": page["next_batch"]}
        assert [event["event_id"] for event in found] == expected
    summaries = {event["event_id"]: event["unsigned"]["m.relations"]["m.thread"] for event in found}
    assert {root: summary["latest_event"]["event_id"] for root, summary in summaries.items()} == last
    assert [root for root, summary in summaries.items() if summary["current_user_participated"]] == []
    assert (await bob.call("GET", path, include="participated"))["chunk"] == []
    await answer(bob, "before")
    mine = (await bob.call("GET", path, include="participated"))["chunk"]
    assert [event["event_id"] for event in mine] == [roots["before"]]


# ------------------------------------------------------------------------------------------------------------- jumps


async def time_of(person: Person, room: str, event_id: str) -> int:
    event = await person.call("GET", f"/rooms/{segment(room)}/event/{segment(event_id)}")
    return int(event["origin_server_ts"])


async def jump(person: Person, room: str, ts: int) -> str:
    path = f"/_matrix/client/v1/rooms/{segment(room)}/timestamp_to_event"
    return str((await person.call("GET", path, ts=ts, dir="f"))["event_id"])


async def test_jumped_into_the_past_and_read_both_ways(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    said = [f"message {n}" for n in range(420)]
    ids = []
    for text in said:
        ids.append(await alice.say(room, text))
        await asyncio.sleep(0.002)  # each at a time of its own
    await enter(bob, room, here)
    targets = (250, 30, 140)  # the first, one before it, one between them
    for target in targets:
        assert await jump(bob, room, await time_of(alice, room, ids[target])) == ids[target]
    for target in targets:
        event_id = ids[target]
        around = await bob.call("GET", f"/rooms/{segment(room)}/context/{segment(event_id)}", limit=6)
        assert bodies(around["events_before"]) == said[target - 3 : target][::-1]
        assert bodies(around["events_after"]) in ([], said[target + 1 : target + 4])
        page = await bob.messages(room, "f", limit=10, **{"from": around["end"]})
        assert bodies(page["chunk"])[:5] == said[(last := target + len(around["events_after"])) + 1 : last + 6]
        page = await bob.messages(room, "b", limit=10, **{"from": around["start"]})
        assert bodies(page["chunk"]) == said[target - 13 : target - 3][::-1]
    await reads_everywhere(bob, room, said)


async def test_a_jump_leaves_a_gap_that_is_read_when_somebody_comes_to_it(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    said = [f"message {n}" for n in range(250)]
    ids = []
    for text in said:
        ids.append(await alice.say(room, text))
        await asyncio.sleep(0.002)
    await enter(bob, room, here)
    assert await jump(bob, room, await time_of(alice, room, ids[20])) == ids[20]
    await reads_everywhere(bob, room, said)


# --------------------------------------------------------------------------------------------- several servers, failures


def forgets(server: Server, texts: Sequence[str]) -> None:
    """A server that has nothing of some messages, nor of what was before them."""
    serving = server.node.serving
    answer = serving.backfill

    async def backfill(*arguments: Any) -> list[bytes]:
        found = await answer(*arguments)
        place = next((i for i, raw in enumerate(found) if orjson.loads(raw)["content"].get("body") in texts), None)
        return found if place is None else found[:place]

    serving.backfill = backfill  # type: ignore[method-assign]


async def test_each_server_knows_another_part(peer: Peer) -> None:
    here, second, there = await peer(), await peer(), await peer()
    alice, dora, bob = await here.person("alice"), await second.person("dora"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    await enter(dora, room, here)
    said = await talk(alice, room, "early", 10)
    await enter(bob, room, here)
    said += await talk(alice, room, "during", 3)
    await hears(bob, room, said[-1])
    await out(bob, room, alice, dora)
    said += await talk(alice, room, "meanwhile", 150)
    await hears(dora, room, said[-1])
    await enter(bob, room, here)
    said += await talk(alice, room, "after", 2)
    await hears(bob, room, said[-1])
    await agree(room, here, second, there)
    forgets(here, [f"meanwhile {n}" for n in range(60, 90)])
    forgets(second, [f"meanwhile {n}" for n in range(100, 150)] + [f"early {n}" for n in range(10)])
    assert await everything(bob, room) == said
    await reads_everywhere(bob, room, said)


async def test_two_forks_are_both_read(peer: Peer) -> None:
    """What two servers said apart from each other, while the third was away, has no order but this: each in its own, before what
    follows both."""
    here, second, there = await peer(), await peer(), await peer()
    alice, dora, bob = await here.person("alice"), await second.person("dora"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    await enter(dora, room, here)
    await enter(bob, room, here)
    await alice.say(room, "before")
    await hears(bob, room, "before")
    await hears(dora, room, "before")
    await out(bob, room, alice, dora)
    with split([here], [second]):
        ours, theirs = await talk(alice, room, "ours", 20), await talk(dora, room, "theirs", 20)
    await heal(here, second)
    await hears(alice, room, theirs[-1])
    await hears(dora, room, ours[-1])
    await alice.say(room, "both")
    await enter(bob, room, here)
    texts = await everything(bob, room)
    assert (texts[0], texts[-1]) == ("before", "both")
    assert [t for t in texts if t in ours] == ours and [t for t in texts if t in theirs] == theirs
    assert len(texts) == 42
    await reads_everywhere(bob, room, texts)


async def test_broken_off_in_the_middle_of_a_page(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of a page finds its place: between what was written of it, and what follows it."""
    _, bob, room, said = await away(peer)
    await all_synced(bob, room, said[-1])
    write, left = History._write, [0]

    async def breaks(self: History, *arguments: Any) -> bool:
        left[0] -= 1
        if left[0] < 0:
            raise RuntimeError("broken off")
        return await write(self, *arguments)

    monkeypatch.setattr(History, "_write", breaks)
    for left[0] in (30, 1, 17, 40):
        with pytest.raises(Refused) as refused:
            await bob.messages(room, limit=100)
        assert refused.value.status == 500
    monkeypatch.setattr(History, "_write", write)
    assert await everything(bob, room) == said
    await reads_everywhere(bob, room, said)


@pytest.mark.xdist_group("kill")
async def test_killed_while_it_reads_the_gap(peer: Peer, victim: Victim) -> None:
    here = await peer()
    alice, bob = await here.person("alice"), await victim.person("bob")
    room = await alice.create_room(preset="public_chat")
    said = await talk(alice, room, "early", 10)
    await enter(bob, room, here)
    said += await talk(alice, room, "during", 5)
    await hears(bob, room, said[-1])
    await out(bob, room, alice)
    said += await talk(alice, room, "meanwhile", 150)
    await enter(bob, room, here)
    answered = asyncio.Event()
    answer = here.node.serving.backfill

    async def and_tell(*arguments: Any) -> Any:
        answered.set()
        return await answer(*arguments)

    here.node.serving.backfill = and_tell  # type: ignore[method-assign]
    for pause in (0.05, 0.2):
        answered.clear()
        reading = asyncio.create_task(bob.messages(room, limit=100))
        await asyncio.wait([reading, waiting := asyncio.create_task(answered.wait())], return_when="FIRST_COMPLETED")
        assert answered.is_set() or pause == 0.2, "nobody was asked: nothing is killed in the middle"
        await asyncio.sleep(pause)
        await again(victim, bob)
        waiting.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    said += await talk(alice, room, "after", 2)
    await here.node.federation_sender.retry(victim.server_name)
    await hears(bob, room, said[-1])
    assert await everything(bob, room) == said
    await reads_everywhere(bob, room, said)


async def test_what_nobody_has_is_passed_over_and_asked_for_again(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    await enter(bob, room, here)
    during = await talk(alice, room, "during", 5)
    await hears(bob, room, during[-1])
    await out(bob, room, alice)
    meanwhile = await talk(alice, room, "meanwhile", 20)
    answer = here.node.serving.backfill

    async def nothing(*_: Any) -> list[bytes]:
        return []

    here.node.serving.backfill = nothing  # type: ignore[method-assign]
    await enter(bob, room, here)
    await alice.say(room, "after")
    await hears(bob, room, "after")
    await reads_everywhere(bob, room, [*during, "after"])
    here.node.serving.backfill = answer  # type: ignore[method-assign]
    await there.node.database.execute("UPDATE missing_events SET failed_ts = failed_ts - 60001")
    await reads_everywhere(bob, room, [*during, *meanwhile, "after"])


async def test_what_nobody_has_is_asked_for_less_and_less_often(peer: Peer) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    await alice.say(room, "before")
    asked = [0]

    async def nothing(*_: Any) -> list[bytes]:
        asked[0] += 1
        return []

    here.node.serving.backfill = nothing  # type: ignore[method-assign]
    await enter(bob, room, here)
    for minutes in (1, 2, 4, 8):
        asked[0] = 0
        for _ in range(2):
            await bob.messages(room)
        assert asked[0] == 1
        for pause, times in ((60_000 * minutes - 30_000, 1), (30_001, 2)):
            await there.node.database.execute("UPDATE missing_events SET failed_ts = failed_ts - $1::bigint", pause)
            if times == 1:
                await bob.messages(room)
                assert asked[0] == 1, f"not before {minutes} minutes"


async def test_who_reads_waits_for_no_server_without_end(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not come in time is passed over, and the beginning is not said to be one."""
    alice, bob, room, said = await away(peer, meanwhile=20)
    await all_synced(bob, room, said[-1])
    here = alice.server
    answer, let_go = here.node.serving.backfill, asyncio.Event()

    async def waits(*arguments: Any) -> list[bytes]:
        await let_go.wait()
        return await answer(*arguments)

    here.node.serving.backfill = waits  # type: ignore[method-assign]
    monkeypatch.setattr("chappe.homeserver.rooms.filling.SECONDS", 0.2)
    page = await bob.messages(room, limit=100)
    assert bodies(page["chunk"])[::-1] == [*said[:20], *said[-3:]]
    assert "end" in page
    monkeypatch.undo()
    let_go.set()
    assert (await read(bob, room, "b"))[::-1] == said
    await reads_everywhere(bob, room, said)


async def test_a_slow_server_holds_up_no_other(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    here, second, there = await peer(), await peer(), await peer()
    alice, dora, bob = await here.person("alice"), await second.person("dora"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    await enter(dora, room, here)
    said = await talk(alice, room, "early", 10)
    await hears(dora, room, said[-1])
    await enter(bob, room, here)
    await agree(room, here, second, there)
    asked, let_go = asyncio.Event(), asyncio.Event()

    async def waits(*_: Any) -> list[bytes]:
        asked.set()
        await let_go.wait()
        return []

    here.node.serving.backfill = waits  # type: ignore[method-assign]
    monkeypatch.setattr("chappe.homeserver.rooms.remote.history.SLOW_SECONDS", 0.05)
    assert await everything(bob, room) == said
    let_go.set()


# ------------------------------------------------------------------------------------------ pasts that nobody lets one read


async def knows_the_state_only(forger: Forger) -> None:
    """As it was before the last event that it has, whatever event it is asked about; and nothing that was said."""
    serves(forger.evil)
    node, number = forger.evil.node, forger.room.nid
    last = await node.database.fetchval(
        "SELECT event_id FROM events WHERE room_nid = $1 ORDER BY position DESC LIMIT 1", number
    )
    known = (await RemoteStore(node.database).stored_pdus([last]))[last]

    async def at(*_: Any) -> Any:
        return forger.room, known

    node.serving.at = at  # type: ignore[method-assign]


def nobody_has() -> str:
    return "$" + secrets.token_urlsafe(32)


@pytest.fixture
def not_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every gap is too large to be closed before what follows it is received."""
    monkeypatch.setattr(gaps, "GAP_LIMIT", 1)


def text(forger: Forger, body: str, *prev: Any) -> Any:
    """A message that follows some others."""
    changes = {"prev_events": [p if type(p) is str else forger.id_of(p) for p in prev]} if prev else {}
    return forger.event({"msgtype": "m.text", "body": body}, **changes)


async def cuts(forger: Forger) -> list[Any]:
    """Of the room, as the server has it that is sent to."""
    rows = await forger.target.node.database.fetch(
        "SELECT cut, is_fork FROM stretches WHERE room_nid = $1 ORDER BY cut",
        (await forger.target.node.rooms.require(forger.room.room_id)).nid,
    )
    return list(rows)


@pytest.mark.usefixtures("not_filled")
async def test_followers_of_one_missing_event_leave_one_gap(peer: Peer) -> None:
    """What the second of them follows is known to lie before the first."""
    alice, mallory, room, forger = await scene(peer)
    await alice.say(room, "here")
    await hears(mallory, room, "here")
    await knows_the_state_only(forger)
    lost = [text(forger, "lost"), text(forger, "lost as well")]
    serves(forger.evil, *lost)
    for body in ("one", "two"):
        await forger.send(text(forger, body, lost[0]))
        await hears(alice, room, body)
    timeline = await initial(alice, room)
    assert (bodies(timeline["events"]), timeline["limited"]) == (["one", "two"], True)
    await forger.send(text(forger, "three", lost[1]))
    await hears(alice, room, "three")
    assert bodies((await initial(alice, room))["events"]) == ["three"]
    await reads_everywhere(alice, room, ["here", "lost", "one", "two", "lost as well", "three"])


@pytest.mark.usefixtures("not_filled")
@pytest.mark.parametrize("reads", ["a page", "the gap"])
async def test_a_gap_that_comes_while_somebody_begins_to_read(peer: Peer, reads: str) -> None:
    """Whoever has the room in hand from before it came reads it in its new order."""
    alice, mallory, room, forger = await scene(peer)
    await alice.say(room, "here")
    await hears(mallory, room, "here")
    await knows_the_state_only(forger)
    lost = text(forger, "lost")
    serves(forger.evil, lost)
    node = forger.target.node
    live = await node.rooms.require(room)
    await forger.send(text(forger, "late", lost))

    async def is_stale() -> bool:
        return live.stale

    await until(is_stale)
    if reads == "a page":
        page = await node.pagination.page(alice.id, live, None, None, True, 3, RoomEventFilter())
        assert [event.content.get("body") for event, _ in page.events] == ["late", "lost", "here"]
    else:
        assert await node.history.extend(live, live.last_position, 100)
    await reads_everywhere(alice, room, ["here", "lost", "late"])


@pytest.mark.parametrize("beside", ["nothing", "the end", "what its own server shows"])
async def test_an_invented_past_hides_nothing(peer: Peer, monkeypatch: pytest.MonkeyPatch, beside: str) -> None:
    """Anybody can name an event that there never was, or that they alone have."""
    alice, room, forger, honest = await crowd(peer)
    await alice.say(room, "here")
    for person in (forger.person, honest.person):
        await hears(person, room, "here")
    await knows_the_state_only(forger)
    prev: list[Any] = [nobody_has()]
    if beside == "the end":
        prev += list(forger.room.ahead.forward_extremities)
    elif beside == "what its own server shows":
        monkeypatch.setattr(gaps, "GAP_LIMIT", 1)
        prev = [text(forger, "shown by nobody else")]
        serves(forger.evil, *prev)
    await forger.send(text(forger, "evil", *prev))
    await hears(alice, room, "evil")
    timeline = await initial(alice, room)
    assert (bodies(timeline["events"]), timeline["limited"]) == (["here", "evil"], False)
    assert not await cuts(forger)
    assert not await forger.target.node.database.fetch("SELECT * FROM missing_events")
    await reads_everywhere(alice, room, ["here", "evil"])


@pytest.mark.usefixtures("not_filled")
async def test_what_follows_the_log_too_hides_nothing_of_it(peer: Peer) -> None:
    """A fork of which a part is missing: that is read where it belongs."""
    alice, mallory, room, forger = await scene(peer)
    await alice.say(room, "here")
    await hears(mallory, room, "here")
    await knows_the_state_only(forger)
    lost = text(forger, "lost")
    serves(forger.evil, lost)
    await alice.say(room, "and here")
    await hears(mallory, room, "and here")
    await forger.send(text(forger, "both", lost, *forger.room.ahead.forward_extremities))
    await hears(alice, room, "both")
    assert [row["is_fork"] for row in await cuts(forger)] == [True]
    timeline = await initial(alice, room)
    assert (bodies(timeline["events"]), timeline["limited"]) == (["here", "and here", "both"], False)
    await reads_everywhere(alice, room, ["here", "and here", "lost", "both"])


@pytest.mark.usefixtures("not_filled")
async def test_no_server_uses_up_the_gaps_that_a_room_may_have(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chappe.homeserver.rooms.stretches.MOST_STRETCHES", 4)
    alice, room, forger, honest = await crowd(peer)
    await alice.say(room, "here")
    for person in (forger.person, honest.person):
        await hears(person, room, "here")
    live = await forger.target.node.rooms.require(room)
    for side in (forger, honest):
        await knows_the_state_only(side)
    lost = [text(forger, f"lost {n}") for n in range(4)]
    for side in (forger, honest):
        serves(side.evil, *lost)
    for n in range(3):
        await forger.send(text(forger, f"evil {n}", lost[n]))
        await hears(alice, room, f"evil {n}")
    assert len(await cuts(forger)) == 2
    loaded = live.incarnation
    await forger.send(text(forger, "evil 3", lost[3]))
    await hears(alice, room, "evil 3")
    assert live.incarnation == loaded, "where no gap is noted, the room is not read anew"
    missing = text(honest, "lost by honest people")
    for side in (forger, honest):
        serves(side.evil, *lost, missing)
    await honest.send(text(honest, "honest", missing))
    await hears(alice, room, "honest")
    timeline = await initial(alice, room)
    assert (bodies(timeline["events"]), timeline["limited"]) == (["honest"], True)


async def test_the_order_of_a_room_is_made_anew_only_where_it_changes(peer: Peer) -> None:
    _, bob, room, _ = await away(peer, meanwhile=3)
    node = bob.server.node
    live = await node.rooms.require(room)
    order = live.order
    node.rooms.live.read_anew(live.nid)
    assert (await node.rooms.require(room)).order is order
    await out(bob, room)
    assert live.order is order


async def test_a_jump_of_which_nothing_is_kept_leaves_nothing(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = await peer(), await peer()
    alice, bob = await here.person("alice"), await there.person("bob")
    room = await alice.create_room(preset="public_chat")
    ids = []
    for n in range(150):
        ids.append(await alice.say(room, f"message {n}"))
        await asyncio.sleep(0.002)
    await enter(bob, room, here)
    write = History._write

    async def refuses(*_: Any) -> bool:
        raise Forbidden("no")

    monkeypatch.setattr(History, "_write", refuses)
    for target in (20, 30):
        assert await jump(bob, room, await time_of(alice, room, ids[target])) not in ids[:100]
    assert not await there.node.database.fetch("SELECT * FROM stretches")
    monkeypatch.setattr(History, "_write", write)
    assert await jump(bob, room, await time_of(alice, room, ids[20])) == ids[20]


@pytest.mark.usefixtures("not_filled")
async def test_a_gap_lies_before_what_members_see(peer: Peer) -> None:
    """Not where something that is kept from them has named it first."""
    alice, room, forger, honest = await crowd(peer)
    await alice.say(room, "here")
    for person in (forger.person, honest.person):
        await hears(person, room, "here")
    missing = text(honest, "lost")
    late = text(forger, "late", missing)
    await knows_the_state_only(forger)
    await alice.act("ban", room, forger.person)
    await agree(room, forger.target, honest.evil)
    await knows_the_state_only(honest)
    serves(honest.evil, missing)
    database = forger.target.node.database
    await forger.send(late)

    async def is_kept() -> bool:
        return bool(await database.fetchval("SELECT 1 FROM events WHERE event_id = $1 AND status = 3", forger.id_of(late)))

    await until(is_kept)
    assert (await initial(alice, room))["limited"] is False
    await honest.send(text(honest, "honest", missing))
    await hears(alice, room, "honest")
    timeline = await initial(alice, room)
    assert (bodies(timeline["events"]), timeline["limited"]) == (["honest"], True)
    await reads_everywhere(alice, room, ["here", "lost", "honest"])
