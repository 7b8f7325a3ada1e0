"""Clients that register themselves (MSC2966): what they may say of themselves, and where they may send people."""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

import orjson

from chappe.homeserver.accounts.oauth.errors import OAuthError
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.server_time import NowMs

CODE, REFRESH, DEVICE = "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"
GRANTS = (CODE, REFRESH, DEVICE)
_TEXTS = ("client_name", "client_uri", "logo_uri", "tos_uri", "policy_uri", "application_type")
MAX_REDIRECTS, MAX_TEXT = 20, 2000


@dataclass(frozen=True, slots=True)
class Client:
    client_id: str
    metadata: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.metadata.get("client_name") or self.host)

    @property
    def host(self) -> str:
        return urlsplit(str(self.metadata["client_uri"])).hostname or ""

    def may_use(self, grant: str) -> bool:
        return grant in self.metadata["grant_types"]

    def allows_redirect(self, uri: str) -> bool:
        """Compared exactly; a native client's loopback address may have any port (RFC 8252, 7.3)."""
        for known in self.metadata["redirect_uris"]:
            if uri == known:
                return True
            a, b = _split(uri), _split(known)
            native = self.metadata["application_type"] == "native"
            if native and a is not None and b is not None and b.scheme == "http" and _is_loopback(b.hostname):
                if (a.scheme, a.hostname, a.path, a.query, a.fragment, a.username) == (
                    b.scheme,
                    b.hostname,
                    b.path,
                    b.query,
                    b.fragment,
                    None,
                ):
                    return True
        return False


class Clients:
    def __init__(self, database: Database, now_ms: NowMs) -> None:
        self._database, self._now_ms = database, now_ms

    async def find(self, client_id: object) -> Client | None:
        if type(client_id) is not str or "\0" in client_id:
            return None
        raw = await self._database.fetchval("SELECT metadata FROM oauth_clients WHERE client_id = $1", client_id)
        return None if raw is None else Client(client_id, orjson.loads(raw))

    async def require(self, client_id: object) -> Client:
        client = await self.find(client_id)
        if client is None:
            raise OAuthError("invalid_client", "This application is not known here", 401)
        return client

    async def register(self, body: Mapping[str, Any], own_host: str = "", own_names: Collection[str] = ()) -> Client:
        """The same metadata gives the same client. `own_names`: what only an application of this host may call itself.

        Raises invalid_client_metadata, invalid_redirect_uri.
        """
        metadata = _metadata(body)
        if urlsplit(metadata["client_uri"]).hostname != own_host:
            _require_other_name(metadata, own_names)
        raw = orjson.dumps(metadata, option=orjson.OPT_SORT_KEYS)
        client_id = await self._database.fetchval(
            """INSERT INTO oauth_clients VALUES ($1, $2, $3, $4)
               ON CONFLICT (digest) DO UPDATE SET created_ts = excluded.created_ts RETURNING client_id""",
            secrets.token_urlsafe(16),
            hashlib.sha256(raw).digest(),
            raw,
            self._now_ms(),
        )
        return Client(client_id, metadata)

    async def prune(self) -> None:
        """Registrations that nobody used in a week go."""
        await self._database.execute(
            """DELETE FROM oauth_clients c WHERE created_ts < $1
                AND NOT EXISTS (SELECT 1 FROM oauth_sessions s WHERE s.client_id = c.client_id)
                AND NOT EXISTS (SELECT 1 FROM oauth_codes o WHERE o.client_id = c.client_id)
                AND NOT EXISTS (SELECT 1 FROM device_grants d WHERE d.client_id = c.client_id)""",
            self._now_ms() - 7 * 86_400_000,
        )


def _require_other_name(metadata: Mapping[str, Any], own_names: Collection[str]) -> None:
    taken = {plain for name in own_names if (plain := _letters(name))}
    for field, value in metadata.items():
        if field.split("#")[0] == "client_name" and any(name in _letters(value) for name in taken):
            raise _bad(f"{field} is the name of this service, which your application is not")


