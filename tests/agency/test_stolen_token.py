"""A play. The token of an ordinary agent is in the hands, for an hour, of somebody who knows everything but her password.

He takes over nothing, reads nothing beyond her budget, and nothing of him outlives her signing out.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio

from chappe.agency.app import AgencyServer
from chappe.agency.organisations import Organisation
from chappe.agency.read_guard import ReadGuard
from chappe.config import ReadGuard as Settings
from chappe.homeserver.app.routes import routes_of_node
from chappe.matrix.identifiers import UserId
from tests.agency.conftest import a_ministry, account, age, agency
from tests.homeserver.test_fresh_proof import fingerprint, keys_of, proven
from tests.homeserver.test_oauth import register, token
from tests.neighbours import Mailbox
from tests.support import PASSWORD, Clock, Person, Refused, Server, segment, until
from tests.ways import (
    CHAPPE,
    IDENTITY,
    Probe,
    Scene,
    identity,
    lookup,
    oauth_codes,
    oauth_sessions,
    openid_tokens,
    pushers,
    requests,
    served,
)

V3, V1 = "/_matrix/client/v3", "/_matrix/client/v1"
SLIDING = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"
HOUR = 3_600_000
FORUMS, MESSAGES, EVENTS, FILES, SEARCHES = 6, 60, 120, 10, 20
THIEF = "thief@partner.example"  # an address that he reads, of an organisation at home here


class Stage:
    """Alice of Culture with two devices, Bob who has written for years, an administrator; `thief` has the first device's token."""

    server: Server
    alice: Person
    thief: Person
    bob: Person
    root: Person
    mailbox: Mailbox
    forums: list[str]
    sealed: str  # an encrypted room, to which she was invited: what is old there weighs little
    sealed_events: list[str]

    @property
    def node(self) -> AgencyServer:
        assert isinstance(self.server.node, AgencyServer)
        return self.server.node

    @property
    def guard(self) -> ReadGuard:
        assert self.node.guard is not None
        return self.node.guard

    async def raw(self, method: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, str]:
        """Bytes are a form of our own pages, as a browser would send it."""
        form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": self.server.base}
        status, raw, _ = await self.server.raw(method, path, body, token, form if isinstance(body, bytes) else None)
        return status, raw.decode(errors="replace")


@pytest_asyncio.fixture
async def stage(new_server: Callable[..., Awaitable[Server]], mailbox: Mailbox) -> Stage:
    s = Stage()
    guard = Settings(True, events_per_hour=EVENTS, files_per_hour=FILES, searches_per_hour=SEARCHES, rooms_per_hour=100)
    s.server, s.mailbox = await a_ministry(new_server, mailbox, read_guard=guard), mailbox
    await agency(s.server).organisations.add(Organisation("partner", "Partenaires", "localhost", False, ["partner.example"]))
    s.thief, s.bob, s.root = [await account(s.server, name) for name in ("alice", "bob", "root")]
    for who in ("alice", "bob"):
        await s.server.node.bind_threepid(UserId(f"@{who}:localhost"), "email", f"{who}@culture.example", 1)
    await s.server.node.accounts.change(s.root.id, is_admin=True)
    s.root = await s.root.another_device()
    await age(s.server, s.root)
    s.alice = await s.thief.another_device()
    await s.server.node.keys.upload_cross_signing_keys(UserId(s.alice.id), keys_of(s.alice.id))
    s.forums = [await s.bob.create_room(preset="public_chat") for _ in range(FORUMS)]
    for room in s.forums:
        await asyncio.gather(*(s.bob.say(room, f"message {n}") for n in range(MESSAGES)))
    algorithm = {"algorithm": "m.megolm.v1.aes-sha2"}
    s.sealed = await s.bob.create_room(
        invite=[s.alice.id], initial_state=[{"type": "m.room.encryption", "state_key": "", "content": algorithm}]
    )
    await s.alice.join(s.sealed)
    s.sealed_events = [
        await s.bob.send(s.sealed, "m.room.encrypted", {**algorithm, "ciphertext": f"sealed {n}"}) for n in range(5)
    ]
    return s


