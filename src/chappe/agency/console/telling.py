"""Administrators are told that something waits for one of them."""

from __future__ import annotations

from chappe.agency.console.scope import ConsoleScope
from chappe.homeserver.actions.server_notices import ServerNotices
from chappe.homeserver.modules.critical_acts.critical_acts import CriticalActs
from chappe.matrix.identifiers import UserId

TOLD_AT_MOST = 20


class TellAdministrators:
    """Of what waits in the console, and of requests at the administration APIs."""

    def __init__(self, scope: ConsoleScope, notices: ServerNotices, critical_acts: CriticalActs) -> None:
        self._scope, self._notices = scope, notices
        critical_acts.listen(self)

    async def __call__(self, organisation: str, asked_by: str, name: str, about: str | None = None) -> None:
        """`about`: whom it is done to, who is not told."""
        text = (
            f"{asked_by} demande votre accord : {name} ({organisation}). Ouvrez la console d'administration.\n\n"
            f"{asked_by} asks for your agreement: {name} ({organisation}). Open the administration console."
        )
        for other in list(await self._scope.administrators(organisation))[:TOLD_AT_MOST]:
            if other["user_id"] not in (asked_by, about):
                await self._notices.send(UserId(other["user_id"]), text)
