"""What one person may have has an end: as much as is documented is taken, one more is refused in words, and the others have theirs."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from chappe.homeserver.modules.account_data import account_data
from chappe.homeserver.modules.end_to_end_encryption import keys
from chappe.homeserver.modules.key_backup import backed_up_session, key_backup
from chappe.homeserver.modules.relations import store
from chappe.homeserver.modules.reporting import reporting
from chappe.homeserver.modules.to_device import to_device
from chappe.homeserver.rooms import create_room
from chappe.homeserver.sync.sliding import connection
from tests.homeserver.test_relations import bundle, edit, relates
from tests.support import Person, Refused, segment

FULL, LARGE, MANY = (403, "M_RESOURCE_LIMIT_EXCEEDED"), (413, "M_TOO_LARGE"), (400, "M_INVALID_PARAM")
_numbers = itertools.count()


@dataclass(frozen=True)
class Bound:
    """`act`: what the person does for the nth time, from 1; `AT` is where the bound is set."""

    name: str
    module: Any
    constant: str
    act: Callable[[Person, int], Awaitable[Any]]
    refusal: tuple[int, str]
    value: int = 3


AT = 3


def room_data(person: Person, room: str) -> str:
    return f"/user/{segment(person.id)}/rooms/{segment(room)}"


async def a_tag(person: Person, n: int) -> None:
    await person.call("PUT", f"{room_data(person, '!r:x')}/tags/u.tag{n}", {})


async def tags_at_once(person: Person, n: int) -> None:
    tags: dict[str, Any] = {f"u.tag{i}": {} for i in range(n)}
    await person.call("PUT", f"{room_data(person, '!r:x')}/account_data/m.tag", {"tags": tags})


async def a_report(person: Person, n: int) -> None:
    await person.call("POST", f"/users/@somebody{n}:localhost/report", {"reason": "bad"})


async def a_backup(person: Person, n: int = 1) -> str:
    body = {"algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": {}}
    return str((await person.call("POST", "/room_keys/version", body))["version"])


async def back_up(person: Person, version: str, sessions: list[str]) -> None:
    session = {"first_message_index": 0, "forwarded_count": 0, "is_verified": True, "session_data": {}}
    await person.call("PUT", "/room_keys/keys/!r:x", {"sessions": dict.fromkeys(sessions, session)}, version=version)


async def sessions_at_once(person: Person, n: int) -> None:
    await back_up(person, await a_backup(person), [f"s{i}" for i in range(n)])


async def sessions_of_backups(person: Person, n: int) -> None:
    """One each: those of earlier backups count."""
    await back_up(person, await a_backup(person), ["s"])


async def bytes_of_a_session(person: Person, n: int) -> None:
    session = {"first_message_index": 0, "forwarded_count": 0, "is_verified": True, "session_data": {"x": "y" * (n * 1000 - 8)}}
    await person.call("PUT", "/room_keys/keys/!r:x/s", session, version=await a_backup(person))


async def signatures(person: Person, n: int) -> None:
    await person.call("POST", "/keys/signatures/upload", {person.id: {f"D{i}": {} for i in range(n)}})


async def to_devices(person: Person, messages: dict[str, Any]) -> None:
    await person.call("PUT", f"/sendToDevice/m.x/{next(_numbers)}", {"messages": {person.id: messages}})


async def named_devices(person: Person, n: int) -> None:
    await to_devices(person, {f"D{i}": {} for i in range(n)})


async def all_devices(person: Person, n: int) -> None:
    for _ in range(n - len((await person.call("GET", "/devices"))["devices"])):
        await person.another_device()
    await to_devices(person, {"*": {}})


async def long_messages(person: Person, n: int) -> None:
    await to_devices(person, {person.device: {"filling": "x" * (n * 1000 - 100)}})


async def people_asked_about(person: Person, n: int) -> None:
    await person.call("POST", "/keys/query", {"device_keys": {f"@p{i}:localhost": [] for i in range(n)}})


async def devices_asked_about(person: Person, n: int) -> None:
    await person.call("POST", "/keys/query", {"device_keys": {person.id: [f"D{i}" for i in range(n)]}})


async def keys_claimed(person: Person, n: int) -> None:
    wanted = {f"D{i}": "signed_curve25519" for i in range(n)}
    await person.call("POST", "/keys/claim", {"one_time_keys": {person.id: wanted}})


async def initial_state(person: Person, n: int) -> None:
    states = [{"type": "test.state", "state_key": str(i), "content": {}} for i in range(n)]
    await person.create_room(initial_state=states)


BOUNDS = [
    Bound("tags of a room", account_data, "MAX_TAGS", a_tag, FULL),
    Bound("tags of a room as account data", account_data, "MAX_TAGS", tags_at_once, FULL),
    Bound("reports in a day", reporting, "MAX_PER_DAY", a_report, (429, "M_LIMIT_EXCEEDED")),
    Bound("key backups", key_backup, "MAX_VERSIONS", a_backup, FULL),
    Bound("sessions backed up at once", key_backup, "MAX_AT_ONCE", sessions_at_once, LARGE),
    Bound("sessions backed up", key_backup, "MAX_SESSIONS", sessions_of_backups, FULL),
    Bound("bytes of a session", backed_up_session, "MAX_SESSION_BYTES", bytes_of_a_session, LARGE, AT * 1000),
    Bound("signatures at once", keys, "MAX_SIGNED", signatures, MANY),
    Bound("people whose keys are asked for", keys, "MAX_ASKED", people_asked_about, MANY),
    Bound("devices whose keys are asked for", keys, "MAX_ASKED", devices_asked_about, MANY),
    Bound("keys claimed at once", keys, "MAX_ASKED", keys_claimed, MANY),
    Bound("devices named in a message", to_device, "MAX_MESSAGES", named_devices, MANY),
    Bound("devices reached by a message", to_device, "MAX_MESSAGES", all_devices, MANY),
    Bound("bytes of a message, for each device", to_device, "MAX_BYTES", long_messages, LARGE, AT * 1000),
    Bound("state of a new room", create_room, "MAX_INITIAL_STATE", initial_state, MANY),
]


@pytest.mark.parametrize("bound", BOUNDS, ids=[bound.name for bound in BOUNDS])
async def test_one_more_is_refused(alice: Person, bob: Person, bound: Bound, monkeypatch: pytest.MonkeyPatch) -> None:
    assert getattr(bound.module, bound.constant) > bound.value
    monkeypatch.setattr(bound.module, bound.constant, bound.value)
    for n in range(1, AT + 1):
        await bound.act(alice, n)
    with pytest.raises(Refused) as refused:
        await bound.act(alice, AT + 1)
    assert (refused.value.status, refused.value.errcode) == bound.refusal
    assert len(refused.value.body["error"]) > 20
    await bound.act(bob, 1)


async def test_what_is_deleted_makes_room(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_backup, "MAX_VERSIONS", 1)
    monkeypatch.setattr(account_data, "MAX_TAGS", 1)
    monkeypatch.setattr(key_backup, "MAX_SESSIONS", 1)
    for _ in range(2):
        version = await a_backup(alice)
        await back_up(alice, version, ["s"])
        await back_up(alice, version, ["s"])  # the same again is no more
        await alice.call("DELETE", f"/room_keys/version/{version}")
        await a_tag(alice, 1)
        await a_tag(alice, 1)
        await alice.call("DELETE", f"{room_data(alice, '!r:x')}/tags/u.tag1")


@pytest.mark.parametrize(
    ("count", "changed", "expected"),
    [
        (1, 1, False),
        (999, 999, False),
        (1000, 1, True),
        (1001, 1, False),
        (3500, 900, True),
        (1000, 0, False),
        (500_001, 1, True),
    ],
)
def test_all_backups_are_counted_now_and_then(count: int, changed: int, expected: bool) -> None:
    assert key_backup.is_looked_at(count, changed) is expected


async def test_reports_may_go_on_the_next_day(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "MAX_PER_DAY", 1)
    await a_report(alice, 1)
    await alice.server.node.database.execute("UPDATE reports SET received_ts = received_ts - 86400001")
    await a_report(alice, 2)


async def test_a_device_has_so_many_connections(alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one used longest ago ends: its client is told to begin anew."""
    monkeypatch.setattr(connection, "PER_DEVICE", 3)
    path = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"

    async def ask(person: Person, name: str, pos: str | None = None) -> str:
        query = {} if pos is None else {"pos": pos}
        return str((await person.call("POST", path, {"conn_id": name}, timeout=0, **query))["pos"])

    second, others = await alice.another_device(), await ask(bob, "a")
    positions = {name: await ask(alice, name) for name in "abc"}
    own = await ask(second, "a")
    positions["a"] = await ask(alice, "a", positions["a"])
    await ask(alice, "d")
    await ask(alice, "a", positions["a"])
    with pytest.raises(Refused) as refused:
        await ask(alice, "b", positions["b"])
    assert refused.value.errcode == "M_UNKNOWN_POS"
    await ask(alice, "c", positions["c"])
    await ask(second, "a", own)
    await ask(bob, "a", others)


