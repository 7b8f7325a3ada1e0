"""The link of an invitation's mail: it proves that whoever opens it reads the mail of the address.

The link itself says which invitation it is of and to which address it went, and the installation has signed it: nothing more is
kept of it, and of an invitation that waits no more it can still be said what became of it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass

import msgspec

from chappe.homeserver.database.server_time import NowMs

PATH = "/invitation"
PROVES_FOR_MS = 30 * 86_400_000  # a mailbox may be somebody else's after that
_MAC_BYTES = 16


@dataclass(frozen=True, slots=True)
class InvitationLink:
    """`token`: of the invitation. `is_fresh`: whether it still proves the address."""

    token: str
    address: str
    is_fresh: bool


class InvitationLinks:
    """`secret`: of the installation."""

    def __init__(self, secret: bytes, now_ms: NowMs) -> None:
        self._key = hashlib.sha256(b"invitation links" + secret).digest()
        self._now_ms = now_ms

    def make(self, token: str, address: str) -> str:
        said = msgspec.json.encode((token, address, self._now_ms()))
        return f"{_text(said)}.{_text(self._mac(said))}"

    def read(self, link: str) -> InvitationLink | None:
        """None for what this installation has not made."""
        said, _, mac = (_bytes(part) for part in link.partition("."))
        if not hmac.compare_digest(mac, self._mac(said)):
            return None
        token, address, made_ts = msgspec.json.decode(said, type=tuple[str, str, int])
        return InvitationLink(token, address, self._now_ms() - made_ts < PROVES_FOR_MS)

    def _mac(self, said: bytes) -> bytes:
        return hmac.new(self._key, said, hashlib.sha256).digest()[:_MAC_BYTES]


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    """Nothing, for what is no base64."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return b""
