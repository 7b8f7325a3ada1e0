"""Delayed events, presence, notifications, calls, tokens for others, kept devices, old streams, link previews, discovery."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from aiohttp import web

from chappe.config import Calls, Contact, PresenceConfig, Support, UrlPreviews
from chappe.net.fetcher import is_public
from tests.support import Person, Server, bodies, joined, refused, segment, until

MSC4140 = "/_matrix/client/unstable/org.matrix.msc4140"
Clock = Callable[[int], None]


# ----------------------------------------------------------------------------------------------------- delayed events


async def delayed(person: Person, room: str, text: str, delay: int, txn: str = "d1") -> str:
    path = f"/rooms/{segment(room)}/send/m.room.message/{txn}?org.matrix.msc4140.delay={delay}"
    return str((await person.call("PUT", path, {"msgtype": "m.text", "body": text}))["delay_id"])


async def test_an_event_is_sent_later(alice: Person) -> None:
    room = await alice.create_room()
    delay_id = await delayed(alice, room, "later", 60)
    assert await delayed(alice, room, "later", 60) == delay_id  # the same request again
    assert bodies((await alice.messages(room))["chunk"]) == []

    async def sent() -> list[str]:
        return bodies((await alice.messages(room))["chunk"])

    assert await until(sent) == ["later"]
    listed = await until(lambda: finalised(alice, delay_id))
    assert (listed["outcome"], listed["reason"], listed["delayed_event"]["delay"]) == ("send", "delay", 60)


async def finalised(person: Person, delay_id: str) -> Any:
    answer = await person.call("GET", MSC4140 + "/delayed_events", status="finalised", delay_id=delay_id)
    return answer["finalised"][0] if answer["finalised"] else None


async def test_restart_cancel_and_send_in_the_deployed_dialect(server: Server, alice: Person, bob: Person) -> None:
    room = await alice.create_room()
    delay_id = await delayed(alice, room, "x", 3_600_000)
    path = f"/rooms/{segment(room)}/state/x.state/k?org.matrix.msc4140.delay=3600000"
    state_id = (await alice.call("PUT", path, {"n": 1}))["delay_id"]
    scheduled = (await alice.call("GET", MSC4140 + "/delayed_events"))["scheduled"]
    assert [s["delay_id"] for s in scheduled] == [delay_id, state_id]
    assert (scheduled[1]["state_key"], scheduled[1]["content"], scheduled[1]["type"]) == ("k", {"n": 1}, "x.state")
    assert (await bob.call("GET", MSC4140 + "/delayed_events"))["scheduled"] == []
    before = scheduled[0]["running_since"]
    await asyncio.sleep(0.005)
    for call in (f"/delayed_events/{delay_id}/restart", f"/delayed_events/{delay_id}"):
        status, _, _ = await server.raw("POST", MSC4140 + call, {"action": "restart"})  # the id is all that it takes
        assert status == 200
    assert (await alice.call("GET", f"{MSC4140}/delayed_events/{delay_id}"))["running_since"] > before
    for _ in range(2):
        status, _, _ = await server.raw("POST", f"{MSC4140}/delayed_events/{state_id}/send", {})
        assert status == 200
    assert await alice.state(room, "x.state", "k") == {"n": 1}
    await server.raw("POST", f"{MSC4140}/delayed_events/{delay_id}", {"action": "cancel"})
    status, raw, _ = await server.raw("POST", f"{MSC4140}/delayed_events/{delay_id}/send", {})
    assert (status, json.loads(raw)["errcode"]) == (404, "M_NOT_FOUND")
    assert (await finalised(alice, delay_id))["outcome"] == "cancel" and bodies((await alice.messages(room))["chunk"]) == []
    for path, body in (("/delayed_events/none/send", {}), ("/delayed_events/none", {"action": "send"})):
        status, raw, _ = await server.raw("POST", MSC4140 + path, body)
        assert status == 404
    status, raw, _ = await server.raw("POST", f"{MSC4140}/delayed_events/{delay_id}", {"action": "dance"})
    assert (status, json.loads(raw)["errcode"]) == (400, "M_INVALID_PARAM")


async def test_the_current_dialect(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat", room_version="11")  # whose creator can lose power
    path = f"/rooms/{segment(room)}/delayed_event/x.state/t1"
    body = {"delay_ms": 3_600_000, "state_key": "k", "content": {"n": 2}}
    delay_id = (await alice.call("PUT", path, body))["delay_id"]
    assert (await alice.call("PUT", path, body))["delay_id"] == delay_id
    v1 = "/_matrix/client/v1/delayed_events"
    (listed,) = (await alice.call("GET", v1))["delayed_events"]
    assert (listed["delay_ms"], listed["content"], listed["state_key"]) == (3_600_000, {"n": 2}, "k")
    assert (await refused(bob.call("GET", f"{v1}/{delay_id}"))).errcode == "M_NOT_FOUND"
    assert (await refused(bob.call("POST", f"{v1}/{delay_id}/cancel", {}))).errcode == "M_NOT_FOUND"
    await alice.call("POST", f"{v1}/{delay_id}/cancel", {})
    await alice.call("POST", f"{v1}/{delay_id}/cancel", {})
    assert (await refused(alice.call("POST", f"{v1}/{delay_id}/send", {}))).status == 409
    assert (await alice.call("GET", f"{v1}/{delay_id}"))["finalised_ts"] > 0
    for prefix in (v1, f"{MSC4140}/delayed_events"):
        wrong = await refused(alice.call("POST", f"{prefix}/{delay_id}/postpone", {}))
        assert (wrong.status, wrong.errcode) == (404, "M_UNRECOGNIZED")
    other = (await alice.call("PUT", path.removesuffix("t1") + "t2", body))["delay_id"]
    levels, events = await alice.state(room, "m.room.power_levels"), {"x.state": 100}
    await alice.set_state(room, "m.room.power_levels", {**levels, "events": events, "users": {alice.id: 50}})
    assert (await refused(alice.call("POST", f"{v1}/{other}/send", {}))).errcode == "M_FORBIDDEN"


async def test_its_author_knows_a_delayed_event_again(alice: Person, bob: Person) -> None:
    """MSC4140, "`delay_id` in `unsigned`": "included … if, and only if, the client … is authenticated as the event's sender"."""
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    tablet = await alice.another_device()
    path = f"/rooms/{segment(room)}/delayed_event/m.room.message/t1"
    body = {"delay_ms": 3_600_000, "content": {"msgtype": "m.text", "body": "later"}}
    delay_id = (await alice.call("PUT", path, body))["delay_id"]
    await alice.call("POST", f"/_matrix/client/v1/delayed_events/{delay_id}/send", {})
    for who, expected in ((alice, delay_id), (tablet, delay_id), (bob, None)):
        from_sync = joined(await who.sync(), room)["timeline"]["events"][-1]
        for event in (from_sync, (await who.messages(room))["chunk"][0]):
            assert event["content"]["body"] == "later" and event["unsigned"].get("delay_id") == expected
            assert "transaction_id" not in event["unsigned"]


async def test_limits_of_delayed_events(new_server: Any) -> None:
    from chappe.config import DelayedEventsConfig

    server = await new_server(delayed_events=DelayedEventsConfig(max_delay_hours=1, max_scheduled=1))
    alice, bob = await server.person(), await server.person()
    room = await alice.create_room()
    too_long = await refused(delayed(alice, room, "x", 3_600_001))
    assert (too_long.status, too_long.errcode, too_long.body["max_delay"]) == (400, "M_MAX_DELAY_EXCEEDED", 3_600_000)
    await delayed(alice, room, "x", 3_600_000)
    assert (await refused(delayed(alice, room, "y", 1000, "d2"))).errcode == "M_MAX_DELAYED_EVENTS_EXCEEDED"
    path = f"/rooms/{segment(room)}/delayed_event/x/t"
    limited = await refused(alice.call("PUT", path, {"delay_ms": 10, "content": {}}))
    assert (limited.status, limited.errcode) == (429, "M_LIMIT_EXCEEDED")
    assert (await refused(alice.call("PUT", path, {"delay_ms": 3_600_001, "content": {}}))).errcode == "M_FORBIDDEN"
    assert (await refused(bob.call("PUT", path, {"delay_ms": 10, "content": {}}))).errcode == "M_FORBIDDEN"
    for delay in ("0", "-1", "x"):
        assert (
            await refused(alice.call("PUT", f"/rooms/{segment(room)}/send/m.x/t?delay={delay}", {}))
        ).errcode == "M_INVALID_PARAM"
    capabilities = (await alice.call("GET", "/capabilities"))["capabilities"]
    assert capabilities["m.delayed_events"] == {"max_delay_ms": 3_600_000, "max_scheduled": 1}


async def test_what_fell_due_while_the_server_was_down_is_sent_once(new_server: Any) -> None:
    first = await new_server()
    alice = await first.person()
    room = await alice.create_room()
    await delayed(alice, room, "while you were away", 3_600_000)
    await first.node.database.execute("UPDATE delayed_events SET send_at = 1")
    nodes = [await new_server(url=first.url) for _ in range(2)]  # both find it
    person = Person(nodes[0], alice.session)

    async def sent() -> list[str]:
        return bodies((await person.messages(room))["chunk"])

    assert await until(sent) == ["while you were away"]
    await asyncio.sleep(0.1)
    assert await sent() == ["while you were away"]


async def test_a_delayed_event_that_may_not_be_sent_any_more(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    delay_id = await delayed(bob, room, "too late", 150)
    await alice.act("kick", room, bob)
    over = await until(lambda: finalised(bob, delay_id))
    assert (over["outcome"], over["reason"], over["error"]["errcode"]) == ("cancel", "error", "M_FORBIDDEN")


async def test_a_delayed_invitation_obeys_the_invited(alice: Person, bob: Person) -> None:
    room = await alice.create_room()
    await bob.call("PUT", f"/user/{segment(bob.id)}/account_data/m.invite_permission_config", {"default_action": "block"})
    path = f"/rooms/{segment(room)}/state/m.room.member/{segment(bob.id)}?org.matrix.msc4140.delay=1"
    delay_id = (await alice.call("PUT", path, {"membership": "invite"}))["delay_id"]
    over = await until(lambda: finalised(alice, delay_id))
    assert over["error"]["errcode"] == "M_INVITE_BLOCKED"


# ----------------------------------------------------------------------------------------------------------- presence


def presences(answer: Any) -> dict[str, str]:
    return {e["sender"]: e["content"]["presence"] for e in answer.get("presence", {}).get("events", [])}


async def test_presence(server: Server, alice: Person, bob: Person, carol: Person) -> None:
    server.node.notifier.presence_after = 0.02
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    status = f"/presence/{segment(bob.id)}/status"
    await bob.call("PUT", status, {"presence": "unavailable", "status_msg": "en réunion"})
    got = await alice.call("GET", status)
    assert (got["presence"], got["status_msg"]) == ("unavailable", "en réunion") and got["last_active_ago"] >= 0
    assert (await refused(carol.call("GET", status))).errcode == "M_FORBIDDEN"
    assert (await refused(alice.call("PUT", status, {"presence": "online"}))).errcode == "M_FORBIDDEN"
    assert (await refused(bob.call("PUT", status, {"presence": "dancing"}))).errcode == "M_INVALID_PARAM"
    assert presences(await alice.sync(set_presence="offline"))[bob.id] == "unavailable"
    waiting = asyncio.create_task(alice.sync(timeout=20_000, set_presence="offline"))
    await asyncio.sleep(0.05)
    await bob.call("PUT", status, {"presence": "online"})
    assert presences(await waiting) == {bob.id: "online"}
    assert presences(await carol.sync(set_presence="offline")) == {carol.id: "offline"}
    await carol.join(room)
    assert presences(await carol.sync(set_presence="offline"))[bob.id] == "online"  # now they share a room


async def test_ones_own_presence(server: Server, alice: Person) -> None:
    """The first sync tells it; then what one has set, and not that one is still here."""
    assert presences(await alice.sync()) == {alice.id: "online"}
    await until(lambda: _is_stored(server, alice, "online"))
    assert presences(await alice.sync()) == {}
    await alice.call("PUT", f"/presence/{segment(alice.id)}/status", {"presence": "unavailable"})
    assert presences(await alice.sync()) == {alice.id: "unavailable"}


async def test_who_comes_in_is_seen_at_once(alice: Person, bob: Person) -> None:
    """Somebody who has begun to sync a moment ago, as yet written nowhere."""
    room = await alice.create_room(preset="public_chat")
    await alice.sync()
    await bob.sync()
    await bob.join(room)
    assert presences(await alice.sync())[bob.id] == "online"
    assert presences(await bob.sync())[alice.id] == "online"


async def _is_stored(server: Server, person: Person, presence: str) -> bool:
    sql = "SELECT presence FROM presence WHERE user_id = $1"
    return bool(await server.node.database.fetchval(sql, person.id) == presence)


async def test_syncing_makes_one_present(server: Server, alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    await bob.sync(set_presence="unavailable")
    assert await _is(alice, bob, "unavailable")
    await until(lambda: _is_stored(server, bob, "unavailable"))
    commits = server.node.writer.commits
    for _ in range(5):
        await bob.sync(set_presence="unavailable")
    assert server.node.writer.commits == commits  # staying costs nothing
    server.node.presence._gone(bob.id, bob.device)  # as after half a minute without a request
    await until(lambda: _is(alice, bob, "offline"))


async def test_nobody_stays_online_after_a_crash(new_server: Any) -> None:
    server = await new_server()
    alice = await server.person()
    await alice.call("PUT", f"/presence/{segment(alice.id)}/status", {"presence": "online", "status_msg": "here"})
    await server.node.sessions.flush_seen()
    await server.node.presence.expire()
    assert await _is(alice, alice, "online")
    await server.node.database.execute("UPDATE devices SET last_seen_ts = 1")
    await server.node.presence.expire()
    got = await alice.call("GET", f"/presence/{segment(alice.id)}/status")
    assert (got["presence"], got["status_msg"]) == ("offline", "here")


async def _is(reader: Person, person: Person, presence: str) -> bool:
    return (await reader.call("GET", f"/presence/{segment(person.id)}/status"))["presence"] == presence


async def test_presence_switched_off(new_server: Any) -> None:
    server = await new_server(presence=PresenceConfig(disabled_domains=["localhost"]))
    alice, bob = await server.person(), await server.person()
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    assert (
        await refused(bob.call("PUT", f"/presence/{segment(bob.id)}/status", {"presence": "online"}))
    ).errcode == "M_FORBIDDEN"
    await bob.sync()
    assert "presence" not in await alice.sync()
    assert await alice.call("GET", f"/presence/{segment(bob.id)}/status") == {"presence": "offline"}


# ------------------------------------------------------------------------------------------------------ notifications


async def test_the_list_of_notifications(alice: Person, bob: Person) -> None:
    rooms = [await alice.create_room(preset="public_chat") for _ in range(2)]
    for room in rooms:
        await bob.join(room)
    events = [await alice.say(rooms[n % 2], f"{n}") for n in range(6)]
    mention = await alice.say(rooms[0], "you", **{"m.mentions": {"user_ids": [bob.id]}})
    await alice.send(rooms[0], "m.room.message", {"msgtype": "m.notice", "body": "quiet"})
    await bob.say(rooms[1], "mine")
    first = await bob.call("GET", "/notifications", limit=4)
    rest = await bob.call("GET", "/notifications", limit=10, from_=first["next_token"])
    listed = [n["event"]["event_id"] for n in first["notifications"] + rest["notifications"]]
    assert listed == [mention, *reversed(events)]
    assert "next_token" not in rest
    newest = first["notifications"][0]
    assert (newest["room_id"], newest["read"]) == (rooms[0], False) and {"set_tweak": "highlight"} in newest["actions"]
    assert all(n["read"] for n in rest["notifications"] if n["room_id"] == rooms[1])  # one's own message was later
    highlights = await bob.call("GET", "/notifications", only="highlight")
    assert [n["event"]["event_id"] for n in highlights["notifications"]] == [mention]
    await bob.receipt(rooms[0], mention)
    assert (await bob.call("GET", "/notifications", limit=1))["notifications"][0]["read"] is True


# ---------------------------------------------------------------------------------------- calls, tokens, kept devices


async def test_credentials_for_calls(new_server: Any) -> None:
    calls = Calls(
        turn_uris=["turn:turn.example:3478"], turn_shared_secret="secret", livekit_service_urls=["https://rtc.example"]
    )
    server = await new_server(
        calls=calls, support=Support(contacts=[Contact(email_address="a@b.example")], page="https://help.example")
    )
    alice = await server.person()
    got = await alice.call("GET", "/voip/turnServer")
    expiry, user = got["username"].split(":", 1)
    assert (user, got["ttl"], got["uris"]) == (alice.id, 3600, ["turn:turn.example:3478"]) and int(expiry) > 0
    digest = hmac.new(b"secret", got["username"].encode(), hashlib.sha1).digest()
    assert got["password"] == base64.b64encode(digest).decode()
    transports = [{"type": "livekit", "livekit_service_url": "https://rtc.example"}]
    unstable = "/_matrix/client/unstable/org.matrix.msc4143/rtc/transports"
    assert await alice.call("GET", unstable) == {"rtc_transports": transports}
    assert (await alice.call("GET", "/.well-known/matrix/client"))["org.matrix.msc4143.rtc_foci"] == transports
    support = await alice.call("GET", "/.well-known/matrix/support")
    assert support == {
        "contacts": [{"role": "m.role.admin", "email_address": "a@b.example"}],
        "support_page": "https://help.example",
    }


async def test_where_nothing_is_configured(alice: Person) -> None:
    assert await alice.call("GET", "/voip/turnServer") == {}
    # where there are none, clients look elsewhere only if they are told so in this way (MSC4143)
    error = await refused(alice.call("GET", "/_matrix/client/v1/rtc/transports"))
    assert (error.status, error.errcode) == (404, "M_UNRECOGNIZED")
    assert (await refused(alice.call("GET", "/.well-known/matrix/support"))).errcode == "M_NOT_FOUND"


async def test_proving_to_another_service_who_one_is(server: Server, alice: Person, bob: Person) -> None:
    path = f"/user/{segment(alice.id)}/openid/request_token"
    token = await alice.call("POST", path, {})
    assert (token["token_type"], token["matrix_server_name"], token["expires_in"]) == ("Bearer", "localhost", 3600)
    userinfo = "/_matrix/federation/v1/openid/userinfo"
    status, raw, _ = await server.raw("GET", f"{userinfo}?access_token={token['access_token']}")
    assert (status, json.loads(raw)) == (200, {"sub": alice.id})
    for query, errcode in (("?access_token=x", "M_UNKNOWN_TOKEN"), ("", "M_MISSING_TOKEN")):
        status, raw, _ = await server.raw("GET", userinfo + query)
        assert (status, json.loads(raw)["errcode"]) == (401, errcode)
    assert (await refused(bob.call("POST", path, {}))).errcode == "M_FORBIDDEN"


async def test_a_dehydrated_device(alice: Person, bob: Person) -> None:
    path = "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device"
    assert (await refused(alice.call("GET", path))).errcode == "M_NOT_FOUND"

    def body(device: str) -> dict[str, Any]:
        keys = {
            "user_id": alice.id,
            "device_id": device,
            "algorithms": [],
            "keys": {f"ed25519:{device}": "k"},
            "signatures": {},
            "dehydrated": True,
        }
        one_time = {"signed_curve25519:AAAA": {"key": "x", "signatures": {}}}
        return {
            "device_id": device,
            "device_data": {"algorithm": "m.dehydration.v2", "x": 1},
            "device_keys": keys,
            "one_time_keys": one_time,
        }

    assert await alice.call("PUT", path, body("KEPT1")) == {"device_id": "KEPT1"}
    await alice.call("PUT", path, body("KEPT2"))
    assert await alice.call("GET", path) == {"device_id": "KEPT2", "device_data": {"algorithm": "m.dehydration.v2", "x": 1}}
    devices = (await bob.call("POST", "/keys/query", {"device_keys": {alice.id: []}}))["device_keys"][alice.id]
    assert set(devices) == {"KEPT2"}
    claimed = await bob.call("POST", "/keys/claim", {"one_time_keys": {alice.id: {"KEPT2": "signed_curve25519"}}})
    assert "signed_curve25519:AAAA" in claimed["one_time_keys"][alice.id]["KEPT2"]
    for number in range(3):
        await bob.call("PUT", f"/sendToDevice/x/{number}", {"messages": {alice.id: {"KEPT2": {"n": number}}}})
    for _ in range(2):  # nothing is lost if the first attempt fails
        got = await alice.call("GET", f"{path}/KEPT2/events")
        assert [e["content"]["n"] for e in got["events"]] == [0, 1, 2] and "next_batch" not in got
    earlier = await alice.call("POST", f"{path}/KEPT2/events", {})
    assert len(earlier["events"]) == 3
    assert (await alice.call("POST", f"{path}/KEPT2/events", {"next_batch": earlier["next_batch"]}))["events"] == []
    assert (await refused(alice.call("GET", f"{path}/OTHER/events"))).errcode == "M_FORBIDDEN"
    assert (await refused(alice.call("PUT", path, {"device_id": "X", "device_data": {}}))).errcode == "M_MISSING_PARAM"
    assert (await refused(alice.call("PUT", path, body(alice.device)))).errcode == "M_INVALID_PARAM"
    assert await alice.call("DELETE", path) == {"device_id": "KEPT2"}
    assert (await refused(alice.call("GET", path))).errcode == "M_NOT_FOUND"


async def test_deleting_account_data(alice: Person) -> None:
    room = await alice.create_room()
    for path in (f"/user/{segment(alice.id)}", f"/user/{segment(alice.id)}/rooms/{segment(room)}"):
        await alice.call("PUT", f"{path}/account_data/x.y", {"n": 1})
    await alice.sync()
    unstable = "/_matrix/client/unstable/org.matrix.msc3391" + f"/user/{segment(alice.id)}"
    for path in (unstable, f"/user/{segment(alice.id)}/rooms/{segment(room)}"):
        await alice.call("DELETE", f"{path}/account_data/x.y")
        await alice.call("DELETE", f"{path}/account_data/x.y")
    assert (await refused(alice.call("GET", f"/user/{segment(alice.id)}/account_data/x.y"))).errcode == "M_NOT_FOUND"
    news = await alice.sync()
    gone = {"type": "x.y", "content": {}}
    assert news["account_data"]["events"] == [gone] and joined(news, room)["account_data"]["events"] == [gone]
    fresh = await alice.call("GET", "/sync")
    assert "x.y" not in json.dumps(fresh)
    assert (await refused(alice.call("DELETE", f"/user/{segment(alice.id)}/account_data/m.push_rules"))).status == 405
    await alice.call("PUT", f"/user/{segment(alice.id)}/account_data/x.y", {"n": 2})
    assert await alice.call("GET", f"/user/{segment(alice.id)}/account_data/x.y") == {"n": 2}


async def test_setting_account_data_to_nothing_deletes_it(alice: Person) -> None:
    room = await alice.create_room()
    for path in (f"/user/{segment(alice.id)}", f"/user/{segment(alice.id)}/rooms/{segment(room)}"):
        await alice.call("PUT", f"{path}/account_data/x.y", {"n": 1})
        await alice.sync()
        await alice.call("PUT", f"{path}/account_data/x.y", {})
        assert (await refused(alice.call("GET", f"{path}/account_data/x.y"))).errcode == "M_NOT_FOUND"
        news = await alice.sync()  # who has heard of it hears that it is gone
        assert '{"type": "x.y", "content": {}}' in json.dumps(news)
        await alice.call("PUT", f"{path}/account_data/x.never", {})
        assert '{"type": "x.never", "content": {}}' in json.dumps(await alice.sync())  # clients wait for that
    assert "x.y" not in json.dumps(await alice.call("GET", "/sync"))


async def test_marking_a_room_unread(alice: Person) -> None:
    room = await alice.create_room()
    await alice.sync()
    for kind in ("m.marked_unread", "com.famedly.marked_unread"):
        await alice.call("PUT", f"/user/{segment(alice.id)}/rooms/{segment(room)}/account_data/{kind}", {"unread": True})
    events = joined(await alice.sync(), room)["account_data"]["events"]
    assert {e["type"]: e["content"] for e in events} == {
        "m.marked_unread": {"unread": True},
        "com.famedly.marked_unread": {"unread": True},
    }


async def test_who_am_i_to_an_administrator(server: Server, alice: Person, bob: Person) -> None:
    await alice.sync()
    got = await alice.call("GET", f"/admin/whois/{segment(alice.id)}")
    assert got["user_id"] == alice.id and alice.device in got["devices"]
    [connection] = got["devices"][alice.device]["sessions"][0]["connections"]  # at once, with the program
    assert connection["ip"] == "127.0.0.1" and connection["last_seen"] > 0 and "aiohttp" in connection["user_agent"]
    assert (await refused(bob.call("GET", f"/admin/whois/{segment(alice.id)}"))).errcode == "M_FORBIDDEN"


async def test_small_routes(alice: Person, bob: Person) -> None:
    """What each of the remaining routes does, in a line."""
    room = await alice.create_room()
    path = f"/user/{segment(alice.id)}/rooms/{segment(room)}/account_data/x.y"
    await alice.call("PUT", path, {"n": 1})
    assert await alice.call("GET", path) == {"n": 1}
    await alice.call("PUT", "/pushrules/global/content/word", {"pattern": "word", "actions": ["notify"]})
    await alice.call("DELETE", "/pushrules/global/content/word")
    assert (await refused(alice.call("GET", "/pushrules/global/content/word"))).errcode == "M_NOT_FOUND"
    second = await alice.another_device()
    auth = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": alice.id}, "password": "correct horse"}
    await alice.call("POST", "/delete_devices", {"devices": [second.device], "auth": auth})
    assert (await refused(second.call("GET", "/account/whoami"))).errcode == "M_UNKNOWN_TOKEN"
    version = (
        await alice.call("POST", "/room_keys/version", {"algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": {}})
    )["version"]
    session = {"first_message_index": 0, "forwarded_count": 0, "is_verified": True, "session_data": {"x": 1}}
    keys = f"/room_keys/keys/{segment(room)}"
    assert (await alice.call("PUT", keys, {"sessions": {"s1": session, "s2": session}}, version=version))["count"] == 2
    assert set((await alice.call("GET", keys, version=version))["sessions"]) == {"s1", "s2"}
    assert (await alice.call("DELETE", keys, version=version))["count"] == 0
    await alice.call("PUT", keys, {"sessions": {"s1": session}}, version=version)
    assert (await alice.call("DELETE", "/room_keys/keys", version=version))["count"] == 0


# --------------------------------------------------------------------------------------------------------- push rules

RULE = {"actions": ["notify"]}
CONDITION = {"kind": "event_match", "key": "type", "pattern": "x"}
# what the text, Synapse and the conformance suites answer to a wrong path or rule: (method, path, body, status)
WRONG_RULES: list[tuple[str, str, Any, int]] = [
    ("GET", "", None, 400),
    ("GET", "/global", None, 400),
    ("GET", "/global/room", None, 400),
    ("GET", "/elsewhere/", None, 400),
    ("GET", "/elsewhere/room/x", None, 400),
    ("GET", "/global/nokind/", None, 404),
    ("GET", "/global/nokind/x", None, 404),
    ("GET", "/global/nokind/x/enabled", None, 404),
    ("GET", "/global/nokind/x/actions", None, 404),
    ("PUT", "/global/nokind/x/enabled", {"enabled": True}, 404),
    ("PUT", "/global/nokind/x/actions", RULE, 404),
    ("DELETE", "/global/nokind/x", None, 404),
    ("GET", "/global/postcontent/.io.element.msc4306.rule.unsubscribed_thread", None, 404),
    ("GET", "/global/room/unknown", None, 404),
    ("GET", "/global/room/unknown/enabled", None, 404),
    ("GET", "/global/override/.m.rule.master/colour", None, 400),
    ("PUT", "/elsewhere/room/x", RULE, 400),
    ("PUT", "/global/", RULE, 400),
    ("PUT", "/global/room", RULE, 400),
    ("PUT", "/global/room/", RULE, 400),
    ("PUT", "/global/nokind/x", RULE, 400),
    ("PUT", "/global/room/a%2Fb", RULE, 400),
    ("PUT", "/global/room/.x", RULE, 400),
    ("PUT", "/global/room/x/colour", {"colour": 1}, 400),
    ("PUT", "/global/room/x", {}, 400),
    ("PUT", "/global/room/x", {"actions": ["shout"]}, 400),
    ("PUT", "/global/override/x", RULE, 400),
    ("PUT", "/global/underride/x", RULE, 400),
    ("PUT", "/global/override/x", {**RULE, "conditions": [{}]}, 400),
    ("PUT", "/global/content/x", RULE, 400),
    ("PUT", "/global/room/x?before=unknown", RULE, 400),
    ("PUT", "/global/override/.m.rule.master/enabled", {"enabled": "yes"}, 400),
    ("PUT", "/global/override/unknown/enabled", {"enabled": True}, 404),
    ("PUT", "/global/override/unknown/actions", RULE, 404),
    ("PUT", "/global/override/.m.rule.master/actions", {"actions": "notify"}, 400),
    ("DELETE", "/global/room/unknown", None, 404),
    ("DELETE", "/global/override/.m.rule.master", None, 404),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), WRONG_RULES)
async def test_push_rules_that_are_not_there(alice: Person, method: str, path: str, body: Any, status: int) -> None:
    answer = await refused(alice.call(method, f"/pushrules{path}", body))
    assert answer.status == status and (status != 404 or answer.errcode == "M_NOT_FOUND")


@pytest.mark.parametrize("kind", ["override", "content", "room", "sender", "underride"])
async def test_the_rules_of_a_kind_are_a_list(alice: Person, kind: str) -> None:
    names = ["!a:x", "!b:x"]
    more = {"content": {"pattern": "x"}, "override": {"conditions": [CONDITION]}, "underride": {"conditions": []}}
    given = more.get(kind, {})
    for name in names:
        await alice.call("PUT", f"/pushrules/global/{kind}/{segment(name)}", {**given, "actions": ["dont_notify"]})
    listed = await alice.call("GET", f"/pushrules/global/{kind}/")
    assert listed == (await alice.call("GET", "/pushrules/"))["global"][kind]
    mine = [rule for rule in listed if not rule["default"]]
    assert [rule["rule_id"] for rule in mine] == names[::-1]  # a new one comes first
    assert all(rule["actions"] == ["dont_notify"] and rule["enabled"] is True for rule in mine)  # kept as given
    enabled = f"/pushrules/global/{kind}/{segment(names[0])}/enabled"
    await alice.call("PUT", enabled, False)  # COMPAT: nothing but the value
    assert await alice.call("GET", enabled) == {"enabled": False}


# -------------------------------------------------------------------------------------------------------- old streams


async def test_streams_from_before_sync(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat", name="x")
    invited = await alice.create_room(invite=[bob.id])
    await bob.join(room)
    await bob.call("PUT", f"/user/{segment(bob.id)}/account_data/x.y", {"n": 1})
    event = await alice.say(room, "one")
    whole = await bob.call("GET", "/initialSync", limit=2)
    by_id = {r["room_id"]: r for r in whole["rooms"]}
    assert by_id[room]["membership"] == "join" and bodies(by_id[room]["messages"]["chunk"]) == ["one"]
    assert by_id[invited]["membership"] == "invite" and by_id[invited]["invite_state"]
    assert {"type": "x.y", "content": {"n": 1}} in whole["account_data"]
    waiting = asyncio.create_task(bob.call("GET", "/events", from_=whole["end"], timeout=20_000))
    await asyncio.sleep(0.05)
    await alice.say(room, "two")
    news = await waiting
    assert bodies(news["chunk"]) == ["two"] and news["start"] == whole["end"]
    assert (await bob.call("GET", "/events", from_=news["end"]))["chunk"] == []
    assert (await bob.call("GET", f"/events/{segment(event)}"))["content"]["body"] == "one"
    one = await bob.call("GET", f"/rooms/{segment(room)}/initialSync", limit=1)
    assert (one["room_id"], one["visibility"], bodies(one["messages"]["chunk"])) == (room, "private", ["two"])
    assert {"m.room.name", "m.room.create"} <= {e["type"] for e in one["state"]}
    for call in (bob.call("GET", f"/rooms/{segment(invited)}/initialSync"), bob.call("GET", "/events", room_id=invited)):
        assert (await refused(call)).errcode == "M_FORBIDDEN"
    assert (await refused(bob.call("GET", "/events/$nothing"))).errcode == "M_NOT_FOUND"


async def test_what_goes_beside_events_in_the_old_streams(alice: Person, bob: Person) -> None:
    """Presence, receipts, account data and tags: "initialSync sees my presence status", and what /events brings later."""
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    said = await alice.say(room, "one")
    await bob.receipt(room, said)
    status = f"/presence/{segment(bob.id)}/status"
    await bob.call("PUT", status, {"presence": "unavailable"})
    whole = await alice.call("GET", "/initialSync")
    present = {e["content"]["user_id"]: e["content"]["presence"] for e in whole["presence"]}
    assert present == {alice.id: "offline", bob.id: "unavailable"}
    [receipt] = whole["receipts"]
    assert receipt["room_id"] == room and bob.id in receipt["content"][said]["m.read"]
    await bob.call("PUT", status, {"presence": "online"})
    await alice.receipt(room, said)
    mine = f"/user/{segment(alice.id)}"
    await alice.call("PUT", f"{mine}/rooms/{segment(room)}/tags/u.work", {})
    await alice.call("PUT", f"{mine}/account_data/x.y", {"n": 1})
    news = (await alice.call("GET", "/events", from_=whole["end"]))["chunk"]
    by_type = {event["type"]: event for event in news}
    assert by_type["m.presence"]["content"]["user_id"] == bob.id
    assert by_type["m.presence"]["content"]["presence"] == "online"
    assert alice.id in by_type["m.receipt"]["content"][said]["m.read"] and by_type["m.receipt"]["room_id"] == room
    assert (by_type["m.tag"]["room_id"], by_type["m.tag"]["content"]) == (room, {"tags": {"u.work": {}}})
    assert by_type["x.y"] == {"type": "x.y", "content": {"n": 1}}


async def test_a_wait_in_the_old_streams_reads_nothing_twice(
    alice: Person, bob: Person, carol: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What others do among themselves wakes nobody, and what held nothing is not looked at again."""
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    elsewhere = await carol.create_room()
    looks: list[tuple[int, int]] = []
    presence = alice.server.node.presence
    changed: Callable[[int, int], Awaitable[Any]] = presence.changed_users

    async def seen(after: int, upto: int) -> Any:
        looks.append((after, upto))
        return await changed(after, upto)

    monkeypatch.setattr(presence, "changed_users", seen)
    start = (await bob.call("GET", "/events"))["end"]
    waiting = asyncio.create_task(bob.call("GET", "/events", from_=start, timeout=60_000))
    for n in range(40):
        await carol.say(elsewhere, f"{n}")
    assert looks == []
    typing = f"/rooms/{segment(room)}/typing/{segment(alice.id)}"
    await alice.call("PUT", typing, {"typing": True, "timeout": 30_000})  # wakes him, and these streams have no typing
    await until(lambda: looks)
    await alice.say(room, "news")
    assert bodies((await waiting)["chunk"]) == ["news"]
    assert len(looks) == 2 and all(one[1] <= other[0] for one, other in itertools.pairwise(looks)), looks


