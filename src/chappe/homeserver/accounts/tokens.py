"""The tokens of a session: what they look like, and what is stored of them."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

FAMILY_LENGTH, REFRESH_LENGTH = 22, 4 + 22 + 43  # characters of 128 bits; of a kind, a family and 256 bits


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client gets when it signs in."""

    user_id: str
    device_id: str
    access_token: str
    refresh_token: str | None
    expires_in_ms: int | None

    def answer(self) -> dict[str, Any]:
        result: dict[str, Any] = {"user_id": self.user_id, "device_id": self.device_id, "access_token": self.access_token}
        if self.refresh_token is not None:
            result["refresh_token"] = self.refresh_token
        if self.expires_in_ms is not None:
            result["expires_in_ms"] = self.expires_in_ms
        return result


def hash_token(token: str) -> bytes:
    """Tokens have 256 random bits: a plain hash is enough to make a stolen table worthless."""
    return hashlib.sha256(token.encode()).digest()


def new_token(kind: str) -> str:
    return f"{kind}_{secrets.token_urlsafe(32)}"


def new_refresh_token(before: str | None = None) -> str:
    """Of the family of the one before it; without one, of a new family."""
    family = before[4 : 4 + FAMILY_LENGTH] if before is not None and family_of(before) is not None else None
    return f"mar_{family or secrets.token_urlsafe(16)}{secrets.token_urlsafe(32)}"


def family_of(refresh_token: str | None) -> bytes | None:
    """What all tokens have in common that came from one sign-in, hashed; None for tokens from before there were families."""
    if refresh_token is None or len(refresh_token) != REFRESH_LENGTH:
        return None
    return hash_token(refresh_token[4 : 4 + FAMILY_LENGTH])
