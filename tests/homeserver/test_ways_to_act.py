"""Everything by which an account acts × everything that happens to an account, over HTTP, as `ways_to_act` declares it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable
from typing import Any

import pytest

from tests.support import PASSWORD, Person, Refused, Server, segment

IDENTITY = "/_matrix/identity/v2"


async def refused(awaitable: Awaitable[Any]) -> Refused:
    with pytest.raises(Refused) as caught:
        await awaitable
    return caught.value


@pytest.fixture
async def admin(server: Server) -> Person:
    person = await server.person()
    await server.node.accounts.change(person.id, is_admin=True)
    return await person.another_device()


# ------------------------------------------------------------------------------------------------------ identity service


async def identity(person: Person) -> Person:
    """The same person, with a token of the identity service."""
    openid = await person.call("POST", f"/user/{segment(person.id)}/openid/request_token", {})
    token = (await person.call("POST", f"{IDENTITY}/account/register", openid))["token"]
    return Person(person.server, {"user_id": person.id, "device_id": "", "access_token": token})


async def lookup(me: Person) -> Any:
    pepper = (await me.call("GET", f"{IDENTITY}/hash_details"))["lookup_pepper"]
    digest = base64.urlsafe_b64encode(hashlib.sha256(f"x@y.example email {pepper}".encode()).digest()).rstrip(b"=")
    wanted = {"addresses": [digest.decode()], "algorithm": "sha256", "pepper": pepper}
    return await me.call("POST", f"{IDENTITY}/lookup", wanted)


async def test_identity_tokens_end_with_everything_else(server: Server, admin: Person) -> None:
    async def lock(who: Person) -> None:
        await admin.call("PUT", f"/_matrix/client/v1/admin/lock/{segment(who.id)}", {"locked": True})

    async def log_out(who: Person) -> None:
        await who.call("POST", "/logout", {})

    async def log_out_everywhere(who: Person) -> None:
        await who.call("POST", "/logout/all", {})

    async def change_password(who: Person) -> None:
        auth = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": who.id}, "password": PASSWORD}
        await who.call(
            "POST", "/account/password", {"new_password": "another horse", "logout_devices": False, "auth": auth}
        )

    async def end(who: Person) -> None:
        await admin.call("POST", f"/_synapse/admin/v1/deactivate/{segment(who.id)}", {})

    for happens in (lock, log_out, log_out_everywhere, change_password, end):
        person = await server.person()
        me = await identity(person)
        assert (await lookup(me)) == {"mappings": {}}
        await happens(person)
        assert (await refused(lookup(me))).status == 401, happens.__name__
        assert (await refused(me.call("GET", f"{IDENTITY}/account"))).errcode == "M_UNAUTHORIZED", happens.__name__
