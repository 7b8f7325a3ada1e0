"""The people of an organisation, as its administrators narrow them down: a page of them, how many, a table to take away."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec.structs import asdict

from chappe.agency.account_validity import DAY_MS
from chappe.agency.console.listed import ListedPerson, PeopleNumbers
from chappe.agency.console.place import PAGE
from chappe.agency.console.scope import Actor
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import read
from chappe.homeserver.database.server_time import NowMs
from chappe.matrix.errors import BadRequest
from chappe.matrix.search_lexemes import patterns

AWAY_DAYS = 90  # after which somebody who was not seen has probably left
SOON_DAYS = 30  # in which an account ends soon
MOST_COUNTED = 10_000
MOST_IN_TABLE = 50_000
_ADMINISTERS = "(u.is_admin OR EXISTS (SELECT 1 FROM administrators a WHERE a.user_id = u.user_id))"
# $1: the organisation, or 'all'; $2: patterns of the search; $3: now
_OF = """users u LEFT JOIN organisation_people p USING (user_id) LEFT JOIN user_directory d USING (user_id)
  LEFT JOIN LATERAL (SELECT max(x.last_seen_ts) AS seen FROM devices x WHERE x.user_id = u.user_id) l ON true
 WHERE ($1 = 'all' OR p.organisation = $1) AND NOT u.deactivated AND NOT u.is_guest AND u.appservice IS NULL
   AND NOT EXISTS (SELECT 1 FROM guests g WHERE g.user_id = u.user_id AND g.agent_since IS NULL)
   AND lower(u.user_id) || ' ' || coalesce(d.search, '') LIKE ALL ($2::text[]) AND $3::bigint > 0"""
_PEOPLE = f"""SELECT u.user_id, d.display_name, d.avatar_url, u.kind, u.locked, u.expires_ts, p.organisation,
       l.seen AS last_seen_ts, (extract(epoch FROM u.created) * 1000)::bigint AS created_ts, {_ADMINISTERS} AS administers,
       (SELECT o.label FROM organisations o WHERE o.name = p.organisation) AS organisation_label
  FROM {_OF}"""
_IS_ENDING = f"(u.expires_ts > $3 AND u.expires_ts <= $3 + {SOON_DAYS * DAY_MS})"
_HAS_LEFT = f"""(u.kind IS NULL AND (u.expires_ts < $3 OR (coalesce(l.seen, 0) < $3 - {AWAY_DAYS * DAY_MS}
    AND extract(epoch FROM u.created) * 1000 < $3 - {AWAY_DAYS * DAY_MS})))"""
STATES: Mapping[str, str] = {
    "": "true",
    "active": "(NOT u.locked AND coalesce(u.expires_ts > $3, true))",
    "locked": "u.locked",
    "ending": f"(NOT u.locked AND {_IS_ENDING})",
    "expired": "u.expires_ts <= $3",
    "administers": _ADMINISTERS,
    "function": "u.kind = 'function'",
}
SEEN: Mapping[str, str] = {
    "": "true",
    "week": f"l.seen >= $3 - {7 * DAY_MS}",
    "not_month": f"coalesce(l.seen, 0) < $3 - {30 * DAY_MS}",
    "not_quarter": f"coalesce(l.seen, 0) < $3 - {AWAY_DAYS * DAY_MS}",
    "never": "l.seen IS NULL",
}
_BY_NAME = "ORDER BY coalesce(d.search, lower(u.user_id)), u.user_id"  # accents and capitals aside
# The head of the table, and the words in it, by language; what separates its cells where people of that language open it.
_HEADS: Mapping[str, tuple[str, Sequence[str]]] = {
    "fr": (
        ";",
        ("Nom", "Identifiant", "Organisation", "État", "Gestionnaire", "Valable jusqu’au", "Dernière activité", "Créé le"),
    ),
    "en": (",", ("Name", "Identifier", "Organisation", "State", "Administrator", "Valid until", "Last activity", "Created")),
}
_WORDS = {"fr": ("Actif", "Verrouillé", "Expiré", "oui"), "en": ("Active", "Locked", "Expired", "yes")}


class Wanted(msgspec.Struct, frozen=True):
    """How people are narrowed down. `state`, `seen`: of `STATES`, of `SEEN`; `organisation`: its name, for administrators of
    all; `people`: only these."""

    search: str = ""
    state: str = ""
    seen: str = ""
    organisation: str = ""
    people: list[str] | None = None


class PeopleList:
    def __init__(self, database: Database, now_ms: NowMs) -> None:
        self._database, self._now_ms = database, now_ms

    async def page(self, actor: Actor, wanted: Wanted, start: int) -> tuple[list[Any], bool]:
        """By name. Raises M_INVALID_PARAM for a filter that there is not."""
        rows = await self._read(actor, wanted, PAGE + 1, start)
        return [asdict(row) for row in rows[:PAGE]], len(rows) > PAGE

    async def count(self, actor: Actor, wanted: Wanted) -> int:
        """How many there are of the same, up to one more than `MOST_COUNTED`."""
        sql = f"SELECT count(*) FROM (SELECT 1 FROM {_OF} AND {_where(wanted)} LIMIT {MOST_COUNTED + 1}) x"
        return int(await self._database.fetchval(sql, *self._given(actor, wanted)))

    async def leavers(self, actor: Actor, search: str, start: int) -> tuple[list[Any], bool]:
        """Whose account has expired, or who was not seen for a quarter of a year."""
        rows = await read(
            self._database,
            ListedPerson,
            f"{_PEOPLE} AND {_HAS_LEFT} ORDER BY l.seen NULLS FIRST, u.user_id LIMIT $4 OFFSET $5",
            actor.organisation,
            patterns(search),
            self._now_ms(),
            PAGE + 1,
            start,
        )
        return [asdict(row) for row in rows[:PAGE]], len(rows) > PAGE

    async def numbers(self, actor: Actor) -> dict[str, int]:
        """What there is to see to: accounts that are locked, that end soon, whose holders have probably left."""
        (row,) = await read(
            self._database,
            PeopleNumbers,
            f"""SELECT count(*) AS people, count(*) FILTER (WHERE u.locked) AS locked,
                       count(*) FILTER (WHERE {STATES["ending"]}) AS ending, count(*) FILTER (WHERE {_HAS_LEFT}) AS leavers
                  FROM {_OF}""",
            actor.organisation,
            [],
            self._now_ms(),
        )
        return asdict(row)

    async def table(self, actor: Actor, wanted: Wanted, language: str) -> tuple[bytes, int]:
        """As CSV for a spreadsheet, and how many rows there are in it beside the head. Raises M_INVALID_PARAM."""
        rows = await self._read(actor, wanted, MOST_IN_TABLE, 0)
        separator, head = _HEADS[language]
        written = io.StringIO()
        writer = csv.writer(written, delimiter=separator)
        writer.writerow(head)
        for row in rows:
            writer.writerow([plain(cell) for cell in self._cells(row, language)])
        return b"\xef\xbb\xbf" + written.getvalue().encode(), len(rows)  # the mark by which spreadsheets know UTF-8

    def _cells(self, row: ListedPerson, language: str) -> list[str]:
        active, locked, expired, yes = _WORDS[language]
        has_expired = row.expires_ts is not None and row.expires_ts <= self._now_ms()
        return [
            row.display_name or "",
            row.user_id.removeprefix("@"),
            row.organisation_label or "",
            locked if row.locked else expired if has_expired else active,
            yes if row.administers else "",
            _day(row.expires_ts),
            _day(row.last_seen_ts),
            _day(row.created_ts),
        ]

    async def _read(self, actor: Actor, wanted: Wanted, limit: int, start: int) -> list[ListedPerson]:
        return await read(
            self._database,
            ListedPerson,
            f"{_PEOPLE} AND {_where(wanted)} {_BY_NAME} LIMIT $6 OFFSET $7",
            *self._given(actor, wanted),
            limit,
            start,
        )

    def _given(self, actor: Actor, wanted: Wanted) -> list[Any]:
        return [actor.organisation, patterns(wanted.search), self._now_ms(), wanted.organisation or None, wanted.people]


def _where(wanted: Wanted) -> str:
    if wanted.state not in STATES or wanted.seen not in SEEN:
        raise BadRequest("There is no such filter", "M_INVALID_PARAM")
    return f"""{STATES[wanted.state]} AND {SEEN[wanted.seen]} AND ($4::text IS NULL OR p.organisation = $4)
           AND ($5::text[] IS NULL OR u.user_id = ANY($5))"""


def plain(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: what begins like one is marked as text."""
    return f"'{cell}" if cell.lstrip()[:1] in ("=", "+", "-", "@") or cell[:1] in ("\t", "\r", "\n") else cell


def _day(ts: int | None) -> str:
    return "" if ts is None else datetime.fromtimestamp(ts / 1000, UTC).strftime("%Y-%m-%d")
