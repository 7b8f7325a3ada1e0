"""Days of ordinary officials, walked through the doors of the server: nobody is slowed.

At a tenth, as the thieves of test_read_guard_days.py: 30 rooms of one's own stand for 300, and budgets are a tenth.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import pytest
import pytest_asyncio

from chappe.agency.read_guard import EVENTS, FAMILIAR, OLD_AFTER_MS
from chappe.config import ReadGuard as Settings
from chappe.homeserver.database.embedded import EmbeddedPostgres
from tests.agency.reading import (
    DAY,
    HOUR,
    Events,
    NewServer,
    Scene,
    by_messages,
    forum,
    read_history,
    rename,
    said,
    say,
    scene,
    town,
)
from tests.support import Person, until

TENTH = Settings(
    True, events_per_hour=300, past_events_per_month=300, rooms_per_hour=4, files_per_hour=25, searches_per_hour=60
)
OWN, FULL, FORUMS, SAID = 30, 6, 8, 50
LIMIT = {"filter": {"room": {"timeline": {"limit": 20}}}}  # as the client of this server begins, and goes on
PAGE = 50  # as it opens a room


@dataclass(frozen=True, slots=True)
class Hour:
    """What an official does in an hour, at a tenth: what is less than one is done on some of the days.

    `pages`: in rooms of their own, 50 messages each; `rooms`: forums entered, of which the sync shows twenty; `past`: messages of
    forums that are read beyond those; `live`: said while they listen.
    """

    hour: int
    pages: int = 0
    rooms: float = 0
    past: int = 0
    files: int = 0
    searches: int = 0
    live: int = 0


@dataclass(frozen=True, slots=True)
class Recorded:
    """The same on some days, one after the other. `away`: how many days ago they were last here; `device`: a new one each morning.
    `belongs`: to how many forums from before."""

    hours: Sequence[Hour]
    days: int = 1
    away: int = 1
    device: bool = False
    belongs: int = 0


OFFICIALS = {
    "a morning's catch-up in 300 rooms": Recorded(
        [Hour(8, 4, files=6, searches=1), Hour(9, 2, files=2, searches=1), Hour(14, 2, 1, 10, 4, 3, live=10)]
    ),
    "a new device": Recorded([Hour(9, 2, files=15, searches=1), Hour(10, 1, files=5)], device=True, belongs=3),
    "a new device each morning, a month long": Recorded([Hour(8, 2, files=10)], 22, device=True, belongs=3),
    "a crisis": Recorded([Hour(h, 6, 0.2, files=6, searches=2, live=10) for h in range(7, 23)]),
    "back from three weeks of holidays": Recorded(
        [Hour(8, 24, files=12, searches=1), Hour(10, 18, files=10, searches=1)], away=21, device=True, belongs=1
    ),
    "a newcomer's first week": Recorded(
        [Hour(9, rooms=1, past=10, files=6, searches=4), Hour(14, 1, 0.5, 10, 4, 6, live=10)], 5, device=True
    ),
    "a month of forums": Recorded([Hour(9, 4, 0.1, 3, 4, 2), Hour(15, 3, 0.1, 3, 3, 2, live=5)], 22, belongs=1),
}


class Official:
    """One in the town, at their work."""

    def __init__(self, town: Town, who: Person) -> None:
        self.town, self.who = town, who
        self.forums = list(town.forums)  # that they are not in
        self.walks: list[AsyncIterator[Events]] = []  # through those that they have entered
        self.rooms_due = 0.0
        self.own, self.past, self.earlier = 0, set[str](), set[str]()  # of what they read of the past: all, and before today
        self.weight = 0.0  # of today, as the guard should see it

    def begin_day(self) -> None:
        self.earlier, self.weight = set(self.past), 0.0

    async def weighed(self) -> float:
        """By the guard, today. What was said before they came is the same to it as to them."""
        hour = self.town.clock.now // HOUR
        known = await self.town.guard._past.of(self.who.id, hour // 24)
        assert known.amount(hour // 24) == len(self.past)
        return round((await self.town.guard._of(self.who.id)).within(EVENTS, hour, 24), 3)

    def shown(self, room: str, events: Events) -> None:
        old = [event for event in events if event["origin_server_ts"] < self.town.clock.now - OLD_AFTER_MS]
        past = {event["event_id"] for event in said(old)} if room in self.town.forums else set()
        fully = len(past - self.earlier)
        self.weight = round(self.weight + fully + (len(old) - fully) * FAMILIAR, 3)
        self.past |= past
        self.own += len(old) - len(past)

    async def sync(self) -> None:
        answer = await self.who.sync(**LIMIT)
        for room, joined in answer.get("rooms", {}).get("join", {}).items():
            self.shown(room, joined["timeline"]["events"])

    async def read(self, room: str, at_once: int) -> AsyncIterator[Events]:
        async for page in by_messages(self.who, room, at_once):
            self.shown(room, page)
            yield page

    async def enter(self) -> None:
        room = self.forums.pop(0)
        await self.who.join(room)
        await self.sync()
        self.walks.append(self.read(room, 3))

    async def work(self, hour: Hour, is_first: bool) -> None:
        if is_first:
            self.who = await self.who.another_device()
        await self.sync()
        for room in (self.town.full * 5)[: hour.pages]:
            await anext(self.read(room, PAGE))
        self.rooms_due += hour.rooms
        while self.rooms_due > 0.99:
            self.rooms_due -= 1
            await self.enter()
        await self.read_on(hour.past)
        for _ in range(hour.files):
            path = f"/_matrix/client/v1/media/download/{self.town.file}"
            status, _, _ = await self.who.server.raw("GET", path, None, self.who.token)
            assert status == 200
        for n in range(hour.searches):
            await self.who.call("POST", "/user_directory/search", {"search_term": f"a{n}"})
        for n in range(hour.live):
            await self.town.author.say(self.town.full[n % 3], f"now {n}")
            if n % 5 == 4:
                await self.sync()

    async def read_on(self, past: int) -> None:
        """Of forums that they have entered, further back than yesterday; of another where these are read to their beginning."""
        before = len(self.past)
        while len(self.past) < before + past:
            if not self.walks:
                await self.enter()
            if await anext(self.walks[0], None) is None:
                self.walks.pop(0)


class Town(Scene):
    """`own`: everybody's rooms; of these `full`: where much is said."""

    own: list[str]
    full: list[str]
    file: str
    people: dict[str, Official]


