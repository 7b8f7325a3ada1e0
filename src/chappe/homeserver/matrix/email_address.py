"""E-mail addresses, parsed once, in one place.

An address is either exactly `local@domain` as written or it is none: display names, comments, quoted parts, second
addresses and white space are refused rather than understood (an identity server that let a library pick one address out
of two gave accounts to strangers in 2019).
"""

from __future__ import annotations

import re

from chappe.homeserver.matrix.errors import BadRequest

MAX_ADDRESS = 255
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+")


def parse_email(text: str) -> str:
    """The address as it is stored and compared: lower case. Raises M_INVALID_PARAM."""
    if len(text) > MAX_ADDRESS or _ADDRESS.fullmatch(text) is None or len(text.partition("@")[0]) > 64:
        raise BadRequest("This is not an e-mail address", "M_INVALID_PARAM")
    return text.lower()


def masked(address: str) -> str:
    """What others may see of an address that is not theirs to know."""
    local, _, domain = address.partition("@")
    return f"{local[:1]}...@{domain[:1]}..."
