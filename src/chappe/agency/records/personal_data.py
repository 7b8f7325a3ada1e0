"""Everything that the service holds of one person (right of access), in one package: without secrets, without what others wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from chappe.agency.legal_holds import LegalHolds
from chappe.agency.records.bag import Bag
from chappe.agency.records.contents import FileInPackage, add_files, events_of, json_of, lines_of
from chappe.homeserver.accounts.store import AccountStore, User
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, columns, read
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.database.table import AllTables
from chappe.homeserver.modules.account_data.account_data import AccountDatum
from chappe.homeserver.modules.media.media import ContentRepository
from chappe.homeserver.outbound.domains import Domains
from chappe.matrix.errors import NotFound
from chappe.matrix.identifiers import UserId, domain_of

_READ_ME = """Données personnelles de {user_id}
Ce dossier contient ce que le service détient sur cette personne : compte, appareils, salons, messages envoyés, fichiers déposés.
Les messages chiffrés le sont aussi ici : seuls les appareils de la personne ont les clés.

Personal data of {user_id}
This package holds what the service knows of this person: account, devices, rooms, messages sent, files uploaded.
Encrypted messages are encrypted here as well: only the person's devices have the keys.
"""


class RoomOfPerson(Row):
    room_nid: int
    room_id: str
    membership: str
    name: str | None
    canonical_alias: str | None


class PersonalData:
    def __init__(
        self,
        database: Database,
        accounts: AccountStore,
        media: ContentRepository,
        domains: Domains,
        holds: LegalHolds,
        now_ms: NowMs,
        tables: AllTables,
    ) -> None:
        self._tables = tables
        self._database, self._accounts, self._media, self._domains = database, accounts, media, domains
        self._holds, self._now_ms = holds, now_ms

    async def write(self, user_id: UserId, path: Path, with_held: bool = False) -> dict[str, int]:
        """Into a new file. `with_held`: what a legal hold has kept aside too, which is for the authority. Returns what there was.

        Raises M_NOT_FOUND.
        """
        user = await self._accounts.find_user(user_id)
        if user is None:
            raise NotFound("There is no such account")
        with Bag(path) as bag:
            await bag.add("LISEZ-MOI.txt", _READ_ME.format(user_id=user_id).encode())
            await bag.add("account.json", json_of(await self._account(user)))
            for table in self._tables:
                if table.package and (rows := await self._database.fetch(table.package, user_id)):
                    await bag.add(f"{table.file or table.name}.json", json_of([dict(row) for row in rows]))
            await self._add_account_data(bag, user_id)
            counts = await self._add_rooms(bag, user_id)
            files = await read(
                self._database,
                FileInPackage,
                f"SELECT {columns(FileInPackage)} FROM media WHERE user_id = $1 AND size IS NOT NULL ORDER BY created_ts",
                user_id,
            )
            described = await add_files(bag, self._media, files)
            await bag.add("files.json", json_of(described))
            if with_held:
                await self._add_held(bag, user_id)
            server_name = domain_of(user_id)
            bag.seal(
                {
                    "Source-Organization": server_name,
                    "External-Identifier": user_id,
                    "External-Description": "Personal data of one account",
                },
                {},
                server_name,
                self._domains.signing_key(server_name),
                self._now_ms(),
            )
        return {**counts, "files": len(files)}

    async def _account(self, user: User) -> dict[str, Any]:
        organisation = await self._database.fetchval(
            "SELECT organisation FROM organisation_people WHERE user_id = $1", user.user_id
        )
        return {
            "user_id": user.user_id,
            "created": user.created,
            "profile": user.profile,
            "administrator": user.is_admin,
            "deactivated": user.deactivated,
            "locked": user.locked,
            "suspended": user.suspended,
            "expires_ts": user.expires_ts,
            "kind": user.kind,
            "organisation": organisation,
        }

    async def _add_held(self, bag: Bag, user_id: UserId) -> None:
        """The holds and what they have kept aside. Whoever is held is not told by their own package."""
        if holds := await self._holds.all(user_id):
            await bag.add("legal_holds.json", json_of(holds))
        if held := await self._holds.kept_aside(user_id):
            await bag.add("held.jsonl", lines_of(orjson.loads(line) for line in held))

    async def _add_account_data(self, bag: Bag, user_id: UserId) -> None:
        """Settings and tags. What is encrypted for the person's devices stays so."""
        rows = await read(
            self._database,
            AccountDatum,
            "SELECT room_id, type, content FROM account_data WHERE user_id = $1 AND NOT deleted ORDER BY room_id, type",
            user_id,
        )
        settings = [{"room_id": r.room_id or None, "type": r.type, "content": orjson.loads(r.content)} for r in rows]
        await bag.add("settings.json", json_of(settings))

    async def _add_rooms(self, bag: Bag, user_id: UserId) -> dict[str, int]:
        rows = await read(
            self._database,
            RoomOfPerson,
            """SELECT r.room_nid, r.room_id, m.membership, s.name, s.canonical_alias FROM memberships m JOIN rooms r USING (room_nid)
                 LEFT JOIN room_summaries s USING (room_nid) WHERE m.user_id = $1 ORDER BY r.room_id""",
            user_id,
        )
        rooms: list[dict[str, Any]] = []
        for number, row in enumerate(rows, 1):
            name = f"messages/{number:05}.jsonl"
            await bag.add(name, events_of(self._database, row.room_nid, user_id))
            about = {key: getattr(row, key) for key in ("room_id", "membership", "name", "canonical_alias")}
            rooms.append({**about, "sent": f"data/{name}"})
        await bag.add("rooms.json", json_of(rooms))
        return {"rooms": len(rooms)}
