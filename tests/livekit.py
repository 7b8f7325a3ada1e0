"""LiveKit beside the server: the real one where it was built (tests/install_components.sh), and a fake of what is asked of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest_asyncio
import yaml
from aiohttp import web
from livekit.protocol.models import ParticipantInfo, Room
from livekit.protocol.room import (
    CreateRoomRequest,
    ListParticipantsRequest,
    ListParticipantsResponse,
    RemoveParticipantResponse,
    RoomParticipantIdentity,
)

from chappe.config import Calls, LiveKit
from tests.process import free_port
from tests.support import Server, until

VERSION = "1.9.11"
BINARY = Path(os.environ.get("CHAPPE_LIVEKIT") or Path.home() / ".cache" / "chappe-tests" / f"livekit-server-{VERSION}")
KEY, SECRET = "chappe", "a secret of more than 32 characters"


def settings(port: int, name: str = "paris", **changes: Any) -> LiveKit:
    fields = {"name": name, "url": f"ws://127.0.0.1:{port}", "api_key": KEY, "api_secret": SECRET, **changes}
    return LiveKit(**fields)


def claims(token: str) -> dict[str, Any]:
    """What a token says, where it is signed as LiveKit asks for."""
    found: dict[str, Any] = jwt.decode(token, SECRET, algorithms=["HS256"], issuer=KEY, options={"require": ["exp", "nbf"]})
    return found


class FakeLiveKit:
    """Its rooms and who is in them. `asked`: what was asked of it; `hangs`: it answers nothing; `status`: it fails.

    `elsewhere`: the address to which it sends those who ask.
    """

    def __init__(self) -> None:
        self.rooms: dict[str, set[str]] = {}
        self.asked: list[tuple[str, str, str]] = []
        self.hangs, self.status = False, 200
        self.elsewhere: str | None = None
        self.requests = 0
        self._runner: web.AppRunner | None = None
        self.port = free_port()

    async def start(self) -> FakeLiveKit:
        app = web.Application()
        app.router.add_post("/twirp/livekit.RoomService/{method}", self._twirp)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _twirp(self, request: web.Request) -> web.Response:
        self.requests += 1
        if self.hangs:
            await asyncio.sleep(3600)
        if self.elsewhere is not None:
            raise web.HTTPTemporaryRedirect(self.elsewhere)
        if self.status != 200:
            return web.json_response({"code": "internal", "msg": "trouble"}, status=self.status)
        grants = claims(request.headers["Authorization"].removeprefix("Bearer "))["video"]
        method, raw = request.match_info["method"], await request.read()
        answer: Any
        if method == "CreateRoom":
            assert grants["roomCreate"] is True
            wanted = CreateRoomRequest.FromString(raw)
            self.rooms.setdefault(wanted.name, set())
            self.asked.append((method, wanted.name, ""))
            answer = Room(name=wanted.name)
        elif method == "ListParticipants":
            listed = ListParticipantsRequest.FromString(raw)
            assert grants["roomAdmin"] is True and grants["room"] == listed.room
            self.asked.append((method, listed.room, ""))
            people = [ParticipantInfo(identity=one) for one in sorted(self.rooms.get(listed.room, ()))]
            answer = ListParticipantsResponse(participants=people)
        else:
            assert method == "RemoveParticipant"
            removed = RoomParticipantIdentity.FromString(raw)
            assert grants["roomAdmin"] is True and grants["room"] == removed.room
            self.asked.append((method, removed.room, removed.identity))
            if removed.identity not in self.rooms.get(removed.room, ()):
                return web.json_response({"code": "not_found", "msg": "participant does not exist"}, status=404)
            self.rooms[removed.room].remove(removed.identity)
            answer = RemoveParticipantResponse()
        return web.Response(body=answer.SerializeToString(), content_type="application/protobuf")

    def enter(self, token: str) -> Callable[[], bool]:
        """Somebody connects. Returns what says whether they are there."""
        said = claims(token)
        alias, identity = said["video"]["room"], said["sub"]
        assert said["video"]["roomJoin"] is True and alias in self.rooms, "there is no such room"
        self.rooms[alias].add(identity)
        return lambda: identity in self.rooms.get(alias, ())


@pytest_asyncio.fixture
async def livekit() -> AsyncIterator[FakeLiveKit]:
    running = await FakeLiveKit().start()
    yield running
    await running.stop()


@pytest_asyncio.fixture
async def calls(new_server: Callable[..., Awaitable[Server]], livekit: FakeLiveKit) -> Server:
    """A server with this LiveKit beside it."""
    return await new_server(calls=Calls(livekit=[settings(livekit.port)]))


class RealLiveKit:
    """A process of its own. `webhook`: where it tells what happens."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.port = folder, free_port()
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, webhook: str | None = None) -> RealLiveKit:
        config: dict[str, Any] = {
            "port": self.port,
            "bind_addresses": ["127.0.0.1"],
            "rtc": {
                "tcp_port": free_port(),
                "udp_port": free_port(),
                "node_ip": "127.0.0.1",
                "enable_loopback_candidate": True,
                "use_external_ip": False,
                "stun_servers": [],
            },
            "keys": {KEY: SECRET},
            "room": {"auto_create": False},
            "logging": {"level": "error"},
        }
        if webhook is not None:
            config["webhook"] = {"api_key": KEY, "urls": [webhook]}
        path = self._folder / f"livekit-{self.port}.yaml"
        path.write_text(yaml.safe_dump(config))
        quiet = asyncio.subprocess.DEVNULL
        self._process = await asyncio.create_subprocess_exec(str(BINARY), "--config", str(path), stdout=quiet, stderr=quiet)
        await until(self._answers)
        return self

    async def _answers(self) -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{self.port}/") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()
