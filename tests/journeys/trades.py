"""Trades: each one kind of request, made again and again, repeated until it is answered, and looked for at the end."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import asyncpg
import pytest

from chappe.homeserver.database.embedded import EmbeddedPostgres
from tests.neighbours import Mailbox
from tests.process import ServedProcess
from tests.support import PASSWORD, Person, Refused, bodies, joined, segment, until

KILLS = ("the server", "PostgreSQL", "the server")
KILLS_OF_THE_SERVER = KILLS.count("the server")
MSC4140 = "/_matrix/client/unstable/org.matrix.msc4140"
Call = Callable[[], Awaitable[Any]]


async def answered(call: Call) -> tuple[Any, bool]:
    """(the answer, whether an earlier try may have been carried out too). Refused for a 4xx, with `again` set likewise."""
    again = False
    while True:
        try:
            return await call(), again
        except (TimeoutError, aiohttp.ClientError, OSError):
            again = True
        except Refused as refused:
            refused.again = again
            if refused.status < 500:
                raise
            again = True
        await asyncio.sleep(0.05)


async def settled(call: Call, *harmless: int) -> bool:
    """Whether the last try was carried out; False where it was refused, in one of these ways, after a lost answer."""
    try:
        await answered(call)
    except Refused as refused:
        if refused.status in harmless and refused.again:
            return False
        raise
    return True


class Trade:
    """`count`: what was acknowledged so far."""

    def __init__(self, server: ServedProcess) -> None:
        self.server, self.count = server, 0

    async def prepare(self) -> None: ...

    async def once(self, number: int) -> None:
        raise NotImplementedError

    async def check(self) -> None:
        raise NotImplementedError


class Messages(Trade):
    """Messages, state, receipts, account data: into the log, by transaction id or by name."""

    async def prepare(self) -> None:
        self.alice, self.bob = await self.server.person(), await self.server.person()
        self.room = await self.alice.create_room(preset="public_chat")
        await self.bob.join(self.room)
        await self.bob.sync()
        self.said: dict[str, str] = {}

    async def once(self, number: int) -> None:
        event, _ = await answered(lambda: self.alice.say(self.room, str(number), txn=f"m{number}"))
        self.said[str(number)] = event
        await answered(lambda: self.alice.set_state(self.room, "x.count", {"number": number}))
        await answered(lambda: self.alice.receipt(self.room, event))
        path = f"/user/{segment(self.alice.id)}/account_data/x.count"
        await answered(lambda: self.alice.call("PUT", path, {"number": number}))
        self.last = number, event

    async def check(self) -> None:
        number, event = self.last
        fresh = await self.alice.another_device()
        assert Counter(await _said(fresh, self.room)) == Counter(self.said.keys())
        assert await fresh.state(self.room, "x.count") == {"number": number}
        first = await fresh.sync()
        data = {e["type"]: e["content"] for e in first["account_data"]["events"]}
        assert data["x.count"] == {"number": number}
        assert event in json.dumps(joined(first, self.room)["ephemeral"])
        whole = {"room": {"timeline": {"limit": 1000}}}
        section = joined(await self.bob.sync(filter=whole), self.room)
        assert not section["timeline"]["limited"]
        assert bodies(section["timeline"]["events"]) == list(self.said)
        assert event in json.dumps(section["ephemeral"])


class ToDevice(Trade):
    """Messages to a device that reads them at the end: each once, in order."""

    async def prepare(self) -> None:
        self.alice, self.bob = await self.server.person(), await self.server.person()
        await self.bob.sync()
        self.sent: list[int] = []

    async def once(self, number: int) -> None:
        body = {"messages": {self.bob.id: {self.bob.device: {"number": number}}}}
        await answered(lambda: self.alice.call("PUT", f"/sendToDevice/x.number/d{number}", body))
        self.sent.append(number)

    async def check(self) -> None:
        got: list[int] = []
        while events := (await self.bob.sync()).get("to_device", {}).get("events"):
            got += [e["content"]["number"] for e in events]
        assert got == self.sent


class Names(Trade):
    """Somebody who changes their name all the time leaves rooms, and is put out of others."""

    async def prepare(self) -> None:
        self.alice, self.owner = await self.server.person(), await self.server.person()
        self.rooms = [await self.owner.create_room(preset="public_chat") for _ in range(14)]
        for room in self.rooms:
            await self.alice.join(room)
        self.stays, self.leaves = self.rooms[:4], self.rooms[4:]
        self.left: list[str] = []

    async def once(self, number: int) -> None:
        self.name = f"name {number}"
        path = f"/profile/{segment(self.alice.id)}/displayname"
        rename = answered(lambda: self.alice.call("PUT", path, {"displayname": self.name}))
        await asyncio.gather(rename, self._leave(number))

    async def _leave(self, number: int) -> None:
        if number % 3 or not self.leaves:
            return
        room = self.leaves.pop()
        if number % 2:
            await settled(lambda: self.alice.leave(room), 403)
        else:
            await settled(lambda: self.owner.act("kick", room, self.alice), 403)
        self.left.append(room)

    async def check(self) -> None:
        assert not set(self.left) & set((await self.alice.call("GET", "/joined_rooms"))["joined_rooms"])
        for room in self.left:
            assert (await self.owner.state(room, "m.room.member", self.alice.id))["membership"] == "leave"
        for room in (*self.stays, *self.leaves):
            await until(functools.partial(self._is_carried, room))
        fresh = await self.alice.another_device()
        assert set((await fresh.sync())["rooms"]["join"]) == {*self.stays, *self.leaves}

    async def _is_carried(self, room: str) -> bool:
        member = await self.owner.state(room, "m.room.member", self.alice.id)
        assert member["membership"] == "join"
        return bool(member["displayname"] == self.name)


class Files(Trade):
    """Uploads at once and uploads into a reserved place: whole afterwards."""

    async def prepare(self) -> None:
        self.alice = await self.server.person()
        self.kept: dict[str, str] = {}

    async def once(self, number: int) -> None:
        content = random.randbytes(random.randrange(1, 60_000))
        if number % 2:
            made, _ = await answered(lambda: self._call("POST", "/_matrix/media/v3/upload", content))
            uri = made["content_uri"]
        else:
            made, _ = await answered(lambda: self._call("POST", "/_matrix/media/v1/create", b""))
            uri = made["content_uri"]
            path = f"/_matrix/media/v3/upload/{uri.removeprefix('mxc://')}"
            await settled(lambda: self._call("PUT", path, content), 409)
        self.kept[uri] = hashlib.sha256(content).hexdigest()

    async def _call(self, method: str, path: str, content: bytes) -> Any:
        headers = {"Content-Type": "application/octet-stream"}
        status, raw, _ = await self.server.raw(method, path, content, self.alice.token, headers)
        if status != 200:
            raise Refused(status, json.loads(raw))
        return json.loads(raw)

    async def check(self) -> None:
        fresh = await self.alice.another_device()
        for uri, digest in self.kept.items():
            path = f"/_matrix/client/v1/media/download/{uri.removeprefix('mxc://')}"
            status, raw, _ = await self.server.raw("GET", path, token=fresh.token)
            assert status == 200, (uri, status, raw[:200])
            assert hashlib.sha256(raw).hexdigest() == digest, uri


class Delayed(Trade):
    """Delayed events, of which every other one is cancelled close to its time."""

    async def prepare(self) -> None:
        self.alice = await self.server.person()
        self.room = await self.alice.create_room()
        self.due: dict[str, str] = {}
        self.cancelled: set[str] = set()
        self.unsure: set[str] = set()

    async def once(self, number: int) -> None:
        path = f"/rooms/{segment(self.room)}/send/m.room.message/l{number}"
        body, text = {"msgtype": "m.text", "body": str(number)}, str(number)
        delay = {"org.matrix.msc4140.delay": 30}
        delay_id = (await answered(lambda: self.alice.call("PUT", path, body, **delay)))[0]["delay_id"]
        if number % 2:
            self.due[text] = delay_id
            return
        action = f"{MSC4140}/delayed_events/{delay_id}/cancel"
        try:
            await answered(lambda: self.alice.call("POST", action, {}))
            self.cancelled.add(text)
        except Refused as refused:
            assert refused.status in (403, 404, 409), refused  # it was sent, or is being sent
            self.unsure.add(text)

    async def check(self) -> None:
        said = Counter(await _said(self.alice, self.room))
        assert said.total() == len(said), f"sent twice: {said - Counter(said.keys())}"
        assert not self.cancelled & said.keys(), "cancelled, and sent"
        listed = await self.alice.call("GET", f"{MSC4140}/delayed_events", status="scheduled")
        waiting = {row.get("delay_id") for row in listed.get("delayed_events", listed.get("scheduled", []))}
        lost = {text for text, delay_id in self.due.items() if text not in said and delay_id not in waiting}
        assert not lost, f"neither sent nor waiting for the claim of who died to end: {lost}"
        assert len(waiting) <= len(KILLS)


class OneTimeKeys(Trade):
    """Keys are uploaded, claimed, and uploaded again as if the answer had been lost: none is given twice."""

    async def prepare(self) -> None:
        self.alice, self.bob = await self.server.person(), await self.server.person()
        self.given: list[str] = []

    async def once(self, number: int) -> None:
        keys = {f"signed_curve25519:K{number}x{n}": {"key": f"{number}/{n}"} for n in range(3)}
        await answered(lambda: self.alice.call("POST", "/keys/upload", {"one_time_keys": keys}))
        await self._claim()
        await answered(lambda: self.alice.call("POST", "/keys/upload", {"one_time_keys": keys}))
        await self._claim()

    async def _claim(self) -> None:
        wanted = {"one_time_keys": {self.alice.id: {self.alice.device: "signed_curve25519"}}}
        answer, _ = await answered(lambda: self.bob.call("POST", "/keys/claim", wanted))
        self.given += answer["one_time_keys"].get(self.alice.id, {}).get(self.alice.device, {})

    async def check(self) -> None:
        assert len(self.given) == len(set(self.given)), "a one-time key was given twice"
        assert len(self.given) > 1


class Accounts(Trade):
    """Passwords that change and devices that sign out."""

    async def prepare(self) -> None:
        self.alice, self.keeper = await self.server.person(), await self.server.person()
        self.password = PASSWORD
        self.dead: list[Person] = []

    async def once(self, number: int) -> None:
        if number % 4 == 0:
            await self._change(f"password {number}")
        session, _ = await answered(lambda: self.keeper.call("POST", "/login", _login(self.keeper, PASSWORD)))
        device = Person(self.server, session)
        await settled(lambda: device.call("POST", "/logout", {}), 401)
        self.dead.append(device)

    async def _change(self, new: str) -> None:
        body = {"new_password": new, "logout_devices": False, "auth": _login(self.alice, self.password)}
        await settled(lambda: self.alice.call("POST", "/account/password", body), 401, 403)
        self.password = new

    async def check(self) -> None:
        for password, expected in ((self.password, 200), (PASSWORD, 403)):
            body = _login(self.alice, password)
            status, raw, _ = await self.server.raw("POST", "/_matrix/client/v3/login", body)
            assert status == expected, raw
        for device in self.dead:
            with pytest.raises(Refused) as caught:
                await device.call("GET", "/account/whoami")
            assert caught.value.errcode == "M_UNKNOWN_TOKEN"
        assert (await self.alice.call("GET", "/account/whoami"))["user_id"] == self.alice.id


def _login(person: Person, password: str) -> dict[str, Any]:
    identifier = {"type": "m.id.user", "user": person.id}
    return {"type": "m.login.password", "identifier": identifier, "password": password}


class Mails(Trade):
    """Letters that prove an address: written once, and taken once by the mail server.

    A process that dies between "250 OK" and its note of it sends that letter again when its claim ends, with the same
    Message-ID: at most one letter each time that the server itself was killed. A claim whose answer was lost waits, too.
    """

    def __init__(self, server: ServedProcess, mailbox: Mailbox) -> None:
        super().__init__(server)
        self.mailbox = mailbox

    async def prepare(self) -> None:
        self.alice, self.asked = await self.server.person(), []

    async def once(self, number: int) -> None:
        address = f"person{number}@example.org"
        body = {"client_secret": f"secret{number}", "email": address, "send_attempt": 1}
        await answered(lambda: self.alice.call("POST", "/account/3pid/email/requestToken", body))
        self.asked.append(address)

    async def check(self) -> None:
        url = EmbeddedPostgres(self.server.data / "postgres").url
        connection = await asyncpg.connect(url)
        try:
            now = "(extract(epoch FROM now()) * 1000)::bigint"
            due = f"SELECT count(*) FROM outgoing_mail WHERE due_ts <= {now}"
            await until(lambda: _is_none(connection, due))
            waiting = {row["recipient"] for row in await connection.fetch("SELECT recipient FROM outgoing_mail")}
        finally:
            await connection.close()
        got = Counter(str(mail["To"]) for mail in self.mailbox.mails)
        assert not [address for address in self.asked if address not in got and address not in waiting]
        assert got.total() == len(got), "a letter was sent twice"
        assert len(waiting & got.keys()) <= KILLS_OF_THE_SERVER
        assert len(waiting - got.keys()) <= len(KILLS)


async def _is_none(connection: asyncpg.Connection, sql: str) -> bool:
    return not await connection.fetchval(sql)


async def _said(person: Person, room: str) -> list[str]:
    events, token = [], None
    while True:
        page = await person.messages(room, limit=500, **({"from": token} if token else {}))
        events += page["chunk"]
        token = page.get("end")
        if token is None:
            return bodies(events[::-1])
