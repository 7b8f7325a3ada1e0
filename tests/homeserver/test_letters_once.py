"""A letter is queued in the commit of what it tells of: every door that writes one × the letter cannot be queued."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from chappe.config import Registration
from chappe.homeserver.accounts.fresh_proof import SIGNED_IN, FreshProof
from chappe.homeserver.accounts.second_factors import totp
from chappe.homeserver.modules.push.store import PusherStore, PushQueue
from chappe.matrix.identifiers import UserId
from tests.homeserver.test_fresh_proof import proven
from tests.homeserver.test_push import a_room_of
from tests.neighbours import Mailbox, plain
from tests.support import Person, Refused, Server, segment, until

NewServer = Callable[..., Awaitable[Server]]
CHAPPE = "/_chappe/client/v1"
HOOK = {"name": "CI", "purpose": "x"}
OUT = {**HOOK, "direction": "outgoing", "url": "https://ci.example.org/", "types": ["m.room.message"]}
TOLD = {  # what the letters tell of
    "users": "user_id, password_hash, owner",
    "threepids": "address",
    "totp_secrets": "confirmed",
    "passkeys": "credential_id",
    "recovery_codes": "code_hash",
    "webhooks": "id, enabled",
    "third_party_invites": "address",
    "access_tokens": "token_hash",
    "events": "event_id",
}
REFUSES = """
CREATE FUNCTION refuse_letters() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no letters today'; END $$;
CREATE TRIGGER refuse_letters BEFORE INSERT ON outgoing_mail EXECUTE FUNCTION refuse_letters()"""


@pytest.fixture
async def server(new_server: NewServer, mailbox: Mailbox) -> Server:
    return await new_server(email=mailbox.settings(), registration=Registration(open=True))


@pytest.fixture
async def alice(server: Server) -> Person:
    alice = await server.person("alice")
    await server.node.bind_threepid(UserId(alice.id), "email", "alice@example.org", 1)
    return alice


@contextlib.asynccontextmanager
async def no_letters(server: Server) -> AsyncIterator[None]:
    """The queue takes none: as if the process died where it would queue one."""
    await server.node.database.execute(REFUSES)
    try:
        yield
    finally:
        await server.node.database.execute("DROP TRIGGER refuse_letters ON outgoing_mail; DROP FUNCTION refuse_letters")


async def told(server: Server) -> dict[str, list[str]]:
    rows = {table: await server.node.database.fetch(f"SELECT {columns} FROM {table}") for table, columns in TOLD.items()}
    return {table: sorted(str(dict(row)) for row in found) for table, found in rows.items()}


Act = Callable[[], Awaitable[Any]]


class Doors:
    """Each returns what is asked for, as often as one likes, until it is done. What it needs is made ready before."""

    def __init__(self, server: Server, alice: Person) -> None:
        self.server, self.alice, self.node = server, alice, server.node
        self.proof = FreshProof(alice.id, SIGNED_IN)

    async def a_new_password(self) -> Act:
        return lambda: self.alice.prove("/account/password", {"new_password": "another one", "logout_devices": False})

    async def an_address_added(self) -> Act:
        async def add() -> None:
            given: dict[str, Any] = await proven(self.server, "add", "new@example.org", f"s{next(tries)}")
            await self.alice.prove("/account/3pid/add", given)

        tries = iter("ab")
        return add

    async def an_address_removed(self) -> Act:
        await self.node.bind_threepid(UserId(self.alice.id), "email", "second@example.org", 1)
        return lambda: self.alice.prove("/account/3pid/delete", {"medium": "email", "address": "second@example.org"})

    async def a_factor_added(self) -> Act:
        secret = base64.b32decode((await self.node.second_factors.begin_totp(self.proof, "Chappe"))[0])

        async def confirm() -> None:
            code = totp(secret, self.node.now_ms() // 30_000)
            assert await self.node.second_factors.confirm_totp(self.proof, code)

        return confirm

    async def a_factor_removed(self) -> Act:
        await self._factors()
        return lambda: self.node.second_factors.remove_totp(self.proof)

    async def a_passkey_removed(self) -> Act:
        await self.node.database.execute(
            "INSERT INTO passkeys (credential_id, user_id, public_key, sign_count, name, created_ts) VALUES ('k', $1, '', 0, 'k', 1)",
            self.alice.id,
        )
        await self.node.second_factors.new_recovery_codes(self.proof)
        return lambda: self.node.second_factors.remove_passkey(self.proof, b"k")

    async def factors_reset(self) -> Act:
        await self._factors()
        return lambda: self.node.second_factors.reset(self.alice.id)

    async def _factors(self) -> None:
        await self.node.database.execute("INSERT INTO totp_secrets VALUES ($1, '0', true)", self.alice.id)
        await self.node.second_factors.new_recovery_codes(self.proof)

    async def a_bot_made(self) -> Act:
        return lambda: self.alice.prove(f"{CHAPPE}/bots", {"name": "Robot", "purpose": "x"})

    async def a_bot_with_a_new_token(self) -> Act:
        bot = (await self.alice.prove(f"{CHAPPE}/bots", {"name": "Robot", "purpose": "x"}))["user_id"]
        await until(lambda: self.node.database.fetchval("SELECT NOT EXISTS (SELECT 1 FROM outgoing_mail)"))
        return lambda: self.alice.prove(f"{CHAPPE}/bots/{segment(bot)}/token", {})

    async def a_webhook_out(self) -> Act:
        room = await self.alice.create_room()
        return lambda: self.alice.prove(f"{CHAPPE}/rooms/{segment(room)}/webhooks", OUT)

    async def an_invitation_by_address(self) -> Act:
        room = await self.alice.create_room()
        body = {"id_server": "localhost", "id_access_token": "x", "medium": "email", "address": "guest@example.org"}
        return lambda: self.alice.call("POST", f"/rooms/{segment(room)}/invite", body)

    async def an_invitation_that_is_stored(self) -> Act:
        room = await self.alice.create_room()
        user_id = UserId(self.alice.id)
        return lambda: self.node.third_party_invites.store(user_id, room, "email", "guest@example.org")


DOORS = [name for name in vars(Doors) if not name.startswith("_")]


@pytest.mark.parametrize("door", DOORS)
async def test_without_its_letter_nothing_happens_and_with_it_once(
    server: Server, mailbox: Mailbox, alice: Person, door: str
) -> None:
    act = await getattr(Doors(server, alice), door)()
    await until(lambda: server.node.database.fetchval("SELECT NOT EXISTS (SELECT 1 FROM outgoing_mail)"))
    mailbox.mails.clear()
    before = await told(server)
    async with no_letters(server):
        with pytest.raises(Exception) as failed:
            await act()
        assert not isinstance(failed.value, Refused) or failed.value.status == 500, failed.value
    assert await told(server) == before, "it happened, and nobody was told"
    await act()
    assert await told(server) != before
    await until(lambda: mailbox.mails)
    await until(lambda: server.node.database.fetchval("SELECT NOT EXISTS (SELECT 1 FROM outgoing_mail)"))
    recipients = [str(mail["To"]) for mail in mailbox.mails]
    assert len(recipients) == len(set(recipients)), recipients


async def test_a_webhook_takes_nothing_before_its_letter_is_queued(server: Server, mailbox: Mailbox, alice: Person) -> None:
    """Its bot may be in the room by then: that alone does nothing, and the next try makes another."""
    room = await alice.create_room()
    path = f"{CHAPPE}/rooms/{segment(room)}/webhooks"
    async with no_letters(server):
        with pytest.raises(Refused):
            await alice.prove(path, {**HOOK, "direction": "incoming"})
    assert (await alice.call("GET", path))["webhooks"] == []
    await alice.prove(path, {**HOOK, "direction": "incoming"})
    assert "CI" in plain(await mailbox.next("alice@example.org"))
    assert not mailbox.mails


async def test_a_digest_and_the_end_of_its_rows_are_one_commit(server: Server, mailbox: Mailbox, alice: Person) -> None:
    bob, database = await server.person("bob"), server.node.database
    room = await a_room_of(bob, alice, name="Préfecture")
    pusher = {
        "kind": "email",
        "app_id": "m.email",
        "pushkey": "alice@example.org",
        "app_display_name": "E-mail",
        "device_display_name": "x",
        "lang": "fr",
        "data": {},
    }
    await alice.call("POST", "/pushers/set", pusher)
    in_a_day = server.node.now_ms() + 86_400_000
    await database.execute("UPDATE pushers SET due_ts = $1", in_a_day)  # not by itself
    await bob.say(room, "réunion à 10 h")
    await until(lambda: database.fetchval("SELECT count(*) = 1 FROM push_queue"))
    await database.execute("UPDATE push_queue SET created_ts = created_ts - 3600000")
    [row] = await PusherStore(database).of(alice.id)
    rows = await PushQueue(database).of(row.id, 10)
    digest = server.node.push_deliverer._digest
    async with no_letters(server):
        with pytest.raises(Exception, match="no letters today"):
            await digest.write(row, rows)
        assert await database.fetchval("SELECT count(*) FROM push_queue") == 1, "read by nobody, and told to nobody"
    for _ in range(2):  # another process, whose lease has ended, is at it as well
        await digest.write(row, rows)
    assert await database.fetchval("SELECT count(*) FROM push_queue") == 0
    assert "réunion à 10 h" in plain(await mailbox.next("alice@example.org"))
    await until(lambda: database.fetchval("SELECT NOT EXISTS (SELECT 1 FROM outgoing_mail)"))
    assert not mailbox.mails
