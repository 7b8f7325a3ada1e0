"""The registry of organisations: whose e-mail addresses are whose, and which server is their home.

An address belongs to the organisation that names it most closely: the address itself, its domain, then `*.parent` for each
domain above it, at last `*`, which stands for everybody else (the guests).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from chappe.homeserver.accounts.endings import THE_WHOLE
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, columns, find, mapping, read
from chappe.matrix.email_address import parse_email
from chappe.matrix.errors import BadRequest, NotFound
from chappe.matrix.identifiers import parse_server_name

EVERYBODY_ELSE = "*"
EVERYWHERE = THE_WHOLE  # where an organisation could be named; what is done in its right is written so
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
_DOMAIN = re.compile(r"(\*\.)?[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an organisation lets its people do. `guest_days`: how long a guest of theirs may stay; 0: as everywhere."""

    guests: bool = True
    forums: bool = True
    guest_days: int = 0


USUAL = Rules()


@dataclass(frozen=True, slots=True)
class Organisation:
    """`home`: the server that its people's accounts are on. `requires_invite`: who has not been invited has no account.

    `colour`: of its brand, for those who are signed in, such as "#000091".
    """

    name: str
    label: str
    home: str
    requires_invite: bool
    patterns: Sequence[str] = ()
    colour: str | None = None
    rules: Rules = USUAL


class OrganisationRow(Row):
    name: str
    label: str
    home: str
    requires_invite: bool
    colour: str | None
    rules: str


class OrganisationWithPatterns(OrganisationRow):
    patterns: list[str]


class TakenAddress(Row):
    pattern: str
    organisation: str


