"""A status: what somebody has chosen to be, in what words, until when. Not in the specification, beside its presence.

Other clients read it in `status_msg`, which holds the same as a sentence and ends with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from chappe.matrix.errors import BadRequest

FIELD = "org.chappe.status"  # of the content of m.presence
AVAILABLE, BUSY, MEETING, AWAY, HIDDEN = CHOICES = ("available", "busy", "meeting", "away", "hidden")
MAX_TEXT = 80
LONGEST_MS = 366 * 86_400_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Status:
    """`until`: in ms. `is_silent`: nothing rings while it lasts."""

    state: str
    text: str | None = None
    until: int | None = None
    is_silent: bool = False

    def is_over(self, now_ms: int) -> bool:
        return self.until is not None and self.until <= now_ms

    def content(self) -> dict[str, Any]:
        """As others are told; whether something rings concerns nobody else."""
        return {"state": self.state, "text": self.text, "until": self.until}


def checked(status: Status, status_msg: str | None, now_ms: int) -> Status:
    """A status that its owner chooses. Raises M_INVALID_PARAM."""
    if status.state not in CHOICES:
        raise BadRequest(f"state must be one of {', '.join(CHOICES)}", "M_INVALID_PARAM")
    if status.until is not None and not now_ms < status.until <= now_ms + LONGEST_MS:
        raise BadRequest("until must lie ahead, within a year", "M_INVALID_PARAM")
    if len(status.text or "") > MAX_TEXT:
        raise BadRequest(f"The text may have {MAX_TEXT} characters", "M_INVALID_PARAM")
    if _CONTROL.search((status.text or "") + (status_msg or "")):
        raise BadRequest("The text must be one line", "M_INVALID_PARAM")
    return status


def said_elsewhere(content: object, now_ms: int) -> Status | None:
    """What another server says of its user, as far as it makes sense. Nobody hides in public."""
    if type(content) is not dict or content.get("state") not in CHOICES or content["state"] == HIDDEN:
        return None
    text, until = content.get("text"), content.get("until")
    if until is not None and not (type(until) is int and now_ms < until <= now_ms + LONGEST_MS):
        return None
    words = _CONTROL.sub(" ", text)[:MAX_TEXT].strip() if type(text) is str else ""
    return Status(content["state"], words or None, until)
