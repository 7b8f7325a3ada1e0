"""How the service sends mail."""

from __future__ import annotations

from typing import Literal

import msgspec

from chappe.config.values import Port, Positive


class Email(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How the service sends mail. Without `host` it sends none, and what needs a proven address is switched off."""

    host: str | None = None
    port: Port = 25
    security: Literal["none", "starttls", "tls"] = "starttls"
    username: str | None = None
    password: str | None = None
    sender: str = "no-reply@localhost"
    link_minutes: Positive = 60
    digest_minutes: Positive = 10  # how long a message waits unread before its reader gets a mail


EMAIL = """\
[email]
# host = "smtp.example.org"          # without it the service sends no mail
# port = 25
# security = "starttls"              # or "tls", or "none"
# username = "…"
# password = "…"
# sender = "no-reply@example.org"
# link_minutes = 60                  # how long the links in mails are valid
# digest_minutes = 10                # how long a message waits unread before its reader gets a mail
"""
