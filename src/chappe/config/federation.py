"""With whom this installation talks."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from chappe.config.values import says

_NOBODY = "A name or pattern that fits no server lets nobody in."


class Boundary(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """With whom one hosted domain talks, in place of what holds for all."""

    mode: Annotated[
        Literal["open", "listed", "closed"], says("With every server, with those that are listed here, or with none.")
    ] = "listed"
    allowed: Annotated[
        list[str], says("With whom this domain talks in the mode `listed`.", example=["*.gouv.fr"], wrong=_NOBODY)
    ] = []


class Federation(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """With whom this installation talks."""

    mode: Annotated[
        Literal["open", "listed", "closed"], says("Whether that is every server, those that are named in `allowed`, or none.")
    ] = "listed"
    allowed: Annotated[
        list[str],
        says(
            "The servers of the mode `listed`: their names, or patterns. Empty: none, and the server is alone.",
            example=["ville.example", "*.gouv.fr"],
            wrong=_NOBODY,
        ),
    ] = []
    notaries: Annotated[
        list[str],
        says(
            "Servers that are asked for the keys of others which do not answer themselves.",
            example=["matrix.org"],
            wrong="They are asked in vain, and what such a server said stays unproven.",
        ),
    ] = []
    allow_private_addresses: Annotated[
        bool, says("Servers may be reached at private addresses. Set it on a test network or an intranet only.")
    ] = False
    proxy: Annotated[
        str | None,
        says(
            "The proxy by which everything goes that is asked of other servers.",
            example="http://proxy.example.org:3128",
            wrong="No other server is reached; what is for them waits.",
        ),
    ] = None
    people_of: Annotated[
        list[str],
        says(
            "Servers whose people are found here by name, and that may search for ours. They must name us, too.",
            example=["ville.example"],
            wrong="Nobody is found there. Who is not named may not search here.",
        ),
    ] = []
    device_names: Annotated[bool, says("Other servers are told what people call their devices, such as “Bob's phone”.")] = False
    delegate_to: Annotated[
        dict[str, str],
        says(
            "By hosted domain, where other servers reach it: what `/.well-known/matrix/server` says. Left out: this server's address.",
            example={"example.org": "matrix.example.org:443"},
            wrong="Other servers do not reach the domain.",
        ),
    ] = {}
    domains: dict[str, Boundary] = {}
