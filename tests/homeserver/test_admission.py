"""What is written of a membership, what is no more so by then, and that nobody else writes it.

Who comes in, and what is asked of them: `test_admission_doors.py`.
"""

from __future__ import annotations

import ast
import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import chappe
from chappe.homeserver.rooms.create_event import Draft
from tests.doors import as_before
from tests.support import Person, Server, segment

SOURCES = Path(chappe.__file__).parent
MEMBER = "m.room.member"


@pytest.fixture(autouse=True)
def _as_before(server: Server) -> Iterator[None]:
    """Tests share a server: what one changes of it is put back."""
    with as_before(server):
        yield


# ----------------------------------------------------------------------------------------------------- what is written


async def test_who_vouches_is_not_the_clients_to_say(alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    for content in ({"membership": "join"}, {"membership": "join", "reason": "again"}):
        await bob.set_state(room, MEMBER, {**content, "join_authorised_via_users_server": alice.id}, bob.id)
        assert "join_authorised_via_users_server" not in await alice.state(room, MEMBER, bob.id)


async def test_names_are_not_chosen_in_member_events(server: Server, alice: Person, bob: Person) -> None:
    """Whom one invites one does not name; what one is called in a room is one's own affair, where names are free."""
    room = await alice.create_room(preset="public_chat")
    await alice.set_state(room, MEMBER, {"membership": "invite", "displayname": "A fool"}, bob.id)
    assert (await alice.state(room, MEMBER, bob.id))["displayname"] == bob.id[1:].split(":")[0]
    await bob.set_state(room, MEMBER, {"membership": "join", "displayname": "Bobby"}, bob.id)
    assert (await alice.state(room, MEMBER, bob.id))["displayname"] == "Bobby"
    server.node.policy.fixed_fields = frozenset(("displayname",))
    await bob.set_state(room, MEMBER, {"membership": "join", "displayname": "Premier ministre"}, bob.id)
    assert (await alice.state(room, MEMBER, bob.id))["displayname"] == bob.id[1:].split(":")[0]
    path = f"/rooms/{segment(room)}/state/{MEMBER}/{segment(bob.id)}"
    delay = {"org.matrix.msc4140.delay": 60_000}
    made = await bob.call("PUT", path, {"membership": "join", "displayname": "Premier ministre", "n": 1}, **delay)
    await bob.call("POST", f"/_matrix/client/unstable/org.matrix.msc4140/delayed_events/{made['delay_id']}/send", {})
    assert (await alice.state(room, MEMBER, bob.id))["displayname"] == bob.id[1:].split(":")[0]


# ----------------------------------------------------------------------------------------------- what is no more so


@pytest.mark.parametrize("way_out", ["leave", "kick"])
async def test_a_change_of_name_brings_nobody_back(server: Server, alice: Person, bob: Person, way_out: str) -> None:
    """They are gone between the look at their membership and the event that carries their name."""
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    admission = server.node.admission
    profile_of, gone = admission._profile_of, []

    async def goes_meanwhile(user_id: str) -> Any:
        profile = await profile_of(user_id)
        if user_id == bob.id and not gone:
            gone.append(user_id)
            await (bob.leave(room) if way_out == "leave" else alice.act("kick", room, bob))
        return profile

    admission._profile_of = goes_meanwhile
    await bob.call("PUT", f"/profile/{bob.id}/displayname", {"displayname": "Robert"})
    await server.node.set_profile_field.wait()
    assert gone and (await server.node.rooms.require(room)).membership(bob.id) == "leave"


async def test_leaves_and_names_at_once(server: Server, alice: Person, bob: Person) -> None:
    for number in range(25):
        room = await alice.create_room(preset="public_chat")
        await bob.join(room)
        out = bob.leave(room) if number % 2 else alice.act("kick", room, bob)
        rename = bob.call("PUT", f"/profile/{bob.id}/displayname", {"displayname": f"Bob {number}"})
        await asyncio.gather(rename, out)
        await server.node.set_profile_field.wait()
        assert (await server.node.rooms.require(room)).membership(bob.id) == "leave", number


async def test_a_kick_does_not_lift_a_ban(server: Server, alice: Person, bob: Person) -> None:
    room = await alice.create_room(preset="public_chat")
    await bob.join(room)
    await asyncio.gather(alice.act("ban", room, bob), *(alice.act("kick", room, bob) for _ in range(5)), return_exceptions=True)
    live = await server.node.rooms.require(room)
    assert live.membership(bob.id) == "ban"


async def test_guests_go_however_the_room_is_closed_to_them(server: Server, alice: Person) -> None:
    public = {"type": "m.room.join_rules", "content": {"join_rule": "public"}}
    room = await alice.create_room(preset="private_chat", initial_state=[public])
    _, raw, _ = await server.raw("POST", "/_matrix/client/v3/register?kind=guest", {})
    guest = Person(server, json.loads(raw))
    await guest.join(room)
    path, delay = f"/rooms/{segment(room)}/state/m.room.guest_access", {"org.matrix.msc4140.delay": 60_000}
    made = await alice.call("PUT", path, {"guest_access": "forbidden"}, **delay)
    await alice.call("POST", f"/_matrix/client/unstable/org.matrix.msc4140/delayed_events/{made['delay_id']}/send", {})
    assert (await alice.state(room, MEMBER, guest.id))["membership"] == "leave"


# ------------------------------------------------------------------------------------------------------- in the code


def test_nobody_else_writes_membership() -> None:
    """Only `Admission` makes the token; what comes without one is not written, whatever verb forgets it."""
    makers = {
        path.name
        for path in SOURCES.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Admitted"
    }
    assert makers == {"admission.py"}
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Draft":
                first = ast.unparse(node.args[0])
                assert first not in ("MEMBER", "'m.room.member'") or path.name == "admission.py", f"{path}:{node.lineno}"


async def test_what_was_not_admitted_is_not_written(server: Server, alice: Person, bob: Person) -> None:
    room = await server.node.rooms.require(await alice.create_room(preset="public_chat"))
    with pytest.raises(RuntimeError):
        await server.node.rooms.submit(room, [Draft(MEMBER, bob.id, {"membership": "join"}, bob.id)])
