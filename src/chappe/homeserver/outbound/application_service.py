"""Requests to application services (application-service API, "Homeserver → Application service API")."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from chappe.homeserver.load.parsing import read_answer
from chappe.homeserver.outbound.fetchers import TrustedFetcher
from chappe.matrix.errors import MatrixError

SECONDS, ANSWER_BYTES = 30.0, 4 << 20  # device keys of many people at most


class ServiceCalls:
    """`fetcher`: a trusted one; operators name the addresses."""

    def __init__(self, fetcher: TrustedFetcher) -> None:
        self._fetcher = fetcher

    async def transaction(self, url: str, token: str, txn: int, body: bytes) -> bool:
        """Whether it was taken."""
        status, _ = await self._send("PUT", url, token, f"/_matrix/app/v1/transactions/{txn}", body)
        return status == 200

    async def exists(self, url: str, token: str, kind: str, name: str) -> bool:
        """Asks for a user (`users`) or a room alias (`rooms`); the service makes what it wants to exist."""
        try:
            status, _ = await self._send("GET", url, token, f"/_matrix/app/v1/{kind}/{quote(name, safe='')}")
        except MatrixError:
            return False
        return status == 200

    async def lookup(self, url: str, token: str, path: str, query: Mapping[str, Sequence[str]]) -> Any:
        """`thirdparty/…`; None where there is no answer."""
        try:
            target = f"/_matrix/app/v1/thirdparty/{path}?{urlencode(query, doseq=True)}"
            status, raw = await self._send("GET", url, token, target)
            return await read_answer(raw) if status == 200 else None
        except (MatrixError, ValueError):
            return None

    async def keys(self, url: str, token: str, path: str, body: Any) -> Any:
        """MSC3983, MSC3984; None where the service does not answer them."""
        try:
            status, raw = await self._send("POST", url, token, f"/_matrix/app/unstable/{path}", orjson.dumps(body), 10)
            return await read_answer(raw) if status == 200 else None
        except (MatrixError, ValueError):
            return None

    async def ping(self, url: str, token: str, transaction_id: str | None) -> int:
        """How long it took, in ms. Raises M_CONNECTION_TIMEOUT, M_CONNECTION_FAILED, M_BAD_STATUS."""
        started = time.monotonic()
        body = orjson.dumps({} if transaction_id is None else {"transaction_id": transaction_id})
        try:
            status, raw = await self._send("POST", url, token, "/_matrix/app/v1/ping", body)
        except MatrixError as error:
            if isinstance(error.__cause__, TimeoutError):
                raise MatrixError(504, "M_CONNECTION_TIMEOUT", "The application service does not answer") from None
            raise MatrixError(502, "M_CONNECTION_FAILED", "The application service cannot be reached") from None
        if not 200 <= status < 300:
            shown = raw[:1000].decode(errors="replace")
            refusal = MatrixError(502, "M_BAD_STATUS", f"The application service answered {status}")
            refusal.extra.update(status=status, body=shown)
            raise refusal
        return round((time.monotonic() - started) * 1000)

    async def _send(
        self, method: str, url: str, token: str, path: str, body: bytes = b"", seconds: float = SECONDS
    ) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return await self._fetcher.send(method, url + path, body, headers, seconds, ANSWER_BYTES)
