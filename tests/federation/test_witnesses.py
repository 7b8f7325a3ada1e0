"""Whether there is what an event follows, where a server of the room does not tell its history: it is asked for single events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chappe.homeserver.rooms.remote import witnesses
from chappe.matrix.errors import Forbidden, NotFound
from tests.federation.conftest import Peer
from tests.federation.test_errands import host, questions
from tests.federation.test_gaps import crowd
from tests.federation.test_hostile import Forger, scene
from tests.federation.test_rooms import hears
from tests.federation.test_stretches import cuts, initial, knows_the_state_only, nobody_has, not_filled, text
from tests.support import bodies

__all__ = ["not_filled"]


def tells_no_history(side: Forger, *has: Any) -> None:
    """Its server answers `/event` alone."""
    held = {side.id_of(event): json.dumps(event).encode() for event in has}

    async def refuses(*_: Any) -> Any:
        raise Forbidden("no")

    async def one(_: str, event_id: str) -> bytes:
        if event_id not in held:
            raise NotFound()
        return held[event_id]

    serving = side.evil.node.serving
    serving.missing_events = serving.backfill = refuses  # type: ignore[method-assign]
    serving.event = one  # type: ignore[method-assign]


@pytest.mark.usefixtures("not_filled")
@pytest.mark.parametrize("has", [True, False])
async def test_who_alone_is_there_shows_what_its_event_follows(peer: Peer, has: bool) -> None:
    alice, mallory, room, forger = await scene(peer)
    await alice.say(room, "here")
    await hears(mallory, room, "here")
    await knows_the_state_only(forger)
    lost = text(forger, "lost")
    tells_no_history(forger, *[lost] if has else [])
    await forger.send(text(forger, "late", lost))
    await hears(alice, room, "late")
    timeline = await initial(alice, room)
    assert (bodies(timeline["events"]), timeline["limited"]) == ((["late"], True) if has else (["here", "late"], False))
    assert len(await cuts(forger)) == has


@pytest.mark.usefixtures("not_filled")
@pytest.mark.parametrize("has", [True, False])
async def test_another_servers_word_counts_and_not_the_senders(peer: Peer, has: bool) -> None:
    alice, room, forger, honest = await crowd(peer)
    await alice.say(room, "here")
    for person in (forger.person, honest.person):
        await hears(person, room, "here")
    await knows_the_state_only(forger)
    lost = text(forger, "lost")
    tells_no_history(forger, *[] if has else [lost])
    tells_no_history(honest, *[lost] if has else [])
    await forger.send(text(forger, "late", lost))
    await hears(alice, room, "late")
    assert (await initial(alice, room))["limited"] is has
    assert len(await cuts(forger)) == has


@pytest.mark.usefixtures("not_filled")
async def test_few_events_are_asked_for_singly(peer: Peer) -> None:
    alice, room, forger, honest = await crowd(peer)
    await knows_the_state_only(forger)
    tells_no_history(forger)
    tells_no_history(honest)
    asked = questions(forger.target)
    past = [nobody_has() for _ in range(20)]
    for n in range(2):
        await forger.send(text(forger, f"evil {n}", *past[: witnesses.SINGLY] if n else past))
        await hears(alice, room, f"evil {n}")
        assert asked[host(honest), "event"] == witnesses.SINGLY, "and what was answered is remembered"
    assert not await cuts(forger)
