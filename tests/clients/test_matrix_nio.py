"""matrix-nio with encryption: signs in, makes an encrypted room, sends and receives."""

from __future__ import annotations

from pathlib import Path

import nio
import pytest

from tests.clients.conftest import Watch
from tests.clients.watched import Watched
from tests.support import PASSWORD, Server

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


async def _client(server: Watched, user_id: str, store: Path) -> nio.AsyncClient:
    store.mkdir()
    config = nio.AsyncClientConfig(store_sync_tokens=True, encryption_enabled=True)
    client = nio.AsyncClient(server.base, user_id, store_path=str(store), config=config)
    answer = await client.login(PASSWORD, device_name="nio")
    assert isinstance(answer, nio.LoginResponse), answer
    await client.sync(timeout=0, full_state=True)
    if client.should_upload_keys:
        assert isinstance(await client.keys_upload(), nio.KeysUploadResponse)
    return client


async def test_an_encrypted_room(server: Server, watch: Watch, tmp_path: Path) -> None:
    people, watched = [await server.person(), await server.person()], await watch(server, "matrix-nio")
    alice = await _client(watched, people[0].id, tmp_path / "alice")
    bob = await _client(watched, people[1].id, tmp_path / "bob")
    try:
        made = await alice.room_create(
            invite=[people[1].id], initial_state=[nio.EnableEncryptionBuilder().as_dict()], name="Chiffré"
        )
        assert isinstance(made, nio.RoomCreateResponse), made
        await bob.sync(timeout=0)
        assert made.room_id in bob.invited_rooms
        assert isinstance(await bob.join(made.room_id), nio.JoinResponse)
        await alice.sync(timeout=0)
        await bob.sync(timeout=0)
        assert alice.rooms[made.room_id].encrypted
        await alice.keys_query()
        heard: list[str] = []
        bob.add_event_callback(lambda room, event: heard.append(event.body), nio.RoomMessageText)
        sent = await alice.room_send(
            made.room_id, "m.room.message", {"msgtype": "m.text", "body": "secret"}, ignore_unverified_devices=True
        )
        assert isinstance(sent, nio.RoomSendResponse), sent
        await bob.sync(timeout=5000)
        assert heard == ["secret"]
        raw = await people[0].call("GET", f"/rooms/{made.room_id}/event/{sent.event_id}")
        assert raw["type"] == "m.room.encrypted" and "secret" not in str(raw)
        uploaded, keys = await alice.upload(lambda *_: b"file" * 1000, "text/plain", encrypt=True, filesize=4000)
        assert isinstance(uploaded, nio.UploadResponse) and keys is not None
        fetched = await bob.download(uploaded.content_uri)
        assert isinstance(fetched, nio.DownloadResponse), fetched
        plain = nio.crypto.decrypt_attachment(fetched.body, keys["key"]["k"], keys["hashes"]["sha256"], keys["iv"])
        assert plain == b"file" * 1000
        listed = await bob.devices()
        assert isinstance(listed, nio.DevicesResponse), listed
        assert {d.id for d in listed.devices} == {bob.device_id, people[1].device}
        assert isinstance(await bob.get_displayname(), nio.ProfileGetDisplayNameResponse)
        assert isinstance(await alice.set_avatar(uploaded.content_uri), nio.ProfileSetAvatarResponse)
        found = await bob.get_avatar(people[0].id)
        assert isinstance(found, nio.ProfileGetAvatarResponse) and found.avatar_url == uploaded.content_uri, found
    finally:
        await alice.close()
        await bob.close()