async def test_peeking_into_an_open_room(alice: Person, bob: Person) -> None:
    room = await alice.create_room(
        initial_state=[{"type": "m.room.history_visibility", "content": {"history_visibility": "world_readable"}}]
    )
    start = (await bob.call("GET", "/events", room_id=room))["end"]
    await alice.say(room, "to everybody")
    assert bodies((await bob.call("GET", "/events", room_id=room, from_=start, timeout=1000))["chunk"]) == ["to everybody"]


# ------------------------------------------------------------------------------------------------------ link previews


PAGE = """<html><head><title>A title</title><meta charset="utf-8"><meta property="og:title" content="Décret &amp; annexe">
<meta property="og:image" content="/picture.png"><meta name="description" content="What it says"><script>evil()</script></head></html>"""
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


@pytest.fixture
async def website() -> Any:
    """A real web server; `seen` counts what is asked of it."""
    seen: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        seen.append(request.path)
        if request.path == "/page":
            return web.Response(body=PAGE.encode(), content_type="text/html")
        if request.path == "/latin":
            return web.Response(
                body="<title>é</title>".encode("latin-1"), headers={"Content-Type": "text/html; charset=iso-8859-1"}
            )
        if request.path == "/picture.png":
            return web.Response(body=PNG, content_type="image/png")
        if request.path.startswith("/to/"):
            raise web.HTTPFound(request.path[4:].replace("_", "/"))
        if request.path == "/huge":
            return web.Response(body=b"<title>huge</title>" + b"x" * (5 << 20), content_type="text/html")
        if request.path == "/pdf":
            return web.Response(body=b"%PDF", content_type="application/pdf")
        raise web.HTTPNotFound

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", seen
    await runner.cleanup()


