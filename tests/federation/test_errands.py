"""What one server delivers makes this one ask others: how much is bounded for each host that delivers, whatever it delivers."""

from __future__ import annotations

import asyncio
import json
import secrets
import tracemalloc
from collections import Counter
from typing import Any

import pytest

from chappe.homeserver.outbound.federation.client import PeerRefused
from chappe.homeserver.rooms.remote import errands, gaps
from chappe.homeserver.rooms.remote.checks import SignedPdu, kept
from chappe.homeserver.rooms.remote.errands import AskedEnough, Errands, asking, needing_others
from chappe.matrix.identifiers import host_of
from tests.federation.conftest import Peer
from tests.federation.test_fit_copies import a_race
from tests.federation.test_gaps import crowd, followers_of_nothing, gap_and_after, serves, waiting
from tests.federation.test_hostile import Forger
from tests.federation.test_rooms import agree, enter, hears, members
from tests.federation.test_who_tells_whom import join_by_hand
from tests.support import Server, until

EVIL, HONEST = "evil.example", "honest.example"


def questions(server: Server) -> Counter[tuple[str, str]]:
    """What a server asks from now on: by the host that is asked, and by what."""
    asked: Counter[tuple[str, str]] = Counter()
    client = server.node.federation_client
    request = client.request

    async def counted(own: str, destination: str, method: str, path: str, **named: Any) -> Any:
        door = path.split("/")[4]
        if door == "backfill" and named["query"]["limit"] != str(gaps.ASKED_AT_ONCE):
            door = "witness"
        if door != "send":
            asked[host_of(destination), door] += 1
        return await request(own, destination, method, path, **named)

    client.request = counted  # type: ignore[method-assign]
    return asked


def of(asked: Counter[tuple[str, str]], host: str) -> int:
    return sum(count for (there, _), count in asked.items() if there == host)


def host(side: Forger) -> str:
    return host_of(side.evil.config.server_name)


def answers_state(forger: Forger, *beside: str) -> None:
    """Its server says of every event that it follows the room's present state, and some events besides."""
    serving, room = forger.evil.node.serving, forger.room

    async def ids(*_: Any) -> tuple[list[str], list[str]]:
        return [*(event.event_id for event in room.state.values()), *beside], []

    async def at(*_: Any) -> Any:
        return room, None

    serving.at, serving.ids_of_state = at, ids  # type: ignore[method-assign]


async def settled(server: Server, rows: int) -> None:
    async def is_so() -> bool:
        waits = await waiting(server)
        return len(waits) == rows and all(row["attempts"] for row in waits)

    await until(is_so)


# ------------------------------------------------------------------------------------------------------ whether one may ask


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def asks(server: str, question: str = "?") -> str:
    """What comes of a question: it is asked, it was answered before, or it is not to be asked."""
    try:
        with asking(server, question):
            return "asked"
    except PeerRefused:
        return "had nothing"
    except AskedEnough:
        return "enough"


def asks_all(clock: Clock, of_errands: Errands) -> int:
    """How many questions are left to a host."""
    with of_errands.of(EVIL, has_member=True):
        return sum(asks(HONEST) == "asked" for _ in range(errands.QUESTIONS[1] + 10))


@pytest.mark.parametrize(
    ("has_member", "is_retry", "plain", "of_others"),
    [(True, False, "asked", "asked"), (True, True, "enough", "asked"), (False, False, "enough", "enough")],
)
def test_whom_a_delivery_may_have_asked(has_member: bool, is_retry: bool, plain: str, of_others: str) -> None:
    with Errands().of(f"{EVIL}:8448", has_member, is_retry):
        assert (asks(HONEST), asks(EVIL), asks(f"{EVIL}:1")) == (plain, "asked", "asked")
        with needing_others():
            assert (asks(HONEST), asks(EVIL)) == (of_others, "asked")
        assert asks(HONEST) == plain
    with needing_others():
        assert asks(HONEST) == "asked", "on nobody's errand"


def test_a_host_has_one_bucket_of_questions_to_all_others() -> None:
    clock = Clock()
    of_errands = Errands(clock)
    assert asks_all(clock, of_errands) == errands.QUESTIONS[1]
    for name in (EVIL, f"{EVIL}:1", EVIL.upper()):
        with of_errands.of(name, has_member=True):
            assert (asks("another.example"), asks(EVIL)) == ("enough", "asked"), name
            with needing_others():
                assert asks(HONEST) == "enough"
    with of_errands.of("another.example", has_member=True):
        assert asks(HONEST) == "asked", "one host's questions are not another's"
    clock.now += 5
    assert asks_all(clock, of_errands) == 5 * errands.QUESTIONS[0]


