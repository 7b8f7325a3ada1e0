"""Passwords checked by a directory (LDAP): the entry is looked up with a service account, then bound with the password."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import ldap3
from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_filter_chars

from chappe.config import Ldap
from chappe.homeserver.accounts.given_fields import read_facts
from chappe.homeserver.accounts.single_sign_on.providers import ProvenIdentity, fill, rewrite
from chappe.matrix.errors import MatrixError

log = logging.getLogger(__name__)
TIMEOUT = 10
# What an entry is called as long as it exists, whatever it is renamed to and wherever it is moved; never given again:
# RFC 4530; Active Directory; 389 and its like; IBM; eDirectory.
STAYS: dict[str, Callable[[bytes], str]] = {
    "entryUUID": bytes.decode,
    "objectGUID": lambda raw: str(UUID(bytes_le=raw)),
    "nsUniqueId": bytes.decode,
    "ibm-entryUUID": bytes.decode,
    "GUID": lambda raw: str(UUID(bytes=raw)),
}
MADE = ("createTimestamp", "whenCreated")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody whom a directory knows by what was typed; nothing is proven yet. `who` counts with the right password only."""

    dn: str
    who: ProvenIdentity


class Directories:
    def __init__(self, settings: Sequence[Ldap]) -> None:
        self._settings = list(settings)
        self._slots = asyncio.Semaphore(4)

    def of(self, server_name: str) -> Ldap | None:
        return next((s for s in self._settings if not s.domains or server_name in s.domains), None)

    async def find(self, server_name: str, login: str) -> Entry | None:
        """Whom a name means; None for nobody, or several. Raises M_UNKNOWN (503) where the directory does not answer."""
        settings = self.of(server_name)
        if settings is None or not login:
            return None
        return await self._ask(_find, settings, login)

    async def is_right(self, server_name: str, entry: Entry, password: str) -> bool:
        """Whether it is an entry's password. Raises M_UNKNOWN (503) likewise."""
        settings = self.of(server_name)
        if settings is None or not password:  # an empty password would bind as nobody, and succeed
            return False
        return await self._ask(_is_right, settings, entry.dn, password)

    async def _ask(self, what: Callable[..., T], *arguments: Any) -> T:
        async with self._slots:
            try:
                return await asyncio.to_thread(what, *arguments)
            except LDAPException as error:
                log.warning("the directory does not answer", extra={"fields": {"error": type(error).__name__}})
                raise MatrixError(503, "M_UNKNOWN", "The directory of accounts does not answer: please try again") from None


def _server(settings: Ldap) -> ldap3.Server:
    tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=settings.ca_file)
    return ldap3.Server(settings.uri, tls=tls, connect_timeout=TIMEOUT, get_info=ldap3.NONE)


def _connect(settings: Ldap, dn: str | None, password: str | None) -> ldap3.Connection | None:
    """A bound connection; None where name and password do not fit."""
    connection = ldap3.Connection(_server(settings), dn, password, receive_timeout=TIMEOUT, raise_exceptions=False)
    try:
        if settings.start_tls:
            connection.open()
            if not connection.start_tls():
                raise LDAPException("no TLS")
        if connection.bind():
            return connection
    except LDAPException:
        if connection.socket is not None:  # the library leaves it open
            connection.socket.close()
        raise
    connection.unbind()
    return None


def _find(settings: Ldap, login: str) -> Entry | None:
    lookup = _connect(settings, settings.bind_dn, settings.bind_password)
    if lookup is None:
        raise LDAPException("the service account was refused")
    try:
        query = settings.filter.replace("{login}", escape_filter_chars(login))
        lookup.search(settings.base, query, attributes=["*", "+"], size_limit=2)
        entries = [e for e in lookup.response or () if e.get("type") == "searchResEntry"]
    finally:
        lookup.unbind()
    if len(entries) != 1:  # nobody, or not clear who
        return None
    entry = entries[0]
    return Entry(entry["dn"], _proven(settings, entry["dn"], entry["attributes"], entry["raw_attributes"]))


def _is_right(settings: Ldap, dn: str, password: str) -> bool:
    bound = _connect(settings, dn, password)
    if bound is None:
        return False
    bound.unbind()
    return True


def _proven(settings: Ldap, dn: str, attributes: Any, raw: Any) -> ProvenIdentity:
    values = {name: _first(value) for name, value in dict(attributes).items()}
    email = values.get(settings.email_attribute)
    localpart = values.get(settings.localpart_attribute)
    names = _names(raw)
    return ProvenIdentity(
        f"ldap:{settings.id}",
        names[0] if names else dn,
        rewrite(email, settings.rewrite) if email else None,
        fill(settings.display_name, values),
        localpart,
        None,
        settings.create_accounts,
        settings.link_by_email,
        also=tuple(names[1:]),
        place=dn,
        made_ts=_made_ts(raw),
        facts=read_facts(settings, attributes.get),
    )


def _names(raw: Any) -> list[str]:
    """By which an entry is known for good, the one that counts first. `raw`: attributes as they came, by any case of their names."""
    names = []
    for attribute, read in STAYS.items():
        for value in raw.get(attribute) or ():
            with contextlib.suppress(ValueError):  # a directory may call something else so
                names.append(read(value))
    return names


def _made_ts(raw: Any) -> int | None:
    for attribute in MADE:
        for value in raw.get(attribute) or ():
            with contextlib.suppress(ValueError):
                made = datetime.strptime(value[:14].decode(), "%Y%m%d%H%M%S")  # generalised time, in UTC
                return int(made.replace(tzinfo=UTC).timestamp() * 1000)
    return None


def _first(value: Any) -> str | None:
    if isinstance(value, list):
        value = value[0] if value else None
    return None if value is None else value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
