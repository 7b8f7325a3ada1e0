"""What ends the rights of an administrator, and what they have asked for (`homeserver/accounts/ways_to_act.py`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chappe.agency.records.exports import Exports
from chappe.homeserver.accounts.account_states import End, Entry
from chappe.homeserver.app.ways_to_act import of_user
from chappe.homeserver.database.pool import Database


def ends_of_console(database: Database, exports: Exports, now_ms: Callable[[], int]) -> Mapping[str, End]:
    async def rights(entry: Entry) -> None:
        await database.execute("DELETE FROM administrators WHERE user_id = $1", entry.user_id)

    async def requests(entry: Entry) -> None:
        await database.execute(
            """UPDATE critical_requests SET decided_by = $1, decided_ts = $2, outcome = 'withdrawn'
                WHERE asked_by = $1 AND decided_ts IS NULL""",
            entry.user_id, now_ms(),
        )  # fmt: skip

    return {
        "administration of organisations": rights,
        "requests for a second person": requests,
        "packages asked for": of_user(exports.withdraw),
    }
