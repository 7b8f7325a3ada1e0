"""Who gets an account here, and what proves that it is theirs."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Registration(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    open: bool = False
    by_token: bool = False
    guests: bool = False
    email_required: bool = False
    shared_secret: str | None = None


REGISTRATION = """\
[registration]
# open = false                       # anybody may create an account
# by_token = false                   # whoever has a token: chappe admin token add
# guests = false
# email_required = false             # accounts need a proven e-mail address; also opens registration
# shared_secret = "…"                # for scripts, through /_synapse/admin/v1/register
"""


class Passwords(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    memory_kib: Annotated[int, Meta(ge=8, le=4_194_304)] = 65_536
    passes: Annotated[int, Meta(ge=1, le=100)] = 3
    minimum_length: Annotated[int, Meta(ge=1, le=512)] = 8
    requires: list[Literal["digit", "symbol", "lowercase", "uppercase"]] = []


PASSWORDS = """\
[passwords]
# memory_kib = 65536                 # argon2id
# passes = 3
# minimum_length = 8
# requires = []                      # "digit", "symbol", "lowercase", "uppercase"
"""


class SecondFactor(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Who must have a second factor; anybody may."""

    required_domains: list[str] = []
    required_for_admins: bool = False


SECOND_FACTOR = """\
[second_factor]                      # one-time codes and passkeys; anybody may have them
# required_domains = []              # hosted domains where everybody must
# required_for_admins = false
"""
