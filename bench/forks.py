"""Measures what one server does with a large room whose history forks, on whole servers (see docs/performance.md).

    python bench/forks.py [--members 10000] [--forks 20] [--events 50] [--synapse .venv-synapse/bin/python]

The room is told by a scripted neighbour, whose answers are made beforehand: what is measured is the server that enters. It enters
the room, is sent the forks one after the other, each beginning at its join, then an event that follows all of them. Prints the
seconds until the join is answered, until all members are there, until the last event of the forks is there, and until the event
that follows them all is; and how long a message takes in another room before the forks and while they come. With --synapse both
servers must come to the same state.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.federation import CHAPPE, PLAIN, TLS, certificates, command_of, joiner, largest_memory

from chappe.matrix.event_auth import CREATE, JOIN_RULES, POWER_LEVELS, StateKey, auth_event_keys
from chappe.matrix.events import event_id_of, seal
from chappe.matrix.request_auth import authorization
from chappe.matrix.room_versions import ROOM_VERSIONS
from chappe.matrix.signing import SigningKey, sign_json

VERSION = ROOM_VERSIONS["11"]
PORT = 18120
NAME = f"localhost:{PORT}"
ALICE, BOB, CAROL = (f"@{name}:{NAME}" for name in ("alice", "bob", "carol"))
ROOM = f"!large:{NAME}"
BEGINNING = 1_700_000_000_000  # ms


class Story:
    """A room's events as its only server writes them."""

    def __init__(self) -> None:
        self.key = SigningKey(b"k" * 32, "1")
        self.events: dict[str, dict[str, Any]] = {}
        self.at = BEGINNING

    def write(
        self,
        key: tuple[str, str | None],
        sender: str,
        content: dict[str, Any],
        state: dict[StateKey, str],
        prev: list[str],
    ) -> str:
        """`state`: event ids before it; the event is set in there if it is a state event."""
        wanted = auth_event_keys(key[0], key[1], sender, content, VERSION)
        self.at += 1
        pdu: dict[str, Any] = {
            "type": key[0], "room_id": ROOM, "sender": sender, "content": content, "origin_server_ts": self.at,
            "depth": 1 + max((self.events[p]["depth"] for p in prev), default=0), "prev_events": prev,
            "auth_events": list(dict.fromkeys(state[k] for k in wanted if k in state)),
        }  # fmt: skip
        if key[1] is not None:
            pdu["state_key"] = key[1]
        event_id = str(seal(pdu, VERSION, NAME, self.key))
        self.events[event_id] = pdu
        if key[1] is not None:
            state[key[0], key[1]] = event_id
        return event_id

    def begin(self, members: int) -> tuple[dict[StateKey, str], str]:
        """(the state, the last event)."""
        state: dict[StateKey, str] = {}
        last: list[str] = []
        levels = {"users": {ALICE: 100, BOB: 50, CAROL: 50}, "ban": 50, "state_default": 50}
        for key, sender, content in (
            (CREATE, ALICE, {"room_version": VERSION.id}),
            (member(ALICE), ALICE, {"membership": "join"}),
            (POWER_LEVELS, ALICE, levels),
            (JOIN_RULES, ALICE, {"join_rule": "public"}),
            (("m.room.history_visibility", ""), ALICE, {"history_visibility": "shared"}),
            (member(BOB), BOB, {"membership": "join"}),
            (member(CAROL), CAROL, {"membership": "join"}),
            *((member(u), u, {"membership": "join", "displayname": u[1:12]}) for u in map(name_of, range(members))),
        ):
            last = [self.write(key, sender, content, state, last)]
        return state, last[0]

    def fork(self, number: int, length: int, members: int, state: dict[StateKey, str], start: str) -> list[str]:
        """One side of a split: names, bans, power levels, topics."""
        state, last, written = dict(state), start, []
        for n in range(length):
            if n % 10 == 0:
                key, sender = POWER_LEVELS, ALICE
                content = {**self.events[state[POWER_LEVELS]]["content"], "ban": 50 - (n + number) % 5}
            elif n % 3 == 0:
                sender = name_of((number * 37 + n) % members)
                key, content = member(sender), {"membership": "join", "displayname": f"{number} {n}"}
            elif n % 7 == 0:
                key, sender, content = member(name_of((number * 53 + n) % members)), BOB, {"membership": "ban"}
            else:
                key, sender, content = ("m.room.topic", ""), CAROL, {"topic": f"{number} {n}"}
            last = self.write(key, sender, content, state, [last])
            written.append(last)
        return written


def member(user: str) -> StateKey:
    return "m.room.member", user


def name_of(number: int) -> str:
    return f"@member{number}:{NAME}"


