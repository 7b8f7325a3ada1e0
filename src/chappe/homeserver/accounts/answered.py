"""What finished requests were answered, so that an answer that was lost can be given again (client-server API, "User-Interactive
Authentication API": "servers must return … the result of the API call if all stages were completed").

Whoever asks again says all that was said, the password included. Kept in this process, for some minutes.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.load.bounded import Recent

KEPT_FOR_MS = 600_000
REMEMBERED = 4 << 20  # bytes of answers
OVERHEAD = 200  # bytes, of each, about
Body = dict[str, Any]


class Answered:
    def __init__(self, now_ms: NowMs) -> None:
        self._now_ms = now_ms
        self._answers: Recent[bytes, tuple[int, Body]] = Recent(REMEMBERED)

    def find(self, body: Body) -> Body | None:
        """What the same request was answered: it grants nothing that it has not granted before."""
        found = self._answers.get(_digest(body))
        return None if found is None or found[0] < self._now_ms() else found[1]

    def keep(self, body: Body, answer: Body) -> Body:
        """Of a request of a session: without one, the same words may mean another request."""
        auth = body.get("auth")
        if type(auth) is dict and auth.get("session"):
            weight = len(orjson.dumps(answer)) + OVERHEAD
            self._answers.put(_digest(body), (self._now_ms() + KEPT_FOR_MS, answer), weight)
        return answer


def _digest(body: Body) -> bytes:
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).digest()
