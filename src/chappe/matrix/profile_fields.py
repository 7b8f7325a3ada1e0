"""Fields of profiles that are known by name: the specification's, and what a directory says of its people."""

from __future__ import annotations

from typing import Any

TITLE = "org.chappe.title"  # their post, in words: "Head of the press office"
SERVICE = "org.chappe.service"  # the unit that they belong to
TELEPHONE = "org.chappe.telephone"
FACTS = (TITLE, SERVICE, TELEPHONE)
NAMES = ("displayname", "avatar_url")
CARRIED = (*NAMES, SERVICE)  # what membership events repeat of a profile
LONGEST_FACT = 256


def fact(value: Any) -> str | None:
    """What a directory or provider says, as a line that may be shown; of several values the first; None where it says nothing."""
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str | int) or isinstance(value, bool):
        return None
    words = " ".join(str(value).split())
    return "".join(letter for letter in words if letter.isprintable())[:LONGEST_FACT].strip() or None
