"""The web client: its files at `/`, and what it must know of this installation before anybody has signed in.

The files are built from `web/` into `chappe/webclient`; without them `/` says that the server runs.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any

import orjson

from chappe.config import Brand, Config
from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.api.web.file_headers import DAY, FOREVER, REVALIDATE, SAFE, type_of
from chappe.homeserver.http.public_url import PublicUrl
from chappe.homeserver.http.request import Request, Response
from chappe.homeserver.http.router import NO_AUTH, Answer, endpoint
from chappe.homeserver.outbound.domains import Domains
from chappe.matrix.errors import BadRequest, NotFound

BUILT = Path(__file__).parents[3] / "webclient"
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,120}")
_ICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" rx="16" fill="%s"/>
<g transform="translate(12 11) scale(1.68)" fill="none" stroke="#fff" stroke-width="1.7" stroke-linecap="round">
<path d="M12 21V9M8.5 21h7M5.5 10.5 18.5 7M5.5 10.5 4 5.5m14.5 1.5 2 4.6"/></g></svg>"""
_GREETING = """<!doctype html><html lang="fr"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Chappe</title><style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:12vh auto;padding:0 1.5rem}
code{background:#eef;padding:.1em .3em;border-radius:.2em}</style>
<h1>Chappe</h1><p lang="fr">Ce serveur de messagerie fonctionne. Dans votre application Matrix, indiquez le serveur
<code>%(url)s</code>.</p><p lang="en">This messaging server is running. In your Matrix client, enter the server
<code>%(url)s</code>.</p></html>"""


@dataclass(frozen=True, slots=True)
class SignInMeans:
    """What decides how somebody of a domain signs in. `provider_of`: the name of the provider that a domain uses."""

    may_register: bool
    provider_of: Callable[[str], str | None]


