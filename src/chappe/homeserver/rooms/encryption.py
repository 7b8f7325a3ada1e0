"""Once encrypted, a room stays so (client-server API, "m.room.encryption": clients never take it back; nor does this server).

Other servers' events cannot be refused for it, and a redaction empties the event: what is shown goes by its being there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chappe.matrix.errors import BadRequest, Forbidden
from chappe.matrix.event_auth import StateEvent, StateKey

ENCRYPTION = ("m.room.encryption", "")
MEGOLM = "m.megolm.v1.aes-sha2"


def algorithm_of(get: Callable[[StateKey], StateEvent | None]) -> str | None:
    """How a room with this state is encrypted; None: it never was. An event that was emptied leaves it as it was."""
    event = get(ENCRYPTION)
    if event is None:
        return None
    return _algorithm(event.content) or MEGOLM


def require_stays_encrypted(get: Callable[[StateKey], StateEvent | None], content: Mapping[str, Any]) -> None:
    """Asked before somebody of here sets a room's encryption. Raises M_INVALID_PARAM, M_FORBIDDEN."""
    wanted, now = _algorithm(content), algorithm_of(get)
    if wanted is None and now is None:
        raise BadRequest("`algorithm` is missing: it says how the room is encrypted", "M_INVALID_PARAM")
    if now is not None and wanted != now:
        raise Forbidden("An encrypted room stays encrypted, and in the same way")


def _algorithm(content: Mapping[str, Any]) -> str | None:
    value = content.get("algorithm")
    return value.replace("\0", "") if type(value) is str and value else None
