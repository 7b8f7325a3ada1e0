"""A room's classification binds: who comes in, how long it is kept, what is sent, how it is entered; and it is never lowered."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from chappe.agency.app import AgencyServer
from chappe.agency.classification import Levels
from chappe.agency.organisations import Organisation
from chappe.config import Agency, Classification, RoomRetention
from chappe.matrix.identifiers import UserId
from tests.agency.conftest import GUESTS, RULES, account, agency
from tests.support import Clock, Person, Server, bodies, refused, segment, until

EVENT, DAY = "chappe.classification", 86_400_000
LEVELS = [
    Classification("internal", guests=True, link_sharing=True, forwarding=True),
    Classification(
        "restricted",
        {"fr": "Diffusion restreinte", "en": "Restricted"},
        organisations=["culture", "elsewhere"],
        retention_days=30,
        calls=False,
        file_types=["application/pdf", "image/*"],
    ),
    Classification("secret", organisations=["culture"], retention_days=7, files=False, calls=False),
]


@pytest_asyncio.fixture
async def ministry(new_server: Callable[..., Awaitable[Server]], tmp_path: Path) -> Server:
    registration = tmp_path / "bridge.yaml"
    bridge = {"id": "bridge", "url": None, "as_token": "of the bridge", "hs_token": "x", "sender_localpart": "bridge"}
    registration.write_text(json.dumps({**bridge, "namespaces": {}}))
    settings = Agency(
        enabled=True, guest_domains=[GUESTS], classifications=LEVELS, retention=RoomRetention(private_days=365, direct_days=90)
    )
    server = await new_server(agency=settings, application_services=[str(registration)])
    await server.node.domains.add(GUESTS)
    for one in (
        Organisation("culture", "Culture", "localhost", False, ["culture.example"]),
        Organisation("sante", "Santé", "localhost", False, ["sante.example"]),
        Organisation("elsewhere", "Intérieur", "interieur.example", False, ["interieur.example"]),
        Organisation("guests", "Externe", GUESTS, True, ["*"]),
    ):
        await agency(server).organisations.add(one)
    return server


@pytest.fixture
def bridge(ministry: Server) -> Person:
    return Person(ministry, {"user_id": "@bridge:localhost", "device_id": "", "access_token": "of the bridge"})


async def of(server: Server, name: str, organisation: str) -> Person:
    person = await account(server, name)
    await server.node.bind_threepid(UserId(person.id), "email", f"{name}@{organisation}.example", 1)
    return person


@pytest_asyncio.fixture
async def alice(ministry: Server) -> Person:
    return await of(ministry, "alice", "culture")


@pytest_asyncio.fixture
async def bob(ministry: Server) -> Person:
    return await of(ministry, "bob", "culture")


@pytest_asyncio.fixture
async def sam(ministry: Server) -> Person:
    return await of(ministry, "sam", "sante")


def marked(level: str, **more: Any) -> dict[str, Any]:
    state = [{"type": EVENT, "state_key": "", "content": {"level": level}}, *more.pop("initial_state", [])]
    return {"name": "Note", "initial_state": state, **more}


def state(event_type: str, **content: Any) -> dict[str, Any]:
    return {"type": event_type, "state_key": "", "content": content}


async def denied(awaitable: Awaitable[Any], words: str = "", status: int = 403) -> None:
    no = await refused(awaitable)
    assert no.status == status and words in no.body["error"], no.body


async def test_a_room_is_made_with_a_level(alice: Person) -> None:
    room = await alice.create_room(**marked("restricted"))
    assert await alice.state(room, EVENT) == {"level": "restricted"}
    assert await alice.state(room, "m.room.retention") == {"max_lifetime": 30 * DAY}
    assert (await alice.state(room, "m.room.encryption"))["algorithm"] == "m.megolm.v1.aes-sha2"


@pytest.mark.parametrize(
    "options, status",
    [
        (marked("unheard-of"), 400),
        (marked("internal", preset="public_chat"), 403),
        (marked("internal", visibility="public"), 403),
        (marked("internal", visibility="public", preset="private_chat"), 403),
        (marked("restricted", initial_state=[state(RULES, rule="unrestricted")]), 403),
        (marked("restricted", initial_state=[state("m.room.join_rules", join_rule="public")]), 403),
        (marked("internal", initial_state=[state("m.room.history_visibility", history_visibility="world_readable")]), 403),
        (marked("restricted", initial_state=[state("m.room.retention", max_lifetime=31 * DAY)]), 403),
        (marked("internal", initial_state=[state(RULES, rule="restricted", force_unencrypted_at_creation=True)]), 403),
        (marked("restricted", invite=["@sam:localhost"]), 403),
        (marked("restricted", invite=[f"@gaston:{GUESTS}"]), 403),
    ],
)
async def test_rooms_that_cannot_be(alice: Person, sam: Person, options: dict[str, Any], status: int) -> None:
    await denied(alice.create_room(**options), status=status)


async def test_who_makes_a_room_may_be_in_it(sam: Person) -> None:
    await denied(sam.create_room(**marked("restricted")), "of no organisation")
    await sam.create_room(**marked("internal"))


@pytest.mark.parametrize(
    "content, level",
    [
        (None, None),
        ({"level": "internal"}, "internal"),
        ({"level": "restricted"}, "restricted"),
        ({}, "secret"),
        ({"level": None}, "secret"),
        ({"level": 7}, "secret"),
        ({"level": ["internal"]}, "secret"),
        ({"level": "unheard-of"}, "secret"),
    ],
)
def test_a_level_that_is_not_here_is_the_strictest(content: dict[str, Any] | None, level: str | None) -> None:
    """Of an event that came without its content there is nothing but that the room bears a level."""
    found = Levels(LEVELS).of(content)
    assert (found.name if found is not None else None) == level


async def test_what_is_listed_bears_no_level(alice: Person, bridge: Person) -> None:
    """In the directory of the server, and in that of a bridge's network."""
    for who, path in ((alice, "/directory/list/room/"), (bridge, "/directory/list/appservice/libera/")):
        room = await alice.create_room()
        await who.call("PUT", path + segment(room), {"visibility": "public"})
        await denied(alice.set_state(room, EVENT, {"level": "internal"}), "not listed")
        await denied(alice.set_state(room, RULES, {"rule": "unrestricted"}), "for agents")
        await who.call("PUT", path + segment(room), {"visibility": "private"})
        await alice.set_state(room, EVENT, {"level": "internal"})
        await denied(who.call("PUT", path + segment(room), {"visibility": "public"}), "not listed")


