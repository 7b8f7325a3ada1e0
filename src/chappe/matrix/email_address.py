"""E-mail addresses, parsed once, in one place, by a grammar that is narrower than mail's own.

An address is either exactly `local@domain` as written or it is none. Whatever another program could read otherwise is refused
rather than understood: display names, comments, quoted parts, second addresses and white space (an identity server that let a
library pick one address out of two gave accounts to strangers in 2019), encoded words (RFC 2047), the routes of old relays
(`%`, `!`), and names that are not written in ASCII.
"""

from __future__ import annotations

import re
from typing import NewType

from chappe.matrix.errors import BadRequest

EmailAddress = NewType("EmailAddress", str)

MAX_ADDRESS = 254
_ATOM = r"[A-Za-z0-9_'+-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?=[A-Za-z0-9_]){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?=[^@]*[A-Za-z]){_LABEL}", re.ASCII)


def parse_email(text: str) -> EmailAddress:
    """The address as it is stored and compared: lower case. Raises M_INVALID_PARAM."""
    if len(text) > MAX_ADDRESS or _ADDRESS.fullmatch(text) is None or len(text.partition("@")[0]) > 64:
        raise BadRequest("This is not an e-mail address", "M_INVALID_PARAM")
    address = text.lower()
    if not all(map(_is_plain, address.partition("@")[2].split("."))):
        raise BadRequest("This is not an e-mail address", "M_INVALID_PARAM")
    return EmailAddress(address)


def _is_plain(label: str) -> bool:
    """Whether a domain's label is as it looks; an internationalised one (`xn--`) must be the only spelling of letters and digits."""
    if label[2:4] != "--":
        return True
    try:
        shown = label.encode().decode("idna")
    except UnicodeError:
        return False
    return not shown.isascii() and all(char.isalnum() or char == "-" for char in shown)


def masked(address: str) -> str:
    """What others may see of an address that is not theirs to know."""
    local, _, domain = address.partition("@")
    return f"{local[:1]}...@{domain[:1]}..."
