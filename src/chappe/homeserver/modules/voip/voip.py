"""Credentials for TURN servers (client-server API, "Voice over IP")."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from chappe.config import Calls
from chappe.homeserver.database.server_time import NowMs


class Voip:
    """Where calls go, from the configuration."""

    def __init__(self, calls: Calls, now_ms: NowMs) -> None:
        self._calls, self._now_ms = calls, now_ms

    def turn_server(self, user_id: str) -> dict[str, Any]:
        """Credentials for a while, as TURN servers with a shared secret check them; empty where there is no TURN server."""
        calls = self._calls
        if not calls.turn_uris:
            return {}
        if calls.turn_shared_secret is None:
            name, password = calls.turn_username or "", calls.turn_password or ""
        else:
            name = f"{self._now_ms() // 1000 + calls.turn_lifetime_minutes * 60}:{user_id}"
            digest = hmac.new(calls.turn_shared_secret.encode(), name.encode(), hashlib.sha1).digest()
            password = base64.b64encode(digest).decode()
        return {"username": name, "password": password, "uris": calls.turn_uris, "ttl": calls.turn_lifetime_minutes * 60}
