"""For how long the keys of another server are good, and what it may take back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from chappe.homeserver.outbound.federation.keyring import (
    JUST_ASKED,
    MOST_DOCUMENTS,
    MOST_SIGNATURES,
    NOTARISED_BYTES,
    WEEK,
    Keyring,
)
from chappe.matrix.errors import MatrixError
from chappe.matrix.signing import SigningKey, sign_json
from tests.federation.conftest import Peer
from tests.support import Server

OTHER, NOTARY = "other.example", "notary.example"
OLD, NEW = SigningKey(bytes(32), "old"), SigningKey(bytes([1]) * 32, "new")
FAR = 4_102_444_800_000  # the year 2100


class World:
    """What another server and a notary answer, and what time it is."""

    def __init__(self, server: Server) -> None:
        self.now, self.asked = 1_700_000_000_000, 0
        self.documents: dict[str, dict[str, Any]] = {}
        self.notarised: list[dict[str, Any]] = []  # what the notary answers
        node = server.node
        self.ring = Keyring(node.database, node.domains, self, [NOTARY], lambda: self.now, node.tasks)

    def answers(self, until: int, *keys: SigningKey, by: str = OTHER) -> None:
        document: dict[str, Any] = {
            "server_name": OTHER,
            "valid_until_ts": until,
            "old_verify_keys": {},
            "verify_keys": {key.key_id: {"key": key.public} for key in keys},
        }
        for key in keys:
            document = sign_json(document, OTHER, key)
        self.documents[by] = document

    async def get_unsigned(self, destination: str, path: str) -> Any:
        self.asked += 1
        if destination not in self.documents:
            raise MatrixError(502, "M_UNKNOWN", "no answer")
        return self.documents[destination]

    async def post_unsigned(self, destination: str, path: str, content: dict[str, Any]) -> Any:
        if not self.notarised:
            raise MatrixError(502, "M_UNKNOWN", "no answer")
        return {"server_keys": [sign_json(document, NOTARY, OLD) for document in self.notarised]}

    async def told(self, *key_ids: str) -> list[list[str]]:
        """The keys in each document that this server answers as a notary."""
        latest = await self.ring.latest_document(OTHER, self.now)
        older = await self.ring.older_documents(OTHER, key_ids)
        return [sorted(d["verify_keys"]) for d in ([] if latest is None else [latest, *older])]


@pytest.fixture
async def world(new_server: Callable[..., Awaitable[Server]]) -> World:
    return World(await new_server())


async def test_a_key_is_good_for_a_week_after_it_was_fetched(world: World) -> None:
    world.answers(FAR, OLD)
    assert await world.ring.for_request(OTHER, "ed25519:old") == OLD.public
    world.now += WEEK - 1
    assert await world.ring.for_request(OTHER, "ed25519:old") == OLD.public and world.asked == 1
    world.now += 2
    del world.documents[OTHER]
    with pytest.raises(MatrixError) as refused:
        await world.ring.for_request(OTHER, "ed25519:old")
    assert refused.value.status == 401
    assert await world.ring.for_event(OTHER, "ed25519:old", world.now, True) is None
    assert await world.ring.for_event(OTHER, "ed25519:old", world.now - WEEK, True) == OLD.public


async def test_a_key_that_its_server_no_longer_lists_signs_nothing_more(world: World) -> None:
    world.answers(FAR, OLD)
    before = world.now
    assert await world.ring.for_request(OTHER, "ed25519:old") == OLD.public
    world.now += 3_600_000
    world.answers(FAR, NEW)
    assert await world.ring.for_request(OTHER, "ed25519:new") == NEW.public
    with pytest.raises(MatrixError):
        await world.ring.for_request(OTHER, "ed25519:old")
    assert await world.ring.for_event(OTHER, "ed25519:old", world.now, True) is None
    assert await world.ring.for_event(OTHER, "ed25519:old", before, True) == OLD.public, "what it has signed stays"


async def test_a_server_is_not_asked_for_every_key_that_is_said_to_be_its_own(world: World) -> None:
    world.answers(FAR, OLD)
    for number in range(50):
        assert await world.ring.for_event(OTHER, f"ed25519:{number}", world.now, True) is None
    assert world.asked == 1
    world.now += JUST_ASKED
    world.answers(FAR, OLD, NEW)
    assert await world.ring.for_request(OTHER, "ed25519:new") == NEW.public, "a new key is found a few seconds later"


async def test_a_server_has_not_as_many_questions_as_ways_to_write_its_name(world: World) -> None:
    for number in range(10):
        name = "".join(c.upper() if number >> i & 1 else c for i, c in enumerate(OTHER))
        assert await world.ring.for_event(name, "ed25519:old", world.now, True) is None
    assert world.asked == 2, "under its name, and under one other"


async def test_a_server_can_shorten_the_life_of_its_key(world: World) -> None:
    world.answers(FAR, OLD)
    await world.ring.for_request(OTHER, "ed25519:old")
    world.now += JUST_ASKED
    world.answers(world.now + 1000, OLD, NEW)
    await world.ring.for_request(OTHER, "ed25519:new")
    world.now += 2000
    del world.documents[OTHER]
    with pytest.raises(MatrixError):
        await world.ring.for_request(OTHER, "ed25519:old")


@pytest.mark.parametrize("pause", [JUST_ASKED, WEEK + 86_400_000])
async def test_a_notary_does_not_give_back_a_key_that_its_server_has_withdrawn(world: World, pause: int) -> None:
    world.answers(FAR, OLD)
    old = world.documents[OTHER]
    await world.ring.for_request(OTHER, "ed25519:old")
    world.now += pause
    world.answers(FAR, NEW)
    await world.ring.for_request(OTHER, "ed25519:new")
    world.now += pause
    del world.documents[OTHER]
    await world.ring._keep(OTHER, old, is_its_own=False)
    with pytest.raises(MatrixError):
        await world.ring.for_request(OTHER, "ed25519:old")


async def test_an_answer_of_a_notary_takes_no_key_away(world: World) -> None:
    world.answers(FAR, OLD, NEW)
    await world.ring.for_request(OTHER, "ed25519:new")
    world.answers(world.now + 1000, OLD)
    await world.ring._keep(OTHER, world.documents[OTHER], is_its_own=False)
    del world.documents[OTHER]
    world.now += 2000
    assert await world.ring.for_request(OTHER, "ed25519:old") == OLD.public
    assert await world.ring.for_request(OTHER, "ed25519:new") == NEW.public


async def test_a_notary_remembers_the_keys_that_their_server_has_lost(world: World) -> None:
    """Server-server API, "Querying keys through another server": else nobody can check any more what was signed with them."""
    keys = [SigningKey(bytes([number]) * 32, f"k{number}") for number in range(1, 4)]
    for key in keys:
        world.answers(world.now + WEEK, key)
        assert (await world.told())[0] == [key.key_id]
        world.now += WEEK + 1
    world.documents.clear()
    assert await world.told() == [[k.key_id] for k in reversed(keys)]
    assert await world.told(keys[0].key_id) == [[keys[2].key_id], [keys[0].key_id]]
    world.answers(world.now + WEEK, *keys)
    world.now += WEEK  # later than the pause after a failure
    assert await world.told() == [sorted(k.key_id for k in keys)], "what lists them all again stands for them"


async def test_a_server_cannot_make_a_notary_remember_without_end(world: World) -> None:
    for number in range(MOST_DOCUMENTS + 5):
        world.answers(world.now + WEEK, SigningKey(bytes([number]) * 32, f"k{number}"))
        await world.told()
        world.now += WEEK + 1
    assert len(await world.told()) == MOST_DOCUMENTS


@pytest.mark.parametrize("by", [OTHER, NOTARY])
async def test_a_large_document_is_none(world: World, by: str) -> None:
    """Whatever it is filled with: it would be kept, signed and told to whoever asks."""
    world.answers(FAR, OLD)
    document = world.documents.pop(OTHER)
    world.documents[NOTARY] = sign_json(
        {"server_name": NOTARY, "valid_until_ts": FAR, "old_verify_keys": {}, "verify_keys": {OLD.key_id: {"key": OLD.public}}},
        NOTARY,
        OLD,
    )
    large = sign_json({**document, "org.example": "x" * NOTARISED_BYTES, "signatures": {}}, OTHER, OLD)
    padded = {**document, "signatures": {**document["signatures"], "a.example": {"ed25519:1": "x" * NOTARISED_BYTES}}}
    for broken in (large, padded):
        if by == OTHER:
            world.documents[OTHER] = broken
        else:
            world.notarised = [broken]
        assert await world.told() == []
        world.now += WEEK
    if by == OTHER:
        world.documents[OTHER] = document
    else:
        world.notarised = [document]
    assert await world.told() == [[OLD.key_id]]


async def test_an_answer_of_a_notary_has_the_latest_of_all_then_what_there_is_room_for(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chappe.homeserver.api.federation.keys_query.ANSWER_BYTES", 8_000)
    notary = await peer()
    names = [f"s{number}.example" for number in range(5)]
    for name in names:
        for at in range(3):
            document = {"server_name": name, "valid_until_ts": FAR, "verify_keys": {f"ed25519:{at}": {"key": "k"}}}
            await notary.node.database.execute(
                "INSERT INTO server_key_documents VALUES ($1, $2, $3)",
                name,
                orjson.dumps({**document, "org.example": "x" * 1000}),
                at,
            )
    _, raw, _ = await notary.raw("POST", "/_matrix/key/v2/query", {"server_keys": {name: {} for name in names}})
    told = [(d["server_name"], *d["verify_keys"]) for d in orjson.loads(raw)["server_keys"]]
    assert told[:5] == [(name, "ed25519:2") for name in names]
    assert told[5:] == [(names[0], "ed25519:1"), (names[0], "ed25519:0")]


async def test_a_document_costs_few_questions_whoever_is_said_to_have_signed_it(world: World) -> None:
    world.answers(FAR, OLD)
    document = world.documents.pop(OTHER)
    document["signatures"][NOTARY] = {f"ed25519:{n}": "x" for n in range(100)}
    asked: list[str] = []
    find = world.ring.for_request

    async def note(server_name: str, key_id: str) -> str:
        asked.append(key_id)
        return await find(server_name, key_id)

    world.ring.for_request = note  # type: ignore[method-assign]
    world.notarised = [document]
    assert await world.ring.for_event(OTHER, OLD.key_id, world.now, True) is None
    assert len(asked) == MOST_SIGNATURES


async def test_everything_that_a_notary_remembers_is_learnt(world: World) -> None:
    world.documents[NOTARY] = sign_json(
        {"server_name": NOTARY, "valid_until_ts": FAR, "old_verify_keys": {}, "verify_keys": {OLD.key_id: {"key": OLD.public}}},
        NOTARY,
        OLD,
    )
    for until, key in ((world.now + 2, NEW), (world.now + 1, OLD)):
        world.answers(until, key, by="nobody")
        world.notarised.append(world.documents.pop("nobody"))
    assert await world.ring.for_event(OTHER, NEW.key_id, world.now, True) == NEW.public
    assert await world.ring.for_event(OTHER, OLD.key_id, world.now, True) == OLD.public
    assert await world.told() == [[NEW.key_id], [OLD.key_id]]
    await world.ring._keep(OTHER, world.notarised[1], is_its_own=False)
    assert await world.told() == [[NEW.key_id], [OLD.key_id]], "the same once more is no news"
