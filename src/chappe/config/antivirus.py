"""What scans files before anybody is given them."""

from __future__ import annotations

from typing import Annotated

import msgspec

from chappe.config.values import ANY_TEXT, Positive, says, shaped


class Antivirus(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What scans every file before anybody is given it."""

    engine: Annotated[
        Annotated[str, shaped(r"^(clamd|icap)://.+", "an address that begins with clamd:// or icap://")] | None,
        says(
            "Where the engine is: `clamd://` and a socket or `host:port`, or `icap://host:port/service`. Left out: nothing is scanned.",
            example="clamd:///run/clamav/clamd.ctl",
            wrong="Where no engine answers no file is given out (502).",
        ),
    ] = None
    max_size_mib: Annotated[Positive, says("A larger file cannot be scanned and is not given out.")] = 100
    scans_at_once: Annotated[
        Positive,
        says(
            "How many files are scanned side by side. More delay messages where the engine runs on the same machine; an appliance with "
            "cores of its own takes more.",
            unit="files",
        ),
    ] = 2
    allowed_types: Annotated[
        list[str],
        says(
            "Only files of these types are given out. What counts is the file's own bytes, not what the sender says. Empty: all types.",
            example=["image/*", "application/pdf"],
            wrong="A type that does not exist allows nothing.",
        ),
    ] = []
    blocked_types: Annotated[
        list[str],
        says(
            "Files of these types are not given out, even where they are allowed above.",
            example=["application/x-msdownload"],
            wrong="A type that does not exist blocks nothing.",
        ),
    ] = []
    signatures: Annotated[
        str,
        says(
            "A note of your own, such as a date. When it changes, every file is scanned anew the next time that somebody asks for it.",
            example="2026-11",
            wrong=ANY_TEXT,
        ),
    ] = ""
