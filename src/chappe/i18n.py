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


def spaced(french: str) -> str:
    """A French text whose signs stay on the line of their word."""
    return _AFTER.sub(NO_BREAK, _BEFORE.sub(NO_BREAK, french))


def curled(text: str) -> str:
    """With typographic apostrophes: for sentences of the APIs that people are shown."""
    return re.sub(r"(?<=\w)'(?=\w)", "’", text)


def day(ts: int, is_french: bool) -> str:
    """`ts`: milliseconds. "1er mars 2026", "1 March 2026"."""
    at = time.gmtime(ts / 1000)
    number = "1er" if is_french and at.tm_mday == 1 else str(at.tm_mday)
    return f"{number} {MONTHS[not is_french][at.tm_mon - 1]} {at.tm_year}"
