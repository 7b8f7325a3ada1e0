"""What an access token has taken of somebody's keys comes back: of their key backup, and of the secrets that open it."""

from __future__ import annotations

from typing import Any

from chappe.homeserver.modules.account_data.account_data import AccountData
from chappe.homeserver.modules.key_backup.kept import KeptSessions
from chappe.matrix.errors import NotFound


class RestoreKeys:
    def __init__(self, kept_sessions: KeptSessions, account_data: AccountData) -> None:
        self._kept_sessions, self._account_data = kept_sessions, account_data

    async def __call__(self, user_id: str, at_ts: int | None = None) -> dict[str, Any]:
        """`at_ts` (ms): secrets are as they were then; without it, those that are empty now are as they last were.

        Returns how many sessions came back by version, and which secrets. Raises M_NOT_FOUND where nothing did.
        """
        versions = await self._kept_sessions.restore(user_id)
        secrets = await self._account_data.restore_secrets(user_id, at_ts)
        if not versions and not secrets:
            raise NotFound("Nothing is kept of the keys of this account that is not there")
        return {"versions": versions, "secrets": secrets}
