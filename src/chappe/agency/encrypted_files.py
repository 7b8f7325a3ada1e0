"""SQL of the files of encrypted messages: which they are, nobody but the sender's client can say."""

from __future__ import annotations

from collections.abc import Sequence

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import read
from chappe.homeserver.modules.media.store import FileKey, MediaName


async def note_files(database: Database, event_id: str, sender: str, files: Sequence[MediaName]) -> None:
    """Those that the sender has uploaded; others are not theirs to name."""
    await database.execute(
        """INSERT INTO encrypted_files SELECT m.server_name, m.media_id, $3 FROM media m
             JOIN unnest($1::text[], $2::text[]) AS f(server_name, media_id)
               ON f.server_name = m.server_name AND f.media_id = m.media_id
            WHERE m.user_id = $4 ON CONFLICT DO NOTHING""",
        [server for server, _ in files],
        [media for _, media in files],
        event_id,
        sender,
    )


async def files_of(database: Database, event_id: str) -> set[MediaName]:
    rows = await read(database, FileKey, "SELECT server_name, media_id FROM encrypted_files WHERE event_id = $1", event_id)
    return {(row.server_name, row.media_id) for row in rows}


async def forget_files(database: Database, event_ids: Sequence[str]) -> None:
    await database.execute("DELETE FROM encrypted_files WHERE event_id = ANY($1::text[])", event_ids)