def _letters(text: str) -> str:
    """What of a name catches the eye: letters and digits, without accents or styles."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(char for char in plain if char.isalnum())


def _bad(message: str, error: str = "invalid_client_metadata") -> OAuthError:
    return OAuthError(error, message)


def _metadata(body: Mapping[str, Any]) -> dict[str, Any]:
    found = {"application_type": "web", "token_endpoint_auth_method": "none", **_texts(body)}
    if body.get("token_endpoint_auth_method", "none") != "none":
        raise _bad("Only public clients can register: token_endpoint_auth_method must be none")
    if found["application_type"] not in ("web", "native"):
        raise _bad("application_type must be web or native")
    home = _home(found.get("client_uri", ""))
    for name in [n for n in found if n.split("#")[0] in ("logo_uri", "tos_uri", "policy_uri")]:
        link = _split(found[name])
        if link is None or link.scheme not in ("https", home.scheme) or not _belongs(link.hostname, home.hostname):
            raise _bad(f"{name} must be on the host of client_uri")
    grants = body.get("grant_types", [CODE])
    if type(grants) is not list or not all(type(g) is str for g in grants):
        raise _bad("grant_types must be a list")
    found["grant_types"] = [g for g in grants if g in GRANTS]
    found["response_types"] = ["code"]
    found["redirect_uris"] = _redirects(body, found, home)
    return found


def _texts(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that people read, with those in other languages."""
    found = {name: value for name, value in body.items() if name.split("#")[0] in _TEXTS}
    for name, value in found.items():
        if type(value) is not str or len(value) > MAX_TEXT or not value.isprintable():
            raise _bad(f"{name} must be a string")
    return found


def _home(client_uri: str) -> SplitResult:
    """Where the application is at home: all its other addresses belong there."""
    home = _split(client_uri)
    if home is None or not home.hostname or not (home.scheme == "https" or _is_local(home)) or home.username:
        raise _bad("client_uri must be an https:// address")
    if "." not in home.hostname.strip(".") and not _is_loopback(home.hostname):
        raise _bad("client_uri must name a host, not a whole domain such as https://fr/")
    return home


def _redirects(body: Mapping[str, Any], found: Mapping[str, Any], home: SplitResult) -> list[str]:
    uris = body.get("redirect_uris", [])
    if type(uris) is not list or len(uris) > MAX_REDIRECTS or not all(type(u) is str for u in uris):
        raise _bad("redirect_uris must be a list", "invalid_redirect_uri")
    if not uris and CODE in found["grant_types"]:
        raise _bad("redirect_uris is missing", "invalid_redirect_uri")
    for uri in uris:
        link = _split(uri)
        if (
            link is None
            or link.fragment
            or link.username
            or len(uri) > MAX_TEXT
            or not uri.isprintable()
            or not (_web_redirect(link, home) if found["application_type"] == "web" else _native_redirect(link, home))
        ):
            raise _bad(f"{uri[:100]} cannot be used to send people back to this application", "invalid_redirect_uri")
    return uris


def _web_redirect(link: SplitResult, home: SplitResult) -> bool:
    return (link.scheme == "https" or _is_local(link)) and _belongs(link.hostname, home.hostname)


def _native_redirect(link: SplitResult, home: SplitResult) -> bool:
    if link.scheme == "https":
        return _belongs(link.hostname, home.hostname)
    if link.scheme == "http":
        return _is_loopback(link.hostname)
    reversed_host = ".".join(reversed((home.hostname or "").split(".")))
    return not link.netloc and (link.scheme == reversed_host or link.scheme.startswith(reversed_host + "."))


def _split(uri: str) -> SplitResult | None:
    try:
        link = urlsplit(uri)
        _ = link.port
    except ValueError:
        return None
    return link


def _belongs(host: str | None, home: str | None) -> bool:
    return host is not None and home is not None and (host == home or host.endswith("." + home))


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _is_local(link: SplitResult) -> bool:
    return link.scheme == "http" and _is_loopback(link.hostname)
