"""Errors of the OAuth 2.0 API (RFC 6749, 5.2)."""

from __future__ import annotations

from typing import Any

from chappe.matrix.errors import MatrixError


class OAuthError(MatrixError):
    """Answered as `{"error": …, "error_description": …}`."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(status, error, description, {"Cache-Control": "no-store"})
        self.error = error

    def body(self) -> dict[str, Any]:
        return {"error": self.error, "error_description": self.message}
