"""A mail as it leaves, and the proof that it says what was meant.

Headers are encoded here, word by word: what a person wrote is never read as a header's own syntax. Before it is sent the
finished mail is read back, and must be addressed to the one recipient and have the expected headers only.
"""

from __future__ import annotations

import email
import email.policy
import email.utils
import re
import unicodedata
from dataclasses import dataclass
from email.errors import MessageError
from email.header import Header, decode_header, make_header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from typing import Any

from chappe.matrix.email_address import EmailAddress, parse_email
from chappe.matrix.errors import BadRequest

HEADERS = ("content-type", "mime-version", "from", "to", "subject", "date", "message-id", "auto-submitted")
_NAMED = re.compile(r"([^<>]*)<([^<>]+)>\s*")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LINES = email.policy.compat32.clone(linesep="\r\n", max_line_length=76)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes, as the operator set it: an address, or `Name <address>`."""

    name: str
    address: EmailAddress


def parse_sender(text: str) -> Sender:
    """Raises M_INVALID_PARAM for what is neither an address nor `Name <address>`."""
    match = _NAMED.fullmatch(text)
    if match is None:
        return Sender("", _own_address(text.strip()))
    return Sender(one_line(match[1]).strip('"'), _own_address(match[2].strip()))


def _own_address(text: str) -> EmailAddress:
    """The service's own address may be this machine's."""
    local, _, domain = text.partition("@")
    if domain != "localhost":
        return parse_email(text)
    parse_email(f"{local}@localhost.invalid")
    return EmailAddress(text.lower())


def one_line(text: str) -> str:
    """Text for one line: control characters, line ends of any kind and marks that turn the direction of reading are spaces."""
    return " ".join("".join(" " if _is_unfit(char) else char for char in text).split())


def _is_unfit(char: str) -> bool:
    return char in _BIDI or unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")


def serialise(
    sender: Sender, recipient: EmailAddress, subject: str, plain: str, html: str, created_ts: int, name: str
) -> bytes:
    """The whole mail. `name`: of this mail, for its Message-ID. Raises BadRequest where it does not say what was meant."""
    subject, domain = one_line(subject), sender.address.partition("@")[2]
    message: Any = MIMEMultipart("alternative", policy=_LINES)
    message["From"] = _from(sender)
    message["To"] = recipient
    message["Subject"] = Header(subject, "utf-8", header_name="Subject")
    message["Date"] = email.utils.formatdate(created_ts / 1000)
    message["Message-ID"] = f"<{name}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.attach(MIMEText(plain, "plain", "utf-8", policy=_LINES))
    message.attach(MIMEText(html, "html", "utf-8", policy=_LINES))
    try:
        raw: bytes = message.as_bytes(policy=_LINES)
    except MessageError:
        raise BadRequest("A mail cannot be made of this", "M_INVALID_PARAM") from None
    _require_as_meant(raw, sender, recipient, subject)
    return raw


def _from(sender: Sender) -> str:
    if not sender.name:
        return f"<{sender.address}>"
    return f"{Header(sender.name, 'utf-8', header_name='From').encode(linesep='')} <{sender.address}>"


def _require_as_meant(raw: bytes, sender: Sender, recipient: EmailAddress, subject: str) -> None:
    """Reads it as the receiver will."""
    head, _, _ = raw.partition(b"\r\n\r\n")
    seen = email.message_from_bytes(raw, policy=email.policy.compat32)
    understood = email.message_from_bytes(raw, policy=email.policy.default)
    to, writer = understood["To"].addresses, understood["From"].addresses
    if not (
        head.isascii()
        and sorted(seen_name.lower() for seen_name in seen) == sorted(HEADERS)
        and [address.addr_spec for address in to] == [recipient]
        and [address.addr_spec for address in writer] == [sender.address]
        and str(make_header(decode_header(seen["Subject"]))) == subject
        and [part.get_content_type() for part in seen.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    ):
        raise BadRequest("A mail does not say what was meant", "M_INVALID_PARAM")
