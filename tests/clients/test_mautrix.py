"""mautrix as a plain client: rooms of version 12, whose ids have no domain."""

from __future__ import annotations

import asyncio

import pytest
from mautrix.api import HTTPAPI
from mautrix.client import Client
from mautrix.types import EventType, MessageType, RoomCreatePreset, TextMessageEventContent, UserID

from tests.clients.conftest import Watch
from tests.support import Server

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


async def test_a_room_of_version_12(server: Server, watch: Watch) -> None:
    people, watched = [await server.person(), await server.person()], await watch(server, "mautrix")
    alice, bob = (Client(UserID(p.id), api=HTTPAPI(watched.base, p.token), device_id=p.device) for p in people)
    try:
        assert (await alice.whoami()).user_id == people[0].id
        room = await alice.create_room(preset=RoomCreatePreset.PRIVATE, invitees=[UserID(people[1].id)], name="Douze")
        assert ":" not in room
        await bob.join_room_by_id(room)
        heard: asyncio.Queue[str] = asyncio.Queue()

        async def on_message(event: object) -> None:
            await heard.put(event.content.body)  # type: ignore[attr-defined]

        bob.add_event_handler(EventType.ROOM_MESSAGE, on_message)
        bob.start(None)
        await alice.send_message(room, TextMessageEventContent(msgtype=MessageType.TEXT, body="bonjour"))
        assert await asyncio.wait_for(heard.get(), 20) == "bonjour"
        event = await bob.send_text(room, "bien reçu")
        assert (await alice.get_event(room, event)).content.body == "bien reçu"
        assert set(await alice.get_joined_members(room)) == {p.id for p in people}
        await alice.set_room_topic(room, "Sujet") if hasattr(alice, "set_room_topic") else None
        state = await alice.get_state(room)
        assert any(e.type == EventType.ROOM_CREATE and e.content["room_version"] == "12" for e in state)
        await alice.redact(room, event)
        uri = await alice.upload_media(b"data", mime_type="text/plain", filename="a.txt")
        assert await bob.download_media(uri) == b"data"
        await bob.leave_room(room)
    finally:
        bob.stop()
        for client in (alice, bob):
            await client.api.session.close()