def refused(server: str, question: str, status: int) -> None:
    with pytest.raises(PeerRefused), asking(server, question):
        raise PeerRefused(server, status, "M_UNKNOWN", "no")


def test_who_has_nothing_is_not_asked_again_for_a_while() -> None:
    """On nobody's errand, and of the deliverer itself it may be asked."""
    clock = Clock()
    of_errands = Errands(clock)
    with of_errands.of(EVIL, has_member=True):
        refused(HONEST, "a", 404)
        refused(HONEST, "b", 403)
        refused(EVIL, "a", 404)
    with of_errands.of("another.example", has_member=True):
        assert (asks(HONEST, "a"), asks(HONEST, "b"), asks(EVIL, "a")) == ("had nothing", "asked", "asked")
        assert asks(f"{HONEST}:1", "a") == "asked", "that is another server"
        clock.now += errands.REMEMBERED_SECONDS
        assert asks(HONEST, "a") == "asked"
    with of_errands.of(EVIL, has_member=True):
        refused(HONEST, "a", 404)
    assert asks(HONEST, "a") == "asked"


def test_what_was_not_had_is_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errands, "REMEMBERED", 3)
    of_errands = Errands()
    for n in range(5):
        of_errands.note_nothing(HONEST, f"{n}{'x' * 100_000}")
    assert [n for n in range(5) if of_errands.had_nothing(HONEST, f"{n}{'x' * 100_000}")] == [2, 3, 4]


def test_questions_are_remembered_without_their_length() -> None:
    """Whoever is asked about chooses how long they are: a question may name a hundred events."""
    of_errands = Errands()
    tracemalloc.start()
    try:
        for n in range(200):
            of_errands.note_nothing(HONEST, f"{n}{'x' * 10_000}")
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 200_000


# ------------------------------------------------------------------------------------------------------ what is delivered


async def test_witnesses_are_asked_once_about_a_batch_and_remembered(peer: Peer) -> None:
    """Events that follow what there never was, and whose sender's server tells a state: they stand."""
    _, _, forger, honest = await crowd(peer)
    serves(forger.evil)
    answers_state(forger)
    asked = questions(forger.target)
    junk = followers_of_nothing(forger, 10)
    await forger.send(*junk)
    await settled(forger.target, 0)
    once = asked[host(honest), "witness"]
    assert 1 <= once <= 4, "the first come alone: the queue is worked on while the others come"
    more = [forger.event({"msgtype": "m.text", "body": f"m{n}"}, prev_events=e["prev_events"]) for n, e in enumerate(junk)]
    await forger.send(*more)
    await settled(forger.target, 0)
    assert asked[host(honest), "witness"] == once, "what was not shown is remembered"


