"""A hosted domain moves out to a server of its own: nobody notices but the operators."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from chappe.agency.tables import ALL
from chappe.config import Listener
from chappe.homeserver.modules.hosted_domains.hosted_domains import MANIFEST, HostedDomains, import_domain
from chappe.homeserver.outbound.blob_store import open_blobs
from chappe.matrix.errors import BadRequest, NotFound
from chappe.matrix.events import content_hash
from chappe.matrix.identifiers import UserId
from tests.federation.certificates import Authority
from tests.federation.conftest import OPEN
from tests.federation.test_everything_else import PNG, device_keys
from tests.federation.test_rooms import agree, hears, members
from tests.process import ServedProcess, free_port
from tests.support import PASSWORD, Person, Refused, Server, bodies, joined, segment

NewServer = Callable[..., Awaitable[Server]]


class House:
    """Alice at the first domain, Dora and Ed at the second, all on one server that listens for both."""

    def __init__(self, new_server: NewServer, authority: Authority) -> None:
        self._new_server, self._authority = new_server, authority
        self.ports = free_port(), free_port()
        self.first, self.second = (f"localhost:{port}" for port in self.ports)

    def settings(self, *ports: int) -> dict[str, Any]:
        certificate, key = self._authority.issue("localhost")
        tls = [Listener(port=port, tls_certificate=certificate, tls_key=key) for port in ports]
        return {"listeners": [Listener(port=0), *tls], "federation": OPEN, "extra_ca_file": self._authority.file}

    async def open(self) -> None:
        self.old = await self._new_server(server_name=self.first, **self.settings(*self.ports))
        await self.old.node.domains.add(self.second)
        self.alice = await self.old.person("alice")
        self.dora, self.ed = await self._at_second("dora"), await self._at_second("ed")

    async def _at_second(self, name: str) -> Person:
        await self.old.node.accounts.register(UserId(f"@{name}:{self.second}"), PASSWORD)
        return await self.signs_in(self.old, name)

    async def signs_in(self, server: Server, name: str) -> Person:
        user = {"type": "m.id.user", "user": f"@{name}:{self.second}"}
        body = {"type": "m.login.password", "identifier": user, "password": PASSWORD}
        status, raw, _ = await server.raw("POST", "/_matrix/client/v3/login", body)
        if status != 200:
            raise Refused(status, json.loads(raw))
        return Person(server, json.loads(raw))

    def mover(self) -> HostedDomains:
        node = self.old.node
        return HostedDomains(node.database, node.writer, node.domains, node.blobs, node.tables, node.rooms)

    async def move(self, folder: Path, url: str, data: Path) -> Server:
        """Both servers afterwards, each on its own port; the old one started again."""
        await self.mover().export(self.second, folder, moves_out=True)
        await self.old.stop()
        connection = await asyncpg.connect(url)
        await import_domain(connection, open_blobs(self.old.config.media, str(data / "media")), folder, ALL)
        await connection.close()
        old = await self._new_server(url=self.old.url, server_name=self.first, **self.settings(self.ports[0]))
        self.alice.server = self.old = old
        return await self._new_server(url=url, server_name=self.second, **self.settings(self.ports[1]))


@pytest.fixture
async def house(new_server: NewServer, authority: Authority) -> House:
    found = House(new_server, authority)
    await found.open()
    return found


async def test_everything_goes_along(house: House, new_database: Callable[[], Awaitable[str]], tmp_path: Path) -> None:
    alice, dora, ed = house.alice, house.dora, house.ed
    shared = await alice.create_room(preset="public_chat", name="Both houses")
    for person in (dora, ed):
        await person.join(shared)
    inner = await dora.create_room(preset="private_chat", name="Among ourselves", room_alias_name="us", invite=[ed.id])
    await ed.join(inner)
    root = await dora.say(inner, "first words")
    await ed.send(
        inner,
        "m.room.message",
        {"msgtype": "m.text", "body": "in a thread", "m.relates_to": {"rel_type": "m.thread", "event_id": root}},
    )
    await alice.say(shared, "before the move")
    offered = await alice.create_room(name="An offer", invite=[dora.id])
    await dora.call("POST", "/keys/upload", {"device_keys": device_keys(dora, "keyofdora")})
    await dora.call("PUT", f"/user/{segment(dora.id)}/account_data/test.mine", {"kept": True})
    status, raw, _ = await house.old.raw("POST", "/_matrix/media/v3/upload", PNG, dora.token, {"Content-Type": "image/png"})
    assert status == 200
    file = json.loads(raw)["content_uri"].removeprefix("mxc://")
    before = await dora.sync()
    await ed.say(inner, "unread")
    url = await new_database()
    new = await house.move(tmp_path / "export", url, tmp_path / url.rsplit("/", 1)[-1].split("?")[0])
    dora.server = ed.server = new
    news = await dora.sync()
    assert list(news["rooms"]["join"]) == [inner] and bodies(joined(news, inner)["timeline"]["events"]) == ["unread"]
    assert bodies((await dora.messages(inner))["chunk"]) == ["unread", "in a thread", "first words"]
    assert [e["event_id"] for e in (await dora.call("GET", f"/_matrix/client/v1/rooms/{segment(inner)}/threads"))["chunk"]] == [
        root
    ]
    assert await dora.call("GET", f"/user/{segment(dora.id)}/account_data/test.mine") == {"kept": True}
    assert (await dora.call("GET", f"/directory/room/{segment(f'#us:{house.second}')}"))["room_id"] == inner
    status, got, _ = await new.raw("GET", f"/_matrix/client/v1/media/download/{file}", None, dora.token)
    assert (status, got) == (200, PNG)
    assert (await house.signs_in(new, "ed")).id == ed.id
    with pytest.raises(Refused):
        await house.signs_in(house.old, "ed")
    assert before["next_batch"] != news["next_batch"]
    # from now on the two talk over the wire
    await dora.say(shared, "from our own server")
    await hears(alice, shared, "from our own server")
    await alice.say(shared, "we hear you")
    await hears(dora, shared, "we hear you")
    assert bodies((await dora.messages(shared))["chunk"])[-1] == "before the move"
    await agree(shared, house.old, new)
    assert (await members(alice, shared))[dora.id] == "join"
    await dora.join(offered)
    await alice.say(offered, "welcome")
    await hears(dora, offered, "welcome")
    asked = await alice.call("POST", "/keys/query", {"device_keys": {dora.id: []}})
    assert dora.device in asked["device_keys"][dora.id], "her devices are asked for where she lives now"
    await dora.say(inner, "life goes on")
    assert (await members(ed, inner))[dora.id] == "join"
    fresh = await new.person("newcomer")
    assert fresh.id.endswith(house.second)
    await fresh.join(shared)
    await agree(shared, house.old, new)


async def test_a_copy_changes_nothing(house: House, tmp_path: Path) -> None:
    room = await house.dora.create_room(name="Ours")
    counts = await house.mover().export(house.second, tmp_path / "copy", moves_out=False)
    assert counts["users"] == 2 and counts["rooms"] == 1
    await house.dora.say(room, "still here")
    with pytest.raises(FileExistsError):
        await house.mover().export(house.second, tmp_path / "copy", moves_out=False)


SECRET = "the secret of the first ministry"


async def joins(house: House, room: str) -> None:
    await house.alice.invite(room, house.dora)
    await house.dora.join(room)


async def leaves(house: House, room: str) -> None:
    await joins(house, room)
    await house.dora.leave(room)


async def declines(house: House, room: str) -> None:
    await house.alice.invite(room, house.dora)
    await house.dora.leave(room)


async def is_removed(house: House, room: str) -> None:
    await joins(house, room)
    await house.alice.act("kick", room, house.dora)


async def is_banned(house: House, room: str) -> None:
    await house.alice.act("ban", room, house.dora)


async def is_invited(house: House, room: str) -> None:
    await house.alice.invite(room, house.dora)


async def is_invited_again(house: House, room: str) -> None:
    await leaves(house, room)
    await house.alice.invite(room, house.dora)


async def all_but_she_leave(house: House, room: str) -> None:
    await joins(house, room)
    await house.alice.leave(room)


# What became of somebody of the domain in a private room of others: does the room go along?
BECAME = {
    joins: True,
    all_but_she_leave: True,
    leaves: False,
    declines: False,
    is_removed: False,
    is_banned: False,
    is_invited: False,
    is_invited_again: False,
}


@pytest.mark.parametrize("moves_out", [False, True])
@pytest.mark.parametrize("became", BECAME)
async def test_which_rooms_of_others_go_along(
    house: House, tmp_path: Path, became: Callable[[House, str], Awaitable[None]], moves_out: bool
) -> None:
    room = await house.alice.create_room(preset="private_chat", name="Cabinet")
    await house.alice.say(room, SECRET)
    await became(house, room)
    folder = tmp_path / "export"
    await house.mover().export(house.second, folder, moves_out)
    written = {path.name: path.read_bytes() for path in folder.glob("*.copy")}
    goes = [name for name, raw in written.items() if SECRET.encode() in raw]
    assert bool(goes) == BECAME[became], goes
    if not BECAME[became] and became not in (is_invited, is_invited_again):
        assert house.alice.id.encode() not in written["memberships.copy"], "nor who is in it"
    if became not in (joins, all_but_she_leave):
        assert SECRET in bodies((await house.alice.messages(room))["chunk"]), "it stays where it was"


# What is said, and the topic then, each under a word of its own.
WORDS = ("mazarin", "colbert", "turgot", "necker", "calonne")
BEFORE, INVITED, THERE, AWAY, BACK = WORDS
SEEN = {  # by history visibility: what somebody of the domain may read
    "world_readable": WORDS,
    "shared": WORDS,
    "invited": (INVITED, THERE, BACK),
    "joined": (THERE, BACK),
}


async def a_stay(house: House, rule: str) -> str:
    """A room of others in which Dora was, went, and is again."""
    alice, dora = house.alice, house.dora
    visibility = {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": rule}}
    room = await alice.create_room(preset="private_chat", name="Cabinet", initial_state=[visibility])

    async def say(word: str) -> None:
        await alice.call("PUT", f"/rooms/{segment(room)}/state/m.room.topic", {"topic": f"topic {word}"})
        said = await alice.say(room, f"message {word}")
        relation = {"rel_type": "m.annotation", "event_id": said, "key": f"key {word}"}
        await alice.send(room, "m.reaction", {"m.relates_to": relation})

    await say(BEFORE)
    await alice.call("PUT", f"/rooms/{segment(room)}/state/m.room.topic", {"topic": "between"})
    await alice.invite(room, dora)
    await say(INVITED)
    await alice.call("PUT", f"/rooms/{segment(room)}/state/m.room.topic", {"topic": "what she came in with"})
    await dora.join(room)
    await say(THERE)
    await dora.leave(room)
    await say(AWAY)
    await alice.call("PUT", f"/rooms/{segment(room)}/state/m.room.topic", {"topic": "what she came back to"})
    await alice.invite(room, dora)
    await dora.join(room)
    await say(BACK)
    return room


@pytest.mark.parametrize("rule", SEEN)
async def test_what_nobody_of_the_domain_may_see_stays(house: House, tmp_path: Path, rule: str) -> None:
    room = await a_stay(house, rule)
    folder = tmp_path / "export"
    await house.mover().export(house.second, folder, moves_out=False)
    written = {path.name: path.read_bytes() for path in folder.glob("*.copy")}
    for what in ("message {}", "topic {}", "key {}", "{}"):
        goes = [word for word in WORDS if any(what.format(word).encode() in raw for raw in written.values())]
        assert goes == list(SEEN[rule]), what
    for topic in ("what she came in with", "what she came back to"):
        assert topic.encode() in written["events.copy"], "the state with which one began to see"
    read = bodies((await house.dora.messages(room, limit=100))["chunk"])
    assert [word for word in WORDS if f"message {word}" in read] == list(SEEN[rule]), "as she reads it here"


async def test_an_edit_that_nobody_may_see_is_not_found(house: House, tmp_path: Path) -> None:
    """The index has a message under the words of its latest edit."""
    alice, dora = house.alice, house.dora
    visibility = {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "joined"}}
    room = await alice.create_room(preset="private_chat", initial_state=[visibility], invite=[dora.id])
    await dora.join(room)
    said = await alice.say(room, "fouquet")
    await dora.leave(room)
    relation = {"rel_type": "m.replace", "event_id": said}
    text = {"msgtype": "m.text", "body": "talleyrand"}
    await alice.send(room, "m.room.message", {**text, "m.new_content": text, "m.relates_to": relation})
    await alice.invite(room, dora)
    await dora.join(room)
    asked = {"search_categories": {"room_events": {"search_term": "talleyrand"}}}
    found = (await alice.call("POST", "/search", asked))["search_categories"]["room_events"]
    assert [result["result"]["event_id"] for result in found["results"]] == [said], "it is in the index"
    await house.mover().export(house.second, tmp_path / "export", moves_out=False)
    written = {path.name: path.read_bytes() for path in (tmp_path / "export").glob("*.copy")}
    assert [name for name, raw in written.items() if b"talleyrand" in raw] == []
    assert b"fouquet" in written["events.copy"]


async def test_rooms_agree_though_something_was_withheld(
    house: House, new_database: Callable[[], Awaitable[str]], tmp_path: Path
) -> None:
    alice, dora = house.alice, house.dora
    room = await a_stay(house, "joined")
    url = await new_database()
    new = await house.move(tmp_path / "export", url, tmp_path / url.rsplit("/", 1)[-1].split("?")[0])
    dora.server = new
    await agree(room, house.old, new)
    rows = await new.node.database.fetch("SELECT json, is_unfit FROM events WHERE redacted_by IS NULL")
    for row in rows:  # so that what was withheld gives way to a copy that has its content
        pdu = json.loads(row["json"])
        assert row["is_unfit"] == (content_hash(pdu) != pdu["hashes"]["sha256"]), pdu
    assert any(row["is_unfit"] for row in rows) and not all(row["is_unfit"] for row in rows)
    assert bodies((await dora.messages(room, limit=100))["chunk"]) == [f"message {BACK}", f"message {THERE}"]
    await dora.say(room, "from our own server")
    await hears(alice, room, "from our own server")
    await alice.say(room, "we hear you")
    await hears(dora, room, "we hear you")
    fresh = await new.person("newcomer")
    await dora.invite(room, fresh)
    await fresh.join(room)
    await agree(room, house.old, new)
    assert (await members(alice, room))[fresh.id] == "join"


async def test_their_own_rooms_go_along_though_they_have_left_them(house: House, tmp_path: Path) -> None:
    room = await house.dora.create_room(name="Ours", invite=[house.ed.id, house.alice.id])
    await house.ed.join(room)
    await house.dora.say(room, "among ourselves")
    await house.ed.leave(room)
    await house.dora.leave(room)
    await house.mover().export(house.second, tmp_path / "export", moves_out=False)
    assert b"among ourselves" in (tmp_path / "export" / "events.copy").read_bytes()


async def test_each_installation_has_its_own_secrets(
    house: House, new_database: Callable[[], Awaitable[str]], tmp_path: Path
) -> None:
    """What opens a browser's session or a file for the antivirus in one opens nothing in the other."""
    url = await new_database()
    connection = await asyncpg.connect(url)
    # every installation makes its own; those of the tests are copies of one database
    await connection.execute("UPDATE secrets SET value = uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())")
    await connection.close()
    before = await house.old.node.database.fetch("SELECT name, value FROM secrets")
    await house.move(tmp_path / "export", url, tmp_path / url.rsplit("/", 1)[-1].split("?")[0])
    connection = await asyncpg.connect(url)
    after = dict(await connection.fetch("SELECT name, value FROM secrets"))
    await connection.close()
    old = {row["name"]: row["value"] for row in before}
    assert old.keys() == after.keys()
    assert {name for name in old if old[name] == after[name]} == {"state_hash", "epoch"}


