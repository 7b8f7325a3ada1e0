"""What tests of the read guard share: a server whose time they move, forums full of what was said long ago, and the doors by
which it is read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from chappe.agency.app import AgencyServer
from chappe.config import ReadGuard as Settings
from chappe.homeserver.database.embedded import EmbeddedPostgres
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.server_time import ServerTime
from tests.conftest import new_database_of
from tests.support import Person, Refused, Server, segment
from tests.support import test_config as config_for_tests

NewServer = Callable[..., Awaitable[Server]]
HOUR, DAY = 3_600_000, 86_400_000
ROOMS, MESSAGES = 10, 100
ADMIN = "/_chappe/admin/v1/read_guard"
SLIDING = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"
NS_IN_MS = 1_000_000


async def _stays(database: Database) -> None:
    pass


class NodeClock:
    """The time of a whole node, which goes on by itself and is moved forward (`now`, in ms)."""

    _time: ServerTime

    def __init__(self) -> None:
        self._moved_ms = 0

    def attach(self, node: AgencyServer) -> None:
        """Another process of the same installation, or the next start."""
        self._time = node.time
        self._time.compare = _stays  # type: ignore[method-assign]  # the database's time does not move
        self._time._offset_ns += self._moved_ms * NS_IN_MS

    def __call__(self) -> int:
        return self.now

    @property
    def now(self) -> int:
        return self._time.now_ms()

    @now.setter
    def now(self, now: int) -> None:
        ahead = now - self.now
        self._moved_ms += ahead
        self._time._offset_ns += ahead * NS_IN_MS

    def hours(self, hours: int) -> None:
        """To the beginning of an hour that many hence."""
        self.now = (self.now // HOUR + hours) * HOUR


class Scene:
    """The leak at a tenth: public rooms full of what was said long ago. `slept`: how long requests had to wait."""

    author: Person
    root: Person
    forums: list[str]

    def __init__(self, server: Server) -> None:
        self.clock = NodeClock()
        self.slept: list[float] = []
        self.watch(server)

    def watch(self, server: Server) -> None:
        assert isinstance(server.node, AgencyServer) and server.node.guard is not None
        self.server, self.guard = server, server.node.guard
        self.clock.attach(server.node)

        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        self.guard.sleep = sleep

    async def alerts_of(self, person: Person) -> list[tuple[str, str, int]]:
        alerts = (await self.root.call("GET", ADMIN + "/alerts"))["alerts"]
        return [(a["step"], a["what"], a["amount"]) for a in alerts if a["user_id"] == person.id]


async def say(author: Person, room: str, messages: int, **content: Any) -> list[str]:
    return list(await asyncio.gather(*(author.say(room, f"message {n}", **content) for n in range(messages))))


async def forum(author: Person, messages: int = MESSAGES, **options: Any) -> str:
    room = await author.create_room(preset="public_chat", **options)
    await say(author, room, messages)
    return room


async def forum_of_threads(author: Person, threads: int, replies: int, **options: Any) -> str:
    """One after the other, each message at a time of its own."""
    room = await forum(author, 0, **options)
    for _ in range(threads):
        (root,) = await say(author, room, 1)
        for _ in range(replies):
            await say(author, room, 1, **{"m.relates_to": {"rel_type": "m.thread", "event_id": root}})
    return room


SomeScene = TypeVar("SomeScene", bound=Scene)


@asynccontextmanager
async def town(postgres: EmbeddedPostgres, data: Path, settings: Settings, kind: type[SomeScene]) -> AsyncIterator[SomeScene]:
    """A scene that many tests share: people are each test's own."""
    url = postgres.url_of(await new_database_of(postgres))
    server = await Server(config_for_tests(read_guard=settings), data, url).start()
    yield await begin(server, kind)
    await server.stop()


async def begin(server: Server, kind: type[SomeScene]) -> SomeScene:
    """With its people, and nothing said yet."""
    s = kind(server)
    s.author, s.root = await server.person("author"), await server.person("root")
    await server.node.accounts.change(s.root.id, is_admin=True)
    s.forums = []
    return s


async def scene(new_server: NewServer, settings: Settings, messages: int) -> Scene:
    """Two hours after what was said, at the beginning of one."""
    s = await begin(await new_server(read_guard=settings), Scene)
    s.forums = [await forum(s.author, messages) for _ in range(ROOMS)]
    s.clock.hours(2)
    return s


async def read_history(person: Person, room: str, limit: int = 50) -> int:
    """How many messages a client gets that pages back to the beginning."""
    return len([event async for page in by_messages(person, room, limit) for event in said(page)])


async def rename(person: Person) -> None:
    await person.call("PUT", f"/profile/{segment(person.id)}/displayname", {"displayname": "Somebody else"})


