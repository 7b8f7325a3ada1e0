"""A node is made of parts: what they need is found, what is missing or circular is refused, and a feature is added in one line."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

import asyncpg
import pytest
import pytest_asyncio

import chappe
from chappe.agency.parts import layer
from chappe.config import AccountValidity, Agency, Antivirus, ReadGuard
from chappe.homeserver.app.assemble import Assembly, AssemblyError, given_by
from chappe.homeserver.app.features import HOMESERVER
from chappe.homeserver.http.router import endpoints_of
from chappe.homeserver.part import End, Job, Loop, Part
from tests.features import bookmarks
from tests.features.bookmarks.part import PART as BOOKMARKS
from tests.support import Server, segment
from tests.support import test_config as config_for_tests

SLIDING = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"


class Base:
    made: object = None


class Store:
    def __init__(self, base: Base) -> None:
        self.base = base


class Missing: ...


class Wanting:
    def __init__(self, store: Store, missing: Missing) -> None: ...


class Optional:
    def __init__(self, store: Store, missing: Missing | None, size: int = 3) -> None:
        self.store, self.missing, self.size = store, missing, size


class Hen:
    def __init__(self, egg: Egg) -> None: ...


class Egg:
    def __init__(self, hen: Hen) -> None: ...


def made(base: Base) -> Store:
    return Store(base)


def test_each_thing_is_made_once_after_what_it_needs() -> None:
    base = Base()
    assembly = Assembly([Part("b", gives=(Optional,)), Part("a", gives=(made,))], {Base: base})
    found = assembly.of(Optional)
    assert found.store is assembly.of(Store) and found.store.base is base
    assert (found.missing, found.size) == (None, 3)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([Part("a", gives=(Store, Wanting))], "nobody gives Missing: the part a > Wanting"),
        ([Part("a", endpoints=(Wanting,)), Part("b", gives=(Store,))], "nobody gives Missing: the part a > Wanting"),
        ([Part("a", gives=(Hen,)), Part("b", gives=(Egg,))], "a circle: the part a > Hen > Egg > Hen"),
        ([Part("a", gives=(Store,)), Part("b", gives=(made,))], "b: Store is given by somebody else already"),
        ([Part("a", gives=(Base,))], "a: Base is given by somebody else already"),
    ],
)
def test_what_makes_no_node_is_refused_with_the_path(parts: list[Part], words: str) -> None:
    with pytest.raises(AssemblyError, match=words):
        Assembly(parts, {Base: Base()})


async def test_starts_works_and_closes() -> None:
    done = []

    def does(what: str) -> Callable[[Store], Awaitable[None]]:
        async def do(store: Store) -> None:
            done.append(what)

        return do

    async def run() -> None: ...

    def runs(store: Store) -> Iterator[Loop | Job]:
        yield Loop("a loop", run)
        yield Job("a job", 3, run)

    first = Part("a", gives=(Store,), starts=does("starts first"), runs=runs, closes=does("closes last"))
    assembly = Assembly([first, Part("b", starts=does("starts"), closes=does("closes"))], {Base: Base()})
    await assembly.start()
    assert [work.name for work in assembly.work()] == ["a loop", "a job"]
    await assembly.close()
    assert done == ["starts first", "starts", "closes", "closes last"]


def test_what_nobody_gives_may_be_looked_for() -> None:
    assembly = Assembly([Part("a", gives=(Store,))], {Base: Base()})
    assert assembly.find(Store) is assembly.of(Store) and assembly.find(Missing) is None


def test_functions_of_one_name_make_no_circle() -> None:
    def make(base: Base) -> Store:
        return Store(base)

    def another(store: Store) -> Door:
        return Guarded(store)

    another.__qualname__ = make.__qualname__
    assert not Assembly([Part("b", gives=(another,)), Part("a", gives=(make,))], {Base: Base()}).of(Door).is_open


class Door:
    def __init__(self) -> None:
        self.is_open = True


class Guarded(Door):
    def __init__(self, store: Store) -> None:
        self.is_open, self.store = False, store


class Passing:
    def __init__(self, door: Door) -> None:
        self.door = door


def guarded(store: Store) -> Door:
    return Guarded(store)


def test_a_layer_above_replaces_what_is_asked_below() -> None:
    below = [Part("store", gives=(Store,)), Part("door", gives=(Door, Passing))]
    assert Assembly(below, {Base: Base()}).of(Passing).door.is_open
    above = Assembly([*below, Part("guard", replaces=(guarded,))], {Base: Base()})
    assert above.of(Passing).door is above.of(Door) and not above.of(Door).is_open
    with pytest.raises(AssemblyError, match="guard: nobody gives Door"):
        Assembly([Part("store", gives=(Store,)), Part("guard", replaces=(guarded,))], {Base: Base()})
    with pytest.raises(AssemblyError, match=r"another: .* Door, or somebody else replaces it"):
        Assembly([*below, Part("guard", replaces=(guarded,)), Part("another", replaces=(guarded,))], {Base: Base()})


async def test_all_that_is_given_is_made_and_says_what_it_ends_and_measures() -> None:
    ended, measured = [], []

    class Unnamed:
        def __init__(self, base: Base) -> None:
            base.made = self

    def ends(store: Store) -> Mapping[str, End]:
        async def end(entry: object) -> None:
            ended.append((store, entry))

        return {"a way": end}

    def measures(store: Store) -> None:
        measured.append(store)

    base = Base()
    assembly = Assembly([Part("a", gives=(Store, Unnamed), ends=ends, measures=measures)], {Base: base})
    assembly.make()
    assert isinstance(base.made, Unnamed)
    await assembly.ends()["a way"]("alice")
    assembly.measure()
    assert (ended, measured) == ([(assembly.of(Store), "alice")], [assembly.of(Store)])


# --------------------------------------------------------------------------------------------------------- the lists

EVERYTHING = config_for_tests(
    agency=Agency(enabled=True),
    antivirus=Antivirus(engine="clamd://localhost:3310"),
    account_validity=AccountValidity(period_days=1),
    read_guard=ReadGuard(enabled=True),
)
LISTED = (*HOMESERVER, *layer(EVERYTHING), *layer(config_for_tests()))  # whatever the configuration
BESIDE_PARTS = {"Versions", "AdminRest"}  # they tell of all endpoints


def _modules() -> Iterator[ModuleType]:
    for module in pkgutil.walk_packages(chappe.__path__, "chappe."):
        if not module.name.endswith("__main__"):
            yield importlib.import_module(module.name)


def test_every_part_of_the_code_is_in_a_list() -> None:
    found = {part.name for module in _modules() for part in vars(module).values() if isinstance(part, Part)}
    assert found == {part.name for part in LISTED}
    for config in (EVERYTHING, config_for_tests()):
        names = [part.name for part in (*HOMESERVER, *layer(config))]
        assert len(names) == len(set(names)), "what is refused at start is told by the name of its part"


def test_every_endpoint_of_the_code_is_a_parts() -> None:
    answering = {given_by(maker) for part in LISTED for maker in part.endpoints}
    found = {
        kind
        for module in _modules()
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if kind.__module__ == module.__name__ and any(endpoints_of(kind))
    }
    assert {kind.__name__ for kind in found - answering} == BESIDE_PARTS


# ----------------------------------------------------------------------------------------------------- a new feature


@pytest_asyncio.fixture
async def with_bookmarks(tmp_path: Path, new_database: Callable[[], Awaitable[str]]) -> AsyncIterator[Server]:
    url = await new_database()
    connection = await asyncpg.connect(url)
    await connection.execute((Path(bookmarks.__file__).parent / "migration.sql").read_text())
    await connection.close()
    server = Server(config_for_tests(), tmp_path, url)
    server.node.parts = (*server.node.parts, BOOKMARKS)
    await server.start()
    yield server
    await server.stop()


async def test_bookmarks_are_seen_on_another_device(with_bookmarks: Server) -> None:
    alice = await with_bookmarks.person()
    room = await alice.create_room()
    event = await alice.say(room, "to be found again")
    phone = await alice.another_device()
    assert "example.bookmarks" not in await phone.sync()
    path = f"/_matrix/client/unstable/example.bookmarks/rooms/{segment(room)}/{segment(event)}"
    await alice.call("PUT", path, {})
    wanted = {"kept": [{"room_id": room, "event_id": event}], "gone": []}
    assert (await phone.sync())["example.bookmarks"] == wanted
    assert "example.bookmarks" not in await phone.sync()
    asked = {"extensions": {"example.bookmarks": {"enabled": True}}}
    first = await alice.call("POST", SLIDING, asked)
    assert first["extensions"]["example.bookmarks"] == wanted
    await alice.call("DELETE", path, {})
    later = await alice.call("POST", SLIDING, asked, pos=first["pos"])
    assert later["extensions"]["example.bookmarks"] == {"kept": [], "gone": wanted["kept"]}
    assert (await phone.sync())["example.bookmarks"]["gone"] == wanted["kept"]


def test_the_guide_quotes_what_runs() -> None:
    """Every block of code in docs/adding-a-module.md stands in the feature that is added here, or in the code."""
    root = Path(__file__).parents[2]
    guide = (root / "docs" / "adding-a-module.md").read_text()
    shown = [
        p for p in (Path(bookmarks.__file__).parent, root / "src/chappe/homeserver/modules/account_data") for p in p.iterdir()
    ]
    texts = [path.read_text() for path in shown if path.is_file()]
    blocks = re.findall(r"```\w+\n(.*?)```", guide, flags=re.S)
    assert len(blocks) >= 8
    assert not [block for block in blocks if not any(block in text for text in texts)]
