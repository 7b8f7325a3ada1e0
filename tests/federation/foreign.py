"""A server that is nothing but a key and prepared answers: what it sends costs it no time while it is measured what it costs here."""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson
from aiohttp import web

from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.matrix.events import seal
from chappe.matrix.request_auth import authorization
from chappe.matrix.room_versions import require_room_version
from chappe.matrix.signing import SigningKey, sign_json
from tests.federation.certificates import Authority
from tests.process import free_port
from tests.support import Server, segment

VERSION = require_room_version("11")
MEMBER = "m.room.member"


class Foreign:
    """`answers`: by a part of the path, the bytes of the answer. `refusals`: by a part of the path, the code of a 400. `asked`: paths."""

    def __init__(self) -> None:
        self.key = SigningKey(secrets.token_bytes(32), "f")
        self.name = f"localhost:{free_port()}"
        self.answers: dict[str, bytes] = {}
        self.refusals: dict[str, str] = {}
        self.asked: list[str] = []
        document = {
            "server_name": self.name,
            "valid_until_ts": int(time.time() * 1000) + 86_400_000,
            "old_verify_keys": {},
            "verify_keys": {self.key.key_id: {"key": self.key.public}},
        }
        self.answers["/_matrix/key/v2/server"] = orjson.dumps(sign_json(document, self.name, self.key))

    async def start(self, authority: Authority) -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app)
        await runner.setup()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*authority.issue("localhost"))
        await web.TCPSite(runner, "localhost", int(self.name.partition(":")[2]), ssl_context=context).start()
        return runner

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.asked.append(request.path)
        refused = [errcode for part, errcode in self.refusals.items() if part in request.path]
        if refused:
            return web.json_response({"errcode": refused[0], "error": "Refused"}, status=400)
        found = [body for part, body in self.answers.items() if part in request.path]
        return web.Response(status=200 if found else 404, body=found[0] if found else b"{}", content_type="application/json")

    async def asks(self, server: Server, method: str, path: str, content: Mapping[str, Any]) -> tuple[int, Any]:
        """(status, answer) of one request that this server signs."""
        header = authorization(method, path, self.name, server.config.server_name, self.key, content)
        status, raw, _ = await server.raw(method, path, orjson.dumps(content), headers={"Authorization": header})
        return status, orjson.loads(raw)

    async def lures(self, here: Server, user_id: str, room: LiveRoom, state: Sequence[Mapping[str, Any]]) -> None:
        """Invites somebody into a room of other servers, whom this one could not let in, and shows them a state of it.

        Its templates and answers for who joins are prepared.
        """
        kinds = ("m.room.create", "m.room.power_levels", "m.room.join_rules")
        ground = [room.state[kind, ""].event_id for kind in kinds]
        invitation = {
            "type": MEMBER,
            "room_id": room.room_id,
            "sender": f"@m:{self.name}",
            "state_key": user_id,
            "content": {"membership": "invite"},
            "origin_server_ts": 1,
            "depth": 50,
            "prev_events": [ground[2]],
            "auth_events": ground,
        }
        event_id = seal(invitation, VERSION, self.name, self.key)
        body = {"event": invitation, "room_version": VERSION.id, "invite_room_state": []}
        path = f"/_matrix/federation/v2/invite/{segment(room.room_id)}/{segment(event_id)}"
        assert (await self.asks(here, "PUT", path, body))[0] == 200
        join = {
            "type": MEMBER,
            "room_id": room.room_id,
            "sender": user_id,
            "state_key": user_id,
            "content": {"membership": "join"},
            "origin_server_ts": 1,
            "depth": 51,
            "prev_events": [event_id],
            "auth_events": [*ground, event_id],
        }
        self.answers["/make_join/"] = orjson.dumps({"room_version": VERSION.id, "event": join})
        answer = {"state": state, "auth_chain": [invitation], "origin": self.name}
        self.answers["/send_join/"] = orjson.dumps(answer)

    def sends(self, server: Server, contents: Iterable[Mapping[str, Any]]) -> Callable[[], Awaitable[Mapping[str, Any]]]:
        """Sends the next of some transactions, each signed beforehand."""
        prepared = []
        for content in contents:
            full = {"origin": self.name, "origin_server_ts": 1, "pdus": [], **content}
            path = f"/_matrix/federation/v1/send/{secrets.token_hex(8)}"
            header = authorization("PUT", path, self.name, server.config.server_name, self.key, full)
            prepared.append((path, orjson.dumps(full), {"Authorization": header}))

        async def send() -> Mapping[str, Any]:
            path, body, headers = prepared.pop(0)
            status, raw, _ = await server.raw("PUT", path, body, headers=headers)
            assert status == 200, raw
            return orjson.loads(raw)["pdus"]  # type: ignore[no-any-return]

        return send


async def pdus_of(server: Server, room: LiveRoom) -> list[dict[str, Any]]:
    """The events of a room's state, as they travel."""
    sql = "SELECT json FROM events WHERE event_id = ANY($1::text[])"
    rows = await server.node.database.fetch(sql, [event.event_id for event in room.state.values()])
    return [orjson.loads(row["json"]) for row in rows]


class Hall:
    """A room of that server, with many members of its own: what it answers to who enters."""

    def __init__(self, of: Foreign, members: int) -> None:
        self.of, self.room_id = of, f"!{secrets.token_hex(8)}:{of.name}"
        self.owner, self._depth = f"@owner:{of.name}", 0
        self.state: list[dict[str, Any]] = []
        create = self._state("m.room.create", "", self.owner, {"room_version": VERSION.id}, [])
        entered = self._state("m.room.member", self.owner, self.owner, {"membership": "join"}, [create])
        power = self._state("m.room.power_levels", "", self.owner, {"users": {self.owner: 100}}, [create, entered])
        rules = self._state("m.room.join_rules", "", self.owner, {"join_rule": "public"}, [create, power, entered])
        self.ground, self.owner_id = [create, power, rules], entered
        self.last = rules
        for number in range(members):
            user = f"@somebody-{number}:{of.name}"
            content = {"membership": "join", "displayname": f"Somebody of the number {number}"}
            self.last = self._state("m.room.member", user, user, content, self.ground)

    def _state(self, kind: str, key: str, sender: str, content: dict[str, Any], auth: list[str]) -> str:
        pdu = self.event(kind, sender, content, auth, state_key=key)
        self.state.append(pdu)
        self.last = seal(pdu, VERSION, self.of.name, self.of.key)
        return self.last

    def event(self, kind: str, sender: str, content: Any, auth: list[str], **more: Any) -> dict[str, Any]:
        """Not sealed yet."""
        self._depth += 1
        prev = [self.last] if self._depth > 1 else []
        return {
            "type": kind,
            "room_id": self.room_id,
            "sender": sender,
            "content": content,
            "auth_events": auth,
            "prev_events": prev,
            "depth": self._depth,
            "origin_server_ts": int(time.time() * 1000),
            **more,
        }

    def lets_in(self, user_id: str) -> None:
        """Prepares the answers to the handshake of one person."""
        join = self.event("m.room.member", user_id, {"membership": "join"}, self.ground, state_key=user_id)
        template = {"room_version": VERSION.id, "event": join}
        self.of.answers["/make_join/"] = orjson.dumps(template)
        self.of.answers["/send_join/"] = orjson.dumps({"state": self.state, "auth_chain": [], "origin": self.of.name})