async def test_who_may_come_in(ministry: Server, alice: Person, bob: Person, sam: Person) -> None:
    room = await alice.create_room(**marked("restricted"))
    await alice.invite(room, bob)
    await bob.join(room)
    await denied(alice.invite(room, sam), "of no organisation")
    by_address = {"id_server": "localhost", "id_access_token": "x", "medium": "email"}
    await denied(alice.call("POST", f"/rooms/{room}/invite", {**by_address, "address": "new@sante.example"}), "not let into")
    await agency(ministry).may_invite(alice.id, room, UserId("@paul:interieur.example"))
    await denied(_as_refused(agency(ministry).may_join(UserId("@eve:ailleurs.example"), room, "leave")))


async def _as_refused(asked: Awaitable[None]) -> None:
    from chappe.matrix.errors import MatrixError
    from tests.support import Refused

    try:
        await asked
    except MatrixError as error:
        raise Refused(error.status, {"errcode": error.errcode, "error": error.message}) from None


async def test_guests_where_the_level_says_so(ministry: Server, alice: Person) -> None:
    gaston = await account(ministry, "gaston", GUESTS)
    room = await alice.create_room(**marked("internal", initial_state=[state(RULES, rule="unrestricted")]))
    await alice.invite(room, gaston)
    await gaston.join(room)
    await denied(alice.set_state(room, EVENT, {"level": "restricted"}), "not open to guests")


