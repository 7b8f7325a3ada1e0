"""How hosted domains call themselves."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from chappe.config.values import ANY_TEXT, says, shaped


class Brand(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How a hosted domain calls itself: in its pages, its mails and the web client."""

    name: Annotated[str, says("The name of the service.", wrong=ANY_TEXT)] = "Chappe"
    colour: Annotated[
        str,
        shaped("^#[0-9a-fA-F]{6}$", "a # and six hexadecimal digits"),
        says("The colour of its buttons and links: red, green, blue."),
    ] = "#0d6478"
    logo_url: Annotated[
        str | None,
        says(
            "Where its picture is. Left out: the name alone.",
            example="https://www.example.org/logo.svg",
            wrong="No picture is shown.",
        ),
    ] = None
    sender: Annotated[
        str | None,
        says(
            "The address from which this domain's mails come. Left out: that of `[email]`.",
            example="no-reply@example.org",
            wrong="What is no address stops the start.",
        ),
    ] = None
    language: Annotated[
        Literal["fr", "en"], says("The language of its pages and mails, for people whose own is not known.")
    ] = "fr"
    timezone: Annotated[
        str,
        says(
            "By whose clock its mails say a day and an hour (a name of the IANA's list).",
            wrong="A name that is not in the list stops the start.",
        ),
    ] = "Europe/Paris"
    email_domains: Annotated[
        list[str],
        says(
            "Whose e-mail addresses belong to this domain. As soon as one domain has some, people with other addresses are refused.",
            example=["example.org"],
            wrong="People whose addresses are missing are told that no organisation is known for them.",
        ),
    ] = []
    welcome: Annotated[
        str | None, says("What is said beside the sign-in form.", example="The messenger of the town hall", wrong=ANY_TEXT)
    ] = None
    links: Annotated[
        dict[str, str],
        says(
            "What the web client links to: `help`, `accessibility`, `privacy`, `source`, `status`, `terms`.",
            example={"help": "https://help.example.org"},
            wrong="What has another name is not shown.",
        ),
    ] = {}
    features: Annotated[
        dict[str, bool],
        says(
            "What the web client offers: `forums`, `voice_messages`, `polls`, each unless it is `false`.",
            example={"polls": False},
            wrong="What has another name changes nothing.",
        ),
    ] = {}