async def preview(person: Person, url: str) -> Any:
    return await person.call("GET", "/_matrix/client/v1/media/preview_url", url=url)


async def test_previews_of_links(new_server: Any, website: Any) -> None:
    base, seen = website
    server = await new_server(
        url_previews=UrlPreviews(allowed_private_hosts=["127.0.0.1"], blocked_hosts=["*.blocked.example"])
    )
    alice = await server.person()
    answers = await asyncio.gather(*(preview(alice, base + "/page#fragment") for _ in range(5)))
    got = answers[0]
    assert (got["og:title"], got["og:description"], got["matrix:image:size"], got["og:image:type"]) == (
        "Décret & annexe",
        "What it says",
        len(PNG),
        "image/png",
    )
    assert (got["og:image:width"], got["og:image:height"]) == (1, 1)
    assert seen == ["/page", "/picture.png"]  # once for everybody
    status, raw, _ = await server.raw(
        "GET", "/_matrix/client/v1/media/download/" + got["og:image"].removeprefix("mxc://"), None, alice.token
    )
    assert (status, raw) == (200, PNG)
    assert await preview(alice, base + "/latin") == {"og:title": "é"}
    assert (await preview(alice, base + "/to/_page"))["og:title"] == "Décret & annexe"
    assert (await preview(alice, base + "/huge"))["og:title"] == "huge"
    assert (await preview(alice, base + "/picture.png"))["og:image"].startswith("mxc://localhost/")
    for path in ("/missing", "/pdf", "/to/_to__to__missing"):
        assert (await refused(preview(alice, base + path))).status == 502, path
    assert (await alice.call("GET", "/_matrix/media/v3/preview_url", url=base + "/page"))["og:title"] == "Décret & annexe"
    for url in (
        "ftp://example.org/",
        "nonsense",
        "http://user:pw@example.org/",
        "javascript:alert(1)",
        "http://",
        "http://x" + "y" * 5000,
    ):
        assert (await refused(preview(alice, url))).errcode == "M_INVALID_PARAM", url
    assert (await refused(preview(alice, "http://www.blocked.example/"))).errcode == "M_FORBIDDEN"
    assert (await refused(alice.call("GET", "/_matrix/client/v1/media/preview_url"))).errcode == "M_MISSING_PARAM"