async def test_what_relates_to_one_event_takes_nothing_from_another(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAX_EDITS", 2)
    monkeypatch.setattr(store, "MAX_REFERENCES", 2)
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    quiet = await alice.say(room, "quiet")
    changed = await edit(alice, room, quiet, "changed once")
    referring = await alice.send(room, "x.reference", relates("m.reference", quiet))
    busy = await bob.say(room, "busy")
    for n in range(4):
        await edit(bob, room, busy, f"changed {n}")
        await bob.send(room, "x.reference", relates("m.reference", busy))
    chunk = (await alice.messages(room, limit=50))["chunk"]
    relations = {e["event_id"]: e.get("unsigned", {}).get("m.relations", {}) for e in chunk}
    assert relations[quiet]["m.replace"]["event_id"] == changed
    assert [e["event_id"] for e in relations[quiet]["m.reference"]["chunk"]] == [referring]
    assert relations[busy]["m.replace"]["content"]["m.new_content"]["body"] == "changed 3"
    assert len(relations[busy]["m.reference"]["chunk"]) == 2
    assert (await bundle(alice, room, quiet))["m.replace"]["event_id"] == changed


async def test_who_has_left_sees_the_last_edit_of_their_time(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many have come since."""
    monkeypatch.setattr(store, "MAX_EDITS", 2)
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    message = await alice.say(room, "written")
    last = await edit(alice, room, message, "changed")
    await bob.leave(room)
    for n in range(4):
        await edit(alice, room, message, f"changed later {n}")
    assert (await bundle(bob, room, message))["m.replace"]["event_id"] == last


async def test_who_has_more_tags_than_may_be_takes_some_away(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(5):
        await a_tag(alice, n)
    monkeypatch.setattr(account_data, "MAX_TAGS", 2)
    await alice.call("DELETE", f"{room_data(alice, '!r:x')}/tags/u.tag0")
    with pytest.raises(Refused):
        await a_tag(alice, 7)


async def test_messages_to_devices_come_in_portions(alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many bytes at once as a client takes well; the first message always; none is lost."""
    await bob.sync()
    monkeypatch.setattr(to_device, "MAX_BYTES_PER_SYNC", 1500)
    for n, size in enumerate((2000, 700, 700, 10, 2000)):
        content = {"n": n, "filling": "x" * size}
        await alice.call("PUT", f"/sendToDevice/m.x/{next(_numbers)}", {"messages": {bob.id: {"*": content}}})
    portions = []
    while sum(map(len, portions)) < 5:
        portions.append([e["content"]["n"] for e in (await bob.sync(timeout=10_000))["to_device"]["events"]])
    assert portions == [[0], [1, 2], [3, 4]]


async def test_what_waits_for_a_device_has_a_size(alice: Person, bob: Person) -> None:
    await bob.sync()
    for n in range(10):
        content = {"n": n, "filling": "x" * 1000}
        await alice.call("PUT", f"/sendToDevice/m.x/{next(_numbers)}", {"messages": {bob.id: {"*": content}}})
    waiting = alice.server.node.to_device
    await waiting.shed(10, 20_000)
    assert len((await waiting.peek(bob.id, bob.device, 0, 100)).messages) == 10
    await waiting.shed(10, 5_500)
    events = (await bob.sync())["to_device"]["events"]
    assert [e["content"]["n"] for e in events] == [5, 6, 7, 8, 9], "the oldest go"


async def test_large_messages_to_devices_count_for_many(new_server: Callable[..., Awaitable[Any]]) -> None:
    server = await new_server(rate_limits_enabled=True)
    alice = await server.person("alice")
    body = orjson.dumps({"messages": {alice.id: {alice.device: {"filling": "x" * (3 << 20)}}}})
    statuses = [(await server.raw("PUT", f"/_matrix/client/v3/sendToDevice/m.x/{n}", body, alice.token))[0] for n in range(12)]
    assert statuses[0] == 200 and 429 in statuses and 1 <= statuses.count(200) <= 8
