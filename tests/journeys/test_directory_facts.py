"""What a directory or a provider says of its people beside their names: post, service, telephone."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from chappe.config import Ldap
from tests.journeys.test_single_sign_on import NewServer, Stage, by_name, change, directory, stage, through_the_provider
from tests.support import Person, Server, refused, until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("js")]
__all__ = ["directory", "stage"]  # fixtures
TITLE, SERVICE, TELEPHONE = "org.chappe.title", "org.chappe.service", "org.chappe.telephone"
SAYS = {"title_attribute": "title", "service_attribute": "departmentNumber", "telephone_attribute": "telephoneNumber"}


async def jeanne_of(server: Server) -> Person:
    body = {"type": "m.login.password", "identifier": by_name("jdupont"), "password": "mot de passe"}
    _, raw, _ = await server.raw("POST", "/_matrix/client/v3/login", body)
    return Person(server, json.loads(raw))


async def facts(reader: Person) -> dict[str, Any]:
    """Of Jeanne, as somebody else reads them."""
    profile = await reader.call("GET", "/profile/@jdupont:localhost")
    return {name.removeprefix("org.chappe."): value for name, value in profile.items() if name.startswith("org.chappe.")}


async def says_service(reader: Person, room: str, who: Person, service: str | None) -> bool:
    return (await reader.state(room, "m.room.member", who.id)).get(SERVICE) == service


async def test_a_directory_says_post_service_and_telephone(new_server: NewServer, directory: Ldap) -> None:
    """They are its word at each sign-in, what it has no more to say goes, and rooms repeat the service alone."""
    server = await new_server(ldap=[msgspec.structs.replace(directory, **SAYS)])
    change(directory, title="Cheffe  du\tservice\u202e", departmentNumber="Communication", telephoneNumber="+33 1 23 45 67 89")
    jeanne, bob = await jeanne_of(server), await server.person("bob")
    all_of_it = {"title": "Cheffe du service", "service": "Communication", "telephone": "+33 1 23 45 67 89"}
    assert await facts(bob) == all_of_it
    assert await bob.call("GET", f"/profile/{jeanne.id}/{TELEPHONE}") == {TELEPHONE: "+33 1 23 45 67 89"}
    room = await jeanne.create_room(preset="public_chat")
    await bob.join(room)
    member = await bob.state(room, "m.room.member", jeanne.id)
    assert member[SERVICE] == "Communication" and TELEPHONE not in member and TITLE not in member
    change(directory, title=None, departmentNumber="Cabinet")
    await jeanne_of(server)
    assert await facts(bob) == {"service": "Cabinet", "telephone": "+33 1 23 45 67 89"}
    await until(lambda: says_service(bob, room, jeanne, "Cabinet"))
    change(directory, departmentNumber=None)
    await jeanne_of(server)
    await until(lambda: says_service(bob, room, jeanne, None))


async def test_what_a_directory_says_is_not_the_persons_to_change(new_server: NewServer, directory: Ldap) -> None:
    server = await new_server(ldap=[msgspec.structs.replace(directory, **{**SAYS, "telephone_attribute": None})])
    change(directory, title="Cheffe du service", departmentNumber="Communication")
    jeanne, bob = await jeanne_of(server), await server.person("bob")
    for who, field, value in ((jeanne, SERVICE, "Cabinet"), (jeanne, TITLE, "Ministre"), (bob, TITLE, "Préfet")):
        for method, body in (("PUT", {field: value}), ("DELETE", None)):
            refusal = await refused(who.call(method, f"/profile/{who.id}/{field}", body))
            assert (refusal.status, refusal.errcode) == (403, "M_FORBIDDEN")
    assert (await bob.call("GET", "/capabilities"))["capabilities"]["m.profile_fields"] == {
        "enabled": True,
        "disallowed": [SERVICE, TITLE],
    }
    await jeanne.call("PUT", f"/profile/{jeanne.id}/{TELEPHONE}", {TELEPHONE: "01 02 03 04 05"})  # which nobody gives here
    room = await jeanne.create_room(preset="public_chat")
    await jeanne.set_state(room, "m.room.member", {"membership": "join", SERVICE: "Cabinet"}, jeanne.id)
    assert (await jeanne.state(room, "m.room.member", jeanne.id))[SERVICE] == "Communication"
    await bob.join(room)
    await bob.set_state(room, "m.room.member", {"membership": "join", SERVICE: "Cabinet"}, bob.id)
    assert SERVICE not in await jeanne.state(room, "m.room.member", bob.id)
    await jeanne_of(server)  # what nobody gives stays hers
    assert await facts(bob) == {"title": "Cheffe du service", "service": "Communication", "telephone": "01 02 03 04 05"}


async def test_a_full_profile_keeps_nobody_out(new_server: NewServer, directory: Ldap) -> None:
    server = await new_server(ldap=[msgspec.structs.replace(directory, **SAYS)])
    jeanne = await jeanne_of(server)
    await jeanne.call("PUT", f"/profile/{jeanne.id}/own", {"own": "x" * 65_400})
    change(directory, title="Cheffe " * 200)
    again = await jeanne_of(server)
    assert again.id == jeanne.id and await facts(again) == {}
    await jeanne.call("DELETE", f"/profile/{jeanne.id}/own")
    assert await facts(await jeanne_of(server)) == {"title": ("Cheffe " * 200)[:256].strip()}


async def test_a_provider_says_them_too(stage: Stage) -> None:
    server = await stage.server(title_claim="name", service_claim="usual_name", telephone_claim="email_verified")
    await through_the_provider(server, "zoe")
    profile = await (await server.person("bob")).call("GET", "/profile/@zoe:localhost")
    assert (profile[TITLE], profile[SERVICE]) == ("zoe", "Martin")
    assert TELEPHONE not in profile  # what is no text is none
