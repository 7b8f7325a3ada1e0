"""Every administrator of the installation is told that its time is in doubt."""

from __future__ import annotations

from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.actions.server_notices import ServerNotices
from chappe.homeserver.database.server_time import TimeEvidence


class TellOfTime:
    def __init__(self, evidence: TimeEvidence, accounts: AccountStore, notices: ServerNotices) -> None:
        self._accounts, self._notices = accounts, notices
        evidence.listen(self._told)

    async def _told(self, doubt: str) -> None:
        text = (
            f"L'heure du serveur est douteuse : rien n'est effacé ni clos pour l'instant. ({doubt}.) Vérifiez l'horloge ; si "
            "l'heure est juste, confirmez-la sur le serveur : chappe admin clock confirm\n\n"
            f"The server's time is in doubt: nothing is erased or ended for now. ({doubt}.) Check the clock; if the time is "
            "right, confirm it on the server: chappe admin clock confirm"
        )
        for user_id in await self._accounts.administrators():
            await self._notices.send(user_id, text)
