"""Files that nothing names go; what is named, or may be under way, stays."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from chappe.config import Media
from chappe.homeserver.modules.media import orphans
from chappe.homeserver.outbound.blob_store import BlobStore
from chappe.homeserver.senders import jobs
from tests.homeserver.test_media import V1, png, upload
from tests.process import ServedProcess
from tests.support import Server

NewServer = Callable[..., Awaitable[Server]]
DAY = 86_400
LEFT = {  # what processes leave that die: by key
    "media/localhost/ab/abc-of-a-try-that-died": b"no row",
    "media/elsewhere.example.org/ab/abcd": b"fetched, and no row",
    "thumbnails/localhost/ab/abc-of-a-file-that-is-gone/96x96-crop": b"of nothing",
    "uploads/0123456789abcdef": b"not moved",
}
STAYS = {"logo.png": b"an operator's own", "exports-of-somebody/x": b"of another kind"}


@pytest.fixture(params=["folder", "object store"])
async def server(request: pytest.FixtureRequest, new_server: NewServer) -> Any:
    if request.param == "folder":
        yield await new_server()
        return
    moto, bucket = (ThreadedMotoServer("127.0.0.1", 0), f"files-{secrets.token_hex(4)}")  # one memory for all of a process
    moto.start()
    host, port = moto.get_host_and_port()
    access: dict[str, Any] = {"s3_endpoint": f"http://{host}:{port}", "s3_access_key": "k", "s3_secret_key": "s"}
    boto3.client(
        "s3", endpoint_url=access["s3_endpoint"], region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s"
    ).create_bucket(Bucket=bucket)
    yield await new_server(media=Media(location=f"s3://{bucket}/chappe", **access))
    moto.stop()


async def _keys(blobs: BlobStore) -> set[str]:
    far = int(time.time() * 1000) + 10 * DAY * 1000
    pages = [page async for page in blobs.older("", far)]
    return {key for page in pages for key, _ in page}


def _in_two_days(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    now = server.node.now_ms()
    monkeypatch.setattr(server.node.orphans, "_now_ms", lambda: now + 2 * DAY * 1000)


@pytest.mark.filterwarnings("ignore")
async def test_only_what_has_no_row_and_is_old_goes(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, blobs = await server.person("alice"), server.node.blobs
    uri = await upload(alice, png(300, 200), "image/png")
    wanted = f"{V1}/thumbnail/{uri}?width=32&height=32&method=crop"
    assert (await server.raw("GET", wanted, token=alice.token))[0] == 200
    reserved = (await alice.call("POST", "/_matrix/media/v1/create"))["content_uri"][6:].split("/")
    begun = f"media/{reserved[0]}/{reserved[1][:2]}/{reserved[1]}"
    kept = await _keys(blobs)
    assert len(kept) == 2
    for key, raw in {**LEFT, **STAYS, begun: b"a try that died, and may be made again"}.items():
        await blobs.write(key, raw)
    await server.node.orphans.sweep()
    assert await _keys(blobs) == kept | LEFT.keys() | STAYS.keys() | {begun}, "they may be under way"
    _in_two_days(server, monkeypatch)
    assert set((await server.node.orphans.find()).keys) == LEFT.keys()
    await server.node.orphans.sweep()
    assert await _keys(blobs) == kept | STAYS.keys() | {begun}
    assert b"chappe_orphan_files_removed_total 4.0" in (await server.raw("GET", "/metrics"))[1]
    assert (await server.raw("GET", f"{V1}/download/{uri}", token=alice.token))[0] == 200


@pytest.mark.filterwarnings("ignore")
async def test_what_was_uploaded_between_the_look_and_the_deletion_stays(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await server.person("alice")
    _in_two_days(server, monkeypatch)
    await server.node.blobs.write(next(iter(LEFT)), b"left")
    found = await server.node.orphans.find()
    uri = (await upload(alice, b"whole")).split("/")
    key = f"media/{uri[0]}/{uri[1][:2]}/{uri[1]}"
    assert await server.node.orphans.remove([*found.keys, key]) == 1
    assert (await server.raw("GET", f"{V1}/download/{'/'.join(uri)}", token=alice.token))[:2] == (200, b"whole")


async def test_uploads_that_a_killed_process_left_half_written_go(
    new_server: NewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await new_server()
    folder = server.data / "media" / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    for name, age in (("aa#1", 2 * DAY), ("bb#1", 60)):
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (time.time() - age,) * 2)
    await server.node.orphans.sweep()
    assert [path.name for path in folder.iterdir()] == ["bb#1"]


async def test_where_much_would_go_an_operator_decides(
    new_server: NewServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A folder of files beside a database that does not know them: another one, or an old one that was restored."""
    server = await new_server()
    monkeypatch.setattr(orphans, "FEW", 2)
    _in_two_days(server, monkeypatch)
    for key, raw in LEFT.items():
        await server.node.blobs.write(key, raw)
    await server.node.orphans.sweep()
    assert await _keys(server.node.blobs) == LEFT.keys()
    assert "many files have no row" in caplog.text
    assert b"chappe_orphan_files_left 4.0" in (await server.raw("GET", "/metrics"))[1]
    assert await server.node.orphans.remove((await server.node.orphans.find()).keys) == 4


