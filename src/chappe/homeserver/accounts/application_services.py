"""Application services (application-service API, "Registration"): who they are, and which users, aliases and rooms are theirs.

A registration is a YAML file that the operator names in the configuration; bridges write them themselves.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from chappe.homeserver.accounts.store import User
from chappe.matrix.errors import BadRequest, Forbidden, NotFound
from chappe.matrix.identifiers import UserId, domain_of


class RegistrationError(Exception):
    """A registration file that cannot be used; the message names the file."""


@dataclass(frozen=True, slots=True)
class Namespace:
    pattern: re.Pattern[str]
    exclusive: bool


@dataclass(frozen=True, slots=True)
class ApplicationService:
    """`sender`: the user id that it acts as when it names none. `url` None: it wants no traffic."""

    id: str
    url: str | None
    as_hash: bytes
    hs_token: str
    sender: UserId
    users: tuple[Namespace, ...] = ()
    aliases: tuple[Namespace, ...] = ()
    rooms: tuple[Namespace, ...] = ()
    protocols: tuple[str, ...] = ()
    is_limited: bool = False
    wants_ephemeral: bool = False
    wants_encryption: bool = False  # MSC3202: device lists and key counts
    manages_devices: bool = False  # MSC4190

    def has_user(self, user_id: str) -> bool:
        """Whether a name is of its namespace: what it hears of. Whose account bears the name is another question (`made`)."""
        return user_id == self.sender or _any(self.users, user_id)

    def has_alias(self, alias: str) -> bool:
        return _any(self.aliases, alias)

    def has_room(self, room_id: str) -> bool:
        return _any(self.rooms, room_id)

    def made(self, account: User) -> bool:
        """Whether an account is the service's. Its name says nothing: namespaces are patterns, and people's names fit them."""
        return account.appservice == self.id

    def has_for_itself(self, user_id: str) -> bool:
        """Whether nobody else may take a name (from now on: somebody may have had it before)."""
        return user_id == self.sender or any(n.exclusive and n.pattern.fullmatch(user_id) for n in self.users)

    def require_made(self, account: User) -> None:
        """Raises M_FORBIDDEN for an account that somebody else has made: a person's, or another service's."""
        if not self.made(account):
            raise Forbidden("The application service has not made this account: its owner may give it a session of theirs")

    def require_answers_for(self, account: User) -> None:
        """For what its owner would prove to be theirs. Raises M_FORBIDDEN likewise, and for an account that administers."""
        self.require_made(account)
        if account.is_admin:
            raise Forbidden("Whoever administers proves it with a second factor")


def _any(namespaces: Iterable[Namespace], name: str) -> bool:
    return any(n.pattern.fullmatch(name) for n in namespaces)


@dataclass
class ApplicationServices:
    """All that are registered, by id."""

    services: dict[str, ApplicationService]
    is_hosted: Callable[[str], bool]  # namespaces are patterns: they fit other servers' users too

    def __post_init__(self) -> None:
        self._by_token = {s.as_hash: s for s in self.services.values()}

    def by_token(self, token_hash: bytes) -> ApplicationService | None:
        return self._by_token.get(token_hash)

    def by_hs_token(self, token: str) -> ApplicationService | None:
        return next((s for s in self.services.values() if secrets.compare_digest(s.hs_token, token)), None)

    def require(self, service_id: str) -> ApplicationService:
        """Raises M_NOT_FOUND."""
        if service_id not in self.services:
            raise NotFound("There is no such application service")
        return self.services[service_id]

    def owner_of_user(self, user_id: str) -> ApplicationService | None:
        """The service whose namespace holds a user."""
        return next((s for s in self.services.values() if s.has_user(user_id)), None)

    def sole_owner_of(self, user_id: str) -> ApplicationService | None:
        """The one service that has a name for itself; None: there is none, or several."""
        owners = [s for s in self.services.values() if s.has_for_itself(user_id)]
        return owners[0] if len(owners) == 1 else None

    def require_free_for(self, user_id: str, service_id: str | None) -> None:
        """For an account of a service's (None: anybody else's). Raises M_EXCLUSIVE."""
        self.require_user_free(user_id, None if service_id is None else self.services.get(service_id))

    def require_user_free(self, user_id: str, service: ApplicationService | None) -> None:
        """Raises M_EXCLUSIVE for a user id that only another application service may register."""
        if service is not None and not service.has_user(user_id):
            raise BadRequest("This user name is outside the application service's namespace", "M_EXCLUSIVE")
        for other in self.services.values():
            if other is not service and other.has_for_itself(user_id):
                raise BadRequest("This user name is reserved for a bridge", "M_EXCLUSIVE")

    def require_alias_free(self, alias: str, user_id: str) -> None:
        """Raises M_EXCLUSIVE for an alias that only another application service's users may make."""
        for service in self.services.values():
            if any(n.exclusive and n.pattern.fullmatch(alias) for n in service.aliases) and not service.has_user(user_id):
                raise BadRequest("This alias is reserved for a bridge", "M_EXCLUSIVE")

    def has_alias(self, alias: str, service_id: str) -> bool:
        """Whether an alias is of a service's namespace."""
        service = self.services.get(service_id)
        return service is not None and service.has_alias(alias)

    def masquerade(self, service: ApplicationService, user_id: str | None) -> UserId:
        """The name that a request acts as. Raises M_FORBIDDEN outside the namespace."""
        if user_id is None:
            return service.sender
        if not service.has_user(user_id) or not self.is_hosted(domain_of(user_id)):
            raise Forbidden("This user is outside the application service's namespace")
        return UserId(user_id)


