"""The address at which people reach this server: what the operator set, or what the request came to."""

from __future__ import annotations

from chappe.homeserver.http.request import Request


class PublicUrl:
    def __init__(self, configured: str | None) -> None:
        self._configured = configured.rstrip("/") if configured else None

    def of(self, request: Request) -> str:
        """Without a slash at the end."""
        if self._configured is not None:
            return self._configured
        return f"{'https' if request.is_secure else 'http'}://{request.host or 'localhost'}"

    def for_domain(self, server_name: str) -> str:
        """Where there is no request: what the operator set, or the domain itself."""
        return self._configured or f"https://{server_name}"
