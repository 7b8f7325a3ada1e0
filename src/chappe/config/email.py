"""How the service sends mail."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from chappe.config.values import Port, Positive, says

_QUEUED = "Mails wait in the queue and are tried again; the log says why."


class Email(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How the service sends mail."""

    host: Annotated[
        str | None,
        says(
            "The machine that takes the service's mails (SMTP). Left out: no mail is sent, and what needs a proven address is off.",
            example="smtp.example.org",
            wrong=_QUEUED,
        ),
    ] = None
    port: Annotated[Port, says("Its port: mostly 587 with starttls, 465 with tls.", wrong=_QUEUED)] = 25
    security: Annotated[
        Literal["none", "starttls", "tls"],
        says("How the connection to it is encrypted: not at all, after a greeting, or from the start.", wrong=_QUEUED),
    ] = "starttls"
    username: Annotated[
        str | None,
        says("The name with which the service signs in there. Left out: it does not.", example="chappe", wrong=_QUEUED),
    ] = None
    password: Annotated[str | None, says("The password that goes with it.", example="…", wrong=_QUEUED)] = None
    sender: Annotated[
        str,
        says(
            "The address from which mails come, where a brand names no other.",
            example="no-reply@example.org",
            wrong="What is no address stops the start.",
        ),
    ] = "no-reply@localhost"
    link_minutes: Annotated[Positive, says("How long the links in mails are valid.")] = 60
    digest_minutes: Annotated[
        Positive, says("How long a message waits unread before its reader gets a mail, if they want such mails.")
    ] = 10
