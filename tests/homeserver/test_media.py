"""The content repository over HTTP."""

from __future__ import annotations

import asyncio
import io
import json
import random
import struct
import zlib
from collections.abc import Awaitable, Callable

from chappe.config import Media
from tests.support import Person, Server

V1, V3 = "/_matrix/client/v1/media", "/_matrix/media/v3"


async def upload(person: Person, data: bytes, kind: str = "application/octet-stream", query: str = "") -> str:
    status, raw, _ = await person.server.raw("POST", f"{V3}/upload{query}", data, person.token, {"Content-Type": kind})
    assert status == 200, raw
    return str(json.loads(raw)["content_uri"])[6:]


def png(width: int, height: int, rows: bytes | None = None) -> bytes:
    """A red picture, or one of rows that each begin with a zero byte."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = rows or (b"\0" + b"\xff\0\0" * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


async def test_what_is_uploaded_comes_back_to_people_who_are_signed_in(alice: Person, bob: Person) -> None:
    data = bytes(range(256)) * 10_000
    uri = await upload(alice, data, "application/pdf", "?filename=d%C3%A9cret%20final.pdf")
    status, body, headers = await bob.server.raw("GET", f"{V1}/download/{uri}", token=bob.token)
    assert (status, body) == (200, data)
    assert headers["Content-Type"] == "application/pdf" and headers["Content-Length"] == str(len(data))
    assert headers["Content-Disposition"] == "attachment; filename*=utf-8''d%C3%A9cret%20final.pdf"
    assert "sandbox" in headers["Content-Security-Policy"] and headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert (await bob.server.raw("GET", f"{V1}/download/{uri}"))[0] == 401
    assert (await bob.server.raw("GET", f"{V3}/download/{uri}"))[0] == 404  # the deprecated route is frozen
    assert (await bob.server.raw("GET", f"{V3}/download/{uri}", token="nobody's"))[0] == 401
    for path in (uri, f"{uri}/named.pdf"):  # older clients say there who they are
        status, body, headers = await bob.server.raw("GET", f"{V3}/download/{path}", token=bob.token)
        assert (status, body, headers["Cache-Control"].split(",")[0]) == (200, data, "private")
    _, _, named = await bob.server.raw("GET", f"{V1}/download/{uri}/autre.pdf", token=bob.token)
    assert named["Content-Disposition"] == 'attachment; filename="autre.pdf"'
    etag = headers["ETag"]
    assert (await bob.server.raw("GET", f"{V1}/download/{uri}", token=bob.token, headers={"If-None-Match": etag}))[0] == 304


async def test_only_harmless_types_are_shown_inline(alice: Person) -> None:
    for kind, how in (
        ("image/png", "inline"),
        ("text/plain; charset=utf-8", "inline"),
        ("text/html", "attachment"),
        ("image/svg+xml", "attachment"),
    ):
        uri = await upload(alice, b"<script>", kind)
        _, _, headers = await alice.server.raw("GET", f"{V1}/download/{uri}", token=alice.token)
        assert headers["Content-Disposition"] == how and headers["X-Content-Type-Options"] == "nosniff"


async def test_ranges(alice: Person) -> None:
    uri = await upload(alice, b"0123456789")
    for asked, status, expected in (
        ("bytes=2-4", 206, b"234"),
        ("bytes=7-", 206, b"789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=0-99", 200, b"0123456789"),
        ("bytes=x", 200, b"0123456789"),
        ("bytes=50-60", 416, None),
    ):
        got, body, headers = await alice.server.raw("GET", f"{V1}/download/{uri}", token=alice.token, headers={"Range": asked})
        assert got == status
        if expected is not None:
            assert body == expected
        if got == 206:
            assert headers["Content-Range"].endswith("/10")


async def test_an_empty_file(alice: Person) -> None:
    uri = await upload(alice, b"")
    assert (await alice.server.raw("GET", f"{V1}/download/{uri}", token=alice.token))[:2] == (200, b"")


async def test_uploading_in_two_steps(alice: Person, bob: Person) -> None:
    status, raw, _ = await alice.server.raw("POST", "/_matrix/media/v1/create", b"", alice.token)
    assert status == 200
    uri = json.loads(raw)["content_uri"][6:]
    status, raw, _ = await bob.server.raw("GET", f"{V1}/download/{uri}?timeout_ms=0", token=bob.token)
    assert (status, json.loads(raw)["errcode"]) == (504, "M_NOT_YET_UPLOADED")
    waiting = asyncio.create_task(bob.server.raw("GET", f"{V1}/download/{uri}?timeout_ms=10000", token=bob.token))
    assert (await bob.server.raw("PUT", f"{V3}/upload/{uri}", b"no", bob.token))[0] == 403
    assert (await alice.server.raw("PUT", f"{V3}/upload/{uri}", b"yes", alice.token))[0] == 200
    assert (await waiting)[:2] == (200, b"yes")
    status, raw, _ = await alice.server.raw("PUT", f"{V3}/upload/{uri}", b"again", alice.token)
    assert (status, json.loads(raw)["errcode"]) == (409, "M_CANNOT_OVERWRITE_MEDIA")
    assert (await alice.server.raw("PUT", f"{V3}/upload/localhost/unknown", b"x", alice.token))[0] == 404


async def test_the_limit(new_server: Callable[..., Awaitable[Server]]) -> None:
    server = await new_server(media=Media(max_upload_mib=1))
    alice = await server.person()
    status, raw, _ = await server.raw("GET", f"{V1}/config", token=alice.token)
    assert json.loads(raw) == {"m.upload.size": 1 << 20}
    assert (await server.raw("POST", f"{V3}/upload", b"x" * (1 << 20), alice.token))[0] == 200

    async def chunked() -> object:
        for _ in range(30):
            yield b"y" * 100_000

    assert server.session is not None
    headers = {"Authorization": f"Bearer {alice.token}"}
    async with server.session.post(server.base + V3 + "/upload", data=chunked(), headers=headers) as answer:
        assert (answer.status, (await answer.json())["errcode"]) == (413, "M_TOO_LARGE")
    stored = [p for p in (server.data / "media").rglob("*") if p.is_file() and "uploads" in str(p)]
    assert stored == []


async def test_thumbnails(alice: Person) -> None:
    uri = await upload(alice, png(900, 600), "image/png")
    sizes = []
    for query in ("width=90&height=90&method=crop", "width=300&height=200", "width=4000&height=4000"):
        status, body, headers = await alice.server.raw("GET", f"{V1}/thumbnail/{uri}?{query}", token=alice.token)
        assert status == 200 and headers["Content-Type"] in ("image/jpeg", "image/png")
        sizes.append(size_of(body))
    assert sizes == [(96, 96), (320, 213), (800, 533)]
    small = await upload(alice, png(20, 10), "image/png")
    _, body, _ = await alice.server.raw("GET", f"{V1}/thumbnail/{small}?width=300&height=300", token=alice.token)
    assert size_of(body) == (20, 10)  # never enlarged
    old = f"{V3}/thumbnail/{uri}?width=90&height=90&method=crop"
    assert (await alice.server.raw("GET", old))[0] == 404
    assert size_of((await alice.server.raw("GET", old, token=alice.token))[1]) == (96, 96)
    for data, kind in ((b"no picture", "image/png"), (b"<svg/>", "image/svg+xml")):
        broken = await upload(alice, data, kind)
        status, raw, _ = await alice.server.raw("GET", f"{V1}/thumbnail/{broken}?width=10&height=10", token=alice.token)
        assert (status, json.loads(raw)["errcode"]) == (400, "M_UNKNOWN")


async def test_what_was_drawn_stays_a_png_and_a_photograph_does_not(alice: Person) -> None:
    grain = random.Random(7)
    photograph = png(640, 480, b"".join(b"\0" + grain.randbytes(3 * 640) for _ in range(480)))
    for picture, kind in ((png(640, 480), "image/png"), (photograph, "image/jpeg")):
        uri = await upload(alice, picture, "image/png")
        status, body, headers = await alice.server.raw("GET", f"{V1}/thumbnail/{uri}?width=320&height=240", token=alice.token)
        assert (status, headers["Content-Type"], size_of(body)) == (200, kind, (320, 240))
        assert len(body) < 80_000


def size_of(data: bytes) -> tuple[int, int]:
    if data.startswith(b"\x89PNG"):
        return struct.unpack(">II", data[16:24])
    stream = io.BytesIO(data)
    assert stream.read(2) == b"\xff\xd8"
    while True:
        marker, length = struct.unpack(">HH", stream.read(4))
        if marker in (0xFFC0, 0xFFC2):
            height, width = struct.unpack(">xHH", stream.read(5))
            return width, height
        stream.seek(length - 2, 1)


async def test_a_decompression_bomb_is_refused(alice: Person) -> None:
    bomb = await upload(alice, png(20_000, 1)[:16] + struct.pack(">II", 60_000, 60_000) + png(20_000, 1)[24:], "image/png")
    assert (await alice.server.raw("GET", f"{V1}/thumbnail/{bomb}?width=10&height=10", token=alice.token))[0] == 400
