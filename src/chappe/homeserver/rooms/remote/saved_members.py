"""The members of a room of other servers, as they come with the join or after it: many rows at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chappe.matrix.directory_entries import DirectoryEntry

WRITTEN_AT_ONCE = 5000  # rows: what is handed to the database is encoded in one go


async def save_memberships(transaction: Any, room_nid: int, members: Sequence[tuple[str, str, int, str]]) -> None:
    """(user, membership, event's number, sender), where nothing newer is known."""
    for start in range(0, len(members), WRITTEN_AT_ONCE):
        await transaction.execute(
            """INSERT INTO memberships (user_id, room_nid, membership, event_nid, sender, position, joined_since, was_joined)
               SELECT m.who, $1, m.membership, m.nid, m.sender, 0, CASE WHEN m.membership = 'join' THEN 0 END,
                      m.membership = 'join'
                 FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[]) m(who, membership, nid, sender)
               ON CONFLICT DO NOTHING""",
            room_nid,
            *map(list, zip(*members[start : start + WRITTEN_AT_ONCE], strict=True)),
        )


async def save_entries(transaction: Any, entries: Sequence[DirectoryEntry]) -> None:
    """How people of other servers are found by name."""
    for start in range(0, len(entries), WRITTEN_AT_ONCE):
        await transaction.execute(
            """INSERT INTO user_directory (user_id, server_name, display_name, avatar_url, search)
               SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) ON CONFLICT DO NOTHING""",
            *map(list, zip(*entries[start : start + WRITTEN_AT_ONCE], strict=True)),
        )
