"""What an agent is called: derived from the proven address, so that nobody calls themselves somebody else. Pure."""

from __future__ import annotations

import re
import unicodedata

_KEPT = re.compile(r"[^a-z0-9_\-./=]")


def localpart_of_address(address: str) -> str:
    """`john.doe@example.com` → `john.doe-example.com`, as the deployed servers of the French State do it."""
    return _KEPT.sub("", address.lower().replace("@", "-")).lstrip("_")[:200]


def name_of_address(address: str) -> str:
    """`jean-pierre.o.martin@…` → `Jean-Pierre O Martin`."""
    words = [word for word in address.partition("@")[0].replace("_", ".").split(".") if word]
    return " ".join("-".join(part[:1].upper() + part[1:].lower() for part in word.split("-")) for word in words)


def display_name(address: str, label: str, given: str | None = None) -> str:
    """`First Last [Organisation]`. `given`: the name that a sign-in provider vouches for."""
    name = without_brackets(given or "") or name_of_address(address)
    return f"{name[:200]} [{label}]" if name else f"[{label}]"


def without_brackets(name: str) -> str:
    """Between brackets stands the organisation, which no name says by itself; full-width ones look alike."""
    return " ".join("".join(" " if unicodedata.normalize("NFKC", c) in "[]" else c for c in name).split())


def label_of(display: str) -> str | None:
    """The organisation in a display name, None where it has none."""
    found = re.fullmatch(r".*\[([^\[\]]+)\]", display)
    return found[1] if found else None
