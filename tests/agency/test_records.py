"""Packages that the law asks for: whole, sealed, and without what is not theirs to tell."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from chappe.agency.app import AgencyServer
from chappe.agency.console.scope import Actor
from chappe.agency.records import bag
from chappe.homeserver.outbound.mail.texts import TEXTS
from chappe.matrix.errors import NotFound
from chappe.matrix.identifiers import ServerName, UserId
from tests.agency.conftest import code_of
from tests.agency.test_console import ALL, CULTURE, act, admin, anne, root, sam, view
from tests.agency.test_retention import download, upload
from tests.neighbours import Mailbox, plain
from tests.support import PASSWORD, Person, Server, bodies, refused

__all__ = ["admin", "anne", "root", "sam"]
MINE = "/_chappe/client/v1/my_data"


@pytest_asyncio.fixture
async def node(ministry: Server) -> AgencyServer:
    assert isinstance(ministry.node, AgencyServer)
    return ministry.node


def keys_of(node: AgencyServer) -> dict[tuple[str, str], str]:
    key = node.domains.signing_key(ServerName("localhost"))
    return {("localhost", key.key_id): key.public}


def read(path: Path, name: str) -> Any:
    with zipfile.ZipFile(path) as packed:
        return json.loads(packed.read(name))


async def conversation(anne: Person, sam: Person) -> tuple[str, str]:
    """A room with a file in it. (room, file)"""
    room = await anne.create_room(
        name="Marché & travaux",
        topic="Lot n° 3",
        invite=[sam.id],
        initial_state=[
            {
                "type": "im.vector.room.access_rules",
                "state_key": "",
                "content": {"rule": "restricted", "force_unencrypted_at_creation": True},
            }
        ],
    )
    await sam.join(room)
    file = await upload(anne)
    await anne.send(room, "m.room.message", {"msgtype": "m.file", "body": "plan.txt", "url": file})
    await anne.say(room, "the envelope of Anne")
    await sam.say(room, "the word of Sam")
    return room, file


async def test_one_persons_data(node: AgencyServer, tmp_path: Path, anne: Person, sam: Person) -> None:
    room, file = await conversation(anne, sam)
    path = tmp_path / "anne.zip"
    assert await node.personal_data.write(UserId(anne.id), path) == {"rooms": 1, "files": 1}
    assert bag.verify(path, keys_of(node)).startswith("localhost (")
    account = read(path, "data/account.json")
    assert account["user_id"] == anne.id and account["organisation"] == "culture"
    assert [a["address"] for a in read(path, "data/addresses.json")] == ["anne@culture.example"]
    assert read(path, "data/rooms.json")[0]["room_id"] == room
    (about,) = read(path, "data/files.json")
    assert about["uri"] == file
    with zipfile.ZipFile(path) as packed:
        assert packed.read(about["file"]) == b"the plan"
        everything = b"".join(packed.read(name) for name in packed.namelist())
    assert b"the envelope of Anne" in everything and b"the word of Sam" not in everything
    for secret in (anne.token, PASSWORD, "$argon2"):
        assert secret.encode() not in everything
    with pytest.raises(NotFound):
        await node.personal_data.write(UserId("@nobody:localhost"), tmp_path / "x.zip")
    assert not (tmp_path / "x.zip").exists()


async def test_who_is_held_is_not_told_by_their_own_package(node: AgencyServer, tmp_path: Path, anne: Person) -> None:
    await node.holds.place(anne.id, "Tribunal", "dossier 4711 du parquet", "@root:localhost")
    own, for_the_authority = tmp_path / "own.zip", tmp_path / "authority.zip"
    await node.personal_data.write(UserId(anne.id), own)
    with zipfile.ZipFile(own) as packed:
        everything = b"".join(packed.read(name) for name in packed.namelist())
    assert b"dossier 4711 du parquet" not in everything and b"legal_hold" not in everything
    await node.personal_data.write(UserId(anne.id), for_the_authority, with_held=True)
    assert [hold["reference"] for hold in read(for_the_authority, "data/legal_holds.json")] == ["dossier 4711 du parquet"]


async def test_a_room_for_the_archives(node: AgencyServer, tmp_path: Path, anne: Person, sam: Person) -> None:
    room, _ = await conversation(anne, sam)
    await node.holds.place(room, "Tribunal", "dossier 4711 du parquet", "@root:localhost")
    gone = await sam.say(room, "withdrawn since")
    await sam.redact(room, gone)
    path = tmp_path / "room.zip"
    told = await node.room_archive.write(room, path)
    assert told["files"] == 1 and told["events"] > 8
    bag.verify(path, keys_of(node))
    about = read(path, "data/room.json")
    assert (about["name"], about["topic"], about["creator"], about["access"]) == (
        "Marché & travaux",
        "Lot n° 3",
        anne.id,
        "restricted",
    )
    assert "legal_holds" not in about and len(about["members"]) == 2
    for_the_authority = tmp_path / "with-held.zip"
    await node.room_archive.write(room, for_the_authority, with_held=True)
    assert read(for_the_authority, "data/room.json")["legal_holds"][0]["reference"] == "dossier 4711 du parquet"
    with zipfile.ZipFile(path) as packed:
        events = [json.loads(line) for line in packed.read("data/events.jsonl").splitlines()]
        core = packed.read("metadata/dublin-core.xml").decode()
        assert "held" not in "".join(packed.namelist())
    assert "<dc:title>Marché &amp; travaux</dc:title>" in core
    assert len(events) == told["events"] and "signatures" in events[0]["event"] and "hashes" in events[0]["event"]
    assert "withdrawn since" not in json.dumps(events)
    with_held = tmp_path / "held.zip"
    await node.room_archive.write(room, with_held, with_held=True)
    with zipfile.ZipFile(with_held) as packed:
        assert b"withdrawn since" in packed.read("data/held.jsonl")


@pytest.mark.parametrize("what", ["changed", "removed", "added", "resealed", "not a package"])
async def test_a_package_that_is_not_whole(node: AgencyServer, tmp_path: Path, anne: Person, sam: Person, what: str) -> None:
    room, _ = await conversation(anne, sam)
    good, bad = tmp_path / "good.zip", tmp_path / "bad.zip"
    await node.room_archive.write(room, good)
    if what == "not a package":
        bad.write_bytes(b"PK no")
    else:
        with zipfile.ZipFile(good) as source, zipfile.ZipFile(bad, "w") as target:
            for name in source.namelist():
                data = source.read(name)
                if what == "changed" and name == "data/events.jsonl":
                    data = data.replace(b"envelope", b"antelope")
                if what == "removed" and name == "data/events.jsonl":
                    continue
                if what == "resealed" and name == bag.SIGNATURE:
                    data = data.replace(b'"signed_ts": 1', b'"signed_ts": 2')
                target.writestr(name, data)
            if what == "added":
                target.writestr("data/forged.json", b"{}")
    with pytest.raises(bag.BrokenBag):
        bag.verify(bad, keys_of(node))
    with pytest.raises(bag.BrokenBag):
        bag.verify(good, {})


async def test_a_file_that_is_not_there_any_more(node: AgencyServer, tmp_path: Path, anne: Person, sam: Person) -> None:
    _, file = await conversation(anne, sam)
    server_name, name = file.removeprefix("mxc://").split("/")
    await node.blobs.delete(f"media/{server_name}/{name[:2]}/{name}")
    path = tmp_path / "anne.zip"
    await node.personal_data.write(UserId(anne.id), path)
    bag.verify(path, keys_of(node))
    assert read(path, "data/files.json")[0]["missing"] is True


async def test_asked_for_in_the_console(ministry: Server, node: AgencyServer, admin: Person, anne: Person, sam: Person) -> None:
    room, _ = await conversation(anne, sam)
    code = await code_of(ministry, admin)
    package = (await act(admin, "archive_room", room_id=room, code=code))["package"]
    no = await refused(admin.call("GET", f"{CULTURE}/exports/{package}"))
    assert (no.status, no.errcode) == (404, "M_NOT_YET_UPLOADED")
    assert await node.exports.make_waiting() == 1
    (told,) = await view(admin, "exports")
    assert (told["state"], told["kind"], told["target"]) == ("ready", "room", room) and told["detail"]["files"] == 1
    status, raw, _ = await ministry.raw("GET", f"{CULTURE}/exports/{package}", None, admin.token)
    assert status == 200 and raw[:2] == b"PK"
    assert (await ministry.raw("GET", f"{CULTURE}/exports/{package}", None, sam.token))[0] == 403
    assert "fetch_package" in [e["action"] for e in await view(admin, "audit")]
    node.exports._now_ms = lambda: node.now_ms() + 8 * 86_400_000
    await node.exports.prune()
    assert await view(admin, "exports") == []
    assert await node.blobs.size_of(f"exports/{package}.zip") is None


async def test_ones_own_data(ministry: Server, node: AgencyServer, anne: Person, sam: Person) -> None:
    package = (await anne.prove(MINE, {}))["package"]
    assert (await refused(anne.call("GET", f"{MINE}/{package}"))).status == 405
    assert (await anne.call("POST", MINE, {}))["package"] == package, "one at a time"
    await node.exports.make_waiting()
    (told,) = (await anne.call("GET", MINE))["packages"]
    assert told["state"] == "ready"
    status, raw, _ = await anne.prove_raw(f"{MINE}/{package}", {})
    assert status == 200 and raw.startswith(b"PK")
    assert (await refused(sam.call("POST", f"{MINE}/{package}", {}))).status == 404
    assert (await refused(anne.call("GET", f"{CULTURE}/exports/{package}"))).status == 403


async def test_who_asks_for_ones_own_data_is_told_of(mailbox: Mailbox, node: AgencyServer, anne: Person) -> None:
    """A stolen session could ask for it: the owner hears of it, by mail."""
    address = "anne.dupont@culture.example"
    await node.bind_threepid(UserId(anne.id), "email", address, node.now_ms())
    await anne.prove(MINE, {})
    subjects = tuple(subject for subject, _, _ in TEXTS["data_asked"].values())
    while not (letter := await mailbox.next(address))["Subject"].startswith(subjects):
        pass
    assert "«\xa0Anne (Culture)\xa0»" in plain(letter)


async def test_what_was_half_made_is_made_anew(node: AgencyServer, anne: Person) -> None:
    package = (await anne.prove(MINE, {}))["package"]
    await node.database.execute("UPDATE exports SET state = 'working', started_ts = 1 WHERE id = $1", package)
    assert await node.exports.make_waiting() == 1


async def test_erasing_a_person(ministry: Server, node: AgencyServer, admin: Person, anne: Person, sam: Person) -> None:
    room, file = await conversation(anne, sam)
    code = await code_of(ministry, admin)
    answer = await act(admin, "erase", user_id=anne.id, code=code)
    assert answer == {"done": True, "messages": 2, "files": 0}, "the file went with its message"
    assert bodies((await sam.messages(room))["chunk"]) == ["the word of Sam"]
    assert await download(sam, file) == 404
    assert not await node.database.fetchval("SELECT EXISTS (SELECT 1 FROM events WHERE json::bytea LIKE '%envelope%'::bytea)")
    assert await view(admin, "former") == [], "nothing is kept of her"


async def kept_of(node: AgencyServer, person: Person) -> tuple[int, int]:
    """How many messages and files of somebody are still there."""
    messages = await node.database.fetchval(
        "SELECT count(*) FROM events WHERE sender = $1 AND state_key IS NULL AND redacted_by IS NULL", person.id
    )
    files = await node.database.fetchval("SELECT count(*) FROM media WHERE user_id = $1 AND size > 0", person.id)
    return messages, files


async def test_whoever_is_held_is_answered_as_ever_and_erased_later(
    ministry: Server, node: AgencyServer, anne: Person, sam: Person
) -> None:
    await conversation(anne, sam)
    there = await kept_of(node, anne)
    assert there > (0, 0)
    hold = await node.holds.place(anne.id, "Tribunal", "dossier 4711 du parquet", "@root:localhost")
    user = {"type": "m.id.user", "user": anne.id}
    proof = {"type": "m.login.password", "identifier": user, "password": PASSWORD}
    ended = await anne.call("POST", "/account/deactivate", {"erase": True, "auth": proof})
    other = await sam.call(
        "POST", "/account/deactivate", {"erase": True, "auth": {**proof, "identifier": {**user, "user": sam.id}}}
    )
    assert ended == other, "as whoever is not held"
    await node.erasure.after_holds()
    assert await kept_of(node, anne) == there
    await node.holds.lift(hold, "Order of 3 March", "@root:localhost")
    await node.erasure.after_holds()
    assert await kept_of(node, anne) == (0, 0)


async def test_a_held_person_is_erased_when_the_hold_ends(
    ministry: Server, node: AgencyServer, admin: Person, root: Person, anne: Person, sam: Person
) -> None:
    await conversation(anne, sam)
    there = await kept_of(node, anne)
    number = await node.holds.place(anne.id, "Tribunal", "dossier 4711 du parquet", admin.id, "culture")
    answer = await act(admin, "erase", user_id=anne.id, code=await code_of(ministry, admin))
    assert answer == {"done": True, "messages": 0, "files": 0, "later": True}
    assert await kept_of(node, anne) == there
    (hold,) = await view(root, "holds", ALL)
    assert hold["target"] == anne.id, "whoever administers everything still sees it, for it has to be lifted"
    await act(root, "lift_hold", ALL, hold=number, reason="over", code=await code_of(ministry, root))
    await node.erasure.after_holds()
    assert await kept_of(node, anne) == (0, 0)
    assert await view(admin, "former") == []


async def test_nobody_is_asked_to_agree_to_a_hold_on_themselves(
    ministry: Server, node: AgencyServer, admin: Person, anne: Person, sam: Person
) -> None:
    await node.scope.grant(Actor("@root:localhost", "culture"), UserId(anne.id))
    await act(admin, "hold_person", user_id=anne.id, authority="Tribunal", reference="dossier 4711 du parquet")
    assert not (await anne.sync()).get("rooms", {}).get("join"), "no notice tells her that something waits"
    assert await view(anne, "requests") == []


async def test_a_token_alone_gets_nobodys_data(ministry: Server, node: AgencyServer, anne: Person) -> None:
    """It is all that somebody ever wrote and uploaded; what it holds of files counts as files that are read."""
    no = await refused(anne.call("POST", MINE, {}))
    assert no.status == 401 and no.body["flows"] == [{"stages": ["m.login.password"]}]
    assert (await refused(anne.call("POST", MINE, {"auth": {"session": no.body["session"]}}))).status == 401
    assert (await anne.call("GET", MINE))["packages"] == []
    for n in range(3):
        assert (await ministry.raw("POST", "/_matrix/media/v3/upload", b"plan %d" % n, anne.token))[0] == 200
    counted: list[tuple[str, str, float]] = []

    async def count(user_id: str, what: str, amount: float) -> None:
        counted.append((user_id, what, amount))

    node.reading.listen(count)
    package = (await anne.prove(MINE, {}))["package"]
    assert (await ministry.raw("POST", f"{MINE}/{package}", {}, anne.token))[0] == 404
    await node.exports.make_waiting()
    # her proof for the asking, on the same session or another, is none
    for device in (anne, await anne.another_device()):
        for body in ({}, {"auth": {"type": "m.login.password", "user": anne.id, "password": "wrong"}}):
            assert (await refused(device.call("POST", f"{MINE}/{package}", body))).status == 401
    assert counted == []
    assert (await anne.prove_raw(f"{MINE}/{package}", {}))[0] == 200
    assert [(who, what, round(amount, 3)) for who, what, amount in counted] == [(anne.id, "files", 0.3)]