async def test_what_cannot_be_moved(house: House, new_database: Callable[[], Awaitable[str]], tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        await house.mover().export("nowhere.example", tmp_path / "a", moves_out=True)
    with pytest.raises(BadRequest, match="first domain"):
        await house.mover().export(house.first, tmp_path / "b", moves_out=True)
    await house.mover().export(house.second, tmp_path / "c", moves_out=False)
    blobs = open_blobs(house.old.config.media, str(tmp_path / "media"))
    used = await asyncpg.connect(house.old.url)
    with pytest.raises(BadRequest, match="in use"):
        await import_domain(used, blobs, tmp_path / "c", ALL)
    await used.close()
    empty = await asyncpg.connect(await new_database())
    with pytest.raises(BadRequest, match="no exported domain"):
        await import_domain(empty, blobs, tmp_path / "nothing", ALL)
    manifest = json.loads((tmp_path / "c" / MANIFEST).read_text())
    (tmp_path / "c" / MANIFEST).write_text(json.dumps({**manifest, "migrations": ["0001"]}))
    with pytest.raises(BadRequest, match="another version"):
        await import_domain(empty, blobs, tmp_path / "c", ALL)
    (tmp_path / "c" / MANIFEST).write_text(json.dumps(manifest))
    (tmp_path / "c" / "events.copy").unlink()
    with pytest.raises(OSError):
        await import_domain(empty, blobs, tmp_path / "c", ALL)
    assert not await empty.fetchval("SELECT EXISTS (SELECT 1 FROM users)"), "all or nothing"
    await empty.close()


async def test_from_the_command_line(tmp_path: Path) -> None:
    old = await ServedProcess(tmp_path / "old", "--server-name", "first.example").start()
    try:
        assert (await old.run("admin", "domain", "add", "second.example"))[0] == 0
        assert (await old.run("admin", "user", "add", "@dora:second.example", "--password", PASSWORD))[0] == 0
        folder = str(tmp_path / "export")
        code, said = await old.run("admin", "domain", "export", "second.example", "--to", folder, "--move-out")
        assert code == 0 and "1 accounts, 0 rooms" in said, said
        assert "second.example" not in (await old.run("admin", "domain", "list"))[1]
        code, said = await old.run("admin", "domain", "export", "second.example", "--to", folder)
        assert code == 1 and "not hosted here" in said
    finally:
        await old.stop()
    new = ServedProcess(tmp_path / "new", "--server-name", "second.example")
    await (await new.start()).stop()  # makes the configuration and the database
    code, said = await new.run("admin", "domain", "import", folder)
    assert code == 0 and "1 accounts" in said, said
    assert f"'domain', 'import', '{folder}'" in (await new.run("admin", "audit", "list"))[1]
    await new.start()
    try:
        body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": "dora"}, "password": PASSWORD}
        status, raw, _ = await new.raw("POST", "/_matrix/client/v3/login", body)
        assert status == 200 and json.loads(raw)["user_id"] == "@dora:second.example"
    finally:
        await new.stop()
