"""Discovery (wellknown.yaml), health and metrics."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from chappe.config import Federation, Support
from chappe.homeserver.database.pool import Database
from chappe.homeserver.http.public_url import PublicUrl
from chappe.homeserver.http.request import Request, Response
from chappe.homeserver.http.router import LOCAL_AUTH, NO_AUTH, Answer, endpoint
from chappe.homeserver.modules.calls.transports import Transports
from chappe.homeserver.modules.media.upload_share import UploadShare
from chappe.homeserver.outbound.domains import Domains
from chappe.matrix.errors import MatrixError, NotFound
from chappe.matrix.identifiers import plain_form
from chappe.telemetry import Metrics


class WellKnown:
    def __init__(
        self,
        database: Database,
        domains: Domains,
        metrics: Metrics,
        public_url: PublicUrl,
        support: Support,
        transports: Transports,
        federation: Federation,
        uploads: UploadShare,
    ) -> None:
        self._database, self._domains, self._metrics, self._public_url = database, domains, metrics, public_url
        self._support, self._transports, self._uploads = support, transports, uploads
        self._delegate_to = {plain_form(domain): host for domain, host in federation.delegate_to.items()}

    @endpoint("GET", "/.well-known/matrix/client", auth=NO_AUTH)
    async def client(self, request: Request) -> Answer:
        found: dict[str, Any] = {"m.homeserver": {"base_url": self._public_url.of(request)}}
        if foci := self._transports.foci(self._domains.of_host(request.host), self._public_url.of(request)):
            found["org.matrix.msc4143.rtc_foci"] = foci
        return found

    @endpoint("GET", "/.well-known/matrix/server", auth=NO_AUTH, api="federation")
    async def server(self, request: Request) -> Answer:
        """Where the domain's federation is: as configured, else where this very page is."""
        domain = self._domains.of_host(request.host)
        host = self._delegate_to.get(domain) or self._public_url.own_host(request) or domain
        return {"m.server": host if re.search(r":\d+$", host) else f"{host}:443"}

    @endpoint("GET", "/.well-known/matrix/support", auth=NO_AUTH)
    async def support(self, request: Request) -> Answer:
        found: dict[str, Any] = {}
        if self._support.contacts:
            found["contacts"] = [
                {k: v for k, v in msgspec.structs.asdict(c).items() if v is not None} for c in self._support.contacts
            ]
        if self._support.page is not None:
            found["support_page"] = self._support.page
        if not found:
            raise NotFound("No contact is configured")
        return found

    @endpoint("GET", "/health", auth=NO_AUTH, api="health")
    async def health(self, request: Request) -> Answer:
        """200 while the database answers. `trouble`: what an operator should look at although it works."""
        try:
            await self._database.fetchval("SELECT 1")
        except Exception:
            raise MatrixError(503, "M_UNKNOWN", "The database does not answer") from None
        if self._uploads.is_disk_low:
            return {"status": "degraded", "trouble": ["disk"]}
        return {"status": "ok"}

    @endpoint("GET", "/metrics", auth=LOCAL_AUTH, api="metrics")
    async def metrics(self, request: Request) -> Answer:
        return Response(200, self._metrics.render(), "text/plain; version=0.0.4; charset=utf-8")
