"""What is common to the words that the service writes, in French and in English."""

from __future__ import annotations

import re
import time

MONTHS = (
    ["janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"],
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"],
)
_BEFORE, _AFTER = re.compile(r" (?=[:;?!»%])"), re.compile(r"(?<=«) ")
NO_BREAK = "\u00a0"


def curled(text: str) -> str:
    """With typographic apostrophes."""
    return re.sub(r"(?<=\w)'(?=\w)", "’", text)


def typeset(text: str, is_french: bool) -> str:
    """As the language is printed: in French the signs stay on the line of their word."""
    text = curled(text)
    return _AFTER.sub(NO_BREAK, _BEFORE.sub(NO_BREAK, text)) if is_french else text


def day(ts: int, is_french: bool) -> str:
    """`ts`: milliseconds. "1er mars 2026", "1 March 2026"."""
    at = time.gmtime(ts / 1000)
    number = "1er" if is_french and at.tm_mday == 1 else str(at.tm_mday)
    return f"{number} {MONTHS[not is_french][at.tm_mon - 1]} {at.tm_year}"


def in_a_sentence(name: str) -> str:
    """`Anne Martin [Culture]`, as the French State's servers name people, is "Anne Martin (Culture)" where people read it."""
    found = re.fullmatch(r"(.*\S) \[([^\[\]]+)\]", name, re.DOTALL)
    return f"{found[1]} ({found[2]})" if found is not None else name
