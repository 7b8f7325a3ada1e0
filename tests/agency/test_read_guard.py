"""A stolen account that reads everything it can, as in June 2026, is stopped; whoever works much is left alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chappe.agency.app import AgencyServer
from chappe.agency.read_guard import ReadGuard
from chappe.agency.reading_policy import ReadingPolicy
from chappe.config import ReadGuard as Settings
from chappe.matrix.errors import MatrixError
from tests.agency.reading import ADMIN, DAY, HOUR, MESSAGES, ROOMS, Scene, read_history, scene
from tests.support import Person, Refused, Server, segment

NewServer = Callable[..., Awaitable[Server]]


async def start(new_server: NewServer, **settings: Any) -> Scene:
    given = {"events_per_hour": 300, "rooms_per_hour": 40, "files_per_hour": 25, "searches_per_hour": 60, **settings}
    return await scene(new_server, Settings(True, **given), MESSAGES)


async def steal(thief: Person, forums: list[str], again: bool = True) -> tuple[int, list[str]]:
    """Enters room after room and reads it. The thief knows the password: (messages read, what stopped them)."""
    read, stops = 0, []
    for room in forums:
        try:
            await thief.join(room)
            read += await read_history(thief, room)
        except Refused as refusal:
            assert refusal.status == 401 and refusal.body["soft_logout"] is True
            stops.append(refusal.errcode)
            if refusal.errcode == "M_USER_LOCKED" or not again:
                break
            thief = await thief.another_device(thief.device)
    return read, stops


async def test_a_stolen_account_is_slowed_then_challenged_then_frozen(new_server: NewServer) -> None:
    s = await start(new_server)
    thief = await s.server.person("thief")
    read, stops = await steal(thief, s.forums)

    assert stops == ["M_UNKNOWN_TOKEN", "M_USER_LOCKED"]
    assert read < 643, "a hundredth of what was read in June 2026, at a tenth"
    assert s.slept and s.slept == sorted(s.slept) and s.slept[-1] > 1
    with pytest.raises(AssertionError, match="M_USER_LOCKED"):
        await thief.another_device()
    alerts = (await s.root.call("GET", ADMIN + "/alerts"))["alerts"]
    assert [(a["user_id"], a["step"], a["what"]) for a in alerts] == [
        (thief.id, "frozen", "events"),
        (thief.id, "challenged", "events"),
    ]
    assert alerts[0]["amount"] >= 600 and 0 <= s.clock.now - alerts[0]["ts"] < HOUR


async def test_the_leak_of_june_2026_as_it_was(new_server: NewServer) -> None:
    """643,459 messages and 59,386 files in 876 public rooms, with the budgets that come with the read guard.

    Of the rooms only those are made that the thief comes to.
    """
    s = await scene(new_server, Settings(True), 643_459 // 876)

    async def upload(room: str, number: int) -> str:
        status, raw, _ = await s.server.raw("POST", "/_matrix/media/v3/upload", f"{room} {number}".encode(), s.author.token)
        assert status == 200
        return raw.decode().split("mxc://")[1].rstrip('"}')

    files = {room: await asyncio.gather(*(upload(room, number) for number in range(59_386 // 876))) for room in s.forums}
    thief, taken, entered = await s.server.person("thief"), {"messages": 0, "files": 0}, 0
    stops: list[str] = []

    async def plunder(room: str) -> None:
        await thief.join(room)
        taken["messages"] += await read_history(thief, room, 100)
        for uri in files[room]:
            status, raw, _ = await s.server.raw("GET", f"/_matrix/client/v1/media/download/{uri}", None, thief.token)
            if status != 200:
                raise Refused(status, json.loads(raw))
            taken["files"] += 1

    while "M_USER_LOCKED" not in stops:
        try:
            await plunder(s.forums[entered])
        except Refused as refusal:
            assert refusal.status == 401
            stops.append(refusal.errcode)
            if refusal.errcode == "M_UNKNOWN_TOKEN":
                thief = await thief.another_device(thief.device)
        entered += 1
    assert stops == ["M_UNKNOWN_TOKEN", "M_USER_LOCKED"] and s.slept[-1] > 1
    assert taken["messages"] < 6_434 and taken["files"] < 593 and entered < len(s.forums), "within the first hundredth"


async def test_an_administrator_lets_an_account_go_on(new_server: NewServer) -> None:
    s = await start(new_server)
    archivist = await s.server.person()
    await steal(archivist, s.forums)
    await s.root.call("POST", f"{ADMIN}/release/{segment(archivist.id)}", {})
    device = await archivist.another_device()
    assert await read_history(device, s.forums[0]) == MESSAGES


async def test_whoever_signs_in_again_goes_on_with_their_device(new_server: NewServer) -> None:
    s = await start(new_server)
    person = await s.server.person()
    await steal(person, s.forums[:6], again=False)
    with pytest.raises(Refused) as refusal:
        await person.call("GET", "/account/whoami")
    assert refusal.value.body["errcode"] == "M_UNKNOWN_TOKEN" and refusal.value.body["soft_logout"] is True
    again = await person.another_device(person.device)
    assert (await again.call("GET", "/account/whoami"))["device_id"] == person.device
    devices = (await again.call("GET", "/devices"))["devices"]
    assert [device["device_id"] for device in devices] == [person.device], "with its keys"
    s.clock.now += HOUR
    assert await read_history(again, s.forums[0]) == MESSAGES


async def test_whoever_works_much_in_rooms_of_their_own_is_left_alone(new_server: NewServer) -> None:
    """A busy agent: ten rooms that they have been in for years, what was said there since read twice, and what is said now."""
    s = await start(new_server)
    agent = await s.server.person()
    rooms = [await s.author.create_room(preset="public_chat") for _ in s.forums]
    for room in rooms:
        await agent.join(room)
        await asyncio.gather(*(s.author.say(room, f"message {n}") for n in range(MESSAGES)))
    s.clock.now += 2 * DAY
    for room in rooms * 2:
        assert await read_history(agent, room) == MESSAGES
    assert s.slept == [] and (await s.root.call("GET", ADMIN + "/alerts"))["alerts"] == []


async def test_what_one_is_invited_to_weighs_little(new_server: NewServer) -> None:
    s = await start(new_server)
    newcomer = await s.server.person()
    for room in s.forums:
        await s.author.call("POST", f"/rooms/{segment(room)}/invite", {"user_id": newcomer.id})
        await newcomer.join(room)
        assert await read_history(newcomer, room) == MESSAGES
    assert s.slept == []


async def test_what_is_said_while_one_listens_does_not_count(new_server: NewServer) -> None:
    s = await start(new_server, events_per_hour=10)
    listener = await s.server.person()
    await listener.join(s.forums[0])
    await listener.sync()
    for n in range(40):
        await s.author.say(s.forums[0], f"now {n}")
        await listener.sync()
    assert s.slept == []


SLIDING = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"
WAYS: dict[str, Callable[[Person, str, str], Awaitable[Any]]] = {
    "sync": lambda p, room, event: p.call("GET", "/sync", filter='{"room":{"timeline":{"limit":100}}}'),
    "sliding sync": lambda p, room, event: p.call(
        "POST", SLIDING, {"room_subscriptions": {room: {"timeline_limit": 50, "required_state": []}}}
    ),
    "messages": lambda p, room, event: p.messages(room, limit=50),
    "context": lambda p, room, event: p.call("GET", f"/rooms/{segment(room)}/context/{segment(event)}", limit=50),
    "event": lambda p, room, event: p.call("GET", f"/rooms/{segment(room)}/event/{segment(event)}"),
    "search": lambda p, room, event: p.call(
        "POST", "/search", {"search_categories": {"room_events": {"search_term": "message"}}}
    ),
    "relations": lambda p, room, event: p.call("GET", f"/_matrix/client/v1/rooms/{segment(room)}/relations/{segment(event)}"),
    "threads": lambda p, room, event: p.call("GET", f"/_matrix/client/v1/rooms/{segment(room)}/threads"),
}


@pytest.mark.parametrize("way", WAYS)
async def test_it_does_not_matter_by_which_way_one_reads(new_server: NewServer, way: str) -> None:
    s = await start(new_server, events_per_hour=10)
    s.guard._excluded = frozenset((s.author.id,))
    room = s.forums[0]
    root = await s.author.say(room, "a thread")
    await s.author.say(room, "in it", **{"m.relates_to": {"rel_type": "m.thread", "event_id": root}})
    s.clock.hours(1)
    thief = await s.server.person()
    await thief.join(room)
    with pytest.raises(Refused) as refusal:
        for _ in range(20):
            await WAYS[way](thief, room, root)
    assert refusal.value.errcode in ("M_UNKNOWN_TOKEN", "M_USER_LOCKED")


async def test_files_rooms_and_searches_have_budgets_of_their_own(new_server: NewServer) -> None:
    s = await start(new_server, files_per_hour=10, rooms_per_hour=4, searches_per_hour=10)
    status, raw, _ = await s.server.raw("POST", "/_matrix/media/v3/upload", b"a plan", s.author.token)
    assert status == 200
    uri = raw.decode().split("mxc://")[1].rstrip('"}')

    async def until_stopped(ask: Callable[[Person, int], Awaitable[Any]]) -> int:
        person = await s.server.person()
        for n in range(100):
            try:
                await ask(person, n)
            except Refused as refusal:
                assert refusal.status == 401
                return n
        raise AssertionError("never")

    async def download(person: Person, _: int) -> None:
        status, raw, _headers = await s.server.raw("GET", f"/_matrix/client/v1/media/download/{uri}", None, person.token)
        if status != 200:
            raise Refused(status, raw)

    assert await until_stopped(download) == 14
    assert await until_stopped(lambda person, n: person.join(s.forums[n])) == 5
    assert await until_stopped(lambda person, n: person.call("POST", "/publicRooms", {})) == 14
    assert await until_stopped(lambda person, n: person.call("POST", "/user_directory/search", {"search_term": f"a{n}"})) == 14


async def test_what_was_read_is_remembered_through_a_restart(new_server: NewServer) -> None:
    s = await start(new_server)
    thief = await s.server.person()
    read, _ = await steal(thief, s.forums[:4])
    assert read == 4 * MESSAGES
    await s.guard.save()
    await s.server.stop()
    again = Server(s.server.config, s.server.data, s.server.url)
    await again.start()
    s.watch(again)
    try:
        thief.server = s.root.server = again
        more, stops = await steal(thief, s.forums[4:])
        assert stops == ["M_UNKNOWN_TOKEN", "M_USER_LOCKED"] and read + more < 643
    finally:
        await again.stop()


async def two_processes(new_server: NewServer) -> tuple[Scene, ReadGuard, str]:
    """Of one installation, and who reads by both."""
    settings = Settings(True, searches_per_hour=60)
    server = await new_server(read_guard=settings)
    s = Scene(server)
    s.clock.hours(2)
    other = ReadGuard(
        server.node.database,
        server.node.rooms,
        ReadingPolicy(),
        settings,
        s.clock,
        s.guard._challenge,
        s.guard._freeze,
        s.guard._accountable,
    )
    other.sleep = s.guard.sleep
    return s, other, (await server.person("reader")).id


async def test_processes_tell_each_other_what_was_read_in_hours_that_have_passed(new_server: NewServer) -> None:
    s, other, reader = await two_processes(new_server)
    both = (s.guard, other)
    for amount in (5, 10):
        for guard in both:
            await guard.count(reader, "searches", amount)
        if amount == 5:
            for guard in both:
                await guard.save()
    s.clock.now += HOUR
    for guard in (*both, *both):
        await guard.save()
    seen = [(await guard._of(reader)).within("searches", s.clock.now // HOUR, 24) for guard in both]
    assert seen == [30, 30]


async def test_who_was_challenged_by_one_process_is_not_by_another(new_server: NewServer) -> None:
    s, other, reader = await two_processes(new_server)
    await other.count(reader, "searches", 1)  # it knows the account, from before
    with pytest.raises(MatrixError) as challenge:
        await s.guard.count(reader, "searches", 95)
    assert challenge.value.errcode == "M_UNKNOWN_TOKEN"
    await other.count(reader, "searches", 95)
    steps = await s.server.node.database.fetch("SELECT step FROM read_guard_alerts WHERE user_id = $1", reader)
    assert [row["step"] for row in steps] == ["challenged"] and s.slept, "slowed, and no more"


async def test_days_pass_and_slow_thieves_are_seen_too(new_server: NewServer) -> None:
    """Nine tenths of the budget each hour: the day has a budget as well."""
    s = await start(new_server, events_per_hour=100)
    thief = await s.server.person()
    stopped_after = 0
    try:
        for hour, room in enumerate(s.forums):
            await thief.join(room)
            await thief.call("GET", f"/rooms/{segment(room)}/messages", dir="b", limit=90)
            s.clock.now += HOUR
            stopped_after = hour + 1
    except Refused as refusal:
        assert refusal.errcode == "M_UNKNOWN_TOKEN"
    assert stopped_after < 8
    s.clock.now += 2 * DAY
    await s.guard.save()
    assert await s.server.node.database.fetchval("SELECT count(*) FROM read_guard") == 0


async def test_many_accounts_of_one_organisation_together_raise_an_alarm(new_server: NewServer) -> None:
    s = await start(new_server, organisation_events_per_hour=250)
    for _ in range(4):
        thief = await s.server.person()
        await steal(thief, s.forums[:1])
    await s.guard.save()
    alerts = (await s.root.call("GET", ADMIN + "/alerts"))["alerts"]
    assert [(a["user_id"], a["step"]) for a in alerts] == [("localhost", "organisation")]
    assert s.slept == [], "nobody is stopped for others"


async def test_who_is_excluded_reads_what_they_like(new_server: NewServer) -> None:
    s = await start(new_server, excluded=["@archivist:localhost"])
    archivist = await s.server.person("archivist")
    assert await steal(archivist, s.forums) == (ROOMS * MESSAGES, [])


async def test_administrators_only(new_server: NewServer) -> None:
    s = await start(new_server)
    for method, path in (("GET", "/alerts"), ("POST", f"/release/{segment(s.author.id)}")):
        with pytest.raises(Refused) as refusal:
            await s.author.call(method, ADMIN + path, {} if method == "POST" else None)
        assert refusal.value.status == 403
    for who, status in (("nobody", 400), ("@nobody:localhost", 404)):
        with pytest.raises(Refused) as refusal:
            await s.root.call("POST", f"{ADMIN}/release/{segment(who)}", {})
        assert refusal.value.status == status


async def test_it_is_off_unless_it_is_asked_for(new_server: NewServer) -> None:
    server = await new_server()
    assert isinstance(server.node, AgencyServer) and server.node.guard is None
    assert (await server.raw("GET", ADMIN + "/alerts"))[0] == 404


async def test_a_device_that_indexes_at_the_pace_it_is_given_is_never_stopped(new_server: NewServer) -> None:
    """An index of everything that one has joined goes on for days, and nobody is slowed or signed out for it."""
    s = await start(new_server)
    reader = await s.server.person("reader")
    for room in s.forums:
        await reader.join(room)
    read, paused, tokens = 0, 0, dict.fromkeys(s.forums, "")
    while tokens:
        room = next(iter(tokens))
        pace = await reader.call("GET", f"/_chappe/client/v1/reading_pace/{segment(room)}", events=50)
        if pace["pause_ms"]:
            paused += 1
            s.clock.now += pace["pause_ms"]
            continue
        page = await reader.call(
            "GET", f"/rooms/{segment(room)}/messages", dir="b", limit=50, **({"from": tokens[room]} if tokens[room] else {})
        )
        read += sum(1 for event in page["chunk"] if event["type"] == "m.room.message")
        if "end" in page:
            tokens[room] = page["end"]
        else:
            del tokens[room]
    assert read == ROOMS * MESSAGES and paused and not s.slept
    assert (await s.root.call("GET", f"{ADMIN}/alerts"))["alerts"] == []


async def test_the_pace_gives_a_thief_nothing(new_server: NewServer) -> None:
    """Who asks for the pace and reads on all the same is stopped as before; only members may ask."""
    s = await start(new_server)
    thief = await s.server.person("thief")
    with pytest.raises(Refused):
        await thief.call("GET", f"/_chappe/client/v1/reading_pace/{segment(s.forums[0])}")
    await thief.join(s.forums[0])
    assert (await thief.call("GET", f"/_chappe/client/v1/reading_pace/{segment(s.forums[0])}"))["pause_ms"] == 0
    read, _ = await steal(thief, s.forums, again=False)
    assert read <= 450


async def test_a_challenge_says_why(new_server: NewServer) -> None:
    s = await start(new_server)
    thief = await s.server.person("thief")
    answers = []
    for room in s.forums:
        status, raw, _ = await s.server.raw("POST", f"/_matrix/client/v3/join/{segment(room)}", {}, thief.token)
        for _ in range(3):
            status, raw, _ = await s.server.raw(
                "GET", f"/_matrix/client/v3/rooms/{segment(room)}/messages?dir=b&limit=100", None, thief.token
            )
            if status == 401:
                answers.append(json.loads(raw))
                break
        if answers:
            break
    assert answers and answers[0]["reason"] == "unusual_activity" and answers[0]["soft_logout"] is True
