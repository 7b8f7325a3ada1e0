"""A file that was acknowledged is there, whole; one that was not can be sent again."""

from __future__ import annotations

import json
from typing import Any

import pytest

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
    status, raw, _ = await server.raw(
        "GET", f"/_matrix/client/v1/media/download/{place}?timeout_ms=0", None, person.token
    )
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


@pytest.mark.parametrize("left", [None, b"", DATA[:100], DATA + b"x"])
async def test_a_damaged_file_is_an_answer_not_a_broken_connection(server: Server, alice: Person, left: Any) -> None:
    place = await _reserve(alice)
    assert await _fill(server, alice, place) == 200
    name = place.split("/")[1]
    [path] = list((server.data / "media" / "media").rglob(name))
    path.unlink()
    if left is not None:
        path.write_bytes(left)
    status, raw = await _download(server, alice, place)
    assert status == 404 and "damaged" in json.loads(raw)["error"]


async def test_files_are_on_the_disk_before_their_row(
    server: Server, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
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
