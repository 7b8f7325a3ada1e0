"""Where calls of groups go, as clients are told (MSC4143, MSC4195): in the form of the text, and in the one that is deployed."""

from __future__ import annotations

from typing import Any

from chappe.config import Calls
from chappe.homeserver.modules.calls.sfu import Sfu
from chappe.homeserver.modules.calls.sfus import SERVICE, Sfus


class Transports:
    """`base`: the address of this server, for the token service of its SFUs."""

    def __init__(self, calls: Calls, sfus: Sfus) -> None:
        self._sfus, self._others = sfus, calls.livekit_service_urls

    def of(self, domain: str, user_id: str, base: str) -> list[dict[str, Any]]:
        """For `rtc/transports`, the best first."""
        sfus = self._sfus.of(domain, user_id)
        deployed = [{"type": "livekit", "url": sfu.url, "livekit_service_url": _service(sfu, base)} for sfu in sfus]
        return [*({"type": "m.livekit", "url": sfu.url} for sfu in sfus), *deployed, *self._of_others()]

    def foci(self, domain: str, base: str) -> list[dict[str, Any]]:
        """For the well-known document, which clients of before read."""
        own = [{"type": "livekit", "livekit_service_url": _service(sfu, base)} for sfu in self._sfus.of(domain)]
        return [*own, *self._of_others()]

    def _of_others(self) -> list[dict[str, Any]]:
        return [{"type": "livekit", "livekit_service_url": url} for url in self._others]


def _service(sfu: Sfu, base: str) -> str:
    return base + SERVICE.format(sfu=sfu.name)
