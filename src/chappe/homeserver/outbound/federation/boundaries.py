"""With whom this installation federates at all."""

from __future__ import annotations

import fnmatch

from chappe.config import Federation
from chappe.homeserver.matrix.errors import Forbidden
from chappe.homeserver.matrix.identifiers import split_server_name


class Boundaries:
    """Both ways: whom requests go to, and whose are answered."""

    def __init__(self, settings: Federation) -> None:
        self._mode = settings.mode
        self._allowed = [pattern.lower() for pattern in settings.allowed]

    @property
    def is_alone(self) -> bool:
        """Whether no other server is talked to at all."""
        return self._mode == "closed" or (self._mode == "listed" and not self._allowed)

    def allows(self, server_name: str) -> bool:
        if self._mode == "open":
            return True
        if self._mode == "closed":
            return False
        host = split_server_name(server_name)[0].lower()
        name = server_name.lower()
        return any(fnmatch.fnmatchcase(name, p) or fnmatch.fnmatchcase(host, p) for p in self._allowed)

    def require(self, server_name: str) -> None:
        """Raises M_FORBIDDEN, with what an operator can do about it."""
        if not self.allows(server_name):
            raise Forbidden(f"{server_name} is not among the servers that this one talks to (federation.allowed)")
