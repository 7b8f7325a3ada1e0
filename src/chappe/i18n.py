"""What is common to the words that the service writes, in French and in English."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

MONTHS = (
    ["janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"],
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"],
)
_BEFORE, _AFTER = re.compile(r" (?=[:;?!»%])"), re.compile(r"(?<=«) ")
_WEIGHT = re.compile(r"[01](\.[0-9]{0,3})?", re.ASCII)
NO_BREAK = "\u00a0"


def curled(text: str) -> str:
    """With typographic apostrophes."""
    return re.sub(r"(?<=\w)'(?=\w)", "’", text)


def typeset(text: str, is_french: bool) -> str:
    """As the language is printed: in French the signs stay on the line of their word."""
    text = curled(text)
    return _AFTER.sub(NO_BREAK, _BEFORE.sub(NO_BREAK, text)) if is_french else text


def elided(text: str, names: Mapping[str, str]) -> str:
    """A French text with gaps, in which what comes before one is said as its name begins: "d’Osmose", "de Chappe"."""

    def said(found: re.Match[str]) -> str:
        first = unicodedata.normalize("NFD", names.get(found[2], ""))[:1].lower()
        return f"{found[1]}’{{{found[2]}}}" if first and first in "aeiouy" else found[0]

    return re.sub(r"\b([dD])e \{(\w{1,20})\}", said, text)


@lru_cache(maxsize=4096)
def spoken(accepted: str | None) -> str | None:
    """What somebody reads of what the service writes ("fr", "en"), by an Accept-Language header (RFC 9110, 12.5.4): what they
    like best; None: neither is there."""
    found: dict[str, float] = {}
    for part in (accepted or "")[:500].split(","):
        tag, *parameters = part.split(";")
        weight = next((p.strip()[2:] for p in parameters if p.strip()[:2] in ("q=", "Q=")), "1")
        code, known = tag.strip().lower().replace("_", "-").partition("-")[0], _WEIGHT.fullmatch(weight)
        if code in ("fr", "en") and known and float(weight) > found.get(code, 0):
            found[code] = float(weight)
    return max(found, key=lambda code: found[code], default=None)


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom something is written: in which language, by the clock of which zone (a name of the IANA's list)."""

    is_french: bool
    zone: str = "UTC"


InWords = Callable[[Reader], str]  # what is said otherwise in each language


def day(ts: int, is_french: bool, zone: str = "UTC") -> str:
    """`ts`: milliseconds. "1er mars 2026", "1 March 2026"."""
    at = datetime.fromtimestamp(ts / 1000, ZoneInfo(zone))
    number = "1er" if is_french and at.day == 1 else str(at.day)
    return f"{number} {MONTHS[not is_french][at.month - 1]} {at.year}"


def moment(ts: int) -> InWords:
    """`ts`: milliseconds. "le 1er mars 2026 à 9 h 05", "on 1 March 2026 at 9:05"."""

    def said(reader: Reader) -> str:
        at, on = datetime.fromtimestamp(ts / 1000, ZoneInfo(reader.zone)), day(ts, reader.is_french, reader.zone)
        return f"le {on} à {at.hour} h {at.minute:02}" if reader.is_french else f"on {on} at {at.hour}:{at.minute:02}"

    return said


def until_day(ts: int) -> InWords:
    return lambda reader: day(ts, reader.is_french, reader.zone)


def ending(ts: int, now: int) -> InWords:
    """When something ends, from now: "demain, le 2 mars 2026", "dans 7 jours, le …"; both in milliseconds."""

    def said(reader: Reader) -> str:
        zone, on = ZoneInfo(reader.zone), day(ts, reader.is_french, reader.zone)
        end, today = (datetime.fromtimestamp(each / 1000, zone).date() for each in (ts, now))
        days = max(0, (end - today).days)
        near = (("aujourd’hui", "demain"), ("today", "tomorrow"))[not reader.is_french]
        away = near[days] if days < len(near) else f"dans {days} jours" if reader.is_french else f"in {days} days"
        return f"{away}, le {on}" if reader.is_french else f"{away}, on {on}"

    return said


def counted(count: int, french: tuple[str, str], english: tuple[str, str]) -> InWords:
    """`french`, `english`: of one and of many, with `{count}`."""

    def said(reader: Reader) -> str:
        one, many = french if reader.is_french else english
        return (one if count == 1 or (reader.is_french and count == 0) else many).format(count=count)

    return said


def in_a_sentence(name: str) -> str:
    """`Anne Martin [Culture]`, as the French State's servers name people, is "Anne Martin (Culture)" where people read it."""
    found = re.fullmatch(r"(.*\S) \[([^\[\]]+)\]", name, re.DOTALL)
    return f"{found[1]} ({found[2]})" if found is not None else name