async def test_what_no_witness_was_asked_of_waits(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has this server forget a gap by having too much asked."""
    monkeypatch.setattr(errands, "QUESTIONS", (0.001, 1))
    _, _, forger, honest = await crowd(peer)
    first, second = gap_and_after(forger)  # others have the first
    serves(forger.evil)
    answers_state(forger)
    serves(honest.evil, first)
    honest.evil.node.serving.missing_events = _fails  # type: ignore[method-assign]
    asked = questions(forger.target)
    await forger.send(second)
    await settled(forger.target, 1)
    assert of(asked, host(honest)) == 1
    database = forger.target.node.database
    assert not await database.fetchval("SELECT 1 FROM events WHERE event_id = $1", forger.id_of(second))


async def test_what_does_not_stand_has_no_witness_asked(peer: Peer) -> None:
    _, _, forger, honest = await crowd(peer)
    serves(forger.evil)
    answers_state(forger)
    asked = questions(forger.target)
    coups = [
        forger.event({"name": "evil"}, type="m.room.name", state_key="", prev_events=e["prev_events"])
        for e in followers_of_nothing(forger, 3)
    ]
    await forger.send(*coups)
    await settled(forger.target, 0)
    assert asked[host(forger), "state_ids"] and not asked[host(honest), "witness"]
    rows = await forger.target.node.database.fetch(
        "SELECT 1 FROM events WHERE event_id = ANY($1) AND status = 2", [forger.id_of(coup) for coup in coups]
    )
    assert len(rows) == 3


async def test_others_are_asked_at_the_first_try_only(peer: Peer) -> None:
    _, room, forger, honest = await crowd(peer)
    serves(forger.evil)
    asked = questions(forger.target)
    invented = [forger.event(auth_events=[*forger.event()["auth_events"], "$" + secrets.token_urlsafe(32)]) for _ in range(5)]
    forger.evil.node.serving.event_auth = _fails  # type: ignore[method-assign]
    forger.evil.node.serving.ids_of_state = _fails  # type: ignore[method-assign]
    await forger.send(*followers_of_nothing(forger, 5), *invented)
    await until(lambda: _tried(forger.target, 1))
    first, own = of(asked, host(honest)), of(asked, host(forger))
    assert first
    await forger.target.node.database.execute("UPDATE federation_inbox SET next_try_ts = 0")
    forger.target.node.pdu_queues._work_on((room, forger.evil.config.server_name))
    await until(lambda: _tried(forger.target, 2))
    assert of(asked, host(honest)) == first
    assert of(asked, host(forger)) > own


async def _fails(*_: Any) -> Any:
    raise RuntimeError("a hostile server answers with errors")


async def _tried(server: Server, times: int) -> bool:
    rows = await waiting(server)
    return bool(rows) and all(row["attempts"] >= times for row in rows)


async def test_what_is_delivered_has_others_asked_as_often_as_is_left(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errands, "QUESTIONS", (0.001, 3))
    _, _, forger, honest = await crowd(peer)
    serves(forger.evil)
    asked = questions(forger.target)
    await forger.send(*followers_of_nothing(forger, 5))
    await until(lambda: _tried(forger.target, 1))
    assert of(asked, host(honest)) == 3


async def test_a_server_without_a_member_makes_only_itself_be_asked(peer: Peer) -> None:
    alice, room, forger, honest = await crowd(peer)
    serves(forger.evil)
    await alice.act("kick", room, forger.person)
    asked = questions(forger.target)
    stranger = forger.event({"msgtype": "m.text", "body": "evil"}, prev_events=["$" + secrets.token_urlsafe(32)])
    await forger.send(stranger)
    await until(lambda: _tried(forger.target, 1))
    assert of(asked, host(forger)) and not of(asked, host(honest))
    answers_state(forger)
    forger.target.node.pdu_queues.retry_now(room)
    await settled(forger.target, 0)
    assert not of(asked, host(honest)), "it waits for no witness that is never asked"


async def test_who_enters_has_others_asked_for_what_the_join_follows(peer: Peer) -> None:
    """The template may come from another server of the room than the one that lets them in."""
    alice, room, forger, honest = await crowd(peer)
    newcomer = await peer()
    dora = await newcomer.person("dora")
    first = honest.event({"msgtype": "m.text", "body": "not sent here"})
    serves(honest.evil, first)
    await join_by_hand(dora, room, forger.target, [honest.id_of(first)])
    assert (await members(alice, room))[dora.id] == "join"
    await hears(alice, room, "not sent here")


async def test_half_a_state_is_none(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state whose events may not all be asked for is not taken without them: who has too much asked would choose what is in it."""
    monkeypatch.setattr(errands, "QUESTIONS", (1.0, 3))
    alice, room, forger, honest = await crowd(peer)
    levels = await alice.call("GET", f"/rooms/{room}/state/m.room.power_levels")
    await alice.set_state(room, "m.room.power_levels", {**levels, "state_default": 0})
    await agree(room, forger.target, forger.evil, honest.evil)
    unknown = {
        honest.id_of(event): event
        for event in (honest.event({"n": n}, type=f"org.example.{n}", state_key="") for n in range(4))
    }
    answers_state(honest, *unknown)
    given: list[str] = []

    async def one(_: str, event_id: str) -> bytes:
        given.append(event_id)
        return json.dumps(unknown[event_id]).encode()

    honest.evil.node.serving.event = one  # type: ignore[method-assign]
    node, clock = forger.target.node, Clock()
    live, of_errands = await node.rooms.require(room), Errands(clock)
    last = honest.event(prev_events=["$" + secrets.token_urlsafe(32)])
    checked: SignedPdu = kept(last, honest.id_of(last), live.version)
    with of_errands.of(EVIL, has_member=True):
        with pytest.raises(AskedEnough):
            await node.pdu_queues.gaps.state_before(live, checked, [honest.evil.config.server_name])
        assert len(given) == 2, "the state, and two of its events"
        clock.now += 60
        root = await node.pdu_queues.gaps.state_before(live, checked, [honest.evil.config.server_name])
    assert sorted(given) == sorted(unknown), "what was given is not asked for again"
    keys = [node.rooms.key_hash(f"org.example.{n}", "") for n in range(4)]
    assert len(await node.rooms.trees.get_many(root, keys)) == 4


async def test_nobody_undoes_a_redaction_by_having_too_much_asked(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy is believed where no other server says that it was redacted: not where none may be asked."""
    race = await a_race(peer, monkeypatch, can_ask=False)
    await race.send({**race.true, "content": {}})
    live = await race.here.node.rooms.require(race.room)
    copy, gaps_here = kept(race.true, race.event_id, live.version), race.here.node.pdu_queues.gaps
    with Errands().of(EVIL, has_member=False):
        [filled] = await gaps_here.copies.fill(live, [copy], [EVIL])
    assert not filled.is_confirmed
    await gaps_here.receive(live, {race.event_id: copy}, EVIL)
    assert await race.shown() == {}


# ------------------------------------------------------------------------------------------------------ what gaps weigh


def chain(side: Forger, first_follows: list[str], count: int) -> list[Any]:
    """Events of a kilobyte, each following the one before."""
    events: list[Any] = []
    for n in range(count):
        prev = [side.id_of(events[-1])] if events else first_follows
        events.append(side.event({"msgtype": "m.text", "body": f"{n}", "org.example.pad": "x" * 1024}, prev_events=prev))
    return events


@pytest.mark.parametrize(
    ("limit", "by_another_host", "fits"),
    [(None, False, True), ("GAP_BYTES", False, False), ("GAP_BYTES", True, True), ("ALL_GAPS_BYTES", True, False)],
)
async def test_gaps_that_are_open_together_have_a_bound(
    peer: Peer, monkeypatch: pytest.MonkeyPatch, limit: str | None, by_another_host: bool, fits: bool
) -> None:
    """Those of one host, in whatever rooms, and all of all hosts: beyond it no more is fetched, until others are closed."""
    alice, _, forger, honest = await crowd(peer)
    here, second = forger.target, honest if by_another_host else forger
    elsewhere = await alice.create_room(preset="public_chat")
    await enter(second.person, elsewhere, here)
    await agree(elsewhere, here, second.evil)
    side = Forger(second.evil, await second.evil.node.rooms.require(elsewhere), second.person, here)
    if limit is not None:
        monkeypatch.setattr(gaps, limit, 20_000)
    held, let_go = asyncio.Event(), asyncio.Event()

    async def waits(*_: Any) -> Any:
        held.set()
        await let_go.wait()
        raise RuntimeError

    forger.evil.node.serving.at = waits  # type: ignore[method-assign]
    large = chain(forger, ["$" + secrets.token_urlsafe(32)], 15)
    small = chain(side, list(side.room.ahead.forward_extremities), 6)
    served = {forger.room.room_id: large[:-1], elsewhere: small[:-1]}

    async def gap(_: str, room: str, *__: Any) -> list[bytes]:
        return [json.dumps(event).encode() for event in served.pop(room, [])]

    for server in (forger.evil, side.evil):
        server.node.serving.missing_events = server.node.serving.backfill = gap  # type: ignore[method-assign]
    await forger.send(large[-1])
    await asyncio.wait_for(held.wait(), 60)
    side.evil.node.serving.at = _fails  # type: ignore[method-assign]
    await side.send(small[-1])
    if not fits:
        await until(lambda: _waits(here, elsewhere))
        assert elsewhere in served, "it was not asked for what lies between"
        let_go.set()
        await until(lambda: _waits(here, forger.room.room_id))
        here.node.pdu_queues.retry_now(elsewhere)
    await hears(alice, elsewhere, "5")
    await hears(alice, elsewhere, "0")
    let_go.set()


async def _waits(server: Server, room: str) -> bool:
    return any(row["room_id"] == room and row["attempts"] for row in await waiting(server))