class Neighbour:
    """Answers what a server asks that enters the room."""

    def __init__(self, story: Story, state: dict[StateKey, str], last: str) -> None:
        self.story, self.state, self.last = story, state, last
        key = story.key
        document = {
            "server_name": NAME, "verify_keys": {key.key_id: {"key": key.public}}, "old_verify_keys": {},
            "valid_until_ts": (int(time.time()) + 86_400) * 1000,
        }  # fmt: skip
        self._keys = sign_json(document, NAME, key)
        few = {k: v for k, v in state.items() if k[0] != "m.room.member" or k[1] in (ALICE, BOB, CAROL)}
        self._few = self._events(few.values())
        self._all = self._events(state.values())
        self._ids = json.dumps({"pdu_ids": list(state.values()), "auth_chain_ids": list(few.values())})
        self.joined = ""

    def _events(self, ids: Any) -> str:
        return json.dumps([self.story.events[i] for i in ids])

    async def start(self, work: Path) -> web.AppRunner:
        app = web.Application(client_max_size=64 << 20)
        fed = "/_matrix/federation"
        app.router.add_get("/_matrix/key/v2/server", self._key)
        app.router.add_get(f"{fed}/v1/version", lambda _: _json('{"server": {"name": "neighbour", "version": "1"}}'))
        app.router.add_get(fed + "/v1/make_join/{room}/{user}", self._make_join)
        app.router.add_put(fed + "/v2/send_join/{room}/{event}", self._send_join)
        app.router.add_get(
            fed + "/v1/state/{room}", lambda _: _json(f'{{"pdus": {self._all}, "auth_chain": {self._few}}}')
        )
        app.router.add_get(fed + "/v1/state_ids/{room}", lambda _: _json(self._ids))
        app.router.add_get(fed + "/v1/event/{event}", self._event)
        app.router.add_get(fed + "/v1/backfill/{room}", lambda _: _json('{"pdus": []}'))
        app.router.add_post(fed + "/v1/get_missing_events/{room}", lambda _: _json('{"events": []}'))
        app.router.add_put(fed + "/v1/send/{txn}", lambda _: _json('{"pdus": {}}'))
        runner = web.AppRunner(app)
        await runner.setup()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(work / "tls.pem", work / "tls.key")
        await web.TCPSite(runner, "127.0.0.1", PORT, ssl_context=context).start()
        return runner

    async def _key(self, request: web.Request) -> web.Response:
        return await _json(json.dumps(self._keys))

    async def _make_join(self, request: web.Request) -> web.Response:
        user, content = request.match_info["user"], {"membership": "join"}
        keys = auth_event_keys("m.room.member", user, user, content, VERSION)
        template = {
            "type": "m.room.member", "room_id": ROOM, "sender": user, "state_key": user, "content": content,
            "origin_server_ts": self.story.at, "depth": self.story.events[self.last]["depth"] + 1, "prev_events": [self.last],
            "auth_events": [self.state[k] for k in keys if k in self.state],
        }  # fmt: skip
        return await _json(json.dumps({"room_version": VERSION.id, "event": template}))

    async def _send_join(self, request: web.Request) -> web.Response:
        pdu = await request.json()
        self.joined = str(event_id_of(pdu, VERSION))
        self.story.events[self.joined] = pdu
        self.state[member(pdu["state_key"])] = self.joined
        omits = request.query.get("omit_members") == "true"
        state = self._few if omits else self._all
        return await _json(
            f'{{"origin": "{NAME}", "members_omitted": {json.dumps(omits)}, "servers_in_room": ["{NAME}"], "state": {state}, '
            f'"auth_chain": {self._few}, "event": {json.dumps(pdu)}}}'
        )

    async def _event(self, request: web.Request) -> web.Response:
        found = self.story.events.get(request.match_info["event"])
        if found is None:
            return web.json_response({"errcode": "M_NOT_FOUND", "error": "Not here"}, status=404)
        return await _json(json.dumps({"origin": NAME, "origin_server_ts": 1, "pdus": [found]}))


async def _json(text: str) -> web.Response:
    return web.Response(text=text, content_type="application/json")


