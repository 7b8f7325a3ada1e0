"""Thieves of different patience, through every door by which messages are read, are stopped in the first percent.

At a tenth: budgets, and what there is to take (the leak of June 2026: 643,459 messages). Days of ordinary officials:
test_read_guard_officials.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from chappe.agency.read_guard_past import PastReading
from chappe.config import ReadGuard as Settings
from chappe.homeserver.database.embedded import EmbeddedPostgres
from tests.agency.reading import (
    DAY,
    DOORS,
    HOUR,
    MESSAGES,
    NewServer,
    Scene,
    forum,
    forum_of_threads,
    rename,
    said,
    scene,
    town,
)
from tests.support import Person, Refused, segment

TENTH = Settings(True, events_per_hour=300, past_events_per_month=300, rooms_per_hour=40)
FIRST_PERCENT = 643
FORUMS, OPEN = 7, 5
MANY = [door for door in DOORS if door != "the room's first sync"]  # that shows twenty


@dataclass(frozen=True, slots=True)
class Thief:
    """Reads `at_once` messages of what was said before, then waits `pause` ms. `lurks`: how long, before reading anything."""

    at_once: int
    pause: int = 0
    lurks: int = 0
    door: str = "messages"
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
    **{f"{door}, at once": Thief(100, door=door) for door in MANY},
    "event by event, an hour each": Thief(1, HOUR, door="by date", all_first=True),
    "around events, day by day": Thief(20, DAY // 2, door="context", all_first=True),
    "what is found, day by day": Thief(20, DAY, door="search", all_first=True),
    "thread by thread": Thief(20, 3 * HOUR, door="threads", all_first=True),
    "a first sync each day": Thief(100, DAY, door="sync", all_first=True),
}


class Town(Scene):
    """Whose forums all thieves rob, one after the other. `open_forums`: into which anybody may look; `quiet`: where no thief goes."""

    open_forums: list[str]
    quiet: str


@pytest_asyncio.fixture(scope="module")
async def robbed_town(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with town(postgres, tmp_path_factory.mktemp("town"), TENTH, Town) as s:
        s.forums = [await forum_of_threads(s.author, MESSAGES // 10, 9) for _ in range(FORUMS)]
        world = {"type": "m.room.history_visibility", "content": {"history_visibility": "world_readable"}}
        s.open_forums = [await forum(s.author, initial_state=[world]) for _ in range(OPEN)]
        s.quiet = await forum_of_threads(s.author, 5, 7)
        s.clock.hours(2)
        yield s


@pytest.fixture
def robbed(robbed_town: Town) -> Town:
    """At the beginning of another hour, with nobody slowed yet."""
    robbed_town.clock.hours(1)
    robbed_town.slept.clear()
    return robbed_town


async def take(s: Scene, thief: Person, how: Thief, rooms: list[str]) -> tuple[int, str]:
    """(messages read, each once; what stopped them)."""
    read: set[str] = set()
    try:
        for room in rooms if how.all_first else []:
            await thief.join(room)
        s.clock.now += how.lurks
        if how.renames:
            await rename(thief)
        for room in rooms if how.leaves else []:
            await thief.leave(room)
            await thief.join(room)
        for room in rooms:
            if not how.all_first and not how.peeks:
                await thief.join(room)
            async for page in DOORS[how.door](thief, room, how.at_once):
                read |= {event["event_id"] for event in said(page)}
                s.clock.now += how.pause
    except Refused as refusal:
        assert refusal.status == 401 and refusal.body["reason"] == "unusual_activity"
        return len(read), str(refusal.errcode)
    return len(read), "nothing"


@pytest.mark.parametrize("name", THIEVES)
async def test_a_thief_is_stopped_in_the_first_percent_however_patient(robbed: Town, name: str) -> None:
    s, how = robbed, THIEVES[name]
    thief = await s.server.person()
    read, stop = await take(s, thief, how, s.open_forums if how.peeks else s.forums)
    assert stop in ("M_UNKNOWN_TOKEN", "M_USER_LOCKED") and read < FIRST_PERCENT
    alerts = await s.alerts_of(thief)
    assert [step for step, _, _ in alerts] == ["challenged"] and s.slept, "and was slowed before"


@pytest.mark.parametrize("door", DOORS)
async def test_a_door_weighs_what_it_shows_no_more_and_no_less(robbed: Town, door: str) -> None:
    """Of what lies on the way: what does not pass a filter, one more than a page has, what only has a name in the answer."""
    s, reader, shown = robbed, await robbed.server.person(), 0
    await reader.join(s.quiet)
    past = await s.guard._past.of(reader.id, s.clock.now // DAY)
    read: set[str] = set()
    async for page in DOORS[door](reader, s.quiet, 12):
        read |= {event["event_id"] for event in said(page)}
        assert past.amount(s.clock.now // DAY) == len(read)
        shown += 1
    assert shown and read


async def test_naming_events_weighs_nothing(robbed: Town) -> None:
    s, reader = robbed, await robbed.server.person()
    room = s.quiet
    event = (await s.author.messages(room, limit=1, filter='{"types":["m.room.message"]}'))["chunk"][0]["event_id"]
    await reader.join(room)
    for ts in range(20):
        await reader.call("GET", f"/_matrix/client/v1/rooms/{segment(room)}/timestamp_to_event", ts=s.clock.now - ts, dir="b")
    await reader.call("POST", f"/rooms/{segment(room)}/report/{segment(event)}", {"reason": "spam"})
    await reader.receipt(room, event)
    await reader.messages(room, limit=100, filter='{"types":["m.nothing"]}')
    wanted = {"search_term": "message", "filter": {"rooms": [room], "contains_url": True}}
    await reader.call("POST", "/search", {"search_categories": {"room_events": wanted}})
    await reader.call("GET", "/notifications", only="highlight")
    assert [what for _, what in (await s.guard._of(reader.id)).amounts] == ["rooms"]


async def test_whoever_reads_the_same_again_on_another_day_takes_nothing_more(robbed: Town) -> None:
    s, official = robbed, await robbed.server.person()
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


async def test_who_has_shown_that_it_is_they_is_not_asked_again_for_what_they_had_read(robbed: Town) -> None:
    s = robbed
    official = await s.server.person()
    for room in s.open_forums:
        await official.join(room)
    pages: dict[str, str] = {}

    async def read(room: str, messages: int) -> None:
        query = {
            "limit": messages,
            "filter": '{"types":["m.room.message"]}',
            **({"from": pages[room]} if room in pages else {}),
        }
        page = await official.messages(room, **query)
        assert len(page["chunk"]) == messages
        pages[room] = page.get("end", "")

    for first in (0, 2):
        for room in s.open_forums[first : first + 2]:
            await read(room, 100)
        s.clock.now += DAY
    with pytest.raises(Refused) as challenge:
        await read(s.open_forums[4], 60)
    assert challenge.value.errcode == "M_UNKNOWN_TOKEN"
    official = await official.another_device(official.device)
    for _ in range(3):
        s.clock.now += 2 * DAY
        await read(s.open_forums[4], 10)
    assert len(s.slept) == 5, "slowed on the second day, and after, and no more"
    assert await s.alerts_of(official) == [("challenged", "past", 460)]