class WebClient:
    """`folder`: the built files, elsewhere than they are installed (tests, development)."""

    def __init__(
        self,
        config: Config,
        domains: Domains,
        public_url: PublicUrl,
        means: SignInMeans,
        accounts: Accounts,
        folder: Path | None = None,
    ) -> None:
        self._config, self._domains, self._public_url, self._means = config, domains, public_url, means
        self._accounts = accounts
        self._folder = folder or BUILT

    # ------------------------------------------------------------------------------------------------------- files

    @endpoint("GET", "/", auth=NO_AUTH)
    async def page(self, request: Request) -> Answer:
        """The web client."""
        if not self._config.web_client or not (self._folder / "index.html").is_file():
            return self._greeting(request)
        return await self._file(request, "index.html", REVALIDATE)

    @endpoint("GET", "/assets/{name}", auth=NO_AUTH)
    async def asset(self, request: Request) -> Answer:
        """A file whose name holds the hash of its contents."""
        return await self._file(request, f"assets/{self._name(request)}", FOREVER)

    @endpoint("GET", "/icons/{name}", auth=NO_AUTH)
    async def icon(self, request: Request) -> Answer:
        """A picture of the web client."""
        return await self._file(request, f"icons/{self._name(request)}", REVALIDATE)

    @endpoint("GET", "/look.css", auth=NO_AUTH)
    async def look(self, request: Request) -> Answer:
        """How the pages of this server look: as the web client does. Its colours, sizes and font are built with it."""
        return await self._file(request, "look.css", REVALIDATE)

    @endpoint("GET", "/favicon.ico", auth=NO_AUTH)
    async def favicon(self, request: Request) -> Answer:
        """What browsers ask for beside every page, in the colour of the domain; there without the web client as well."""
        return Response(200, (_ICON % self._brand(request).colour).encode(), "image/svg+xml", (DAY, *SAFE))

    @endpoint("GET", "/sw.js", auth=NO_AUTH)
    async def service_worker(self, request: Request) -> Answer:
        """What keeps the web client usable without a network and shows its notifications."""
        return await self._file(request, "sw.js", REVALIDATE)

    @endpoint("GET", "/licences.txt", auth=NO_AUTH)
    async def licences(self, request: Request) -> Answer:
        """The licences of what the web client is built from."""
        return await self._file(request, "licences.txt", REVALIDATE)

    @endpoint("GET", "/manifest.webmanifest", auth=NO_AUTH)
    async def manifest(self, request: Request) -> Answer:
        """What makes the web client installable, in the name and colour of the domain."""
        brand = self._brand(request)
        body = {
            "name": brand.name,
            "short_name": brand.name[:24],
            "id": "/",
            "start_url": "/",
            "scope": "/",
            "display": "standalone",
            "lang": brand.language,
            "background_color": "#ffffff",
            "theme_color": brand.colour,
            "icons": [
                {"src": "/icons/icon.svg", "sizes": "any", "type": "image/svg+xml"},
                {"src": "/icons/icon-192.png", "sizes": "192x192", "type": "image/png"},
                {"src": "/icons/icon-512.png", "sizes": "512x512", "type": "image/png", "purpose": "any maskable"},
            ],
            "share_target": {
                "action": "/share",
                "method": "POST",
                "enctype": "multipart/form-data",
                "params": {"title": "title", "text": "text", "url": "url", "files": [{"name": "files", "accept": ["*/*"]}]},
            },
        }
        return Response(200, orjson.dumps(body), "application/manifest+json", (REVALIDATE,))

    def _name(self, request: Request) -> str:
        name = request.params["name"]
        if not _NAME.fullmatch(name):
            raise NotFound("There is no such file")
        return name

    async def _file(self, request: Request, name: str, caching: tuple[bytes, bytes]) -> Response:
        """As compressed as the browser takes it."""
        path, accepted = self._folder / name, request.header(b"accept-encoding") or ""
        headers = [caching, (b"vary", b"accept-encoding"), *SAFE]
        for suffix, coding in ((".br", "br"), (".gz", "gzip")):
            if coding in accepted and path.with_name(path.name + suffix).is_file():
                path = path.with_name(path.name + suffix)
                headers.append((b"content-encoding", coding.encode()))
                break
        try:
            seen = path.stat()
            tag = f'"{seen.st_mtime_ns:x}-{seen.st_size:x}"'
            headers.append((b"etag", tag.encode()))
            if request.header(b"if-none-match") == tag:
                return Response(304, b"", type_of(name), tuple(headers))
            body = await asyncio.to_thread(path.read_bytes)
        except OSError:
            raise NotFound("There is no such file") from None
        headers.append((b"last-modified", formatdate(seen.st_mtime, usegmt=True).encode()))
        return Response(200, body, type_of(name), tuple(headers))

    def _greeting(self, request: Request) -> Response:
        safe = self._public_url.of(request).replace("&", "&amp;").replace("<", "&lt;")
        page = _GREETING.replace("%(url)s", safe).encode()
        security = (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'")
        return Response(200, page, "text/html; charset=utf-8", (security,))

    # ----------------------------------------------------------------------------------------- this installation

    @endpoint("GET", "/_chappe/client/v1/configuration", auth=NO_AUTH)
    async def configuration(self, request: Request) -> Answer:
        """Brand, links and features of the domain that the request came to; which questions of the public-sector layer it answers."""
        domain, brand = self._domains.of_host(request.host), self._brand(request)
        return {
            "server_name": domain,
            "base_url": self._public_url.of(request),
            "may_register": self._means.may_register,
            "brand": {
                "name": brand.name,
                "colour": brand.colour,
                "logo_url": brand.logo_url,
                "language": brand.language,
                "welcome": brand.welcome,
                "links": brand.links,
            },
            "features": brand.features,
            "rules": self._config.agency.enabled,
            "reading_pace": self._config.read_guard.enabled,
            "organisations": {
                name: self._config.brands[name].name for name in self._domains.names() if name in self._config.brands
            },
        }

    @endpoint("GET", "/_chappe/client/v1/organisation", auth=NO_AUTH, limit="lookup")
    async def organisation(self, request: Request) -> Answer:
        """Whose an address is. Says nothing of accounts: only the part after the @ counts."""
        name, at, domain = (request.query("address") or "").strip().rpartition("@")
        domain = domain.lower().rstrip(".")
        if not at or not re.fullmatch(r"[^\s@]+\.[^\s@.]{2,}|localhost", domain):
            raise BadRequest("address must be an e-mail address", "M_INVALID_PARAM")
        known = await self._accounts.home_of(f"{name}@{domain}")
        if known is not None:
            home, label = known
            if self._domains.is_hosted(home):
                return self._here(home, label)
            return {"where": "elsewhere", "url": self._config.organisations_elsewhere.get(domain) or f"https://{home}"}
        if elsewhere := self._config.organisations_elsewhere.get(domain):
            return {"where": "elsewhere", "url": elsewhere}
        here = self._domain_of(domain)
        if here is None and self._restricted():
            raise NotFound("No organisation is known for this address")
        server_name = here or self._domains.of_host(request.host)
        return self._here(server_name, self._brand_of(server_name).name)

    def _here(self, server_name: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = {"where": "here", "server_name": server_name, "name": name}
        if provider := self._means.provider_of(server_name):
            found["provider"] = provider
        return found

    def _domain_of(self, email_domain: str) -> str | None:
        for name, brand in self._config.brands.items():
            if email_domain in brand.email_domains and self._domains.is_hosted(name):
                return name
        return email_domain if self._domains.is_hosted(email_domain) else None

    def _restricted(self) -> bool:
        return any(brand.email_domains for brand in self._config.brands.values())

    def _brand(self, request: Request) -> Brand:
        return self._brand_of(self._domains.of_host(request.host))

    def _brand_of(self, server_name: str) -> Brand:
        return self._config.brands.get(server_name) or Brand()
