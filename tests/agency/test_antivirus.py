"""Every file is scanned before anybody sees it: with a real ClamAV, plain and encrypted, by clients of every kind."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import vodozemac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from chappe.agency.antivirus.engines import Clamd, ScanFailed, engine_of
from chappe.agency.antivirus.scanner import recognised
from chappe.agency.app import AgencyServer
from chappe.config import Antivirus
from tests.agency.antivirus import C_ICAP, CLAMD, VIRUS, ClamAV
from tests.federation.test_everything_else import PNG
from tests.support import Person, Server

pytestmark = [
    pytest.mark.skipif(CLAMD is None or C_ICAP is None, reason="needs ClamAV and c-icap (tests/install_components.sh)"),
    pytest.mark.xdist_group("clamav"),
]
BASE = "/_matrix/media_proxy/unstable"
V1 = "/_matrix/client/v1/media"
NewServer = Callable[..., Awaitable[Server]]


@pytest_asyncio.fixture
async def clamav(tmp_path: Path) -> AsyncIterator[ClamAV]:
    folder = tmp_path / "clamav"
    folder.mkdir()
    running = ClamAV(folder)
    try:
        yield await running.start()
    finally:
        await running.stop()


async def upload(person: Person, raw: bytes, kind: str = "application/octet-stream") -> str:
    status, answer, _ = await person.server.raw("POST", "/_matrix/media/v3/upload", raw, person.token, {"Content-Type": kind})
    assert status == 200, answer
    return str(json.loads(answer)["content_uri"]).removeprefix("mxc://")


def unpadded(raw: bytes) -> str:
    return base64.b64encode(raw).rstrip(b"=").decode()


async def encrypted(person: Person, raw: bytes) -> dict[str, Any]:
    """Uploads a file as an encrypting client does; what it then writes into the message."""
    key, iv = hashlib.sha256(raw).digest(), b"12345678" + bytes(8)
    encryptor = Cipher(algorithms.AES256(key), modes.CTR(iv)).encryptor()
    sealed = encryptor.update(raw) + encryptor.finalize()
    jwk = {
        "alg": "A256CTR",
        "ext": True,
        "k": base64.urlsafe_b64encode(key).rstrip(b"=").decode(),
        "key_ops": ["encrypt", "decrypt"],
        "kty": "oct",
    }
    url = f"mxc://{await upload(person, sealed)}"
    return {
        "v": "v2",
        "url": url,
        "key": jwk,
        "iv": unpadded(iv),
        "hashes": {"sha256": unpadded(hashlib.sha256(sealed).digest())},
    }


async def ask(person: Person | None, server: Server, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    status, raw, headers = await server.raw(method, path, body, person.token if person else None)
    return status, json.loads(raw) if headers["Content-Type"].startswith("application/json") else raw


class Scene:
    server: Server
    alice: Person
    bob: Person


@pytest_asyncio.fixture(params=["clamd", "icap"])
async def scene(request: pytest.FixtureRequest, clamav: ClamAV, new_server: NewServer) -> Scene:
    s = Scene()
    url = clamav.url if request.param == "clamd" else await clamav.icap()
    s.server = await new_server(
        antivirus=Antivirus(engine=url, max_size_mib=2, blocked_types=["application/x-dosexec", "application/x-elf*"])
    )
    s.alice, s.bob = await s.server.person("alice"), await s.server.person("bob")
    return s


async def test_a_plain_file(scene: Scene) -> None:
    server, alice, bob = scene.server, scene.alice, scene.bob
    good, bad = (await upload(alice, PNG, "image/png"), await upload(alice, b"holiday" + VIRUS + b"pictures", "image/png"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("letter.txt", VIRUS * 20)
    hidden = await upload(alice, packed.getvalue(), "application/zip")
    for _ in range(2):  # the second time from memory
        assert await ask(bob, server, "GET", f"{BASE}/scan/{good}") == (200, {"clean": True, "info": "File is clean"})
        assert await ask(bob, server, "GET", f"{BASE}/download/{good}") == (200, PNG)
        assert await ask(bob, server, "GET", f"{V1}/download/{good}") == (200, PNG)
        for stopped in (bad, hidden):
            status, answer = await ask(bob, server, "GET", f"{BASE}/scan/{stopped}")
            assert status == 200 and not answer["clean"] and "Chappe.Test" in answer["info"]
            for path in (
                f"{BASE}/download/{stopped}",
                f"{V1}/download/{stopped}",
                f"{V1}/thumbnail/{stopped}?width=32&height=32",
                f"{BASE}/thumbnail/{stopped}?width=32&height=32",
                f"{BASE}/download/{stopped}/name.png",
            ):
                status, answer = await ask(bob, server, "GET", path)
                assert status == 403 and answer["errcode"] == "MCS_MEDIA_NOT_CLEAN", path
    status, small = await ask(bob, server, "GET", f"{BASE}/thumbnail/{good}?width=32&height=32&method=scale")
    assert status == 200 and small.startswith((b"\x89PNG", b"RIFF", b"\xff\xd8"))


async def test_an_encrypted_file(scene: Scene) -> None:
    server, alice, bob = scene.server, scene.alice, scene.bob
    good, bad = await encrypted(alice, b"an honest report"), await encrypted(alice, b"a report" + VIRUS)
    key = (await ask(None, server, "GET", f"{BASE}/public_key"))[1]["public_key"]
    box = vodozemac.PkEncryption.from_key(vodozemac.Curve25519PublicKey.from_base64(key))

    def sealed(body: Any) -> dict[str, Any]:
        ephemeral, mac, ciphertext = box.encrypt(json.dumps(body).encode()).to_base64()
        return {"encrypted_body": {"ciphertext": ciphertext, "mac": mac, "ephemeral": ephemeral}}

    for wrapped in (lambda body: body, sealed):
        assert await ask(bob, server, "POST", f"{BASE}/scan_encrypted", wrapped({"file": good})) == (
            200,
            {"clean": True, "info": "File is clean"},
        )
        status, raw = await ask(bob, server, "POST", f"{BASE}/download_encrypted", wrapped({"file": good}))
        assert status == 200 and hashlib.sha256(raw).digest() == base64.b64decode(good["hashes"]["sha256"] + "="), (
            "as it is stored"
        )
        status, answer = await ask(bob, server, "POST", f"{BASE}/scan_encrypted", wrapped({"file": bad}))
        assert status == 200 and not answer["clean"]
        status, answer = await ask(bob, server, "POST", f"{BASE}/download_encrypted", wrapped({"file": bad}))
        assert (status, answer["reason"]) == (403, "MCS_MEDIA_NOT_CLEAN")
    wrong_key = {**good, "key": {**good["key"], "k": unpadded(bytes(32)).replace("+", "-").replace("/", "_")}}
    status, answer = await ask(bob, server, "POST", f"{BASE}/scan_encrypted", {"file": wrong_key})
    assert status == 200, "another key gives other bytes, which are scanned for themselves"
    wrong_hash = {**good, "hashes": {"sha256": unpadded(bytes(32))}}
    status, answer = await ask(bob, server, "POST", f"{BASE}/scan_encrypted", {"file": wrong_hash})
    assert (status, answer["reason"]) == (400, "MCS_MEDIA_FAILED_TO_DECRYPT")
    other = vodozemac.PkEncryption.from_key(vodozemac.PkDecryption().public_key)
    ephemeral, mac, ciphertext = other.encrypt(json.dumps({"file": good}).encode()).to_base64()
    body = {"encrypted_body": {"ciphertext": ciphertext, "mac": mac, "ephemeral": ephemeral}}
    status, answer = await ask(bob, server, "POST", f"{BASE}/scan_encrypted", body)
    assert (status, answer["reason"]) == (403, "MCS_BAD_DECRYPTION")


async def test_who_may_not_see_a_file_learns_nothing_of_it(scene: Scene) -> None:
    server, alice = scene.server, scene.alice
    path = await upload(alice, PNG, "image/png")
    file = await encrypted(alice, b"secret")
    assert (await ask(alice, server, "GET", f"{BASE}/download/{path}"))[0] == 200
    stranger = Person(server, {"user_id": "", "device_id": "", "access_token": "nobody"})
    for person, code in ((None, "M_MISSING_TOKEN"), (stranger, "M_UNKNOWN_TOKEN")):
        for method, route, body in (
            ("GET", f"scan/{path}", None),
            ("GET", f"download/{path}", None),
            ("POST", "scan_encrypted", {"file": file}),
            ("POST", "download_encrypted", {"file": file}),
            ("GET", f"thumbnail/{path}?width=1&height=1", None),
        ):
            status, answer = await ask(person, server, method, f"{BASE}/{route}", body)
            assert (status, answer["reason"]) == (401, code)
    await server.node.media.quarantine([("localhost", path.split("/")[1])], "admin")
    assert (await ask(alice, server, "GET", f"{BASE}/download/{path}"))[0] == 404, "asked again, though it is known to be clean"


@pytest.mark.parametrize(
    ("state", "refusal"),
    [
        ({"locked": True}, (401, "M_USER_LOCKED")),
        ({"expires_ts": 1}, (403, "ORG_MATRIX_EXPIRED_ACCOUNT")),
        ({"suspended": True}, None),  # reads, and does not act
    ],
)
async def test_an_account_reads_as_it_stands(
    clamav: ClamAV, new_server: NewServer, state: dict[str, Any], refusal: tuple[int, str] | None
) -> None:
    """A file is had by no door that the account may not use otherwise, nor anything about it."""
    server = await new_server(antivirus=Antivirus(engine=clamav.url))
    alice, bob = await server.person("alice"), await server.person("bob")
    path, file = await upload(bob, PNG, "image/png"), await encrypted(bob, b"secret")
    doors: list[tuple[str, str, Any]] = []
    for route in server.node.routes():
        if route.endpoint.path.startswith(BASE) and not route.endpoint.path.endswith("public_key"):
            one = route.endpoint.path.replace("{serverName}/{mediaId}", path).replace("{fileName}", "a.png")
            query = "?width=32&height=32" if "thumbnail" in one else ""
            doors.append((route.endpoint.method, one + query, {"file": file} if route.endpoint.method == "POST" else None))
    assert len(doors) == 6
    for method, door, body in doors:
        assert (await ask(alice, server, method, door, body))[0] == 200, door
    await server.node.accounts.set_state(alice.id, **state)
    for method, door, body in doors:
        status, answer = await ask(alice, server, method, door, body)
        if refusal is None:
            assert status == 200, door
        else:
            assert (status, answer["reason"]) == refusal == (status, answer["errcode"]), door
            assert answer["info"] == answer["error"]


@pytest.mark.parametrize(
    "body",
    [
        b"nonsense",
        b"[]",
        {},
        {"file": 1},
        {"file": {}},
        {"file": {"v": "v1"}},
        {"encrypted_body": {}},
        {"encrypted_body": 1},
        {"encrypted_body": {"ciphertext": "x", "mac": "y", "ephemeral": "z"}},
        lambda f: {"file": {**f, "url": "https://x/y"}},
        lambda f: {"file": {**f, "url": "mxc://localhost/a/b"}},
        lambda f: {"file": {**f, "iv": "short"}},
        lambda f: {"file": {**f, "key": {**f["key"], "alg": "A128CTR"}}},
        lambda f: {"file": {**f, "key": {**f["key"], "key_ops": []}}},
        lambda f: {"file": {**f, "hashes": {}}},
        lambda f: {"file": {**f, "key": {**f["key"], "k": "!!"}}},
    ],
)
async def test_malformed_requests(clamav: ClamAV, new_server: NewServer, body: Any) -> None:
    server = await new_server(antivirus=Antivirus(engine=clamav.url))
    alice = await server.person("alice")
    given = body(await encrypted(alice, b"x")) if callable(body) else body
    status, answer = await ask(alice, server, "POST", f"{BASE}/scan_encrypted", given)
    assert (status, answer["reason"]) == (400, "MCS_MALFORMED_JSON"), answer
    assert (await ask(alice, server, "GET", f"{BASE}/scan/localhost/nothing"))[0] == 404


async def test_kinds_of_files_by_their_own_bytes(scene: Scene) -> None:
    server, alice = scene.server, scene.alice
    program = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00" + bytes(200)
    path = await upload(alice, program, "image/png")  # whatever its sender says
    status, answer = await ask(alice, server, "GET", f"{BASE}/scan/{path}")
    assert (status, answer["reason"]) == (403, "MCS_MIME_TYPE_FORBIDDEN"), answer
    assert (await ask(alice, server, "GET", f"{V1}/download/{path}"))[0] == 403
    file = await encrypted(alice, program)
    status, answer = await ask(alice, server, "POST", f"{BASE}/download_encrypted", {"file": file})
    assert (status, answer["reason"]) == (403, "MCS_MIME_TYPE_FORBIDDEN"), "encryption hides no kind"
    assert recognised(PNG) == "image/png" and recognised("é".encode()) == "text/plain"


async def test_what_cannot_be_scanned_is_not_given_out(scene: Scene, clamav: ClamAV) -> None:
    server, alice = scene.server, scene.alice
    large = await upload(alice, bytes(3 << 20), "image/png")
    status, answer = await ask(alice, server, "GET", f"{BASE}/download/{large}")
    assert (status, answer["reason"]) == (502, "MCS_MEDIA_REQUEST_FAILED") and "too large" in answer["info"]
    assert (await ask(alice, server, "GET", f"{V1}/download/{large}"))[0] == 502
    path = await upload(alice, PNG, "image/png")
    await clamav.stop()
    for route in (f"{BASE}/scan/{path}", f"{V1}/download/{path}", f"{V1}/thumbnail/{path}?width=9&height=9"):
        assert (await ask(alice, server, "GET", route))[0] == 502, route


async def test_a_file_is_scanned_once_for_all_who_ask(
    clamav: ClamAV, new_server: NewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await new_server(antivirus=Antivirus(engine=clamav.url))
    alice = await server.person("alice")
    count, scan = 0, Clamd.scan

    async def counting(*arguments: Any) -> Any:
        nonlocal count
        count += 1
        return await scan(*arguments)

    monkeypatch.setattr(Clamd, "scan", counting)
    path = await upload(alice, PNG, "image/png")
    answers = await asyncio.gather(*(ask(alice, server, "GET", f"{V1}/download/{path}") for _ in range(20)))
    assert count == 1 and all(answer == (200, PNG) for answer in answers)


async def test_while_a_hundred_files_are_scanned_messages_pass(
    clamav: ClamAV, new_server: NewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await new_server(antivirus=Antivirus(engine=clamav.url))
    alice, bob = await server.person("alice"), await server.person("bob")
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    busy, scan = asyncio.Event(), Clamd.scan

    async def slow(*arguments: Any) -> Any:
        await busy.wait()
        return await scan(*arguments)

    monkeypatch.setattr(Clamd, "scan", slow)
    files = [await upload(alice, bytes([n]) * 200_000, "image/png") for n in range(100)]
    asked = [asyncio.create_task(ask(bob, server, "GET", f"{BASE}/scan/{file}")) for file in files]
    for number in range(20):
        await alice.say(room, f"{number}")
        await bob.sync(timeout=0)
    assert not any(task.done() for task in asked)
    busy.set()
    await alice.say(room, "and while it works them off")
    assert [answer for answer in await asyncio.gather(*asked) if answer[0] != 200] == []


async def test_an_administrator_lifts_a_false_alarm(clamav: ClamAV, new_server: NewServer) -> None:
    server = await new_server(antivirus=Antivirus(engine=clamav.url))
    root, alice = await server.person("root"), await server.person("alice")
    await server.node.accounts.change(root.id, is_admin=True)
    path = await upload(alice, b"research on" + VIRUS, "text/plain")
    assert (await ask(alice, server, "GET", f"{V1}/download/{path}"))[0] == 403
    listed = await root.call("GET", "/_chappe/admin/v1/antivirus/stopped")
    assert [f"{f['server_name']}/{f['media_id']}" for f in listed["files"]] == [path]
    release = f"/_chappe/admin/v1/antivirus/release/{path}"
    assert (await ask(alice, server, "POST", release, {}))[0] == 403
    assert await root.call("POST", release, {}) == {"released": 1}
    assert (await ask(alice, server, "GET", f"{V1}/download/{path}"))[0] == 200
    assert (await ask(root, server, "POST", release, {}))[0] == 404


async def test_without_an_engine_nothing_changes(new_server: NewServer) -> None:
    server = await new_server()
    assert isinstance(server.node, AgencyServer) and server.node.scanner is None
    alice = await server.person("alice")
    path = await upload(alice, VIRUS, "text/plain")
    assert (await ask(alice, server, "GET", f"{V1}/download/{path}"))[0] == 200
    status, answer = await ask(alice, server, "GET", f"{BASE}/scan/{path}")
    assert status == 200 and answer == {"clean": True, "info": "Not scanned: this server has no antivirus"}
    assert (await ask(alice, server, "GET", f"{BASE}/download/{path}"))[0] == 200


@pytest.mark.parametrize("url", ["clamd://", "clamd://host", "icap://host", "icap:///x", "http://x", "clamd"])
def test_engines_that_are_none(url: str) -> None:
    with pytest.raises(ValueError, match="is neither"):
        engine_of(url)


async def test_an_engine_that_talks_nonsense(unused_tcp_port: int) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"hello there\0\r\n\r\n")
        await writer.drain()
        writer.close()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"x"

    server = await asyncio.start_server(nonsense, "127.0.0.1", unused_tcp_port)
    for url in (f"clamd://127.0.0.1:{unused_tcp_port}", f"icap://127.0.0.1:{unused_tcp_port}/avscan"):
        with pytest.raises(ScanFailed):
            await engine_of(url).scan(chunks(), 1)
    server.close()
