"""Where a server is: every step of the specification, with its Host header and the name on its certificate."""

from __future__ import annotations

import pytest

from chappe.homeserver.outbound.federation.discovery import DAY, HOUR, Discovery, Document, ServerAddress

NOW = 1_000_000


class World:
    """Well-known documents and SRV records that a test writes down."""

    def __init__(self) -> None:
        self.documents: dict[str, Document | None] = {}
        self.records: dict[str, list[tuple[str, int]]] = {}
        self.asked: list[str] = []
        self.now = NOW
        self.discovery = Discovery(self.get, self.srv, lambda: self.now)

    async def get(self, url: str) -> Document | None:
        self.asked.append(url)
        return self.documents.get(url)

    async def srv(self, service: str) -> list[tuple[str, int]]:
        return self.records.get(service, [])

    def delegate(self, host: str, to: str, control: str = "") -> None:
        headers = {"cache-control": control} if control else {}
        self.documents[url(host)] = Document(200, headers, b'{"m.server": "%s"}' % to.encode())


def url(host: str) -> str:
    return f"https://{host}/.well-known/matrix/server"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("1.2.3.4", ServerAddress("1.2.3.4", 8448, "1.2.3.4", "1.2.3.4")),
        ("1.2.3.4:99", ServerAddress("1.2.3.4", 99, "1.2.3.4:99", "1.2.3.4")),
        ("[2001:db8::1]", ServerAddress("2001:db8::1", 8448, "[2001:db8::1]", "2001:db8::1")),
        ("[2001:db8::1]:443", ServerAddress("2001:db8::1", 443, "[2001:db8::1]:443", "2001:db8::1")),
        ("e.org:8008", ServerAddress("e.org", 8008, "e.org:8008", "e.org")),
    ],
)
async def test_addresses_and_ports_skip_everything_else(name: str, expected: ServerAddress) -> None:
    world = World()
    world.delegate("e.org", "elsewhere.org")
    world.records["_matrix-fed._tcp.e.org"] = [("srv.org", 1)]
    assert await world.discovery.find(name) == [expected] and world.asked == []


@pytest.mark.parametrize(
    ("delegated", "expected"),
    [
        ("9.9.9.9", ServerAddress("9.9.9.9", 8448, "9.9.9.9", "9.9.9.9")),
        ("9.9.9.9:1", ServerAddress("9.9.9.9", 1, "9.9.9.9:1", "9.9.9.9")),
        ("m.e.org:443", ServerAddress("m.e.org", 443, "m.e.org:443", "m.e.org")),
        ("m.e.org", ServerAddress("m.e.org", 8448, "m.e.org", "m.e.org")),
        ("fed.org", ServerAddress("t.fed.org", 10, "fed.org", "fed.org")),
        ("old.org", ServerAddress("t.old.org", 11, "old.org", "old.org")),
    ],
)
async def test_a_delegated_name(delegated: str, expected: ServerAddress) -> None:
    world = World()
    world.delegate("e.org", delegated)
    world.records |= {"_matrix-fed._tcp.fed.org": [("t.fed.org", 10)], "_matrix._tcp.old.org": [("t.old.org", 11)]}
    world.records["_matrix-fed._tcp.e.org"] = [("never.org", 1)]
    assert await world.discovery.find("e.org") == [expected]


BROKEN = [
    None,
    Document(404, {}, b"{}"),
    Document(200, {}, b"not json"),
    Document(200, {}, b"[]"),
    Document(200, {}, b'{"m.server": 5}'),
    Document(200, {}, b'{"m.server": "a b"}'),
    Document(200, {}, b"x" * 60_000),
]


@pytest.mark.parametrize("document", BROKEN)
async def test_without_a_good_document_the_records_count(document: Document | None) -> None:
    world = World()
    world.documents[url("e.org")] = document
    assert await world.discovery.find("e.org") == [ServerAddress("e.org", 8448, "e.org", "e.org")]
    world.records["_matrix._tcp.e.org"] = [("a.org", 1), ("b.org", 2)]
    assert await world.discovery.find("e.org") == [
        ServerAddress("a.org", 1, "e.org", "e.org"),
        ServerAddress("b.org", 2, "e.org", "e.org"),
    ]
    world.records["_matrix-fed._tcp.e.org"] = [("c.org", 3)]
    assert await world.discovery.find("e.org") == [ServerAddress("c.org", 3, "e.org", "e.org")]


@pytest.mark.parametrize(
    ("control", "lifetime"),
    [("", DAY), ("max-age=7200", 2 * HOUR), ("public, max-age=99999999", 2 * DAY), ("no-store", 60_000), ("max-age=0", 60_000)],
)
async def test_a_document_is_kept_as_long_as_it_says_within_bounds(control: str, lifetime: int) -> None:
    world = World()
    world.delegate("e.org", "m.e.org:1", control)
    await world.discovery.find("e.org")
    world.now += lifetime - 1
    await world.discovery.find("e.org")
    assert len(world.asked) == 1
    world.now += 1
    await world.discovery.find("e.org")
    assert len(world.asked) == 2


async def test_failures_are_kept_longer_each_time_and_do_not_move_a_server() -> None:
    world = World()
    world.delegate("e.org", "m.e.org:1")
    await world.discovery.find("e.org")
    world.documents.clear()
    world.now += 3 * DAY
    for wait in (60_000, 120_000, 240_000):
        assert (await world.discovery.find("e.org"))[0].host == "m.e.org"
        asked = len(world.asked)
        world.now += wait - 1
        await world.discovery.find("e.org")
        assert len(world.asked) == asked
        world.now += 1
    world.discovery.forget("e.org")
    await world.discovery.find("e.org")
    assert len(world.asked) == asked + 1