def load_application_services(
    files: Iterable[str], default_domain: str, is_hosted: Callable[[str], bool]
) -> ApplicationServices:
    """Raises RegistrationError for what cannot be read, or clashes."""
    found: dict[str, ApplicationService] = {}
    for name in files:
        service = _parse(name, _read(name), default_domain)
        if service.id in found:
            raise RegistrationError(f"{name}: the id {service.id!r} is used by another registration")
        if any(service.as_hash == other.as_hash for other in found.values()):
            raise RegistrationError(f"{name}: its as_token is used by another registration")
        found[service.id] = service
    return ApplicationServices(found, is_hosted)


def _read(name: str) -> Mapping[str, Any]:
    try:
        value = yaml.safe_load(Path(name).read_text())
    except OSError as error:
        raise RegistrationError(f"{name}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise RegistrationError(f"{name}: {error}") from None
    if not isinstance(value, dict):
        raise RegistrationError(f"{name}: not a registration")
    return value


def _parse(name: str, value: Mapping[str, Any], default_domain: str) -> ApplicationService:
    for key in ("id", "as_token", "hs_token", "sender_localpart"):
        if not isinstance(value.get(key), str) or not value[key]:
            raise RegistrationError(f"{name}: {key} is missing")
    url = value.get("url")
    if url is not None and (not isinstance(url, str) or not re.match(r"https?://", url)):
        raise RegistrationError(f"{name}: url must be an http:// or https:// address, or null")
    namespaces = value.get("namespaces") or {}
    if not isinstance(namespaces, dict):
        raise RegistrationError(f"{name}: namespaces must be a mapping")
    sender = value["sender_localpart"]
    sender_id = sender if sender.startswith("@") else f"@{sender}:{default_domain}"
    domain_of(sender_id)
    return ApplicationService(
        value["id"],
        url.rstrip("/") if url else None,
        hashlib.sha256(value["as_token"].encode()).digest(),
        value["hs_token"],
        UserId(sender_id),
        _namespaces(name, namespaces, "users"),
        _namespaces(name, namespaces, "aliases"),
        _namespaces(name, namespaces, "rooms"),
        tuple(str(p) for p in value.get("protocols") or ()),
        bool(value.get("rate_limited", True)),
        _flag(value, "receive_ephemeral", "de.sorunome.msc2409.push_ephemeral", "push_ephemeral"),
        _flag(value, "org.matrix.msc3202"),
        _flag(value, "io.element.msc4190"),
    )


def _flag(value: Mapping[str, Any], *names: str) -> bool:
    return any(value.get(name) is True for name in names)


def _namespaces(name: str, value: Mapping[str, Any], kind: str) -> tuple[Namespace, ...]:
    result = []
    for entry in value.get(kind) or ():
        if not isinstance(entry, dict) or not isinstance(entry.get("regex"), str):
            raise RegistrationError(f"{name}: each of namespaces.{kind} needs a regex")
        try:
            pattern = re.compile(entry["regex"])
        except re.error as error:
            raise RegistrationError(f"{name}: {entry['regex']!r}: {error}") from None
        result.append(Namespace(pattern, bool(entry.get("exclusive", False))))
    return tuple(result)
