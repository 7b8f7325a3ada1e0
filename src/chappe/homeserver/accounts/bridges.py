"""What does not exist yet: an application service may make a user or a room of its namespace when somebody first asks for it
(application-service API, "Querying")."""

from __future__ import annotations

from chappe.homeserver.accounts.application_services import ApplicationServices
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.outbound.application_service import ServiceCalls
from chappe.homeserver.outbound.bridged_aliases import BridgedAliases


class Bridges(BridgedAliases):
    def __init__(self, services: ApplicationServices, calls: ServiceCalls, accounts: AccountStore) -> None:
        self._services, self._calls, self._accounts = services, calls, accounts

    async def ask_for_user(self, user_id: str) -> bool:
        """Whether the service in whose namespace a user is was asked: it may have made them."""
        service = self._services.owner_of_user(user_id)
        if service is None or not service.url or await self._accounts.find_user(user_id) is not None:
            return False
        await self._calls.exists(service.url, service.hs_token, "users", user_id)
        return True

    def require_alias_free(self, alias: str, user_id: str) -> None:
        self._services.require_alias_free(alias, user_id)

    def has_alias(self, alias: str, service_id: str) -> bool:
        return self._services.has_alias(alias, service_id)

    async def ask_for_alias(self, alias: str) -> bool:
        for service in self._services.services.values():
            if service.url and service.has_alias(alias):
                if await self._calls.exists(service.url, service.hs_token, "rooms", alias):
                    return True
        return False
