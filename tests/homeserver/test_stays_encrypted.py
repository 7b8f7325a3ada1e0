"""Once encrypted, a room stays so: by whatever door somebody tries, and whatever another server has done to it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import Person, refused, segment

ENCRYPTION = "m.room.encryption"
MEGOLM = {"algorithm": "m.megolm.v1.aes-sha2"}
OTHERS = ({}, {"algorithm": "none"}, {"algorithm": ""}, {"algorithm": None}, {"algorithm": ["m.megolm.v1.aes-sha2"]}, {"x": 1})


async def an_encrypted_room(alice: Person, **options: Any) -> str:
    return await alice.create_room(initial_state=[{"type": ENCRYPTION, "content": MEGOLM}], **options)


async def shown(alice: Person, room: str) -> Any:
    summary = await alice.call("GET", f"/_matrix/client/v1/room_summary/{segment(room)}")
    row = "SELECT s.encryption FROM room_summaries s JOIN rooms r USING (room_nid) WHERE r.room_id = $1"
    return summary.get("encryption"), await alice.server.node.database.fetchval(row, room)


@pytest.mark.parametrize("content", OTHERS)
async def test_no_door_takes_it_back(alice: Person, content: Any) -> None:
    room = await an_encrypted_room(alice)
    path = f"/rooms/{segment(room)}/state/{ENCRYPTION}"
    assert (await refused(alice.call("PUT", path, content))).status in (400, 403)
    assert (await refused(alice.call("PUT", f"{path}/", content))).status in (400, 403)
    delayed = await alice.call("PUT", path, content, **{"org.matrix.msc4140.delay": 1000})
    sent = f"/_matrix/client/unstable/org.matrix.msc4140/delayed_events/{delayed['delay_id']}/send"
    await alice.server.raw("POST", sent, {}, alice.token)
    assert await alice.state(room, ENCRYPTION) == MEGOLM
    twice = [{"type": ENCRYPTION, "content": MEGOLM}, {"type": ENCRYPTION, "content": content}]
    for initial_state in (twice, [{"type": ENCRYPTION, "content": content}]):
        if content != {"algorithm": "none"} or initial_state is twice:
            assert (await refused(alice.create_room(initial_state=initial_state))).status in (400, 403)
    assert await shown(alice, room) == (MEGOLM["algorithm"],) * 2


async def test_neither_a_redaction_nor_an_upgrade(alice: Person) -> None:
    room = await an_encrypted_room(alice)
    event = (await alice.call("GET", f"/rooms/{segment(room)}/state/{ENCRYPTION}", format="event"))["event_id"]
    assert (await refused(alice.redact(room, event))).errcode == "M_FORBIDDEN"
    rotated = {**MEGOLM, "rotation_period_msgs": 50}
    await alice.set_state(room, ENCRYPTION, rotated)  # how often keys change may be changed
    upgraded = (await alice.call("POST", f"/rooms/{segment(room)}/upgrade", {"new_version": "11"}))["replacement_room"]
    assert await alice.state(upgraded, ENCRYPTION) == rotated
    assert await shown(alice, upgraded) == (MEGOLM["algorithm"],) * 2