# ------------------------------------------------------------------------------------------------- he takes over nothing


async def ways_in(s: Stage) -> list[str]:
    devices = (await s.alice.call("GET", "/devices"))["devices"]
    found = await fingerprint(s.server, s.alice.id) + sorted(device["device_id"] for device in devices)
    for table, column in (("administrators", "user_id"), ("organisation_people", "user_id"), ("function_holders", "holder")):
        rows = await s.node.database.fetch(f"SELECT * FROM {table} WHERE {column} = $1", s.alice.id)
        found += [f"{table} {dict(row)}" for row in rows]
    return found


async def doors(s: Stage) -> dict[str, tuple[str, str, Any]]:
    """What changes a way in, or somebody's authority: name: (method, path, body), with the token of the account."""
    mine = {"medium": "email", "address": "alice@culture.example"}
    other = base64.b64encode(b"o" * 32).decode().rstrip("=")
    key = {"user_id": s.alice.id, "usage": ["master"], "keys": {f"ed25519:{other}": other}}
    own = keys_of(s.alice.id)["master_key"]
    proofs = [
        await proven(s.server, purpose, THIEF, letter)
        for purpose, letter in (("add", "a"), ("add", "b"), ("add", "c"), ("identity", "d"), ("password", "e"))
    ]
    by_mail = {"auth": {"type": "m.login.email.identity", "threepid_creds": proofs[4], "threepidCreds": proofs[4]}}
    new = {"new_password": "the thief's own", "logout_devices": True}
    pages = {
        path: ("POST", path, b"")
        for path in (
            "/account/addresses",
            "/account/addresses/remove",
            "/account/password",
            "/account/second-factor",
            "/account/second-factor/remove",
            "/account/recovery-codes",
            "/account/passkeys",
            "/account/passkeys/remove",
            "/account/reset-keys",
            "/account/deactivate",
            "/oauth2/authorize",
            "/link",
        )
    }
    guest = {"room_id": s.sealed, "address": THIEF, "purpose": "me"}
    return pages | {
        "add an address": ("POST", f"{V3}/account/3pid/add", proofs[0]),
        "add an address, the old way": ("POST", f"{V3}/account/3pid", {"three_pid_creds": proofs[1]}),
        "bind an address": ("POST", f"{V3}/account/3pid/bind", proofs[2]),
        "bind what the identity service proved": ("POST", f"{V3}/account/3pid/bind", proofs[3]),
        "remove her address": ("POST", f"{V3}/account/3pid/delete", mine),
        "the password": ("POST", f"{V3}/account/password", new),
        "the password, by nothing": ("POST", f"{V3}/account/password", {**new, "auth": {"type": "m.login.dummy"}}),
        "the password, by his mailbox": ("POST", f"{V3}/account/password", new | by_mail),
        "the keys": ("POST", f"{V3}/keys/device_signing/upload", {"master_key": key}),
        "the same keys, with more in them": ("POST", f"{V3}/keys/device_signing/upload", {"master_key": {**own, "x": 1}}),
        "the same keys, for more": (
            "POST",
            f"{V3}/keys/device_signing/upload",
            {"master_key": {**own, "usage": ["master", "self_signing"]}},
        ),
        "a key beside hers": (
            "POST",
            f"{V3}/keys/device_signing/upload",
            {"self_signing_key": {**key, "usage": ["self_signing"]}},
        ),
        "a device": ("DELETE", f"{V3}/devices/{s.alice.device}", {}),
        "devices": ("POST", f"{V3}/delete_devices", {"devices": [s.alice.device]}),
        "another session": ("POST", f"{V1}/login/get_token", {}),
        "another session, by his mailbox": ("POST", f"{V1}/login/get_token", by_mail),
        "the end": ("POST", f"{V3}/account/deactivate", {"erase": True}),
        "the end, by his mailbox": ("POST", f"{V3}/account/deactivate", by_mail),
        "a bot called like a person": ("POST", f"{CHAPPE}/bots", {"name": "Jean Préfet [Culture]", "purpose": "x"}),
        "a bot with a person's user name": ("POST", f"{CHAPPE}/bots", {"name": "x", "purpose": "x", "localpart": "prefet"}),
        "a post": ("POST", f"{CHAPPE}/function_accounts/{segment('@permanence:localhost')}/take", {}),
        "himself as a guest in what is closed": ("POST", f"{CHAPPE}/guests", guest),
    }


