"""A file that was acknowledged is there, whole; one that was not can be sent again."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.homeserver.test_media import png
from tests.support import Person, Server

DATA = b"\x00 a file of some bytes " * 40


async def _reserve(person: Person) -> str:
    return str((await person.call("POST", "/_matrix/media/v1/create"))["content_uri"]).removeprefix("mxc://")


async def _fill(server: Server, person: Person, place: str, data: bytes = DATA) -> int:
    status, _, _ = await server.raw(
        "PUT", f"/_matrix/media/v3/upload/{place}", data, person.token, {"Content-Type": "application/octet-stream"}
    )
    return status


async def _download(server: Server, person: Person, place: str) -> tuple[int, bytes]:
    status, raw, _ = await server.raw("GET", f"/_matrix/client/v1/media/download/{place}?timeout_ms=0", None, person.token)
    return status, raw


async def test_a_reserved_upload_heals_when_the_first_try_died_before_its_row(server: Server, alice: Person) -> None:
    place = await _reserve(alice)
    media, real = server.node.media, server.node.media._blobs.move

    async def dies(source: str, target: str) -> None:
        await real(source, target)
        raise OSError("the database is away")

    media._blobs.move = dies  # type: ignore[method-assign]
    try:
        assert await _fill(server, alice, place, b"of the first try") >= 500
    finally:
        media._blobs.move = real  # type: ignore[method-assign]
    assert (await _download(server, alice, place))[0] == 504
    assert await _fill(server, alice, place) == 200
    assert await _download(server, alice, place) == (200, DATA)
    assert await _fill(server, alice, place, b"another") == 409
    assert await _download(server, alice, place) == (200, DATA)


def _on_disk(server: Server, place: str) -> Path:
    [path] = (server.data / "media" / "media").rglob(place.split("/")[1])
    return path


@pytest.mark.parametrize("is_read_before", [False, True])
@pytest.mark.parametrize("left", [None, b"", DATA[:100], DATA + b"x", bytes(len(DATA)), DATA[:-1] + b"!"])
async def test_a_damaged_file_is_an_answer_not_a_broken_connection(
    server: Server, alice: Person, left: Any, is_read_before: bool
) -> None:
    place = await _reserve(alice)
    assert await _fill(server, alice, place) == 200
    if is_read_before:
        assert await _download(server, alice, place) == (200, DATA)
    path = _on_disk(server, place)
    path.unlink()
    if left is not None:
        path.write_bytes(left)
    status, raw = await _download(server, alice, place)
    assert status == 404 and "damaged" in json.loads(raw)["error"]


async def test_files_are_on_the_disk_before_their_row(server: Server, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """File, then the folders of its name, then the row."""
    import os

    synced: list[str] = []
    real = os.fsync

    def fsync(number: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{number}"))
        real(number)

    monkeypatch.setattr(os, "fsync", fsync)
    place = await _reserve(alice)
    assert await _fill(server, alice, place) == 200
    root = str((server.data / "media").resolve())
    assert synced[0].startswith(f"{root}/uploads/")
    folder = f"{root}/media/{place.split('/')[0]}/{place.split('/')[1][:2]}"
    assert synced[1:] == [folder, *(os.path.dirname(f) for f in [folder, os.path.dirname(folder)]), root]


async def test_a_file_that_a_power_cut_has_filled_with_zeros_is_told_of_and_heals_with_a_backup(
    new_server: Callable[..., Awaitable[Server]], new_database: Callable[[], Awaitable[str]], caplog: pytest.LogCaptureFixture
) -> None:
    """After a start, at the first read, whichever read that is: the whole, a part, a thumbnail, what another server asks for."""
    url = await new_database()
    server = await new_server(url=url)
    alice = await server.person("alice")
    picture = png(400, 300)
    place = await _reserve(alice)
    assert await _fill(server, alice, place, picture) == 200
    await server.stop()
    path = _on_disk(server, place)
    path.write_bytes(bytes(len(picture)))
    again = await new_server(url=url)
    base = "/_matrix/client/v1/media"
    for read, headers in (
        (f"download/{place}", {}),
        (f"download/{place}", {"Range": "bytes=0-9"}),
        (f"thumbnail/{place}?width=96&height=96&method=crop", {}),
    ):
        status, raw, _ = await again.raw("GET", f"{base}/{read}", None, alice.token, headers)
        assert status == 404 and "damaged" in json.loads(raw)["error"], read
    assert "a file is missing or damaged" in caplog.text
    assert b"chappe_files_damaged_total 3.0" in (await again.raw("GET", "/metrics"))[1]
    path.write_bytes(picture)
    status, raw, _ = await again.raw("GET", f"{base}/download/{place}", None, alice.token)
    assert (status, raw) == (200, picture)


@pytest.mark.parametrize("left", [b"", bytes(3000), b"image/jpeg\n"])
async def test_a_damaged_thumbnail_is_made_again(server: Server, alice: Person, left: bytes) -> None:
    place = await _reserve(alice)
    assert await _fill(server, alice, place, png(400, 300)) == 200
    wanted = f"/_matrix/client/v1/media/thumbnail/{place}?width=96&height=96&method=crop"
    _, made, _ = await server.raw("GET", wanted, None, alice.token)
    [stored] = (server.data / "media" / "thumbnails").rglob(f"{place.split('/')[1]}/*")
    whole = stored.read_bytes()
    stored.write_bytes(left or whole[: len(whole) // 2])
    status, raw, headers = await server.raw("GET", wanted, None, alice.token)
    assert (status, raw) == (200, made) and headers["Content-Type"].startswith("image/")
    assert stored.read_bytes() == whole


async def test_a_file_is_hashed_once_by_a_process(server: Server, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first read finds out whether it is whole; those after it cost what they did."""
    place, hashed = await _reserve(alice), []
    assert await _fill(server, alice, place) == 200
    real = server.node.blobs.digest

    async def digest(key: str, size: int) -> bytes:
        hashed.append(key)
        return await real(key, size)

    monkeypatch.setattr(server.node.blobs, "digest", digest)
    for _ in range(3):
        assert await _download(server, alice, place) == (200, DATA)
    assert len(hashed) == 1
