"""What a device is, said to its owner: "Firefox sur Windows", "Element X sur Android"."""

from __future__ import annotations

import re
from collections.abc import Collection

from chappe.i18n import InWords, Reader

_ADDRESS = re.compile(r"[:/@<>]|\.[^\W\d]", re.UNICODE)
_MOST = 60  # characters
_BROWSERS = (  # in this order: each but the last says that it is one of those after it as well
    (re.compile(r"\bEdg(?:e|A|iOS)?/"), "Edge"),
    (re.compile(r"\bOPR/"), "Opera"),
    (re.compile(r"\b(?:Firefox|FxiOS)/"), "Firefox"),
    (re.compile(r"\b(?:Chrome|CriOS|Chromium)/"), "Chrome"),
    (re.compile(r"\bSafari/"), "Safari"),
)
_SYSTEMS = (
    (re.compile(r"iPad"), "iPad"),
    (re.compile(r"iPhone|\biOS\b"), "iPhone"),
    (re.compile(r"Android"), "Android"),
    (re.compile(r"Windows"), "Windows"),
    (re.compile(r"Mac ?OS|Macintosh|macOS"), "Mac"),
    (re.compile(r"CrOS"), "ChromeOS"),
    (re.compile(r"Linux|X11"), "Linux"),
)
_OF_A_CLIENT = re.compile(r"(?P<program>[^()]+) \((?P<system>[^()]+)\)")  # as the web client names its devices


def in_words(name: str | None, program: str | None, own_names: Collection[str]) -> InWords:
    """`name`: what the device or its client calls itself; `program`: the User-Agent that it came with.

    Whoever signs in with a stolen password chooses both: no address becomes of either in a mail. `own_names`: of the service, which
    say nothing of a device.
    """
    given = name if name and not _ADDRESS.search(name) and name not in own_names else None
    browser, system = _found(_BROWSERS, program), _found(_SYSTEMS, program)
    if given and (parts := _OF_A_CLIENT.fullmatch(given)):
        given, browser, system = parts["program"], None, parts["system"]
    if given is None and browser is None:
        given = None if program is None else _product(program)
    shown = (given or browser or "")[:_MOST]
    of = browser if given else None

    def said(reader: Reader) -> str:
        on = " sur " if reader.is_french else " on "
        if not shown:
            unknown = "un appareil qui n’a pas dit son nom" if reader.is_french else "a device that gave no name"
            return f"{unknown} ({system})" if system else unknown
        if system is None or system.lower() in shown.lower():
            return shown
        return f"{shown} ({of}{on}{system})" if of else f"{shown}{on}{system}"

    return said


def _found(table: tuple[tuple[re.Pattern[str], str], ...], program: str | None) -> str | None:
    return next((called for pattern, called in table if program and pattern.search(program)), None)


def _product(program: str) -> str | None:
    """Of "Element X/26.1 (Android 15)": what stands before the version."""
    product = program.partition("/")[0].partition("(")[0].strip()
    return product if product and product != "Mozilla" and not _ADDRESS.search(product) else None
