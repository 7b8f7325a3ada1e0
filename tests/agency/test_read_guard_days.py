"""The weights of the read guard, tried on days of ordinary officials, of whom nobody is slowed, and on patient thieves.

At a tenth: budgets, and what there is to take (the leak of June 2026: 643,459 messages).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import pytest

from chappe.agency.read_guard import EVENTS, FILES, ROOMS, SEARCHES
from chappe.agency.read_guard_past import PastReading
from chappe.config import ReadGuard as Settings
from chappe.matrix.errors import MatrixError
from tests.agency.test_read_guard import ADMIN, DAY, HOUR, Scene, scene
from tests.support import Person, Refused, Server, segment, until

NewServer = Callable[..., Awaitable[Server]]
TENTH = Settings(True, events_per_hour=300, past_events_per_month=300, rooms_per_hour=40)
FIRST_PERCENT = 643
MESSAGES = 100  # in each of ten rooms


@dataclass(frozen=True, slots=True)
class Thief:
    """Reads `at_once` messages of what was said before, then waits `pause` ms. `lurks`: how long, before reading anything."""

    at_once: int
    pause: int = 0
    lurks: int = 0
    all_first: bool = False  # enters all rooms before it reads the first
    renames: bool = False
    leaves: bool = False  # each room, and enters it again, before reading
    peeks: bool = False  # reads rooms that anybody may look into, without entering


THIEVES = {
    "at once": Thief(100),
    "an hour's budget, hour after hour": Thief(100, HOUR // 3),
    "by night": Thief(100, HOUR),
    "once a day": Thief(100, DAY),
    "a little, often": Thief(10, HOUR // 2),
    "a little each day": Thief(30, DAY),
    "enters and waits a day": Thief(100, HOUR, lurks=25 * HOUR, all_first=True),
    "enters and waits a week": Thief(50, HOUR, lurks=7 * DAY, all_first=True),
    "a little each day, after a month": Thief(25, DAY, lurks=31 * DAY, all_first=True),
    "under another name": Thief(100, HOUR, lurks=2 * DAY, all_first=True, renames=True),
    "in and out again": Thief(100, HOUR, lurks=2 * DAY, all_first=True, leaves=True),
    "looks in from outside": Thief(100, DAY, peeks=True),
}


async def rename(person: Person) -> None:
    await person.call("PUT", f"/profile/{segment(person.id)}/displayname", {"displayname": "Somebody else"})


async def take(s: Scene, thief: Person, how: Thief, rooms: list[str]) -> tuple[int, str]:
    """(messages read, what stopped them)."""
    read = 0
    try:
        for room in rooms if how.all_first else []:
            await thief.join(room)
        s.clock.now += how.lurks
        if how.renames:
            await rename(thief)
        for room in rooms if how.leaves else []:
            await thief.call("POST", f"/rooms/{segment(room)}/leave", {})
            await thief.join(room)
        for room in rooms:
            if not how.all_first and not how.peeks:
                await thief.join(room)
            token = None
            while True:
                given = {"from": token} if token else {}
                page = await thief.call("GET", f"/rooms/{segment(room)}/messages", dir="b", limit=how.at_once, **given)
                read += sum(1 for event in page["chunk"] if event["type"] == "m.room.message")
                s.clock.now += how.pause
                if (token := page.get("end")) is None:
                    break
    except Refused as refusal:
        return read, refusal.errcode
    return read, "nothing"


@pytest.mark.parametrize("name", THIEVES)
async def test_a_thief_is_stopped_in_the_first_percent_however_patient(new_server: NewServer, name: str) -> None:
    how = THIEVES[name]
    s = await scene(new_server, TENTH, 0 if how.peeks else MESSAGES)
    for room in s.forums if how.peeks else []:
        await s.author.set_state(room, "m.room.history_visibility", {"history_visibility": "world_readable"})
        await asyncio.gather(*(s.author.say(room, f"message {n}") for n in range(MESSAGES)))
    read, stop = await take(s, await s.server.person("thief"), how, s.forums)
    assert stop in ("M_UNKNOWN_TOKEN", "M_USER_LOCKED") and read < FIRST_PERCENT


@dataclass(frozen=True, slots=True)
class Hour:
    """What an official reads in an hour: old messages of their own, then what was said before they came (numbers)."""

    hour: int
    own: int
    past: Sequence[int] = ()
    rooms: int = 0
    files: int = 0
    searches: int = 0


@dataclass(frozen=True, slots=True)
class Recorded:
    """The same on some days, one after the other. `is_new`: what was said before they came is other each day."""

    hours: Sequence[Hour]
    days: int = 1
    is_new: bool = False


# As the client of this server asks for things: 20 messages a room when a device begins, 50 when a room is opened, 100 for its index.
OFFICIALS = {
    "a morning's catch-up in 300 rooms": Recorded(
        [
            Hour(8, 300 * 20 + 40 * 50, files=60, searches=5),
            Hour(9, 15 * 50, files=20, searches=10),
            Hour(14, 20 * 50, range(100), 1, 40, 30),
        ]
    ),
    "a new device": Recorded([Hour(9, 300 * 20 + 20 * 50, range(600), files=150, searches=5), Hour(10, 10 * 50, files=50)]),
    "a new device each morning, a month long": Recorded([Hour(8, 270 * 20 + 20 * 50, range(600), files=100)], 22),
    "a crisis": Recorded([Hour(hour, 60 * 50, files=60, rooms=2, searches=20) for hour in range(7, 23)]),
    "back from three weeks of holidays": Recorded(
        [Hour(8, 300 * 20 + 80 * 150, range(300), files=120, searches=10), Hour(10, 60 * 150, files=100, searches=10)]
    ),
    "a newcomer's first week": Recorded(
        [Hour(9, 30 * 20, range(300), 10, 60, 40), Hour(14, 10 * 50, range(300, 500), 5, 40, 60)], 5, is_new=True
    ),
    "a month of forums": Recorded(
        [Hour(9, 40 * 50, range(60), 1, 40, 20), Hour(15, 30 * 50, range(60, 100), 1, 30, 20)], 22, is_new=True
    ),
}


@pytest.mark.parametrize("name", OFFICIALS)
async def test_an_ordinary_official_is_never_slowed(new_server: NewServer, name: str) -> None:
    s = await scene(new_server, Settings(True), 0)
    official, midnight, recorded = (await s.server.person()).id, (s.clock.now // DAY + 2) * DAY, OFFICIALS[name]
    for day in range(recorded.days):
        for hour in recorded.hours:
            s.clock.now = midnight + day * DAY + hour.hour * HOUR
            past = [number + (10_000 * day if recorded.is_new else 0) for number in hour.past]
            await s.guard.count(official, EVENTS, hour.own, past)
            for what, amount in ((ROOMS, hour.rooms), (FILES, hour.files), (SEARCHES, hour.searches)):
                await s.guard.count(official, what, amount)
        await s.guard.save()
    assert s.slept == []
    alerts = await s.guard.alerts(10)
    assert alerts == []


async def in_rooms_of_their_own(s: Scene, official: Person) -> list[str]:
    """Ten, which they entered by themselves before anything was said there."""
    rooms = [await s.author.create_room(preset="public_chat") for _ in s.forums]
    for room in rooms:
        await official.join(room)
        await asyncio.gather(*(s.author.say(room, f"message {n}") for n in range(MESSAGES)))
    return rooms


async def test_another_name_does_not_make_ones_rooms_new(new_server: NewServer) -> None:
    s = await scene(new_server, TENTH, 0)
    official = await s.server.person("official")
    rooms = await in_rooms_of_their_own(s, official)
    await rename(official)
    assert await take(s, official, Thief(100, peeks=True), rooms) == (len(rooms) * MESSAGES, "nothing")
    assert s.slept == []


async def test_who_returns_after_holidays_with_a_new_device_reads_what_was_said_meanwhile(new_server: NewServer) -> None:
    s = await scene(new_server, TENTH, 0)
    official = await s.server.person("official")
    rooms = await in_rooms_of_their_own(s, official)
    s.clock.now += 21 * DAY
    device = await official.another_device()
    await device.call("GET", "/sync", filter='{"room":{"timeline":{"limit":20}}}')
    assert await take(s, device, Thief(50, peeks=True), rooms) == (len(rooms) * MESSAGES, "nothing")
    assert s.slept == []


async def test_who_made_the_room_or_was_invited_reads_it_from_its_beginning(new_server: NewServer) -> None:
    s = await scene(new_server, TENTH, MESSAGES)
    newcomer = await s.server.person("newcomer")
    await asyncio.gather(*(s.author.call("POST", f"/rooms/{segment(r)}/invite", {"user_id": newcomer.id}) for r in s.forums))
    for person, renames in ((newcomer, True), (s.author, True)):
        how = Thief(100, all_first=person is newcomer, renames=renames, peeks=person is not newcomer)
        assert await take(s, person, how, s.forums) == (len(s.forums) * MESSAGES, "nothing")
    assert s.slept == []


async def test_whoever_reads_the_same_again_on_another_day_takes_nothing_more(new_server: NewServer) -> None:
    s = await scene(new_server, TENTH, MESSAGES)
    official = await s.server.person("official")
    for room in s.forums[:2]:
        await official.join(room)
    for _ in range(10):
        assert await take(s, official, Thief(100, peeks=True), s.forums[:2]) == (2 * MESSAGES, "nothing")
        s.clock.now += DAY
    assert s.slept == []


async def test_thirty_days_are_remembered_through_a_restart_and_by_all_processes_and_then_forgotten(
    new_server: NewServer,
) -> None:
    s = await scene(new_server, TENTH, MESSAGES)
    thief = await s.server.person("thief")
    await take(s, thief, Thief(100, DAY), s.forums[:2])
    await s.guard.save()
    s.clock.now += 10 * DAY
    s.guard._usage.clear()  # another process
    s.guard._past._pasts.clear()
    await s.guard.save()
    assert (await take(s, thief, Thief(100, DAY), s.forums[2:]))[1] == "M_UNKNOWN_TOKEN"
    rows = "SELECT (SELECT count(*) FROM read_guard), (SELECT count(*) FROM read_guard_past)"
    await s.guard.save()
    assert tuple(await s.server.node.database.fetchrow(rows))[1] > 0
    s.clock.now += 2 * DAY
    await s.guard.save()
    now = tuple(await s.server.node.database.fetchrow(rows))
    assert now[0] == 0 and now[1] > 0, "hours are gone after a day, what was read of the past is not"
    s.clock.now += 31 * DAY
    await s.guard.save()
    assert tuple(await s.server.node.database.fetchrow(rows)) == (0, 0)


async def test_processes_tell_each_other_what_was_read_of_the_past(new_server: NewServer) -> None:
    s = await scene(new_server, TENTH, 0)
    thief, day = (await s.server.person("thief")).id, s.clock.now // DAY
    one, other = PastReading(s.server.node.database), PastReading(s.server.node.database)
    for past, events in ((one, range(100)), (other, range(50, 150)), (one, range(150, 160))):
        (await past.of(thief, day)).add(day, events)
        for each in (one, other, one, other):
            await each.save(day)
    assert [(await past.of(thief, day)).amount(day) for past in (one, other, PastReading(s.server.node.database))] == [160] * 3


async def test_who_has_shown_that_it_is_they_is_not_asked_again_for_what_they_had_read(new_server: NewServer) -> None:
    s = await scene(new_server, TENTH, 0)
    official = (await s.server.person()).id
    for first in (0, 200):
        await s.guard.count(official, EVENTS, 0, range(first, first + 200))
        s.clock.now += DAY
    with pytest.raises(MatrixError) as challenge:
        await s.guard.count(official, EVENTS, 0, range(400, 460))
    assert challenge.value.errcode == "M_UNKNOWN_TOKEN"
    for n in range(3):
        s.clock.now += 2 * DAY
        await s.guard.count(official, EVENTS, 0, range(500 + 10 * n, 510 + 10 * n))
    assert len(s.slept) == 4, "slowed, and no more"
    alerts = (await s.root.call("GET", ADMIN + "/alerts"))["alerts"]
    assert [(a["step"], a["what"], a["amount"]) for a in alerts] == [("challenged", "past", 460)]


async def test_reading_costs_no_statement_more_for_being_weighed(new_server: NewServer) -> None:
    """In rooms of one's own never. What was said before one came is looked up once: how one came, if one has another name by now,
    and what one has read of it."""
    s = await scene(new_server, Settings(True), 20)
    official, node = await s.server.person("official"), s.server.node
    own = (await in_rooms_of_their_own(s, official))[0]

    async def cost(room_id: str) -> int:
        """Of the guard alone, for what a reader of the room's end is shown."""
        await node.rooms.memberships.of(official.id)  # whoever reads has asked for them
        room = await node.rooms.live.find(room_id)
        assert room is not None
        before = node.database.statements
        await s.guard._events_read(official.id, room, room.tail)
        return node.database.statements - before

    for room in s.forums[:2]:
        await official.join(room)
    await cost(own)
    assert await cost(own) == 0
    assert [await cost(s.forums[0]) > 0, await cost(s.forums[0]), await cost(s.forums[1])] == [True, 0, 0]
    await rename(official)
    entered = await node.rooms.live.find(s.forums[0])
    assert entered is not None
    await until(lambda: entered.state["m.room.member", official.id].content["displayname"] == "Somebody else")
    assert await cost(own) == 0
    assert [await cost(s.forums[0]) > 0, await cost(s.forums[0])] == [True, 0]
