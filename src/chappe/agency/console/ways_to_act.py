"""What ends the rights of an administrator, and the packages that they have asked for (`homeserver/accounts/ways_to_act.py`)."""

from __future__ import annotations

from collections.abc import Mapping

from chappe.agency.console.administrators import dismiss_everywhere
from chappe.agency.records.exports import Exports
from chappe.homeserver.accounts.account_states import AccountStateEntry, End, of_user
from chappe.homeserver.database.pool import Database


def ends_of_console(database: Database, exports: Exports) -> Mapping[str, End]:
    async def rights(entry: AccountStateEntry) -> None:
        await dismiss_everywhere(database, entry.user_id)

    return {"administration of organisations": rights, "packages asked for": of_user(exports.withdraw)}
