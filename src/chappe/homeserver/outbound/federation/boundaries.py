"""With whom this installation federates at all, and each hosted domain where it has boundaries of its own."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence

from chappe.config import Boundary, Federation
from chappe.matrix.errors import Forbidden
from chappe.matrix.identifiers import host_of, is_plain_server_name, parse_server_name, plain_form


class _Line:
    def __init__(self, boundary: Boundary | Federation) -> None:
        self._mode = boundary.mode
        self._allowed = [pattern.lower() for pattern in boundary.allowed]

    @property
    def is_closed(self) -> bool:
        return self._mode == "closed" or (self._mode == "listed" and not self._allowed)

    def allows(self, server_name: str) -> bool:
        if self._mode == "open":
            return True
        if self._mode == "closed":
            return False
        host = host_of(server_name)
        name = server_name.lower()
        return any(fnmatch.fnmatchcase(name, p) or fnmatch.fnmatchcase(host, p) for p in self._allowed)


class Boundaries:
    """Both ways: whom requests go to, and whose are answered. `own`: the hosted domain that asks, or is asked."""

    def __init__(self, settings: Federation) -> None:
        self._default = _Line(settings)
        self._of_domain = {plain_form(name): _Line(boundary) for name, boundary in settings.domains.items()}

    @property
    def is_alone(self) -> bool:
        """Whether no other server is talked to at all."""
        return all(line.is_closed for line in (self._default, *self._of_domain.values()))

    def allows(self, server_name: str, own: str | None = None) -> bool:
        """For a hosted domain; without one, whether any of them may talk to the server.

        Nobody talks to a server whose name is not in its plain form: it could be another one under a second name.
        """
        return is_plain_server_name(server_name) and self._is_within(server_name, own)

    def _is_within(self, server_name: str, own: str | None) -> bool:
        if own is None:
            return any(line.allows(server_name) for line in (self._default, *self._of_domain.values()))
        return self._of_domain.get(own, self._default).allows(server_name)

    def require(self, server_name: str, own: str | None = None) -> None:
        """Raises M_FORBIDDEN, with what an operator can do about it, and M_INVALID_PARAM for a name that is not plain."""
        parse_server_name(server_name)
        self._require_within(server_name, own)

    def allows_keys(self, server_name: str) -> bool:
        """Whether a server's keys are asked for, whatever its name: old events are of servers that are not talked to."""
        return self._is_within(server_name, None)

    def require_keys(self, server_name: str) -> None:
        """Raises M_FORBIDDEN."""
        self._require_within(server_name, None)

    def _require_within(self, server_name: str, own: str | None) -> None:
        if not self._is_within(server_name, own):
            who, setting = "this one talks to", "federation.allowed"
            if own in self._of_domain:
                who, setting = f"{own} talks to", f"federation.domains.{own}"
            raise Forbidden(f"{server_name} is not among the servers that {who} ({setting})")

    def may_share_room(self, server_name: str, own: str) -> bool:
        """Whether people of a hosted domain may be in one room with people of the server.

        Where all domains have the same boundaries nobody is kept apart: strangers in a room that a neighbour hosts hear
        nothing from here anyway. Who is in a room has its history's names: they need not be plain.
        """
        return not self._of_domain or self._is_within(server_name, own)

    def speaker(self, own: Sequence[str], server_name: str, likely: Iterable[str] = ()) -> str:
        """The hosted domain in whose name a server is asked, where it could be any: the first that may."""
        return next((name for name in (*likely, *own) if self.allows(server_name, name)), own[0])
