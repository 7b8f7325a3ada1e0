"""Values that no table and no index can hold are one event's trouble: never that of those beside it, nor of the room's queue."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from chappe.matrix.events import seal
from tests.federation.conftest import Peer
from tests.federation.test_hostile import Forger, scene, texts
from tests.federation.test_rooms import hears

LONG = secrets.token_hex(4000)  # not to be compressed to what an index takes
MESSAGE = {
    "type": "m.room.message",
    "content": {"msgtype": "m.text", "body": "x", "m.relates_to": {"rel_type": "m.annotation", "event_id": "$x", "key": "k"}},
}
REDACTION = {"type": "m.room.redaction", "content": {"redacts": "$x"}, "redacts": "$x"}
STATE = {"type": "org.example", "state_key": "x", "content": {"name": "x"}}
MEMBER = {"type": "m.room.member", "content": {"membership": "join", "displayname": "x", "avatar_url": "x", "reason": "x"}}


def spoiled(value: Any, bad: str) -> Iterator[Any]:
    """The value with each of its strings made bad, one at a time; and its keys."""
    if type(value) is str:
        yield "$" + bad if value.startswith("$") else bad
    elif type(value) is dict:
        for key, inner in value.items():
            yield from ({**value, key: changed} for changed in spoiled(inner, bad))
        yield {**value, bad: "x"}
    elif type(value) is list:
        for index, inner in enumerate(value):
            yield from ([*value[:index], changed, *value[index + 1 :]] for changed in spoiled(inner, bad))


@pytest.mark.parametrize("version", ["1", "10", "11"])
async def test_no_string_of_an_event_is_anothers_trouble(peer: Peer, version: str, caplog: pytest.LogCaptureFixture) -> None:
    alice, mallory, room, forger = await scene(peer, version)
    number = 0
    for bad in ("a\0", LONG):
        for kind in (MESSAGE, REDACTION, STATE, MEMBER):
            own = {"state_key": mallory.id} if kind is MEMBER else {}
            whole = forger.event(kind["content"], seals=False, type=kind["type"], **own)  # type: ignore[arg-type]
            whole |= {k: v for k, v in kind.items() if k not in ("type", "content")} | own
            for pdu in spoiled({k: v for k, v in whole.items() if k not in ("hashes", "signatures")}, bad):
                number += 1
                good = forger.event({"msgtype": "m.text", "body": f"good {number}"})
                answers = await forger.send(good, resealed(forger, pdu))
                assert answers[forger.id_of(good)] == {}
    assert f"good {number}" in await texts(alice, room)
    assert [r.message for r in caplog.records if r.levelname in ("ERROR", "CRITICAL")] == []
    await alice.say(room, "the room goes on")


@pytest.mark.parametrize("version", ["10", "11"])
async def test_a_redaction_of_nothing_holds_up_no_queue(peer: Peer, version: str) -> None:
    """An honest server takes it, and its events build on it."""
    alice, _, room, forger = await scene(peer, version)
    bad = resealed(forger, forger.event({"redacts": LONG}, seals=False, type="m.room.redaction", redacts="$" + LONG))
    after = forger.event({"msgtype": "m.text", "body": "after it"}, prev_events=[forger.id_of(bad)])

    async def missing(*_: Any) -> list[bytes]:
        return [json.dumps(bad).encode()]

    forger.evil.node.serving.missing_events = missing  # type: ignore[method-assign]
    assert await forger.send(after) == {forger.id_of(after): {}}
    await hears(alice, room, "after it")


def resealed(forger: Forger, pdu: dict[str, Any]) -> dict[str, Any]:
    name = forger.evil.config.server_name
    seal(pdu, forger.room.version, name, forger.evil.node.domains.signing_key(name))
    return pdu
