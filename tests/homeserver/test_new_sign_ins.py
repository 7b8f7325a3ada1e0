"""Whoever has an address is told by mail of a device that signs in beside others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from tests.neighbours import Mailbox, plain
from tests.support import Server, until

NewServer = Callable[..., Awaitable[Server]]
ADDRESS = "anne@example.org"


async def owner(server: Server, name: str = "anne") -> str:
    user = (await server.person(name, "FIRST")).id
    await server.node.database.execute(
        "INSERT INTO threepids (user_id, medium, address, validated_at, added_at) VALUES ($1, 'email', $2, 1, 1)", user, ADDRESS
    )
    return user


async def sign_in(server: Server, user: str, device: str | None, name: str | None) -> None:
    await server.node.sessions.sign_in(user, device, name, False)  # type: ignore[arg-type]


async def test_a_new_device_is_told_of_and_a_known_one_is_not(new_server: NewServer, mailbox: Mailbox) -> None:
    server = await new_server(email=mailbox.settings())
    user = await owner(server)
    await sign_in(server, user, "FIRST", "Firefox")  # again on the same device
    await sign_in(server, user, None, "Element X")
    await until(lambda: mailbox.sign_ins)
    await sign_in(server, user, "THIRD", None)
    await until(lambda: len(mailbox.sign_ins) == 2)
    first, second = (plain(mail) for mail in mailbox.sign_ins)
    assert "Element X" in first and user in first and "Ce n’est pas moi" in first
    assert "THIRD" in second and "http" not in first
    assert [mail["To"] for mail in mailbox.sign_ins] == [ADDRESS, ADDRESS]


@pytest.mark.parametrize("name", ["https://evil.example/now", "evil.example", "mailto:x@evil.example", "<b>x</b>", "a\nb: c"])
async def test_what_a_device_calls_itself_leads_nowhere(new_server: NewServer, mailbox: Mailbox, name: str) -> None:
    server = await new_server(email=mailbox.settings())
    user = await owner(server)
    await sign_in(server, user, None, name)
    mail = await until(lambda: mailbox.sign_ins and mailbox.sign_ins[0])
    assert "evil" not in plain(mail) and "<b>" not in plain(mail) and "b: c" not in plain(mail)


async def test_who_begins_is_told_nothing(new_server: NewServer, mailbox: Mailbox) -> None:
    server = await new_server(email=mailbox.settings())
    user = await owner(server)
    await server.node.sessions.remove_devices(user, ["FIRST"])
    await sign_in(server, user, "SECOND", "Firefox")
    assert await server.node.database.fetchval("SELECT count(*) FROM outgoing_mail") == 0