def of_administrators(server: Server) -> Iterator[tuple[str, str]]:
    """Every endpoint of the administration APIs and of the console, with something in its places."""
    places = {"organisation": "culture", "userId": segment("@bob:localhost"), "serverName": "localhost"}
    for route in routes_of_node(server.node):
        path = route.endpoint.path
        if re.match(r"/_synapse/admin|/_chappe/(admin|console)|/_matrix/client/[^/]+/admin/", path):
            yield route.endpoint.method, re.sub(r"\{(\w+)\}", lambda part: places.get(part[1], "1"), path)


# that one may administer nothing; which software this is
OF_EVERYBODY = {("GET", "/_chappe/console/v1/rights"), ("GET", "/_synapse/admin/v1/server_version")}


@pytest.mark.parametrize("loot", ["access token", "refresh token"])
async def test_he_takes_over_nothing(stage: Stage, loot: str) -> None:
    s = stage
    if loot == "refresh token":
        scene = Scene(s.server, s.root, s.mailbox, s.thief)
        assert await (await oauth_sessions(scene))()
        scene.person.token = json.loads(scene.more["answer"])["access_token"]
        s.thief = scene.person
    post = await s.node.functions.add("culture", "permanence", "Permanence")
    await s.node.functions.set_holders(post, [s.alice.id])
    client = (await register(s.server))[1]["client_id"]
    scope = "urn:matrix:client:api:* urn:matrix:client:device:THIEFSDEVICE"
    asked_for = (await token(s.server, "/oauth2/device", client_id=client, scope=scope))[1]
    before = await ways_in(s)
    everything = await doors(s) | {
        "a device code": ("POST", f"/link?code={asked_for['user_code']}", b"decision=allow"),
        "a device code, at the consent": ("POST", "/link", f"code={asked_for['user_code']}&decision=allow".encode()),
    }
    for name, (method, path, body) in everything.items():
        if isinstance(body, dict) and "auth" in body:  # as a client does: the proof is of a session
            session = json.loads((await s.raw(method, path, {**body, "auth": {}}, s.thief.token))[1]).get("session")
            body = {**body, "auth": {**body["auth"], "session": session}}
        status, answer = await s.raw(method, path, body, s.thief.token)
        assert status in (303, 400, 401, 403, 404), (name, status, answer)
        assert "login_token" not in answer and "access_token" not in answer, name
        assert await ways_in(s) == before, name
    grant = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": asked_for["device_code"]}
    assert (await token(s.server, client_id=client, **grant))[0] == 400
    tried = list(of_administrators(s.server))
    answered = {
        (method, path): await s.raw(method, path, None if method == "GET" else {}, s.thief.token) for method, path in tried
    }
    assert len(tried) > 80
    assert {way for way, (status, _) in answered.items() if status not in (400, 403, 404)} <= OF_EVERYBODY
    assert "culture" not in answered["GET", "/_chappe/console/v1/rights"][1]
    me = await identity(s.thief)
    for what in ("bind", "unbind"):
        body = {**await proven(s.server, "identity", THIEF, what), "mxid": s.alice.id}
        assert (await s.raw("POST", f"{IDENTITY}/3pid/{what}", body, me.token))[0] in (400, 403), what
    assert await ways_in(s) == before

    # a new password by mail goes to her mailbox, and to no other
    asked = {"client_secret": "s1", "email": "alice@culture.example", "send_attempt": 1}
    assert (await s.raw("POST", f"{V3}/account/password/email/requestToken", asked, s.thief.token))[0] == 200
    await s.mailbox.next("alice@culture.example")
    # nor does he make what acts in her name beside her devices
    hooks = f"{CHAPPE}/rooms/{segment(await s.thief.create_room(preset='public_chat'))}/webhooks"
    for path, more in ((f"{CHAPPE}/bots", {}), (hooks, {"direction": "incoming"}), (hooks, {"direction": "outgoing"})):
        with pytest.raises(Refused) as refused:
            await s.thief.call("POST", path, {"name": "Météo", "purpose": "x", "url": "https://thief.example/", **more})
        assert refused.value.status == 401, (path, more)
    assert [mail["To"] for mail in s.mailbox.mails if mail["To"] == THIEF] == []
    login = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": s.alice.id}, "password": PASSWORD}
    assert (await s.raw("POST", f"{V3}/login", login))[0] == 200