class Organisations:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_address(self, address: str) -> Organisation | None:
        """Raises M_INVALID_PARAM for what is no address, whatever it looks like."""
        row = await find(
            self._database,
            OrganisationRow,
            f"""SELECT {columns(OrganisationRow, "o")} FROM organisation_addresses a
                 JOIN organisations o ON o.name = a.organisation
                WHERE a.pattern = ANY($1::text[]) ORDER BY array_position($1::text[], a.pattern) LIMIT 1""",
            candidates(parse_email(address)),
        )
        return _organisation(row) if row is not None else None

    async def homes_of(self, addresses: Iterable[str]) -> dict[str, str]:
        """The servers on which accounts of checked addresses are, as far as an organisation names them; in one statement."""
        named = {address: candidates(address) for address in addresses}
        homes = await mapping(
            self._database,
            str,
            str,
            """SELECT a.pattern, o.home FROM organisation_addresses a JOIN organisations o ON o.name = a.organisation
                WHERE a.pattern = ANY($1::text[])""",
            sorted({pattern for patterns in named.values() for pattern in patterns}),
        )
        closest = {address: next((one for one in patterns if one in homes), "") for address, patterns in named.items()}
        return {address: homes[pattern] for address, pattern in closest.items() if pattern}

    async def find(self, name: str) -> Organisation | None:
        row = await find(
            self._database, OrganisationRow, f"SELECT {columns(OrganisationRow)} FROM organisations WHERE name = $1", name
        )
        return _organisation(row) if row is not None else None

    async def all(self) -> list[Organisation]:
        rows = await read(
            self._database,
            OrganisationWithPatterns,
            f"""SELECT {columns(OrganisationRow, "o")},
                      array(SELECT a.pattern FROM organisation_addresses a WHERE a.organisation = o.name ORDER BY 1) AS patterns
                 FROM organisations o ORDER BY o.name""",
        )
        return [_organisation(row, row.patterns) for row in rows]

    async def add(self, organisation: Organisation) -> bool:
        """Adds or changes it; it counts at once. Whether it is new.

        Raises M_INVALID_PARAM for a bad name, home or pattern, and for a pattern that is another organisation's.
        """
        if organisation.name == EVERYWHERE:
            raise BadRequest(f"{EVERYWHERE} means the whole installation: choose another name", "M_INVALID_PARAM")
        if not _NAME.fullmatch(organisation.name):
            raise BadRequest("An organisation's name may hold a-z, 0-9, dots and dashes", "M_INVALID_PARAM")
        label = organisation.label.strip()
        if not label or len(label) > 80 or any(c in label for c in "[]\0"):
            raise BadRequest("An organisation's label is up to 80 characters, without square brackets", "M_INVALID_PARAM")
        if organisation.colour is not None and not _COLOUR.fullmatch(organisation.colour):
            raise BadRequest("A colour is written as #000091", "M_INVALID_PARAM")
        if organisation.rules.guest_days < 0:
            raise BadRequest("Guests stay some days, or 0: as everywhere", "M_INVALID_PARAM")
        patterns = [parse_pattern(pattern) for pattern in organisation.patterns]
        home = parse_server_name(organisation.home.lower())
        async with self._database.transaction() as transaction:
            taken = await find(
                transaction,
                TakenAddress,
                "SELECT pattern, organisation FROM organisation_addresses WHERE pattern = ANY($1::text[]) AND organisation <> $2",
                patterns,
                organisation.name,
            )
            if taken is not None:
                raise BadRequest(f"{taken.pattern} belongs to {taken.organisation}", "M_INVALID_PARAM")
            is_new = await transaction.fetchval(
                """INSERT INTO organisations (name, label, home, requires_invite, colour, rules) VALUES ($1, $2, $3, $4, $5, $6)
                   ON CONFLICT (name) DO UPDATE SET label = $2, home = $3, requires_invite = $4, colour = $5, rules = $6
                   RETURNING xmax = 0""",
                organisation.name,
                label,
                home,
                organisation.requires_invite,
                organisation.colour,
                msgspec.json.encode(organisation.rules).decode(),
            )
            await transaction.execute("DELETE FROM organisation_addresses WHERE organisation = $1", organisation.name)
            await transaction.execute(
                "INSERT INTO organisation_addresses SELECT p, $2 FROM unnest($1::text[]) p",
                list(dict.fromkeys(patterns)),
                organisation.name,
            )
        return bool(is_new)

    async def fingerprint(self) -> str:
        """Another one whenever something was changed."""
        return str(
            await self._database.fetchval(
                """SELECT md5(string_agg(concat_ws(' ', a.pattern, o.name, o.label, o.home, o.requires_invite), ',' ORDER BY a.pattern))
                 FROM organisation_addresses a JOIN organisations o ON o.name = a.organisation"""
            )
        )

    async def remove(self, name: str) -> None:
        """Its people keep their accounts; nobody gets a new one by its addresses. Raises M_NOT_FOUND."""
        if not (await self._database.execute("DELETE FROM organisations WHERE name = $1", name)).endswith(" 1"):
            raise NotFound(f"There is no organisation {name}")


def _organisation(row: OrganisationRow, patterns: Sequence[str] = ()) -> Organisation:
    rules = msgspec.json.decode(row.rules, type=Rules)
    return Organisation(row.name, row.label, row.home, row.requires_invite, patterns, row.colour, rules)


def candidates(address: str) -> list[str]:
    """The patterns that an address may be named by, the closest first."""
    domain = address.rpartition("@")[2]
    labels = domain.split(".")
    return [address, domain, *(f"*.{'.'.join(labels[n:])}" for n in range(1, len(labels))), EVERYBODY_ELSE]


def parse_pattern(text: str) -> str:
    """An address, a domain, `*.domain` for those below it, or `*`. Raises M_INVALID_PARAM."""
    pattern = text.strip(" ").lower()
    if "@" in pattern:
        return parse_email(pattern)
    if pattern != EVERYBODY_ELSE and not _DOMAIN.fullmatch(pattern):
        raise BadRequest(f"{text[:80]!r} is no e-mail domain", "M_INVALID_PARAM")
    return pattern