async def test_private_addresses_are_out_of_reach(server: Server, alice: Person, website: Any) -> None:
    base, seen = website
    port = base.rsplit(":", 1)[1]
    for host in (
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "[64:ff9b::7f00:1]",
        "[fe80::1]",
        "192.168.1.1",
    ):
        assert (await refused(preview(alice, f"http://{host}:{port}/page"))).status == 403, host
    for host in ("localhost", "2130706433", "0x7f000001", "127.1"):  # names, and numbers in disguise
        assert (await refused(preview(alice, f"http://{host}:{port}/page"))).status in (403, 502), host
    assert seen == []


async def test_a_redirect_to_a_private_address(new_server: Any, website: Any) -> None:
    base, seen = website
    server = await new_server(url_previews=UrlPreviews(allowed_private_hosts=["127.0.0.1"]))
    alice = await server.person()
    port = base.rsplit(":", 1)[1]
    assert (await refused(preview(alice, f"{base}/to/http:__localhost:{port}_page"))).status == 502
    assert (await refused(preview(alice, f"{base}/to/http:__169.254.169.254_page"))).status == 403
    assert not [path for path in seen if path == "/page"]


async def test_previews_switched_off(new_server: Any) -> None:
    server = await new_server(url_previews=UrlPreviews(enabled=False))
    alice = await server.person()
    assert (await refused(preview(alice, "https://example.org/"))).errcode == "M_FORBIDDEN"
    assert (await alice.call("GET", "/capabilities"))["capabilities"]["m.preview_url"] == {"enabled": False}


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8.8.8.8", True),
        ("2a01:e00::1", True),
        ("10.1.2.3", False),
        ("::1", False),
        ("::ffff:10.0.0.1", False),
        ("2002:0a00:0001::", False),
        ("224.0.0.1", False),
        ("100.64.0.1", False),
        ("x", False),
    ],
)
def test_which_addresses_are_public(address: str, expected: bool) -> None:
    assert is_public(address) is expected