async def test_the_first_keys_are_not_the_thiefs(stage: Stage) -> None:
    """Of somebody who has never had any: a sign-in of the last minutes is a proof, a session of this morning is none."""
    s, path = stage, "/keys/device_signing/upload"
    fresh, bot = (await s.bob.another_device(), await s.bob.prove(f"{CHAPPE}/bots", {"name": "Météo", "purpose": "x"}))
    await s.node.database.execute("UPDATE devices SET created = now() - interval '1 hour' WHERE device_id <> $1", fresh.device)
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            await s.bob.call("POST", path, keys_of(s.bob.id))
        assert refused.value.status == 401 and refused.value.body["flows"] == [{"stages": ["m.login.password"]}]
    assert not await s.node.keys.has_cross_signing(s.bob.id)
    await fresh.call("POST", path, keys_of(s.bob.id))
    assert await s.node.keys.has_cross_signing(s.bob.id)
    auth = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": s.root.id}, "password": PASSWORD}
    await s.root.call("POST", path, {**keys_of(s.root.id), "auth": auth})
    assert await s.node.keys.has_cross_signing(s.root.id)
    await Person(s.server, bot).call("POST", path, keys_of(bot["user_id"]))  # a token is all that it has


# ------------------------------------------------------------------------------------- he reads nothing beyond the budget


def events_in(answer: Any) -> Iterator[str]:
    """Ids of what was said that an answer holds, wherever it stands."""
    if isinstance(answer, dict):
        if "event_id" in answer and "content" in answer and "state_key" not in answer:
            yield answer["event_id"]
        answer = list(answer.values())
    if isinstance(answer, list):
        for part in answer:
            yield from events_in(part)


Read = Callable[[Person, str, str], Awaitable[Any]]
ALL_OF_A_ROOM = '{"room":{"timeline":{"limit":4},"state":{"lazy_load_members":false}}}'
READS: dict[str, Read] = {
    "messages": lambda p, room, event: p.messages(room, limit=4),
    "messages, forwards": lambda p, room, event: p.messages(room, dir="f", limit=15),
    "context": lambda p, room, event: p.call("GET", f"/rooms/{segment(room)}/context/{segment(event)}", limit=4),
    "event": lambda p, room, event: p.call("GET", f"/rooms/{segment(room)}/event/{segment(event)}"),
    "search": lambda p, room, event: p.call(
        "POST", "/search", {"search_categories": {"room_events": {"search_term": "message", "filter": {"limit": 4}}}}
    ),
    "sync": lambda p, room, event: p.call("GET", "/sync", full_state="true", filter=ALL_OF_A_ROOM),
    "sliding sync": lambda p, room, event: p.call(
        "POST", SLIDING, {"room_subscriptions": {room: {"timeline_limit": 4, "required_state": []}}}
    ),
    "relations": lambda p, room, event: p.call("GET", f"{V1}/rooms/{segment(room)}/relations/{segment(event)}"),
    "threads": lambda p, room, event: p.call("GET", f"{V1}/rooms/{segment(room)}/threads", limit=4),
    "notifications": lambda p, room, event: p.call("GET", "/notifications", limit=50),
    "own data": lambda p, room, event: p.prove(f"{CHAPPE}/my_data", {}),
}


