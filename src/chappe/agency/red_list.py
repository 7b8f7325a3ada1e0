"""The red list: people who do not want to be found by name, as the French State's clients say it.

They set account data of this type, `{"hide_profile": true}`. Whoever knows their address still reaches them by it.
"""

from __future__ import annotations

from collections.abc import Collection

import orjson

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read

TYPE = "im.vector.hide_profile"


class RedListRow(Row):
    """`content`: JSON; None for an account that has ended."""

    user_id: str
    content: bytes | None


async def among(database: Database, people: Collection[str]) -> set[str]:
    """Who of some people is on it; and those whose account has ended."""
    if not people:
        return set()
    rows = await read(
        database,
        RedListRow,
        """SELECT user_id, content FROM account_data WHERE user_id = ANY($1::text[]) AND room_id = '' AND type = $2 AND NOT deleted
           UNION ALL SELECT user_id, NULL FROM users
            WHERE user_id = ANY($1::text[]) AND expires_ts > 0 AND expires_ts < extract(epoch FROM now()) * 1000""",
        list(people),
        TYPE,
    )
    return {row.user_id for row in rows if row.content is None or orjson.loads(row.content).get("hide_profile") is True}
