"""What rooms ask of application services about aliases. Here nothing is theirs; `accounts/bridges.py` knows the registrations."""

from __future__ import annotations


class BridgedAliases:
    def require_alias_free(self, alias: str, user_id: str) -> None:
        """Raises M_EXCLUSIVE for an alias that only an application service's users may make."""

    def has_alias(self, alias: str, service_id: str) -> bool:
        """Whether an alias is of a service's namespace."""
        return False

    async def ask_for_alias(self, alias: str) -> bool:
        """Whether a service has just made a room for an alias of its namespace."""
        return False
