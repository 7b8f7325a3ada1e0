"""With whom this installation talks."""

from __future__ import annotations

from typing import Literal

import msgspec


class Boundary(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """With whom one hosted domain talks, where that differs from the others."""

    mode: Literal["open", "listed", "closed"] = "listed"
    allowed: list[str] = []


class Federation(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """With whom this installation talks. `allowed`: patterns of server names (`*.gouv.fr`), for the mode "listed".

    `delegate_to`: by hosted domain, the `m.server` that its well-known page names. `notaries`: servers that are asked for
    the keys of others that do not answer. `allow_private_addresses`: for test networks and intranets. `domains`: by hosted
    domain, boundaries of its own. `people_of`: servers whose people are found here by name, and that may find ours.
    `device_names`: whether other servers are told what people call their devices.
    """

    mode: Literal["open", "listed", "closed"] = "listed"
    allowed: list[str] = []
    delegate_to: dict[str, str] = {}
    notaries: list[str] = []
    allow_private_addresses: bool = False
    proxy: str | None = None
    domains: dict[str, Boundary] = {}
    people_of: list[str] = []
    device_names: bool = False


FEDERATION = """\
[federation]
# mode = "listed"                    # "open": with every server; "closed": with none
# allowed = []                       # with these, in the mode "listed": names or patterns such as "*.gouv.fr"
# notaries = []                      # servers asked for the keys of others that do not answer
# allow_private_addresses = false    # true on a test network or an intranet
# proxy = "http://proxy:3128"        # for everything that goes to other servers
# people_of = []                     # servers whose people are found here by name, and that may search for ours (they name us, too)
# device_names = false               # whether other servers are told what people call their devices ("Bob's phone")
# [federation.domains."example.org"] # of one hosted domain, in place of the two first lines
# mode = "closed"
# allowed = []
# [federation.delegate_to]           # what /.well-known/matrix/server says, by hosted domain; by default this address
# "example.org" = "matrix.example.org:443"
"""
