"""The audit log to take away: as a table for a spreadsheet, or as JSON with the state of its chain."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
import orjson

from chappe.agency.audit_state import AuditState
from chappe.agency.console.people_list import plain
from chappe.agency.console.scope import Actor
from chappe.agency.console.views import Views
from chappe.homeserver.database.server_time import NowMs

MOST = 50_000  # entries in a table, the latest
# What separates the cells where people of that language open it, and the head.
_HEADS: Mapping[str, tuple[str, Sequence[str]]] = {
    "fr": (";", ("Numéro", "Date et heure (UTC)", "Auteur", "Action", "Détail")),
    "en": (",", ("Number", "Date and time (UTC)", "Author", "Action", "Detail")),
}


class AskedEntries(msgspec.Struct):
    """Which entries, as the list's filters say, and how they are written."""

    format: Literal["csv", "json"] = "csv"
    language: Literal["fr", "en"] = "fr"
    search: str = ""
    action: str = ""
    by: str = ""
    days: str | int = 0


class AuditTable:
    def __init__(self, views: Views, audit_state: AuditState, now_ms: NowMs) -> None:
        self._views, self._audit_state, self._now_ms = views, audit_state, now_ms

    async def made(self, actor: Actor, asked: AskedEntries) -> tuple[bytes, int]:
        """The file, and how many entries there are in it. The latest come first, as in the list."""
        text = str(asked.days)
        days = min(int(text), 36_500) if text.isascii() and text.isdigit() and len(text) <= 5 else 0
        entries, more = await self._views.audit(actor, asked.search, 0, asked.action, days, asked.by, MOST)
        if asked.format == "csv":
            return await asyncio.to_thread(_csv, entries, asked.language), len(entries)
        whole = {
            "organisation": actor.organisation,
            "taken_ts": self._now_ms(),
            "chain": await self._audit_state.state(),
            "is_cut_short": more > 0,
            "entries": entries,
        }
        return await asyncio.to_thread(orjson.dumps, whole, option=orjson.OPT_INDENT_2), len(entries)


def _csv(entries: Sequence[Mapping[str, Any]], language: str) -> bytes:
    separator, head = _HEADS[language]
    written = io.StringIO()
    writer = csv.writer(written, delimiter=separator)
    writer.writerow(head)
    for entry in entries:
        moment = datetime.fromtimestamp(entry["ts"] / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
        detail = orjson.dumps(entry["detail"]).decode()
        cells = (entry["actor"].removeprefix("@"), entry["action"], detail)
        writer.writerow([str(entry["number"]), moment, *map(plain, cells)])
    return b"\xef\xbb\xbf" + written.getvalue().encode()  # the mark by which spreadsheets know UTF-8
