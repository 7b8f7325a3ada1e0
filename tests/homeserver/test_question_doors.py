"""Every question of the policy, times every door by which one comes to it: none is answered without its being asked, once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import pytest

from chappe.matrix.errors import Forbidden
from tests.doors import as_before
from tests.homeserver.test_media import upload
from tests.homeserver.test_questions import QUESTIONS
from tests.support import PASSWORD, Person, Refused, Server, segment

IDENTITY, CHAPPE, MEDIA = "/_matrix/identity/v2", "/_chappe/client/v1", "/_matrix/client/v1/media"
NOTICES = "@notices:localhost"
ANOTHERS = {"display_name": "n...@a...", "public_key": "of another identity server"}
BOT = {"name": "Reminders", "purpose": "Reminds us of meetings"}
Act = Awaitable[Any]
Door = Callable[[Person, Person, str], Awaitable[Act]]  # alice, bob, a public room of bob's: what alice then does


@pytest.fixture(autouse=True)
def _as_before(server: Server) -> Iterator[None]:
    """Tests share a server: what one changes of it is put back."""
    with as_before(server):
        yield


async def _message(alice: Person, bob: Person, room: str) -> Act:
    return alice.say(await alice.create_room(), "Budget")


async def _state(alice: Person, bob: Person, room: str) -> Act:
    return alice.set_state(await alice.create_room(), "m.room.topic", {"topic": "Budget"})


async def _redacted_state(alice: Person, bob: Person, room: str) -> Act:
    own = await alice.create_room()
    return alice.redact(own, await alice.set_state(own, "m.room.topic", {"topic": "Budget"}))


async def _delayed(alice: Person, bob: Person, room: str) -> Act:
    path = f"/rooms/{segment(await alice.create_room())}/send/m.room.message/1"
    return await _to_be_sent(alice, path, {"msgtype": "m.text", "body": "Budget"})


async def _to_be_sent(alice: Person, path: str, content: Any) -> Act:
    made = await alice.call("PUT", path, content, **{"org.matrix.msc4140.delay": 60_000})
    return alice.call("POST", f"/_matrix/client/unstable/org.matrix.msc4140/delayed_events/{made['delay_id']}/send", {})


async def _create(alice: Person, bob: Person, room: str) -> Act:
    return alice.create_room()


async def _upgrade(alice: Person, bob: Person, room: str) -> Act:
    return alice.call("POST", f"/rooms/{segment(await alice.create_room())}/upgrade", {"new_version": "11"})


async def _create_listed(alice: Person, bob: Person, room: str) -> Act:
    return alice.create_room(visibility="public")


async def _list(alice: Person, bob: Person, room: str) -> Act:
    own = await alice.create_room(preset="public_chat")
    return alice.call("PUT", f"/directory/list/room/{segment(own)}", {"visibility": "public"})


async def _upgrade_listed(alice: Person, bob: Person, room: str) -> Act:
    own = await alice.create_room(visibility="public")
    return alice.call("POST", f"/rooms/{segment(own)}/upgrade", {"new_version": "11"})


def _by_address(alice: Person) -> dict[str, Any]:
    own = alice.server.config.server_name
    return {"id_server": own, "id_access_token": "x", "medium": "email", "address": "new@agents.example"}


async def _create_with_address(alice: Person, bob: Person, room: str) -> Act:
    return alice.create_room(invite_3pid=[_by_address(alice)])


async def _invite_address(alice: Person, bob: Person, room: str) -> Act:
    return alice.call("POST", f"/rooms/{segment(await alice.create_room())}/invite", _by_address(alice))


async def _announced(alice: Person, bob: Person, room: str) -> Act:
    return alice.set_state(await alice.create_room(), "m.room.third_party_invite", ANOTHERS, "token")


async def _announced_later(alice: Person, bob: Person, room: str) -> Act:
    path = f"/rooms/{segment(await alice.create_room())}/state/m.room.third_party_invite/token"
    return await _to_be_sent(alice, path, ANOTHERS)


async def _create_with_announcement(alice: Person, bob: Person, room: str) -> Act:
    state = {"type": "m.room.third_party_invite", "state_key": "token", "content": ANOTHERS}
    return alice.create_room(initial_state=[state])


async def _at_identity_server(alice: Person) -> Person:
    openid = await alice.call("POST", f"/user/{segment(alice.id)}/openid/request_token", {})
    token = (await alice.call("POST", f"{IDENTITY}/account/register", openid))["token"]
    return Person(alice.server, {"user_id": alice.id, "device_id": "", "access_token": token})


async def _store_invite(alice: Person, bob: Person, room: str) -> Act:
    body = {"medium": "email", "address": "new@agents.example", "room_id": await alice.create_room()}
    me = await _at_identity_server(alice)
    return me.call("POST", f"{IDENTITY}/store-invite", {**body, "sender": alice.id})


async def _look_up(alice: Person, bob: Person, room: str) -> Act:
    me = await _at_identity_server(alice)
    pepper = (await me.call("GET", f"{IDENTITY}/hash_details"))["lookup_pepper"]
    body = {"addresses": ["x" * 43], "algorithm": "sha256", "pepper": pepper}
    return me.call("POST", f"{IDENTITY}/lookup", body)


async def _rooms(alice: Person, bob: Person, room: str) -> Act:
    return alice.call("GET", "/publicRooms")


async def _people(alice: Person, bob: Person, room: str) -> Act:
    return alice.call("POST", "/user_directory/search", {"search_term": "bob"})


async def _file(alice: Person, bob: Person, room: str) -> Act:
    return alice.call("GET", f"/_matrix/client/v1/media/download/{await upload(bob, b'report')}")


async def _come_in(alice: Person, bob: Person, room: str) -> Act:
    return alice.join(room)


async def _thumbnail(alice: Person, bob: Person, room: str) -> Act:
    return alice.call("GET", f"{MEDIA}/thumbnail/{await upload(bob, b'report')}", width=32, height=32)


async def _upload(alice: Person, bob: Person, room: str) -> Act:
    return alice.call("POST", "/_matrix/media/v3/upload", {"any": "file"})


async def _upload_later(alice: Person, bob: Person, room: str) -> Act:
    uri = (await alice.call("POST", "/_matrix/media/v1/create", {}))["content_uri"]
    return alice.call("PUT", f"/_matrix/media/v3/upload/{uri.removeprefix('mxc://')}", {"any": "file"})


async def _bot(alice: Person, bob: Person, room: str) -> Act:
    return alice.prove(f"{CHAPPE}/bots", BOT)


async def _bots_token(alice: Person, bob: Person, room: str) -> Act:
    made = await alice.prove(f"{CHAPPE}/bots", BOT)
    return alice.prove(f"{CHAPPE}/bots/{segment(made['user_id'])}/token", {})


async def _webhook(alice: Person, bob: Person, room: str) -> Act:
    path = f"{CHAPPE}/rooms/{segment(await alice.create_room())}/webhooks"
    return alice.prove(path, {**BOT, "direction": "incoming"})


async def _outgoing(alice: Person, bob: Person, room: str) -> Act:
    path = f"{CHAPPE}/rooms/{segment(await alice.create_room())}/webhooks"
    return alice.prove(path, {**BOT, "direction": "outgoing", "url": "https://ci.example.org/"})


async def _enabled_again(alice: Person, bob: Person, room: str) -> Act:
    path = f"{CHAPPE}/rooms/{segment(await alice.create_room())}/webhooks"
    hook = await alice.prove(path, {**BOT, "direction": "incoming"})
    return alice.prove(f"{path}/{hook['id']}/enable", {})


async def _posted(alice: Person, bob: Person, room: str) -> Act:
    path = f"{CHAPPE}/rooms/{segment(await alice.create_room())}/webhooks"
    hook = await alice.prove(path, {**BOT, "direction": "incoming"})
    return alice.call("POST", hook["path"], {"text": "Budget"})


async def _name(alice: Person, bob: Person, room: str) -> Act:
    return alice.call("PUT", f"/profile/{alice.id}/displayname", {"displayname": "Alice"})


async def _no_name(alice: Person, bob: Person, room: str) -> Act:
    return alice.call("DELETE", f"/profile/{alice.id}/displayname")


async def _any_field(alice: Person, bob: Person, room: str) -> Act:
    path = f"/_matrix/client/unstable/uk.tcpip.msc4133/profile/{alice.id}/m.tz"
    return alice.call("PUT", path, {"m.tz": "Europe/Paris"})


async def _leave(alice: Person, bob: Person, room: str) -> Act:
    return alice.leave(await alice.create_room())


async def _leave_by_state(alice: Person, bob: Person, room: str) -> Act:
    return alice.set_state(await alice.create_room(), "m.room.member", {"membership": "leave"}, alice.id)


async def _leave_later(alice: Person, bob: Person, room: str) -> Act:
    path = f"/rooms/{segment(await alice.create_room())}/state/m.room.member/{segment(alice.id)}"
    return await _to_be_sent(alice, path, {"membership": "leave"})


DOORS: Mapping[str, tuple[Door, ...]] = {
    "may_send": (_message, _state, _redacted_state, _delayed),
    "may_create_room": (_create, _upgrade),
    "shape_room": (_create,),
    "may_empower": (_create, _upgrade),
    "may_publish": (_create_listed, _list, _upgrade_listed),
    "may_invite_address": (
        _create_with_address,
        _invite_address,
        _store_invite,
        _announced,
        _announced_later,
        _create_with_announcement,
    ),
    "before_leaving": (_leave, _leave_by_state, _leave_later),
    "may_make_bot": (_bot, _bots_token, _webhook),
    "may_have_webhook": (_webhook, _outgoing, _enabled_again, _posted),
    "may_set_profile": (_name, _no_name, _any_field),
    "may_upload": (_upload, _upload_later),
    "may_download": (_file, _thumbnail),
    "reads": (_look_up, _rooms, _people, _file, _come_in),
}


# Questions whose doors are tried elsewhere.
ELSEWHERE = {
    "may_join": "homeserver/test_admission_doors.py",
    "may_call": "homeserver/test_calls.py",
    "may_invite": "homeserver/test_admission_doors.py",
    "may_register": "test_whoever_makes_an_account_asks",
    "localpart": "agency/test_organisations.py",
    "home_of": "agency/test_organisations.py",
    "display_name": "agency/test_organisations.py",
    "name_given": "agency/test_critical_acts.py",
    "former_account": "agency/test_people.py",
    "comes_back": "agency/test_people.py",
    "may_prove": "agency/test_people.py",
    "may_remove_address": "agency/test_people.py",
    "has_proven": "agency/test_sponsors.py",
    "invitation_terms": "agency/test_invitation_links.py",
    "finds": "homeserver/test_readers.py",
    "hidden": "agency/test_red_list.py",
    "reaches_strangers": "agency/test_readers.py",
}


def test_every_question_has_doors() -> None:
    assert DOORS.keys() | ELSEWHERE.keys() == QUESTIONS and not DOORS.keys() & ELSEWHERE.keys()


@pytest.mark.parametrize(("question", "door"), [(q, door) for q, doors in DOORS.items() for door in doors])
async def test_every_door_asks_once(server: Server, alice: Person, bob: Person, question: str, door: Door) -> None:
    asked: list[Any] = []

    async def refuse(*question: Any) -> None:
        asked.append(question)
        raise Forbidden("by policy")

    act = await door(alice, bob, await bob.create_room(preset="public_chat"))
    server.node.policy.__dict__[question] = refuse
    with pytest.raises(Refused) as refusal:
        await act
    assert refusal.value.status == 403 and refusal.value.body["error"] == "by policy"
    mine = [question for question in asked if question[0] != NOTICES]  # the server may have something to say meanwhile
    assert len(mine) == 1 and mine[0][0] == alice.id


async def test_an_invitation_that_is_kept_is_announced_as_it_was_asked_about(server: Server, alice: Person) -> None:
    asked: list[str] = []

    async def ask(_user: Any, _room: Any, medium: str, address: str) -> None:
        asked.append(address)

    server.node.policy.__dict__["may_invite_address"] = ask
    room, me = await alice.create_room(), await _at_identity_server(alice)
    body = {"medium": "email", "address": "new@agents.example", "room_id": room, "sender": alice.id}
    kept = await me.call("POST", f"{IDENTITY}/store-invite", body)
    keys = {"public_keys": kept["public_keys"]}
    for content, also in ((keys, []), ({}, []), ({**keys, "public_key": "of another"}, [""])):
        await alice.set_state(room, "m.room.third_party_invite", content, kept["token"])
        assert asked == ["new@agents.example", *also]


async def test_whoever_makes_an_account_asks(server: Server, alice: Person) -> None:
    asked: list[str] = []

    async def refuse(user_id: str, _facts: Any) -> None:
        asked.append(user_id)
        raise Forbidden("by policy")

    server.node.policy.__dict__["may_register"] = refuse
    await server.node.accounts.change(alice.id, is_admin=True)
    own = {"username": "new", "password": PASSWORD, "auth": {"type": "m.login.dummy"}}
    for person, method, path, body in (
        (None, "POST", "/_matrix/client/v3/register", own),
        (None, "POST", "/_matrix/client/v3/register?kind=guest", {}),
        (alice, "PUT", "/_synapse/admin/v2/users/@new:localhost", {"password": PASSWORD}),
    ):
        status, raw, _ = await server.raw(method, path, body, person.token if person is not None else None)
        assert (status, b"by policy" in raw) == (403, True), (path, raw)
    assert len(asked) == 3 and asked[0] == asked[2] == "@new:localhost"
    assert await server.node.accounts.store.find_user("@new:localhost") is None
