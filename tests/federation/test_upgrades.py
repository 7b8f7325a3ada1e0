"""An upgraded room invites people of other servers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.federation.conftest import Peer
from tests.support import Person, segment, until


async def test_a_server_that_says_nothing_holds_up_its_own_people_only(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    here, silent, partner = await peer(), await peer(), await peer()
    alice, zoe = await here.person("alice"), await partner.person("zoe")
    theirs = [await silent.person("adam"), await silent.person("anna")]
    room = await alice.create_room(preset="private_chat", invite=[p.id for p in (*theirs, zoe)])
    client, speaks, asked = here.node.federation_client, asyncio.Event(), list[str]()
    request = client.request

    async def waits(origin: str, destination: str, method: str, path: str, **more: Any) -> Any:
        if destination == silent.config.server_name and "/invite/" in path:
            asked.append(path)
            await speaks.wait()
        return await request(origin, destination, method, path, **more)

    monkeypatch.setattr(client, "request", waits)
    upgrade = asyncio.create_task(alice.call("POST", f"/rooms/{segment(room)}/upgrade", {"new_version": "12"}))

    async def invitations(person: Person) -> int:
        return len((await person.call("GET", "/sync")).get("rooms", {}).get("invite", {}))

    async def is_invited_again(person: Person) -> bool:
        return await invitations(person) == 2

    await until(lambda: is_invited_again(zoe))
    assert not upgrade.done() and len(asked) == 1, "its people are invited one after the other"
    assert [await invitations(person) for person in theirs] == [1, 1]
    speaks.set()
    await upgrade
    for person in theirs:
        await until(lambda person=person: is_invited_again(person))
