"""The sealed index as a part of a node."""

from __future__ import annotations

from chappe.config import Shares
from chappe.homeserver.accounts.endings import Ending
from chappe.homeserver.actions.deactivate_account import DeactivateAccount
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.modules.sealed_index.api import SealedIndexApi
from chappe.homeserver.modules.sealed_index.sealed_index import SealedIndex
from chappe.homeserver.modules.sealed_index.tables import TABLES
from chappe.homeserver.part import Part
from chappe.matrix.identifiers import UserId


def sealed_index(database: Database, now_ms: NowMs, shares: Shares, deactivate: DeactivateAccount) -> SealedIndex:
    index = SealedIndex(database, now_ms, shares.sealed_index_mib << 20)

    async def ended(user_id: UserId, erase: bool, by: Ending) -> None:
        """Whoever comes back has new devices, which read again what is still there."""
        await index.remove(user_id, None)

    deactivate.listen(ended)
    return index


PART = Part("sealed index", gives=(sealed_index,), endpoints=(SealedIndexApi,), tables=TABLES)
