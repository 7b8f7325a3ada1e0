"""What runs here (version.yaml)."""

from __future__ import annotations

from importlib.metadata import version

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import NO_AUTH, Answer, endpoint


class Version:
    @endpoint("GET", "/_matrix/federation/v1/version", auth=NO_AUTH, api="federation")
    async def version(self, request: Request) -> Answer:
        return {"server": {"name": "Chappe", "version": version("chappe")}}
