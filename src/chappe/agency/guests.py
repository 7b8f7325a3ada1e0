"""External guests: people whose accounts are on a server for those who are no agents (`agency.guest_domains`)."""

from __future__ import annotations

from collections.abc import Iterable

from chappe.config import Agency
from chappe.matrix.identifiers import domain_of, host_of, plain_form


class Guests:
    def __init__(self, settings: Agency) -> None:
        self._domains = frozenset(map(plain_form, settings.guest_domains))
        self._hosts = frozenset(map(host_of, self._domains))
        self.no_longer: set[str] = set()  # who came as a guest and is an agent now
        self.agents_of: dict[str, frozenset[str]] = {}  # the same, of other servers, as they say it

    def is_guest(self, user_id: str) -> bool:
        domain = domain_of(user_id)
        return self.is_guest_home(domain) and user_id not in self.no_longer and user_id not in self.agents_of.get(domain, ())

    @property
    def homes(self) -> frozenset[str]:
        return self._domains

    def is_guest_home(self, server_name: str) -> bool:
        """By the machine, as access lists do: who has one may serve on any port of it."""
        return host_of(server_name) in self._hosts

    def among(self, users: Iterable[str]) -> list[str]:
        return [user for user in users if self.is_guest(user)]
