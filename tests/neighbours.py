"""Services beside the server, real ones on loopback: a mailbox (SMTP), a push gateway, a browser's push service."""

from __future__ import annotations

import asyncio
import email
import email.policy
import re
from collections import Counter
from email.message import EmailMessage
from typing import Any, cast

from aiohttp import web
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from chappe.config import Email
from chappe.homeserver.http.accepting import stop_accepting
from chappe.homeserver.outbound.mail.texts import TEXTS
from tests.process import free_port
from tests.support import until


class _Closing(Controller):
    """Ends the connections that are open when it stops. Its library leaves them to the garbage, which is an error in whatever
    test comes next."""

    def __init__(self, handler: Any, **settings: Any) -> None:
        super().__init__(handler, **settings)
        self._connections: list[SMTP] = []

    def factory(self) -> SMTP:
        connection = cast(SMTP, super().factory())
        self._connections.append(connection)
        return connection

    def stop(self, no_assert: bool = True) -> None:
        if self._thread is not None:
            asyncio.run_coroutine_threadsafe(self._close(), self.loop).result(10)
        super().stop(no_assert=no_assert)

    async def _close(self) -> None:
        if isinstance(self.server, asyncio.Server):
            await stop_accepting(self.server)
        for connection in self._connections:
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.sleep(0)


NEW_SIGN_IN = tuple(TEXTS["new_sign_in"][language][0] for language in ("fr", "en"))

_ID = re.compile(r"(?<![\w.])@[\w.=/+-]+:[\w.-]+|\b[A-Z]{10}\b")  # a user's, a device's


class Mailbox:
    """An SMTP server that keeps what it gets (`raw`: the envelope and the bytes). `refuse`: answers before anything is taken."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.sign_ins: list[EmailMessage] = []  # that a device has signed in: whoever does it again and again gets many
        self.raw: list[tuple[Any, bytes]] = []
        self.ids: list[str] = []  # that people have read in a mail, who know themselves and others by name
        self.refuse: list[str] = []
        self._controller = _Closing(self, hostname="127.0.0.1", port=free_port())

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refuse:
            return self.refuse.pop(0)
        raw = cast(bytes, envelope.content)
        self.raw.append((envelope, raw))
        message = cast(EmailMessage, email.message_from_bytes(raw, policy=email.policy.default))
        assert envelope.rcpt_tos == [message["To"]]
        self.ids += _ID.findall(f"{message['Subject']} {plain(message)}")
        (self.sign_ins if message["Subject"].startswith(NEW_SIGN_IN) else self.mails).append(message)
        return "250 OK"

    def start(self) -> Mailbox:
        self._controller.start()
        return self

    def stop(self) -> None:
        self._controller.stop()

    @property
    def port(self) -> int:
        return int(self._controller.port)

    def settings(self, **changes: Any) -> Email:
        return Email(host="127.0.0.1", port=self.port, security="none", sender="no-reply@example.org", **changes)

    async def next(self, recipient: str) -> EmailMessage:
        """The oldest mail to somebody that was not looked at yet."""
        mail = await until(lambda: next((m for m in self.mails if m["To"] == recipient), None))
        self.mails.remove(mail)
        return cast(EmailMessage, mail)


def plain(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def link_in(mail: EmailMessage) -> str:
    """The link of a mail, the same in both its forms."""
    found = re.search(r"https?://\S+", plain(mail))
    assert found is not None, plain(mail)
    html = mail.get_body(("html",))
    assert html is not None and found[0].replace("&", "&amp;") in html.get_content()
    return found[0]


class Gateway:
    """A push gateway, and a browser's push service. `delay`: seconds per request; `failing`: answers 503."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.raw: list[tuple[dict[str, str], bytes]] = []
        self.delay, self.failing, self.status = 0.0, False, 201
        self.rejects: set[str] = set()
        self.refused = 0
        self.devices: Counter[str] = Counter()

    async def start(self) -> Gateway:
        application = web.Application()
        application.router.add_post("/_matrix/push/v1/notify", self._notify)
        application.router.add_post("/browser", self._browser)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.base = f"http://127.0.0.1:{port}"
        self.url = f"{self.base}/_matrix/push/v1/notify"
        return self

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _notify(self, request: web.Request) -> web.Response:
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.failing:
            self.refused += 1
            return web.Response(status=503)
        notification = (await request.json())["notification"]
        self.got.append(notification)
        keys = [d["pushkey"] for d in notification["devices"]]
        return web.json_response({"rejected": [k for k in keys if k in self.rejects]})

    async def _browser(self, request: web.Request) -> web.Response:
        self.raw.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status)

    def events(self, pushkey: str | None = None) -> list[str]:
        """Ids of pushed events, in order."""
        return [
            n["event_id"] for n in self.got if "event_id" in n and (pushkey is None or n["devices"][0]["pushkey"] == pushkey)
        ]