# ------------------------------------------------------------------------------------------------------------------ doors

Events = list[dict[str, Any]]
Door = Callable[[Person, str, int], AsyncIterator[Events]]  # who, room, at once: what they are shown, page by page


def said(events: Events) -> Events:
    """With what stands beside them: the last of each thread."""
    threads = [event.get("unsigned", {}).get("m.relations", {}).get("m.thread", {}) for event in events]
    events = events + [thread["latest_event"] for thread in threads if "latest_event" in thread]
    return list({e["event_id"]: e for e in events if e["type"] == "m.room.message" and "body" in e["content"]}.values())


async def by_messages(reader: Person, room: str, at_once: int, **query: Any) -> AsyncIterator[Events]:
    while True:
        page = await reader.messages(room, limit=at_once, **query)
        yield page["chunk"]
        if (token := page.get("end")) is None:
            return
        query["from"] = token


async def by_context(reader: Person, room: str, at_once: int) -> AsyncIterator[Events]:
    """From the newest event on, each time around the oldest that is known."""
    path = f"/rooms/{segment(room)}"
    newest = await reader.call("GET", f"/_matrix/client/v1{path}/timestamp_to_event", ts=2**50, dir="b")
    oldest, known = newest["event_id"], ""
    while oldest != known:
        known, page = oldest, await reader.call("GET", f"{path}/context/{segment(oldest)}", limit=at_once * 2)
        before = page["events_before"]
        yield [page["event"], *before, *page["events_after"]]
        oldest = before[-1]["event_id"] if before else known


async def by_date(reader: Person, room: str, at_once: int) -> AsyncIterator[Events]:
    """Event by event, each asked for by the time before the last."""
    path, ts = f"/rooms/{segment(room)}", 2**50
    while True:
        try:
            found = await reader.call("GET", f"/_matrix/client/v1{path}/timestamp_to_event", ts=ts, dir="b")
        except Refused as refusal:
            if refusal.status != 404:
                raise
            return
        yield [await reader.call("GET", f"{path}/event/{segment(found['event_id'])}")]
        ts = found["origin_server_ts"] - 1


async def by_search(reader: Person, room: str, at_once: int) -> AsyncIterator[Events]:
    criteria = {"search_term": "message", "order_by": "recent", "filter": {"rooms": [room], "limit": at_once}}
    query: dict[str, str] = {}
    while True:
        answer = await reader.call("POST", "/search", {"search_categories": {"room_events": criteria}}, **query)
        results = answer["search_categories"]["room_events"]
        yield [result["result"] for result in results["results"]]
        if not (token := results.get("next_batch")):
            return
        query["next_batch"] = token


async def by_sync(reader: Person, room: str, at_once: int) -> AsyncIterator[Events]:
    """A new beginning each time, and only of this room."""
    wanted = json.dumps({"room": {"rooms": [room], "timeline": {"limit": at_once}}})
    answer = await reader.call("GET", "/sync", filter=wanted)
    yield answer["rooms"]["join"][room]["timeline"]["events"]


async def by_sliding_sync(reader: Person, room: str, at_once: int) -> AsyncIterator[Events]:
    wanted = {"room_subscriptions": {room: {"timeline_limit": at_once, "required_state": []}}}
    answer = await reader.call("POST", SLIDING, wanted)
    yield answer["rooms"][room]["timeline"]


async def by_first_sync_of_room(reader: Person, room: str, at_once: int) -> AsyncIterator[Events]:
    answer = await reader.call("GET", f"/rooms/{segment(room)}/initialSync")
    yield answer["messages"]["chunk"]


async def by_threads(reader: Person, room: str, at_once: int) -> AsyncIterator[Events]:
    """Where what was said is in threads: each, then what is in it."""
    path, query = f"/_matrix/client/v1/rooms/{segment(room)}", {}
    while True:
        page = await reader.call("GET", f"{path}/threads", limit=at_once, **query)
        yield page["chunk"]
        for root in page["chunk"]:
            async for found in _thread(reader, f"{path}/relations/{segment(root['event_id'])}/m.thread", at_once):
                yield found
        if (token := page.get("next_batch")) is None:
            return
        query["from"] = token


async def _thread(reader: Person, path: str, at_once: int) -> AsyncIterator[Events]:
    query: dict[str, str] = {}
    while True:
        page = await reader.call("GET", path, limit=at_once, **query)
        yield page["chunk"]
        if (token := page.get("next_batch")) is None:
            return
        query["from"] = token


DOORS: dict[str, Door] = {
    "messages": by_messages,
    "context": by_context,
    "by date": by_date,
    "search": by_search,
    "sync": by_sync,
    "sliding sync": by_sliding_sync,
    "threads": by_threads,
    "the room's first sync": by_first_sync_of_room,
}
