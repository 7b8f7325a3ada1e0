"""Which SFU carries whom: those that serve a domain, its own region's first, by weight."""

from __future__ import annotations

import hashlib
import math

from chappe.config import Calls
from chappe.homeserver.modules.calls.sfu import Sfu
from chappe.matrix.errors import BadRequest, MatrixError

SERVICE = "/_chappe/livekit/{sfu}"  # where the token service of an SFU is


class Sfus:
    def __init__(self, calls: Calls, extra_ca_file: str | None) -> None:
        self._all = {settings.name: Sfu(settings, extra_ca_file) for settings in calls.livekit}
        self._by_url = {sfu.url.rstrip("/"): sfu for sfu in self._all.values()}
        self._regions = calls.regions

    def __len__(self) -> int:
        return len(self._all)

    def names(self) -> list[str]:
        return list(self._all)

    def require_any(self) -> None:
        """Raises M_UNRECOGNIZED (404) where there are none: then clients look elsewhere."""
        if not self._all:
            raise MatrixError(404, "M_UNRECOGNIZED", "This server has no SFU")

    def named(self, name: str) -> Sfu:
        """Raises M_UNRECOGNIZED (404)."""
        if (found := self.find(name)) is None:
            raise MatrixError(404, "M_UNRECOGNIZED", "There is no such SFU")
        return found

    def find(self, name: str) -> Sfu | None:
        return self._all.get(name)

    def at(self, url: str) -> Sfu:
        """Raises M_INVALID_PARAM for one that is not ours."""
        if (found := self._by_url.get(url.rstrip("/"))) is None:
            raise BadRequest("This SFU is not of this server", "M_INVALID_PARAM")
        return found

    def of(self, domain: str, who: str = "") -> list[Sfu]:
        """Those that serve a hosted domain, in the order in which clients are to try them: the same for one person each time."""
        region = self._regions.get(domain)
        found = [sfu for sfu in self._all.values() if sfu.serves(domain)]
        return sorted(found, key=lambda sfu: (region is None or sfu.region != region, _lot(sfu, who or domain)))

    async def close(self) -> None:
        for sfu in self._all.values():
            await sfu.close()


def _lot(sfu: Sfu, who: str) -> float:
    """A lot that each draws for itself, the smaller the heavier the SFU: whoever comes or goes moves nobody else's."""
    drawn = int.from_bytes(hashlib.sha256(f"{sfu.name} {who}".encode()).digest()[:7]) + 1
    return -math.log(drawn / (1 << 56)) / sfu.weight
