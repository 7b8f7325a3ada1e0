"""Mails as they leave: what people write stays text, and the envelope says what was checked."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chappe.config import Brand, Registration
from chappe.homeserver.outbound.mail.message import HEADERS, parse_sender, serialise
from chappe.matrix.email_address import parse_email
from chappe.matrix.errors import BadRequest
from tests.neighbours import Mailbox
from tests.support import Server, segment, until

NewServer = Callable[..., Awaitable[Server]]
EVIL = "https://evil.example"
# what somebody calls themselves, a bot, a room, an organisation: each must be the subject's words and nothing else
NAMES = {
    "ends the headers": f"=?utf-8?q?Al=0d=0aContent-Type:text/html=0d=0a=0d=0a<h1>{EVIL}</h1>=0d=0a?=",
    "another recipient": "=?utf-8?q?a=0d=0aBcc:_evil@evil.example?=",
    "base64": "=?utf-8?b?DQpCY2M6IGV2aWxAZXZpbC5leGFtcGxlDQoNCg==?=",
    "line ends": "a\r\nBcc: evil@evil.example\r\n\r\n<h1>",
    "bare line feed": "a\nBcc: evil@evil.example",
    "line separators": "a\u2028Bcc: evil@evil.example\u2029b\x85c\x0bd\x0ce",
    "turned round": "\u202eelpmaxe.live\u202c \u2066x\u2069 \u200f",
    "escapes": "a\x1b[31mred\x07",
    "long word": "é" * 190,
    "very long line": "a" * 190,
    "words": "ab " * 60,
    "placeholders": "{who} {brand} {0} %s",
    "addresses": '"x" <evil@evil.example>, (comment) other@evil.example;',
    "markup": "</title><script>alert(1)</script>",
    "pictures": "🙂👩‍🚀 ﷽",
}


@pytest.fixture
async def server(new_server: NewServer, mailbox: Mailbox) -> Server:
    brand = Brand(name="Messagerie d'été", sender="Messagerie d'été <messagerie@example.org>", language="fr")
    return await new_server(email=mailbox.settings(), brands={"localhost": brand}, registration=Registration(open=True))


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
async def test_names_stay_in_the_subject(server: Server, mailbox: Mailbox, name: str) -> None:
    alice = await server.person("alice")
    await server.node.accounts.change(alice.id, profile={"displayname": name})
    room = await alice.create_room(name=name[:200])
    body = {"id_server": "localhost", "id_access_token": "x", "medium": "email", "address": "new@example.org"}
    await alice.call("POST", f"/rooms/{segment(room)}/invite", body)
    await until(lambda: mailbox.raw)
    envelope, raw = mailbox.raw[0]
    assert (envelope.mail_from, envelope.rcpt_tos) == ("messagerie@example.org", ["new@example.org"])
    head, _, _ = raw.partition(b"\r\n\r\n")
    assert head.isascii() and max(map(len, head.split(b"\r\n"))) < 200
    seen = email.message_from_bytes(raw, policy=email.policy.compat32)
    assert sorted(header.lower() for header in seen) == sorted(HEADERS)
    read: Any = email.message_from_bytes(raw, policy=email.policy.default)
    assert [a.addr_spec for a in read["To"].addresses] == ["new@example.org"]
    assert [(a.display_name, a.addr_spec) for a in read["From"].addresses] == [("Messagerie d'été", "messagerie@example.org")]
    assert [part.get_content_type() for part in read.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert "<script>" not in read.get_body(("html",)).get_content()
    subject = str(email.header.make_header(email.header.decode_header(seen["Subject"])))
    assert " vous invite – Messagerie d'été" in subject and "\n" not in subject and "\r" not in subject
    if name.startswith("=?"):
        assert name[:20] in subject, "an encoded word is what somebody wrote, and is shown so"


@pytest.mark.parametrize("recipient", ["=?utf-8?q?evil=40evil.example=3e=00?=prefet@example.org", "a@b.example,c@d.example"])
async def test_a_mail_to_what_is_no_address_does_not_leave(server: Server, mailbox: Mailbox, recipient: str) -> None:
    """Were it in the queue nevertheless."""
    await _queue(server, recipient, "for nobody")
    await until(lambda: server.node.database.fetchval("SELECT count(*) = 0 FROM outgoing_mail"))
    assert mailbox.raw == []


async def test_one_bad_mail_holds_up_no_other(server: Server, mailbox: Mailbox) -> None:
    database = server.node.database
    await _queue(server, "=?utf-8?q?a=0d=0abcc=3ax=40evil.example?=@example.org", "poison", created=0)
    await _queue(server, "first@example.org", "refused", created=1)
    await _queue(server, "second@example.org", "good", created=2)
    mailbox.refuse = ["451 later"]
    server.node.mail._wake.set()
    await mailbox.next("second@example.org")
    await until(lambda: database.fetchval("SELECT array_agg(recipient) = '{first@example.org}' FROM outgoing_mail"))
    await database.execute("UPDATE outgoing_mail SET due_ts = 0")
    server.node.mail._wake.set()
    await mailbox.next("first@example.org")
    await until(lambda: database.fetchval("SELECT count(*) = 0 FROM outgoing_mail"))
    assert len(mailbox.raw) == 2, "each of the good ones left once"


async def test_a_mail_that_is_claimed_is_no_other_process_s(server: Server, mailbox: Mailbox, new_server: NewServer) -> None:
    """What is being sent is not sent by another node; a claim that nobody came back to ends."""
    database, now = server.node.database, server.node.now_ms()
    await _queue(server, "once@example.org", "claimed", due=now + 100_000)
    assert not await server.node.mail.send_due()
    await database.execute("UPDATE outgoing_mail SET due_ts = 0")
    server.node.mail._wake.set()
    await mailbox.next("once@example.org")


@pytest.mark.parametrize(
    "sender", ["x", "a@b.example, c@d.example", "A <x@y.example> <z@y.example>", "=?utf-8?q?a=40b?=@c.example"]
)
def test_who_cannot_send(sender: str) -> None:
    with pytest.raises(BadRequest):
        parse_sender(sender)


def test_a_mail_that_does_not_say_what_was_meant_is_not_made() -> None:
    sender = parse_sender("a@example.org")
    with pytest.raises(BadRequest):
        serialise(sender, "x@example.org\r\nBcc: evil@evil.example", "s", "p", "h", 1, "1")  # type: ignore[arg-type]
    with pytest.raises(BadRequest):
        serialise(sender, parse_email("x@example.org"), "s", "p", "h", 1, "1>\r\nBcc: <evil@evil.example")


async def _queue(server: Server, recipient: str, subject: str, created: int | None = None, due: int = 0) -> None:
    now = server.node.now_ms()
    await server.node.database.execute(
        """INSERT INTO outgoing_mail (recipient, sender, subject, plain, html, due_ts, created_ts)
           VALUES ($1, 'no-reply@example.org', $2, 'p', 'h', $3, $4)""",
        recipient,
        subject,
        due or (created or 0),
        now,
    )
    server.node.mail._wake.set()