def later(s: Stage) -> None:
    """What was said is old now."""
    s.guard._now_ms = Clock((s.server.node.now_ms() // HOUR + 2) * HOUR)

    async def sleep(_: float) -> None:
        await asyncio.sleep(0)

    s.guard.sleep = sleep


async def test_he_reads_nothing_beyond_her_budget(stage: Stage) -> None:
    """With her session, and four bots, by every way at once; then with what the bots have left."""
    s, seen, stops = stage, set[str](), list[str]()
    starts = {}
    for room in s.forums:
        starts[room] = await s.bob.say(room, "message at the root of a thread")
        await s.bob.say(room, "message in it", **{"m.relates_to": {"rel_type": "m.thread", "event_id": starts[room]}})
    bots = [Person(s.server, await s.thief.prove(f"{CHAPPE}/bots", {"name": f"B{n}", "purpose": "x"})) for n in range(4)]
    hands = [s.thief, *bots]
    for hand in hands:
        for room in s.forums:
            await hand.join(room)
    later(s)
    s.guard._budgets["searches"] = 100_000

    async def read(hand: Person, way: Read, room: str, times: int = 20) -> None:
        for _ in range(times):
            try:
                seen.update(events_in(await way(hand, room, starts[room])))
            except Refused as refusal:
                if refusal.status == 401:
                    stops.append(str(refusal.errcode))
                return

    for room in s.forums:  # carefully at first: one after the other
        for way in READS.values():
            for hand in hands[:2]:
                await read(hand, way, room, 1)
    assert len(seen) >= EVENTS / 8, "he read, as she might"
    for _ in range(2):
        reads = [read(hand, way, room) for hand in hands for way in READS.values() for room in s.forums]
        await asyncio.gather(*reads)
    assert len(seen) <= 2 * EVENTS
    assert "M_USER_LOCKED" in stops
    for hand in hands:
        assert not await served(hand.call("GET", "/account/whoami"))


async def test_whatever_is_shown_is_counted(stage: Stage) -> None:
    """By each way by itself: also what an answer carries beside the events that it is about."""
    s, shown_by = stage, dict[str, int]()
    guard = s.guard
    room = s.forums[0]
    root = await s.bob.say(room, "message to @alice:localhost at the root of a thread")
    await s.bob.say(room, "message in it", **{"m.relates_to": {"rel_type": "m.thread", "event_id": root}})
    await s.thief.join(room)
    later(s)
    guard._budgets.update(events=1_000_000, searches=1_000_000)

    async def counted() -> float:
        return float((await guard._of(s.alice.id)).within("events", guard._now_ms() // HOUR, 1))

    for name, way in READS.items():
        before = await counted()
        shown = {event for event in events_in(await way(s.thief, room, root)) if event not in s.sealed_events}
        shown_by[name] = len(shown)
        assert await counted() - before >= len(shown), name
    assert {name for name, count in shown_by.items() if not count} <= {"notifications", "own data"}
    package = (await s.thief.call("GET", f"{CHAPPE}/my_data"))["packages"][0]["id"]
    await s.node.exports.make_waiting()
    status, raw, _ = await s.thief.prove_raw(f"{CHAPPE}/my_data/{package}", {})
    assert status == 200
    with zipfile.ZipFile(io.BytesIO(raw)) as opened:
        assert not [name for name in opened.namelist() if b"message in it" in opened.read(name)], "of others there is nothing"


async def test_files_and_searches_have_budgets_too(stage: Stage) -> None:
    s = stage
    files = []
    for n in range(4 * FILES):
        status, raw, _ = await s.server.raw("POST", "/_matrix/media/v3/upload", f"plan {n}".encode(), s.bob.token)
        assert status == 200
        files.append(json.loads(raw)["content_uri"].removeprefix("mxc://"))
    bot = Person(s.server, await s.thief.prove(f"{CHAPPE}/bots", {"name": "B", "purpose": "x"}))
    later(s)
    got = await asyncio.gather(
        *(
            s.raw("GET", f"{V1}/media/{kind}/{file}", None, hand.token)
            for hand in (s.thief, bot)
            for kind in ("download",)
            for file in files
        )
    )
    assert FILES / 2 <= sum(1 for status, _ in got if status == 200) <= 2 * FILES
    assert not await served(s.thief.call("GET", "/account/whoami"))


async def test_he_does_not_list_everybody(stage: Stage) -> None:
    s, found = stage, 0
    me = await identity(s.thief)
    later(s)
    for n in range(10 * SEARCHES):
        for ask in (
            s.thief.call("POST", "/user_directory/search", {"search_term": f"b{n}"}),
            s.thief.call("POST", "/publicRooms", {}),
        ):
            found += await served(ask)
    assert SEARCHES / 2 <= found <= 2 * SEARCHES
    assert not await served(s.thief.call("GET", "/account/whoami"))
    assert not await served(lookup(me)), "the identity service went with it"


@pytest.mark.parametrize("by", ["keys", "profile"])
async def test_he_does_not_find_out_who_is_there_by_guessing(stage: Stage, by: str) -> None:
    """Names are made of names: a list from the gazette is a list of user ids."""
    s, found = stage, 0
    later(s)
    for n in range(10 * SEARCHES):
        guess = f"@prenom{n}.nom-culture.example:localhost"
        if by == "keys":
            ask = s.thief.call("POST", "/keys/query", {"device_keys": {guess: []}})
        else:
            ask = s.thief.call("GET", f"/profile/{segment(guess)}")
        try:
            await ask
            found += 1
        except Refused as refused:
            found += refused.status == 404
    assert SEARCHES / 2 <= found <= 2 * SEARCHES
    assert not await served(s.thief.call("POST", "/user_directory/search", {"search_term": "b"}))


async def test_many_guesses_at_once_are_as_many(stage: Stage) -> None:
    later(stage)
    guesses = {f"@prenom{n}.nom-culture.example:localhost": [] for n in range(10 * SEARCHES)}
    assert not await served(stage.thief.call("POST", "/keys/query", {"device_keys": guesses}))


# ------------------------------------------------------------------------------------------------- nothing outlives it


async def signs_out_with_a_password(s: Stage) -> None:
    auth = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": s.alice.id}, "password": PASSWORD}
    body = {"new_password": "another horse", "logout_devices": True, "auth": auth}
    await s.alice.call("POST", "/account/password", body)


async def signs_out_everywhere(s: Stage) -> None:
    await s.alice.call("POST", "/logout/all", {})


async def is_locked(s: Stage) -> None:
    await s.root.call("PUT", f"{V1}/admin/lock/{segment(s.alice.id)}", {"locked": True})


async def ends(s: Stage) -> None:
    auth = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": s.alice.id}, "password": PASSWORD}
    await s.alice.call("POST", "/account/deactivate", {"auth": auth})


async def left_behind(s: Stage, room: str) -> dict[str, Probe]:
    """All that he can leave; for each, whether it still serves."""
    thief, found = s.thief, dict[str, Probe]()
    scene = Scene(s.server, s.root, s.mailbox, thief)
    for name, make in (
        ("OpenID", openid_tokens),
        ("a device code that was agreed to", oauth_codes),
        ("a pusher", pushers),
        ("a request to the administrators", requests),
    ):
        found[name] = await make(scene)
    me = await identity(thief)
    found["the identity service"] = lambda: served(lookup(me))
    bot = Person(s.server, await thief.prove(f"{CHAPPE}/bots", {"name": "Météo", "purpose": "x"}))
    await bot.join(room)
    found["a bot"] = lambda: served(bot.call("GET", "/account/whoami"))
    found["a bot that writes"] = lambda: served(bot.say(room, "the bot"))
    of_bot = Scene(s.server, s.root, s.mailbox, bot)
    bot_me = await identity(bot)
    found["the bot's OpenID"] = await openid_tokens(of_bot)
    found["the bot's identity service"] = lambda: served(lookup(bot_me))
    hooks = f"{CHAPPE}/rooms/{segment(room)}/webhooks"
    hook = await thief.prove(hooks, {"direction": "incoming", "name": "CI", "purpose": "x"})
    url = "https://thief.example/hook"
    await thief.prove(hooks, {"direction": "outgoing", "name": "out", "purpose": "x", "url": url})

    async def hook_serves() -> bool:
        return (await s.raw("POST", hook["path"], {"text": "the webhook"}))[0] == 200

    found["a webhook"] = hook_serves
    for who in (thief, bot):
        body = {"delay_ms": HOUR, "content": {"msgtype": "m.text", "body": "a delayed message"}}
        path = f"/rooms/{segment(room)}/delayed_event/m.room.message/{who.device}"
        delay = (await who.call("PUT", path, body))["delay_id"]
        found[f"a delayed message of {who.id}"] = _restarts(s, delay)
    await thief.prove(f"{CHAPPE}/my_data", {})
    found["his package"] = lambda: served(thief.call("GET", f"{CHAPPE}/my_data"))
    return found


def _restarts(s: Stage, delay: str) -> Probe:
    async def probe() -> bool:
        path = f"/_matrix/client/unstable/org.matrix.msc4140/delayed_events/{delay}/restart"
        return (await s.raw("POST", path))[0] == 200

    return probe


@pytest.mark.parametrize("end", [signs_out_with_a_password, signs_out_everywhere, is_locked, ends])
async def test_nothing_outlives_it(stage: Stage, end: Callable[[Stage], Awaitable[None]]) -> None:
    s = stage
    room = await s.thief.create_room(preset="public_chat")
    await s.bob.join(room)
    await s.alice.join(room)
    call, in_call = "org.matrix.msc3401.call.member", {"application": "m.call", "call_id": ""}
    found = await left_behind(s, room)
    scene = Scene(s.server, s.root, s.mailbox, s.thief)
    refreshes = await oauth_sessions(scene)
    await s.thief.set_state(room, call, in_call, f"_{s.alice.id}_THIEF")
    leaves = {"delay_ms": HOUR, "state_key": f"_{s.alice.id}_THIEF", "content": {}}
    await s.thief.call("PUT", f"/rooms/{segment(room)}/delayed_event/{call}/leave", leaves)
    await s.thief.sync()
    waiting = asyncio.create_task(served(s.thief.call("GET", "/sync", since=s.thief.since, timeout=30_000)))
    await until(lambda: s.server.node.notifier.waiters._waiting.get(s.thief.id))
    await s.bob.sync()

    await end(s)

    assert not await asyncio.wait_for(waiting, 20), "the long poll under way is refused"
    assert not await served(s.thief.call("GET", "/account/whoami"))
    for name, serves in found.items():
        assert not await serves(), name
    if await refreshes():  # a lock leaves it, and refuses what comes of it
        assert end is is_locked
        fresh = {
            "user_id": s.alice.id,
            "device_id": "ABCDEFGHIJ",
            "access_token": json.loads(scene.more["answer"])["access_token"],
        }
        assert not await served(Person(s.server, fresh).call("GET", "/account/whoami"))
    # whatever waited for its time: its time has come
    theirs = "user_id = $1 OR user_id IN (SELECT user_id FROM users WHERE owner = $1)"
    await s.server.node.database.execute(f"UPDATE delayed_events SET send_at = 0 WHERE {theirs}", s.alice.id)
    control = {"delay_ms": 1, "content": {"msgtype": "m.text", "body": "Bob's own"}}
    await s.bob.call("PUT", f"/rooms/{segment(room)}/delayed_event/m.room.message/control", control)
    heard: list[dict[str, Any]] = []

    async def control_came() -> bool:
        joined = (await s.bob.sync()).get("rooms", {}).get("join", {}).get(room, {})
        heard.extend(joined.get("timeline", {}).get("events", []))
        return "Bob's own" in str(heard)

    await until(control_came)
    said = {event["type"] for event in heard if event["sender"] != s.bob.id}
    assert said <= {call, "m.room.member"} | ({"m.room.power_levels"} if end is ends else set()), "whoever goes hands over"
    if end in (signs_out_with_a_password, signs_out_everywhere):
        assert await s.bob.state(room, call, f"_{s.alice.id}_THIEF") == {}, "no ghost in the call"
    told = "SELECT count(*) FROM webhook_queue"

    async def nothing_goes_out() -> bool:
        return not await s.server.node.database.fetchval(told)

    await until(nothing_goes_out)