@pytest_asyncio.fixture(scope="module")
async def busy_town(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with town(postgres, tmp_path_factory.mktemp("town"), TENTH, Town) as s:
        s.forums = [await forum(s.author, SAID) for _ in range(FORUMS)]
        s.own = [await s.author.create_room(preset="public_chat") for _ in range(OWN)]
        s.full = s.own[:FULL]
        _, raw, _ = await s.server.raw("POST", "/_matrix/media/v3/upload", b"a plan", s.author.token)
        s.file = raw.decode().split("mxc://")[1].rstrip('"}')
        s.people = {name: Official(s, await s.server.person()) for name in OFFICIALS}
        s.guard._excluded = frozenset(
            official.who.id for official in s.people.values()
        )  # of the years until now nothing is told
        for name, official in s.people.items():
            belongs = OFFICIALS[name].belongs
            official.forums = s.forums[belongs:]
            for room in [*s.own, *s.forums[:belongs]]:
                await official.who.join(room)
            await official.who.sync(**LIMIT)
        s.guard._excluded = frozenset()
        for n, room in enumerate(s.own):
            await say(s.author, room, 100 if n < FULL else 20)
        yield s


@pytest.mark.parametrize("name", OFFICIALS)
async def test_an_ordinary_official_is_never_slowed(busy_town: Town, name: str) -> None:
    s, recorded, official = busy_town, OFFICIALS[name], busy_town.people[name]
    s.slept.clear()
    midnight = (s.clock.now // DAY + recorded.away) * DAY
    for day in range(recorded.days):
        official.begin_day()
        for hour in recorded.hours:
            s.clock.now = midnight + day * DAY + hour.hour * HOUR
            await official.work(hour, is_first=hour is recorded.hours[0] and recorded.device)
        await s.guard.save()
        assert await official.weighed() == official.weight
    assert s.slept == [] and await s.alerts_of(official.who) == []
    assert official.own and bool(official.past) == bool(
        recorded.belongs or sum(hour.past + hour.rooms for hour in recorded.hours)
    )


async def read_all(person: Person, rooms: Sequence[str]) -> list[int]:
    return [await read_history(person, room) for room in rooms]


@pytest.fixture
def quiet_hour(busy_town: Town) -> Town:
    busy_town.clock.now += 2 * DAY
    busy_town.slept.clear()
    return busy_town


async def test_another_name_does_not_make_ones_rooms_new(quiet_hour: Town) -> None:
    s, official = quiet_hour, quiet_hour.people["a crisis"].who
    await rename(official)
    assert await read_all(official, s.full) == await read_all(s.author, s.full)
    assert s.slept == []


async def test_who_returns_after_holidays_with_a_new_device_reads_what_was_said_meanwhile(quiet_hour: Town) -> None:
    s, official = quiet_hour, quiet_hour.people["a month of forums"].who
    s.clock.now += 21 * DAY
    device = await official.another_device()
    await device.sync(**LIMIT)
    assert await read_all(device, s.full) == await read_all(s.author, s.full)
    assert s.slept == []


async def test_who_made_the_room_or_was_invited_reads_it_from_its_beginning(quiet_hour: Town) -> None:
    s, newcomer = quiet_hour, await quiet_hour.server.person()
    for room in s.forums:
        await s.author.invite(room, newcomer)
        await newcomer.join(room)
    for person in (newcomer, s.author):
        await rename(person)
        assert await read_all(person, s.forums) == [SAID] * FORUMS
    assert s.slept == []


async def test_reading_costs_no_statement_more_for_being_weighed(new_server: NewServer) -> None:
    """In rooms of one's own never. What was said before one came is looked up once: how one came, if one has another name by now,
    and what one has read of it."""
    s = await scene(new_server, Settings(True), 20)
    official, node = await s.server.person("official"), s.server.node
    own = await s.author.create_room(preset="public_chat")
    await official.join(own)
    await say(s.author, own, 20)

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
