"""The queue of outgoing mail: a mail is durable before whoever asked for it is answered, and tried again until it leaves."""

from __future__ import annotations

import asyncio
import email.utils
import logging
import ssl
from collections.abc import Callable
from email.message import EmailMessage

import aiosmtplib

from chappe.config import Brand, Email
from chappe.homeserver.database.pool import DATABASE_LOST, Database, Row
from chappe.homeserver.matrix.email_address import parse_email
from chappe.homeserver.matrix.errors import BadRequest
from chappe.homeserver.outbound.mail.letters import Letter, compose

log = logging.getLogger(__name__)
RETRY_FIRST_MS, RETRY_MOST_MS = 30_000, 6 * 3_600_000
GIVE_UP_AFTER_MS = 3 * 86_400_000
LOOK_EVERY = 5.0
AT_ONCE = 20


class MailQueue:
    def __init__(
        self, database: Database, settings: Email, brands: dict[str, Brand], now_ms: Callable[[], int],
        extra_ca_file: str | None,
    ) -> None:  # fmt: skip
        self._database, self._settings, self._brands, self._now_ms = database, settings, brands, now_ms
        self._extra_ca_file, self._wake = extra_ca_file, asyncio.Event()

    @property
    def is_on(self) -> bool:
        return self._settings.host is not None

    @property
    def link_minutes(self) -> int:
        return self._settings.link_minutes

    def brand(self, server_name: str) -> Brand:
        return self._brands.get(server_name) or Brand()

    def require_on(self) -> None:
        """Raises M_THREEPID_MEDIUM_NOT_SUPPORTED."""
        if not self.is_on:
            raise BadRequest("This server does not send e-mail", "M_THREEPID_MEDIUM_NOT_SUPPORTED")

    async def write(
        self, kind: str, recipient: str, server_name: str, language: str | None, link: str | None = None,
        extra: tuple[str, ...] = (), **values: object,
    ) -> None:  # fmt: skip
        """Queues one of the letters of `letters.TEXTS`. Raises M_INVALID_PARAM for a bad address."""
        brand = self.brand(server_name)
        letter = compose(
            kind, language or brand.language, brand, link, extra, minutes=self._settings.link_minutes, **values
        )
        await self.add(parse_email(recipient), brand.sender or self._settings.sender, letter)

    async def add(self, recipient: str, sender: str, letter: Letter) -> None:
        now = self._now_ms()
        await self._database.execute(
            """INSERT INTO outgoing_mail (recipient, sender, subject, plain, html, due_ts, created_ts)
               VALUES ($1, $2, $3, $4, $5, $6, $6)""",
            recipient, sender, letter.subject, letter.plain, letter.html, now,
        )  # fmt: skip
        self._wake.set()

    # ------------------------------------------------------------------------------------------------- sending

    async def run(self) -> None:
        """Until cancelled. Several processes share the queue: a row is locked while it is being sent."""
        while self.is_on:
            try:
                while await self.send_due():
                    pass
            except (TimeoutError, *DATABASE_LOST):
                await asyncio.sleep(1)
            except Exception:
                log.exception("mail could not be sent")
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), LOOK_EVERY)
            except TimeoutError:
                continue

    async def send_due(self) -> bool:
        """Sends some. Returns whether there may be more."""
        async with self._database.transaction(background=True) as connection:
            rows = await connection.fetch(
                "SELECT * FROM outgoing_mail WHERE due_ts <= $1 ORDER BY due_ts LIMIT $2 FOR UPDATE SKIP LOCKED",
                self._now_ms(), AT_ONCE,
            )  # fmt: skip
            for row in rows:
                error, is_final = await self._send(row)
                if error is None:
                    await connection.execute("DELETE FROM outgoing_mail WHERE id = $1", row["id"])
                    continue
                is_final = is_final or self._now_ms() - row["created_ts"] > GIVE_UP_AFTER_MS
                log.warning("a mail was not taken", extra={"fields": {"error": error, "given_up": is_final}})
                if is_final:
                    await connection.execute("DELETE FROM outgoing_mail WHERE id = $1", row["id"])
                else:
                    wait = min(RETRY_FIRST_MS << min(row["attempts"], 16), RETRY_MOST_MS)
                    await connection.execute(
                        "UPDATE outgoing_mail SET attempts = attempts + 1, due_ts = $2, last_error = $3 WHERE id = $1",
                        row["id"], self._now_ms() + wait, error,
                    )  # fmt: skip
        return len(rows) == AT_ONCE

    async def _send(self, row: Row) -> tuple[str | None, bool]:
        """(what went wrong, whether it is no use to try again)."""
        settings = self._settings
        context = ssl.create_default_context()
        if self._extra_ca_file is not None:
            context.load_verify_locations(self._extra_ca_file)
        try:
            await aiosmtplib.send(
                message_of(row), hostname=settings.host, port=settings.port, username=settings.username,
                password=settings.password, use_tls=settings.security == "tls",
                start_tls=settings.security == "starttls", timeout=30, tls_context=context,
            )  # fmt: skip
        except aiosmtplib.SMTPRecipientsRefused as error:
            return str(error)[:300], all(r.code >= 500 for r in error.recipients)
        except aiosmtplib.SMTPResponseException as error:
            return str(error)[:300], 550 <= error.code <= 559
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            return f"{type(error).__name__}: {error}"[:300], False
        return None, False


def message_of(row: Row) -> EmailMessage:
    """The mail as it leaves. The library refuses line breaks in headers; they have been taken out before."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = row["sender"], row["recipient"], row["subject"]
    message["Date"] = email.utils.formatdate(row["created_ts"] / 1000)
    message["Message-ID"] = f"<{row['id']}.{row['created_ts']}@{row['sender'].rpartition('@')[2].rstrip('>')}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(row["plain"])
    message.add_alternative(row["html"], subtype="html")
    return message
