"""How hosted domains call themselves, and where people of other organisations are sent."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

ORGANISATIONS_ELSEWHERE = """\
# [organisations_elsewhere]          # people whose addresses end so are sent to their own organisation's Chappe
# "ville.example" = "https://messages.ville.example"
"""


class Brand(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How a hosted domain calls itself: in its pages, its mail and the web client.

    `email_domains`: whose addresses are its people's. `links`: help, accessibility, privacy, source, status, terms.
    `features`: what the web client offers, each `true` unless said otherwise.
    """

    name: str = "Chappe"
    colour: Annotated[str, Meta(pattern="^#[0-9a-fA-F]{6}$")] = "#0d6478"
    logo_url: str | None = None
    sender: str | None = None
    language: Literal["fr", "en"] = "fr"
    email_domains: list[str] = []
    welcome: str | None = None
    links: dict[str, str] = {}
    features: dict[str, bool] = {}


BRANDS = """\
# [brands."example.org"]             # of a hosted domain, in its pages, its mails and the web client
# name = "Chappe"
# colour = "#0d6478"
# logo_url = "https://…"
# sender = "no-reply@example.org"
# language = "fr"
# email_domains = ["example.org"]    # whose addresses are its people's; once one domain has some, others are refused
# welcome = "…"                      # said beside the sign-in form
# [brands."example.org".links]       # shown in the web client; also accessibility, privacy, source, status, terms
# help = "https://…"
# [brands."example.org".features]    # what the web client offers; also voice_messages, polls
# forums = true
"""