@pytest.mark.filterwarnings("ignore")
async def test_a_row_whose_file_is_gone_is_told_of(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Before anybody wants it. Object stores are not asked by the job, for each question costs; they are by the command."""
    alice, node = await server.person("alice"), server.node
    monkeypatch.setattr(orphans, "PAGE", 2)
    uris = [await upload(alice, f"file {number}".encode()) for number in range(5)]
    await alice.call("POST", "/_matrix/media/v1/create")  # has no bytes yet, and is no loss
    assert await node.orphans.find_missing() == []
    gone = sorted(f"mxc://{uri}" for uri in uris[1:4])
    for uri in uris[1:4]:
        server_name, media_id = uri.split("/")
        await node.blobs.delete(f"media/{server_name}/{media_id[:2]}/{media_id}")
    assert await node.orphans.find_missing() == gone
    await node.orphans.check_files()
    told = 0.0 if node.blobs.checks_itself else 3.0
    assert f"chappe_files_missing {told}".encode() in (await server.raw("GET", "/metrics"))[1]
    assert ("missing or cut short" in caplog.text) is not node.blobs.checks_itself


async def test_one_run_has_a_bound(new_server: NewServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server = await new_server()
    _in_two_days(server, monkeypatch)
    monkeypatch.setattr(orphans, "AT_MOST", 1)
    for number in range(3):
        await server.node.blobs.write(f"uploads/{number}", b"x")
        await server.node.blobs.write(f"media/localhost/ab/ab{number}", b"x")
    assert {key.split("/")[0] for key in (await server.node.orphans.find()).keys} == {"media"}


async def test_the_daily_job_runs_soon_after_a_start_and_not_again_that_day(
    new_server: NewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is restarted every day does it too."""
    server = await new_server()
    [job] = [job for job in server.node.jobs.jobs if job.name == "orphan files"]
    assert job.seconds == DAY and not job.is_per_process
    assert await server.node.jobs.run_once(job) and not await server.node.jobs.run_once(job)
    slept: list[float] = []

    class Stop(Exception):
        pass

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        raise Stop

    monkeypatch.setattr(jobs.asyncio, "sleep", sleep)
    with pytest.raises(Stop):
        await server.node.jobs._repeat(job)
    monkeypatch.undo()
    assert slept == [jobs.LOOK_AT_LEAST_EVERY]


@pytest.mark.slow
async def test_an_operator_looks_before_anything_goes(tmp_path: Path) -> None:
    served = await ServedProcess(tmp_path / "data").start()
    try:
        folder = served.data / "media" / "uploads"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "left").write_bytes(b"12345")
        os.utime(folder / "left", (time.time() - 2 * DAY,) * 2)
        status, told = await served.run("media", "orphans")
        assert status == 0, told
        assert "uploads/left" in told and "1 of 1 files have no row (5 bytes). 0 were removed." in told
        assert (folder / "left").exists()
        assert await served.run("media", "missing") == (0, "")
        status, told = await served.run("media", "orphans", "--remove")
        assert status == 0 and "1 were removed" in told and not (folder / "left").exists()
    finally:
        await served.stop()
