"""This server's keys (keys_server.yaml)."""

from __future__ import annotations

from typing import Any

from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import NO_AUTH, Answer, endpoint
from chappe.homeserver.outbound.domains import Domains
from chappe.matrix.canonical_json import canonical_json
from chappe.matrix.signing import sign_json

VALID_FOR = 86_400_000
RENEW_BEFORE = VALID_FOR // 2


class KeysServer:
    """Each hosted domain publishes its own, under its own name."""

    def __init__(self, domains: Domains, now_ms: NowMs) -> None:
        self._domains, self._now_ms = domains, now_ms
        self._documents: dict[tuple[str, str], dict[str, Any]] = {}

    @endpoint("GET", "/_matrix/key/v2/server", "/_matrix/key/v2/server/{keyId}", auth=NO_AUTH, api="federation")
    async def own(self, request: Request) -> Answer:
        """In canonical order: there are readers that verify the bytes as they came."""
        return canonical_json(await self.document(self._domains.of_host(request.host)))

    async def document(self, server_name: str) -> dict[str, Any]:
        """Signed anew before half of its life has passed."""
        key = self._domains.signing_key(server_name)
        found = self._documents.get((server_name, key.key_id))
        if found is None or found["valid_until_ts"] < self._now_ms() + RENEW_BEFORE:
            old = await self._domains.old_keys(server_name)
            found = sign_json(
                {
                    "server_name": server_name,
                    "valid_until_ts": self._now_ms() + VALID_FOR,
                    "verify_keys": {key.key_id: {"key": key.public}},
                    "old_verify_keys": {k.key_id: {"key": k.public_key, "expired_ts": k.expired_ts} for k in old},
                },
                server_name,
                key,
            )
            self._documents[server_name, key.key_id] = found
        return found
