"""A room for the public archives: its events as they were signed, its files, its description (Dublin Core), in one sealed package."""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection
from html import escape
from pathlib import Path
from typing import Any

import orjson

from chappe.agency.legal_holds import LegalHolds
from chappe.agency.policy import AgencyPolicy
from chappe.agency.records.bag import Bag
from chappe.agency.records.contents import FileInPackage, add_files, events_of, json_of, lines_of
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, columns, read
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.modules.media.media import ContentRepository
from chappe.homeserver.modules.media.store import FileKey
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.completing import Completing
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.store import OUTLIER

_MXC = re.compile(rb'mxc://([^"/\\\s]{1,255})/([A-Za-z0-9_-]{1,255})')


class StateOf(Row):
    event_id: str
    json: bytes


class RoomArchive:
    def __init__(
        self,
        database: Database,
        rooms: Rooms,
        completing: Completing,
        media: ContentRepository,
        domains: Domains,
        holds: LegalHolds,
        policy: AgencyPolicy | None,
        now_ms: NowMs,
    ) -> None:
        self._database, self._rooms, self._media, self._domains = database, rooms, media, domains
        self._completing, self._holds, self._policy, self._now_ms = completing, holds, policy, now_ms

    async def write(self, room_id: str, path: Path, with_held: bool = False) -> dict[str, int]:
        """Into a new file. Returns how many events and files there were. Raises M_NOT_FOUND.

        `with_held`: what a legal hold has kept aside too. Encrypted messages are kept as they are.
        """
        room = await self._rooms.require(room_id)
        await self._completing.await_all_members(room)
        with Bag(path) as bag:
            files: dict[tuple[str, str], None] = {}
            count = 0

            async def lines() -> Any:
                nonlocal count
                async for chunk in events_of(self._database, room.nid, spans=room.order.spans):
                    count += chunk.count(b"\n")
                    files.update({(s.decode(), n.decode()): None for s, n in _MXC.findall(chunk)})
                    yield chunk

            await bag.add("events.jsonl", lines())
            if before := await self._state_before(room):
                files.update({(s.decode(), n.decode()): None for s, n in _MXC.findall(before)})
                await bag.add("state.jsonl", before)
            files.update(dict.fromkeys(await self._encrypted_files(room)))
            rows = await self._files_here(files)
            await bag.add("files.json", json_of(await add_files(bag, self._media, rows)))
            about = self._description(room)
            if with_held:  # for the authority: another archive does not tell that there is a hold
                about["legal_holds"] = await self._holds.all(room_id)
            await bag.add("room.json", json_of(about))
            if with_held and (held := await self._holds.kept_aside(room_id)):
                await bag.add("held.jsonl", lines_of(orjson.loads(line) for line in held))
            server_name = self._domains.default
            bag.seal(
                {
                    "Source-Organization": server_name,
                    "External-Identifier": room_id,
                    "External-Description": about["name"] or room_id,
                },
                {"metadata/dublin-core.xml": _dublin_core(about, server_name)},
                server_name,
                self._domains.signing_key(server_name),
                self._now_ms(),
            )
        return {"events": count, "files": len(rows)}

    async def _state_before(self, room: LiveRoom) -> bytes:
        """The state with which this server came into a room of others, as lines: what stands, and what was replaced since. Nothing else
        that lies beside the history: it may have been sent to be cited, and never have been the room's state."""
        rows = await read(
            self._database,
            StateOf,
            """SELECT event_id, json FROM events WHERE room_nid = $1 AND position = $2 AND status IN (0, 1) AND (nid = ANY($3::bigint[])
                  OR nid IN (SELECT replaces FROM events WHERE room_nid = $1 AND position > $2 AND status = 0)) ORDER BY depth, nid""",
            room.nid,
            OUTLIER,
            [event.nid for event in room.state.values()],
        )
        return lines_of({"event_id": row.event_id, "event": orjson.loads(row.json)} for row in rows)

    async def _files_here(self, files: Collection[tuple[str, str]]) -> list[FileInPackage]:
        return await read(
            self._database,
            FileInPackage,
            f"""SELECT {columns(FileInPackage, "m")} FROM media m JOIN unnest($1::text[], $2::text[]) AS f(server_name, media_id)
                 ON f.server_name = m.server_name AND f.media_id = m.media_id WHERE m.size IS NOT NULL ORDER BY created_ts""",
            [server for server, _ in files],
            [name for _, name in files],
        )

    async def _encrypted_files(self, room: LiveRoom) -> list[tuple[str, str]]:
        rows = await read(
            self._database,
            FileKey,
            """SELECT f.server_name, f.media_id FROM events e JOIN encrypted_files f USING (event_id)
                WHERE e.room_nid = $1 AND e.type = 'm.room.encrypted'""",
            room.nid,
        )
        return [(row.server_name, row.media_id) for row in rows]

    def _description(self, room: LiveRoom) -> dict[str, Any]:
        def content(event_type: str, key: str) -> Any:
            event = room.get((event_type, ""))
            return event.content.get(key) if event is not None else None

        create = room.get(("m.room.create", ""))
        kind = self._policy.kind(room) if self._policy is not None else None
        level = self._policy.level(room) if self._policy is not None else None
        members = [
            {"user_id": key, "membership": event.membership, "name": event.content.get("displayname")}
            for (event_type, key), event in sorted(room.state.items())
            if event_type == "m.room.member"
        ]
        return {
            "room_id": room.room_id,
            "version": room.version.id,
            "name": content("m.room.name", "name"),
            "topic": content("m.room.topic", "topic"),
            "creator": create.sender if create is not None else None,
            "created_ts": create.ts if create is not None else None,
            "encrypted": room.get(("m.room.encryption", "")) is not None,
            "access": kind.rule if kind is not None else None,
            "is_forum": kind.is_public if kind is not None else None,
            "classification": level.name if level is not None else None,
            "kept_for_ms": content("m.room.retention", "max_lifetime"),
            "members": members,
        }


def _dublin_core(about: dict[str, Any], publisher: str) -> bytes:
    """Simple Dublin Core, which archives take in."""
    made = about["created_ts"]
    fields = {
        "identifier": about["room_id"],
        "title": about["name"] or about["room_id"],
        "description": about["topic"],
        "creator": about["creator"],
        "publisher": publisher,
        "type": "Collection",
        "format": "application/zip",
        "date": datetime.datetime.fromtimestamp(made / 1000, datetime.UTC).isoformat() if made is not None else None,
        "rights": about["classification"],
    }
    lines = "".join(f"  <dc:{name}>{escape(str(value))}</dc:{name}>\n" for name, value in fields.items() if value)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">\n{lines}</metadata>\n'
    ).encode()
