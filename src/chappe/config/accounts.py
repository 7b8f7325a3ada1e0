"""Who gets an account here, and what proves that it is theirs."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from chappe.config.values import says


class Registration(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Who may make an account by themselves. With none of these, administrators and identity providers make all accounts."""

    open: Annotated[bool, says("Anybody who reaches the server may create an account.")] = False
    by_token: Annotated[bool, says("Whoever was given a token may create an account: `chappe admin token add`.")] = False
    guests: Annotated[
        bool,
        says(
            "Clients may sign in as a passing guest, without a name or a password, and read what is public. The public-sector layer "
            "has none of these guests, whatever is set here."
        ),
    ] = False
    email_required: Annotated[
        bool, says("A new account needs an e-mail address that was proven by mail. This opens registration as well.")
    ] = False
    shared_secret: Annotated[
        str | None,
        says(
            "A secret with which a script creates accounts, administrators too, at `/_synapse/admin/v1/register`.",
            example="…",
            wrong="The script that has another one is refused (403). One that can be guessed gives the server away.",
        ),
    ] = None


class Passwords(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What passwords must be like, and how they are kept (argon2id). Passwords that were set under other values stay valid."""

    memory_kib: Annotated[
        int,
        Meta(ge=8, le=4_194_304),
        says(
            "The memory that checking one password takes. More makes a stolen database harder to guess; two are checked at once."
        ),
    ] = 65_536
    passes: Annotated[
        int, Meta(ge=1, le=100), says("How often the check goes through that memory. More takes longer.", unit="passes")
    ] = 3
    minimum_length: Annotated[int, Meta(ge=1, le=512), says("How long a new password is at least.", unit="characters")] = 8
    requires: Annotated[
        list[Literal["digit", "symbol", "lowercase", "uppercase"]],
        says("What a new password must hold at least one of.", example=["digit", "symbol"]),
    ] = []


class SecondFactor(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Who must have a second factor (a one-time code or a passkey); anybody may."""

    required_domains: Annotated[
        list[str],
        says(
            "Hosted domains on which everybody must have one.",
            example=["example.org"],
            wrong="A domain that is not hosted here changes nothing.",
        ),
    ] = []
    required_for_admins: Annotated[bool, says("Administrators of the whole server must have one.")] = False