# ---------------------------------------------------------------------------------------------------------- discovery


async def test_versions_and_flags_name_what_is_there(server: Server, alice: Person) -> None:
    answer = await alice.call("GET", "/_matrix/client/versions")
    assert answer["versions"][0] == "r0.6.0" and "v1.1" in answer["versions"] and answer["versions"][-1] == "v1.19"
    flags = answer["unstable_features"]
    for flag in (
        "org.matrix.simplified_msc3575",
        "org.matrix.msc4140",
        "org.matrix.msc4143",
        "org.matrix.msc4306",
        "org.matrix.msc3912",
        "uk.tcpip.msc4133",
        "org.matrix.msc2285.stable",
        "org.matrix.msc3440.stable",
        "org.matrix.msc4222",
        "org.matrix.msc3814",
        "uk.half-shot.msc2666.query_mutual_rooms",
    ):
        assert flags[flag] is True, flag
    for absent in ("org.matrix.msc4354", "org.matrix.msc4028"):
        assert absent not in flags
    assert msgspec.json.encode(answer)


async def test_profile_fields_by_their_earlier_path(alice: Person, bob: Person) -> None:
    path = f"/_matrix/client/unstable/uk.tcpip.msc4133/profile/{segment(alice.id)}/m.tz"
    await alice.call("PUT", path, {"m.tz": "Europe/Paris"})
    assert await bob.call("GET", path) == {"m.tz": "Europe/Paris"}
    await alice.call("DELETE", path)
    assert (await refused(bob.call("GET", path))).errcode == "M_NOT_FOUND"