class Entering:
    """The server that is measured, over HTTP."""

    def __init__(self, session: aiohttp.ClientSession, name: str, work: Path) -> None:
        self.session, self.base, self.tls = session, f"http://127.0.0.1:{PLAIN[name]}", TLS[name]
        self.trust = ssl.create_default_context(cafile=str(work / "ca.pem"))
        self.headers: dict[str, str] = {}

    async def ready(self) -> None:
        self.headers = await joiner(self.session, self.base)

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        url = f"{self.base}/_matrix/client/v3{path}"
        if method != "GET" and body is None:
            body = {}
        async with self.session.request(method, url, json=body, headers=self.headers) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def send(self, story: Story, ids: list[str]) -> None:
        """A transaction of the neighbour's."""
        uri, to = f"/_matrix/federation/v1/send/{secrets.token_hex(8)}", f"localhost:{self.tls}"
        content = {"origin": NAME, "origin_server_ts": story.at, "pdus": [story.events[i] for i in ids], "edus": []}
        headers = {"Authorization": authorization("PUT", uri, NAME, to, story.key, content)}
        async with self.session.put(
            f"https://localhost:{self.tls}{uri}", json=content, headers=headers, ssl=self.trust
        ) as answer:
            found = await answer.json()
            assert answer.status == 200 and not any("error" in r for r in found["pdus"].values()), found

    async def chat(self, room: str, ends: asyncio.Event) -> list[float]:
        """Says something in a room of its own again and again. How long each message took, in ms."""
        took: list[float] = []
        while not ends.is_set():
            before = time.perf_counter()
            text = {"msgtype": "m.text", "body": "meanwhile"}
            await self.ask("PUT", f"/rooms/{room}/send/m.room.message/{len(took)}.{before}", text)
            took.append((time.perf_counter() - before) * 1000)
            await asyncio.sleep(0.02)
        return took

    async def hears(self, event_id: str) -> None:
        url = f"{self.base}/_matrix/client/v3/rooms/{ROOM}/event/{event_id}"
        while True:
            async with self.session.get(url, headers=self.headers) as answer:
                if answer.status == 200:
                    return
            await asyncio.sleep(0.01)


async def measure(
    name: str, work: Path, pid: int, options: argparse.Namespace
) -> tuple[dict[str, float], dict[str, Any]]:
    """(figures, the state at the end)."""
    story = Story()
    neighbour = Neighbour(story, *story.begin(options.members))
    runner = await neighbour.start(work)
    figures: dict[str, float] = {}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(900)) as session:
        server = Entering(session, name, work)
        await server.ready()
        before = time.perf_counter()
        await server.ask("POST", f"/join/{ROOM}?via={NAME}")
        figures["join_s"] = round(time.perf_counter() - before, 2)
        everybody = len((await server.ask("GET", f"/rooms/{ROOM}/members"))["chunk"])
        figures |= {"whole_s": round(time.perf_counter() - before, 2), "members_seen": everybody}
        figures["memory_mb"] = round(largest_memory(pid))
        forks = [
            story.fork(n, options.events, options.members, neighbour.state, neighbour.joined)
            for n in range(options.forks)
        ]
        ends = [fork[-1] for fork in forks]
        last = story.write(
            ("m.room.message", None), ALICE, {"msgtype": "m.text", "body": "healed"}, dict(neighbour.state), ends
        )
        other = (await server.ask("POST", "/createRoom"))["room_id"]
        quiet = await _for_a_while(server, other)
        done = asyncio.Event()
        chat = asyncio.create_task(server.chat(other, done))
        before = time.perf_counter()
        for fork in forks:
            await server.send(story, fork)
        for end in ends:
            await server.hears(end)
        figures["forks_s"] = round(time.perf_counter() - before, 2)
        done.set()
        figures |= {
            "quiet_ms": _middle(quiet),
            "meanwhile_ms": _middle(await chat),
            "meanwhile_p95_ms": _high(await chat),
        }
        before = time.perf_counter()
        await server.send(story, [last])
        await server.hears(last)
        figures["merge_ms"] = round((time.perf_counter() - before) * 1000)
        state = {
            json.dumps([e["type"], e["state_key"]]): e["content"] for e in await server.ask("GET", f"/rooms/{ROOM}/state")
            if e["sender"].endswith(NAME)
        }  # fmt: skip
    await runner.cleanup()
    return figures, state


async def _for_a_while(server: Entering, room: str) -> list[float]:
    done = asyncio.Event()
    chat = asyncio.create_task(server.chat(room, done))
    await asyncio.sleep(2)
    done.set()
    return await chat


def _middle(times: list[float]) -> float:
    return round(statistics.median(times), 1)


def _high(times: list[float]) -> float:
    return round(sorted(times)[int(len(times) * 0.95)], 1)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--members", type=int, default=10_000)
    parser.add_argument("--forks", type=int, default=20)
    parser.add_argument("--events", type=int, default=50)
    parser.add_argument("--synapse")
    options = parser.parse_args()
    states = []
    with tempfile.TemporaryDirectory(prefix="chappe-forks-") as folder:
        work = Path(folder)
        os.chmod(work, 0o755)
        certificates(work)
        (work / "chappe").mkdir()
        (work / "chappe.toml").write_text(CHAPPE.format(tls=TLS["chappe"], plain=PLAIN["chappe"], work=work))
        for name in ["chappe", *(["synapse"] if options.synapse else [])]:
            process = subprocess.Popen(
                command_of(name, work, options.synapse), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            try:
                figures, state = await measure(name, work, process.pid, options)
            finally:
                process.terminate()
                process.wait()
            states.append(state)
            print(
                json.dumps({"server": name, "members": options.members, "forks": options.forks, **figures}), flush=True
            )
    assert all(state == states[0] for state in states), "the two do not agree"


if __name__ == "__main__":
    asyncio.run(main())
