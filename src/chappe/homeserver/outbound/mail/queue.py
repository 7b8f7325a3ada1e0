"""The queue of outgoing mail: a mail is durable before whoever asked for it is answered, and tried again until it leaves.

It is queued in the commit of what it tells of, and in no other way: there is no letter about what has not happened, nothing
happens that its letter does not tell of, and who repeats what did not happen makes one letter of it.

One mail is claimed, sent and marked at a time: what happens to one, whether it cannot be built or is refused, is its own, and
what has been sent is not sent again. A claim is a lease, so that a process that dies keeps no mail.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import available_timezones

import aiosmtplib
from asyncpg.pool import PoolConnectionProxy
from msgspec.structs import astuple

from chappe.config import Brand, Email
from chappe.homeserver.database.group_writer import Write
from chappe.homeserver.database.pool import DATABASE_LOST, Database
from chappe.homeserver.database.rows import Row, columns, find
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.database.writing_function import Fragment
from chappe.homeserver.outbound.mail.letters import Letter, compose
from chappe.homeserver.outbound.mail.message import parse_sender, serialise
from chappe.i18n import spoken
from chappe.matrix.email_address import EmailAddress, parse_email
from chappe.matrix.errors import BadRequest, MatrixError

log = logging.getLogger(__name__)
RETRY_FIRST_MS, RETRY_MOST_MS = 30_000, 6 * 3_600_000
GIVE_UP_AFTER_MS = 3 * 86_400_000
LOOK_EVERY, SOON = 5.0, 0.1  # seconds; soon: what is queued in a transaction is there when that ends
SEND_SECONDS, LEASE_MS = 90, 300_000


class LetterRow(Row):
    recipient: str
    sender: str
    subject: str
    plain: str
    html: str
    queued_ts: int


_INSERT = "INSERT INTO outgoing_mail (recipient, sender, subject, plain, html, due_ts, created_ts)"
FRAGMENT = Fragment(
    "letters",
    LetterRow,
    f"""
    {_INSERT}
    SELECT m.recipient, m.sender, m.subject, m.plain, m.html, m.queued_ts, m.queued_ts
      FROM unnest(letters_rows) m WHERE m._lane <> ALL (bad);""",
)


@dataclass(frozen=True, slots=True)
class Mail:
    """Composed, and queued nowhere yet."""

    recipient: EmailAddress
    sender: str
    letter: Letter
    queued_ts: int

    @property
    def row(self) -> LetterRow:
        letter = self.letter
        return LetterRow(
            recipient=self.recipient,
            sender=self.sender,
            subject=letter.subject,
            plain=letter.plain,
            html=letter.html,
            queued_ts=self.queued_ts,
        )


class OutgoingMail(Row):
    id: int
    recipient: str
    sender: str
    subject: str
    plain: str
    html: str
    attempts: int
    due_ts: int
    created_ts: int
    last_error: str | None


class MailQueue:
    """`may_link`: whether an address may stand in a mail (see `PublicUrl`). Raises M_INVALID_PARAM for a wrong sender or zone."""

    def __init__(
        self,
        database: Database,
        settings: Email,
        brands: dict[str, Brand],
        may_link: Callable[[str], bool],
        now_ms: NowMs,
        extra_ca_file: str | None,
    ) -> None:
        self._settings, self._brands, self._now_ms = settings, brands, now_ms
        self._database = database
        self._may_link, self._extra_ca_file, self._wake = may_link, extra_ca_file, asyncio.Event()
        for sender in [settings.sender, *(brand.sender for brand in brands.values() if brand.sender)]:
            try:
                parse_sender(sender)
            except BadRequest:
                raise BadRequest(f"{sender!r} cannot be the sender of mails", "M_INVALID_PARAM") from None
        for brand in brands.values():
            if brand.timezone not in available_timezones():
                raise BadRequest(f"`timezone` of a brand is not known: {brand.timezone!r}", "M_INVALID_PARAM")

    @property
    def is_on(self) -> bool:
        return self._settings.host is not None

    @property
    def link_minutes(self) -> int:
        return self._settings.link_minutes

    def brand(self, server_name: str) -> Brand:
        return self._brands.get(server_name) or Brand()

    @property
    def names(self) -> list[str]:
        """What the service is called, in any of its domains."""
        return [Brand().name, *(brand.name for brand in self._brands.values())]

    def require_on(self, link: str | None = None) -> None:
        """Raises M_THREEPID_MEDIUM_NOT_SUPPORTED, also where a mail is of no use without a link that may not be sent."""
        if not self.is_on:
            raise BadRequest("This server does not send e-mail", "M_THREEPID_MEDIUM_NOT_SUPPORTED")
        if link is not None and not self._may_link(link):
            raise BadRequest(
                "This server cannot send links by e-mail yet: its operator has to set public_url",
                "M_THREEPID_MEDIUM_NOT_SUPPORTED",
            )

    def compose(
        self,
        kind: str,
        recipient: str,
        server_name: str,
        language: str | None,
        link: str | None = None,
        extra: tuple[str, ...] = (),
        **values: object,
    ) -> Mail:
        """One of the letters of `letters.TEXTS`, to be queued; a link that may not be sent is left out.

        `language`: what its reader reads, also as an Accept-Language header; else it is the brand's. Raises M_INVALID_PARAM for a
        bad address.
        """
        brand, address = self.brand(server_name), parse_email(recipient)
        if link is not None and not self._may_link(link):
            link = None
        letter = compose(
            kind, spoken(language) or brand.language, brand, link, extra, minutes=self._settings.link_minutes, **values
        )
        return Mail(address, brand.sender or self._settings.sender, letter, self._now_ms())

    async def put(self, connection: PoolConnectionProxy, *mails: Mail) -> None:
        """Queues them in a transaction: that of what they tell of."""
        for mail in mails:
            await connection.execute(f"{_INSERT} VALUES ($1, $2, $3, $4, $5, $6, $6)", *astuple(mail.row))
        self.send_soon()

    def put_with(self, write: Write, *mails: Mail) -> None:
        """Queues them in the group writer's commit of what they tell of."""
        for mail in mails:
            write.add(mail.row)
        write.future.add_done_callback(lambda _: self.send_soon())

    def send_soon(self) -> None:
        """Something was queued, or will be in a moment."""
        self._wake.set()

    # ------------------------------------------------------------------------------------------------- sending

    async def run(self) -> None:
        """Until cancelled."""
        pause = LOOK_EVERY
        while self.is_on:
            try:
                while await self.send_due():
                    pass
            except (TimeoutError, *DATABASE_LOST):
                await asyncio.sleep(1)
            except Exception:
                log.exception("mail could not be sent")
            try:
                await asyncio.wait_for(self._wake.wait(), pause)
                pause = SOON
            except TimeoutError:
                pause = LOOK_EVERY
            self._wake.clear()  # before the next look: what is queued during it is not forgotten

    async def send_due(self) -> bool:
        """Sends one. Returns whether there may be more."""
        now = self._now_ms()
        row = await find(
            self._database,
            OutgoingMail,
            f"""UPDATE outgoing_mail SET due_ts = $2 WHERE id = (
                   SELECT id FROM outgoing_mail WHERE due_ts <= $1 ORDER BY due_ts, id LIMIT 1 FOR UPDATE SKIP LOCKED)
               RETURNING {columns(OutgoingMail)}""",
            now,
            now + LEASE_MS,
        )
        if row is None:
            return False
        error, is_final = await self._outcome(row)
        is_final = is_final or now - row.created_ts > GIVE_UP_AFTER_MS
        if error is not None:
            fields = {"mail": row.id, "error": error, "given_up": is_final}
            log.warning("a mail was not taken", extra={"fields": fields})
        if error is None or is_final:
            await self._forget(row.id)
            return True
        wait = min(RETRY_FIRST_MS << min(row.attempts, 16), RETRY_MOST_MS)
        await self._database.execute(
            "UPDATE outgoing_mail SET attempts = attempts + 1, due_ts = $2, last_error = $3 WHERE id = $1",
            row.id,
            now + wait,
            error,
        )
        return True

    async def _forget(self, number: int) -> None:
        """It has left: a database that is away for a moment must not have it sent again when the claim ends."""
        while True:
            try:
                await self._database.execute("DELETE FROM outgoing_mail WHERE id = $1", number)
                return
            except (TimeoutError, *DATABASE_LOST):
                await asyncio.sleep(0.2)

    async def _outcome(self, row: OutgoingMail) -> tuple[str | None, bool]:
        """(what went wrong with one mail, whatever it is; whether it is no use to try again)."""
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._send(row)
        except aiosmtplib.SMTPRecipientsRefused as error:
            return str(error)[:300], all(r.code >= 500 for r in error.recipients)
        except aiosmtplib.SMTPResponseException as error:
            return str(error)[:300], 550 <= error.code <= 559
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            return f"{type(error).__name__}: {error}"[:300], False
        except MatrixError as error:  # it does not say what was meant, and never will
            return error.message, True
        except Exception as error:
            log.exception("a mail could not be sent", extra={"fields": {"mail": row.id}})
            return type(error).__name__, False
        return None, False

    async def _send(self, row: OutgoingMail) -> None:
        """To the address that was checked, whatever the mail's own header says."""
        settings, sender, recipient = self._settings, parse_sender(row.sender), parse_email(row.recipient)
        raw = serialise(sender, recipient, row.subject, row.plain, row.html, row.created_ts, f"{row.id}.{row.created_ts}")
        context = ssl.create_default_context()
        if self._extra_ca_file is not None:
            context.load_verify_locations(self._extra_ca_file)
        await aiosmtplib.send(
            raw,
            sender=sender.address,
            recipients=[recipient],
            hostname=settings.host,
            port=settings.port,
            username=settings.username,
            password=settings.password,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            timeout=30,
            tls_context=context,
        )
