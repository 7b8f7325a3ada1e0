"""Modules of the specification that an operator can turn: presence, delayed events, bots, lookups, support."""

from __future__ import annotations

from typing import Annotated

import msgspec

from chappe.config.values import ANY_TEXT, Positive, says


class PresenceConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Whether people see of each other who is online."""

    enabled: Annotated[bool, says("It is told when somebody is there, and since when not.")] = True
    disabled_domains: Annotated[
        list[str],
        says(
            "Hosted domains whose people show nothing of it.",
            example=["example.org"],
            wrong="A domain that is not one of those hosted has no effect.",
        ),
    ] = []


class DelayedEventsConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Messages that a client leaves with the server to be sent later, such as the end of a call."""

    max_delay_hours: Annotated[Positive, says("How far ahead such a message may be set; later ones are refused (400).")] = 24
    max_scheduled: Annotated[
        Positive, says("How many of an account wait at once; another one is refused until one is sent.", unit="messages")
    ] = 100


class Bots(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Bots and webhooks that people make themselves."""

    enabled: Annotated[bool, says("People may make bots, and webhooks in rooms that they run.")] = True
    max_per_user: Annotated[Positive, says("How many bots one person has at most.", unit="bots")] = 10
    max_webhooks_per_user: Annotated[Positive, says("How many webhooks one person has at most.", unit="webhooks")] = 50


class IdentityService(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What people accept before they look others up by their addresses."""

    terms_url: Annotated[
        str | None,
        says(
            "Where these terms are. Left out: there is nothing to accept.",
            example="https://example.org/terms",
            wrong="People cannot read what they accept. Another address is asked of everybody anew.",
        ),
    ] = None
    terms_name: Annotated[str, says("What the terms are called.", wrong=ANY_TEXT)] = "Terms"
    terms_version: Annotated[str, says("Which version of the terms it is, as clients show it.", wrong=ANY_TEXT)] = "1"


class Contact(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Somebody to turn to, as `/.well-known/matrix/support` tells."""

    role: Annotated[
        str,
        says(
            "What for: `m.role.admin`, or `m.role.security` for those who find a weakness.",
            wrong="Clients do not know what another word means.",
        ),
    ] = "m.role.admin"
    matrix_id: Annotated[str | None, says("Their user id.", example="@admin:example.org", wrong="Nobody is reached by it.")] = (
        None
    )
    email_address: Annotated[
        str | None, says("Their e-mail address.", example="admin@example.org", wrong="Mails to it come back.")
    ] = None


class Support(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where people find help."""

    page: Annotated[
        str | None,
        says("A page with help.", example="https://help.example.org", wrong="Clients lead to a page that is not there."),
    ] = None
    contacts: list[Contact] = []