async def test_raised_and_never_lowered(alice: Person, bob: Person, sam: Person) -> None:
    room = await alice.create_room(name="Note", invite=[bob.id, sam.id])
    await sam.join(room)
    await denied(bob.set_state(room, EVENT, {"level": "internal"}))
    await denied(alice.set_state(room, EVENT, {"level": "restricted"}), "@sam:localhost")
    await alice.act("kick", room, sam)
    await alice.set_state(room, EVENT, {"level": "restricted"})
    await alice.set_state(room, EVENT, {"level": "restricted"})
    for lower in ("internal", "unmarked", None, 7):
        no = await refused(alice.set_state(room, EVENT, {"level": lower}))
        assert no.status in (400, 403)
    assert (await refused(alice.set_state(room, EVENT, {}))).status == 400
    await alice.set_state(room, EVENT, {"level": "secret"})


async def test_what_is_bound_in_a_room(alice: Person) -> None:
    room = await alice.create_room(**marked("restricted"))
    await denied(alice.set_state(room, "m.room.join_rules", {"join_rule": "public"}), "link")
    await denied(alice.set_state(room, "m.room.history_visibility", {"history_visibility": "world_readable"}))
    await denied(alice.set_state(room, RULES, {"rule": "unrestricted"}), "guests")
    for lifetime in ({}, {"max_lifetime": 31 * DAY}):
        await denied(alice.set_state(room, "m.room.retention", lifetime), "30 days")
    assert (await refused(alice.set_state(room, "m.room.retention", {"max_lifetime": "long"}))).errcode == "M_BAD_JSON"
    await alice.set_state(room, "m.room.retention", {"max_lifetime": DAY})
    await denied(alice.call("PUT", f"/directory/list/room/{room}", {"visibility": "public"}), "not listed")
    for call in ("m.call.invite", "org.matrix.msc3401.call.member", "m.call.member"):
        await denied(alice.send(room, call, {}), "no calls")
    await denied(alice.set_state(room, "m.call.member", {"x": 1}, alice.id), "no calls")


async def test_files_by_their_type(alice: Person) -> None:
    room = await alice.create_room(**marked("restricted"))
    for kind, fine in (("application/pdf", True), ("image/png; x=y", True), ("application/zip", False), (None, False)):
        content = {"msgtype": "m.file", "body": "f", "url": "mxc://localhost/f", "info": {"mimetype": kind}}
        if fine:
            await alice.send(room, "m.room.message", content)
        else:
            await denied(alice.send(room, "m.room.message", content), "type")
    secret = await alice.create_room(**marked("secret"))
    content = {"msgtype": "m.image", "body": "f", "url": "mxc://localhost/f", "info": {"mimetype": "image/png"}}
    await denied(alice.send(secret, "m.room.message", content))
    await alice.say(secret, "words only")


