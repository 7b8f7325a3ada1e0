"""Which fields of a profile a directory or a provider gives: theirs to say, and not the person's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chappe.config import Config, IdentityProvider, Ldap
from chappe.matrix.profile_fields import SERVICE, TELEPHONE, TITLE, fact


def sources(settings: IdentityProvider | Ldap) -> dict[str, str]:
    """By field, the claim or attribute that it is read from."""
    if isinstance(settings, Ldap):
        named = (settings.title_attribute, settings.service_attribute, settings.telephone_attribute)
    else:
        named = (settings.title_claim, settings.service_claim, settings.telephone_claim)
    return {field: source for field, source in zip((TITLE, SERVICE, TELEPHONE), named, strict=True) if source}


def read_facts(settings: IdentityProvider | Ldap, value_of: Callable[[str], Any]) -> dict[str, str | None]:
    """By field, what is said of somebody; None where nothing is said any more."""
    return {field: fact(value_of(source)) for field, source in sources(settings).items()}


class GivenFields:
    def __init__(self, config: Config) -> None:
        self._of_all: set[str] = set()
        self._of_domain: dict[str, set[str]] = {}
        every: list[IdentityProvider | Ldap] = [*config.ldap, *config.identity_providers]
        for settings in every:
            given = sources(settings).keys()
            if not settings.domains:
                self._of_all |= given
            for domain in settings.domains:
                self._of_domain.setdefault(domain, set()).update(given)

    def of(self, server_name: str) -> frozenset[str]:
        """Those that people of a hosted domain do not set themselves, whether or not they sign in by what gives them."""
        return frozenset(self._of_all | self._of_domain.get(server_name, set()))