async def test_no_program_speaks_or_listens_once_a_room_is_classified(ministry: Server, alice: Person) -> None:
    """Another server may have classified a room that is not encrypted and in which webhooks are at work."""
    plain = state(RULES, rule="restricted", force_unencrypted_at_creation=True)
    room = await alice.create_room(name="Chantier", initial_state=[plain])
    hooks = f"/_chappe/client/v1/rooms/{segment(room)}/webhooks"
    out = {"direction": "outgoing", "name": "out", "purpose": "x", "url": "https://ci.example.org/"}
    listens = await alice.prove(hooks, out)
    speaks = await alice.prove(hooks, {"direction": "incoming", "name": "CI", "purpose": "x"})
    assert (await ministry.raw("POST", speaks["path"], {"text": "before"}))[0] == 200

    async def waiting() -> int:
        return int(await ministry.node.database.fetchval("SELECT count(*) FROM webhook_queue"))

    async def handled(event_id: str) -> bool:
        written = await ministry.node.database.fetchval("SELECT position FROM events WHERE event_id = $1", event_id)
        sql = "SELECT position FROM progress WHERE name = 'webhooks'"
        return bool(await ministry.node.database.fetchval(sql) >= written)

    policy = ministry.node.policy.__dict__

    async def by_another_server(*_: Any) -> None: ...

    policy["may_send"] = by_another_server
    await alice.set_state(room, EVENT, {"level": "secret"})
    del policy["may_send"]
    await ministry.node.database.execute("UPDATE webhook_queue SET due_ts = 0")  # what waits goes nowhere
    last = await alice.say(room, "a secret")
    await until(lambda: handled(last))

    async def nothing_waits() -> bool:
        return not await waiting()

    await until(nothing_waits)
    no = {"errcode": "M_FORBIDDEN", "error": "Classified rooms have no webhooks"}
    status, raw, _ = await ministry.raw("POST", speaks["path"], {"text": "after"})
    assert (status, json.loads(raw)) == (403, no)
    await denied(alice.prove(hooks, out), no["error"])
    await denied(alice.prove(f"{hooks}/{listens['id']}/enable", {}), no["error"])
    assert "after" not in bodies((await alice.messages(room))["chunk"])


async def test_it_goes_along_to_the_room_that_follows(alice: Person) -> None:
    room = await alice.create_room(**marked("restricted"))
    new = (await alice.call("POST", f"/rooms/{room}/upgrade", {"new_version": "11"}))["replacement_room"]
    assert await alice.state(new, EVENT) == {"level": "restricted"}
    await denied(alice.set_state(new, "m.room.join_rules", {"join_rule": "public"}))


async def test_how_long_rooms_keep_what_is_said(ministry: Server, alice: Person, bob: Person) -> None:
    policy = agency(ministry)

    async def days(room: str) -> int | None:
        return policy.keeps_for(await ministry.node.rooms.require(room))  # type: ignore[no-any-return]

    assert await days(await alice.create_room(name="Plain")) == 365
    assert await days(await alice.create_room(**marked("restricted"))) == 30
    assert await days(await alice.create_room(is_direct=True, invite=[bob.id])) == 90
    assert await days(await alice.create_room(preset="public_chat", name="Forum")) is None


async def test_what_is_said_in_rooms_that_say_nothing_goes_in_time(ministry: Server, alice: Person, bob: Person) -> None:
    """Retention by the kind of room, and by its marking, from the rooms that have something old."""
    assert isinstance(ministry.node, AgencyServer) and ministry.node.retention is not None
    retention = ministry.node.retention
    plain, marked_room = await alice.create_room(name="Plain"), await alice.create_room(**marked("secret"))
    direct = await alice.create_room(is_direct=True, invite=[bob.id])
    for room in (plain, marked_room, direct):
        await alice.say(room, "words")
    start = ministry.node.now_ms()
    for days, gone in ((8, 1), (91, 1), (366, 1), (400, 0)):
        retention._now_ms = Clock(start + days * DAY)
        assert await retention.erase_old_messages() == gone, days


async def test_what_says_that_it_is_still_to_come_goes_in_time_too(ministry: Server, alice: Person, bridge: Person) -> None:
    """Though nothing else in the room is old, and the room itself says nothing."""
    assert isinstance(ministry.node, AgencyServer) and ministry.node.retention is not None
    retention, start = ministry.node.retention, ministry.node.now_ms()
    room = await alice.create_room(name="Plain", invite=[bridge.id])
    await bridge.join(room)
    to_come = f"/rooms/{segment(room)}/send/m.room.message/t?ts={start + 4000 * DAY}"
    await bridge.call("PUT", to_come, {"msgtype": "m.text", "body": "of tomorrow"})
    after = ministry.node.now_ms() + 1
    for days, gone in ((0, 0), (364, 0), (365, 1), (366, 0)):
        retention._now_ms = Clock(after + days * DAY)
        assert await retention.erase_old_messages() == gone, days
