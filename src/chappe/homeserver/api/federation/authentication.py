"""Who asks: another server, by the signature of its request (server-server API, "Request Authentication")."""

from __future__ import annotations

from collections.abc import Callable

from chappe.homeserver.http.request import Request
from chappe.homeserver.matrix.errors import MatrixError
from chappe.homeserver.matrix.identifiers import ServerName
from chappe.homeserver.matrix.request_auth import parse_authorization, request_object
from chappe.homeserver.matrix.signing import verify_json
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.outbound.federation.keyring import Keyring


class ServerAuthentication:
    def __init__(
        self, domains: Domains, keyring: Keyring, boundaries: Boundaries, alive: Callable[[str], None]
    ) -> None:
        self._domains, self._keyring, self._boundaries = domains, keyring, boundaries
        self._alive = alive

    async def __call__(self, request: Request) -> tuple[ServerName, ServerName]:
        """(the server that has signed, the hosted domain it meant). Raises M_UNAUTHORIZED, M_FORBIDDEN."""
        given = parse_authorization(request.header(b"authorization"))
        destination = given.destination or self._domains.of_host(request.host)
        if not self._domains.is_hosted(destination):
            raise MatrixError(401, "M_UNAUTHORIZED", f"The request is for {destination}, which is not hosted here")
        self._boundaries.require(given.origin, destination)
        content = await request.signed_content()
        uri = request.raw_path.decode("ascii", "replace") + (f"?{request.query_string}" if request.query_string else "")
        signed = request_object(request.method, uri, given.origin, destination, content)
        signed["signatures"] = {given.origin: {given.key_id: given.signature}}
        key = await self._keyring.for_request(given.origin, given.key_id)
        if not verify_json(signed, given.origin, given.key_id, key):
            raise MatrixError(401, "M_UNAUTHORIZED", "The signature of the request is not valid")
        self._alive(given.origin)
        return ServerName(given.origin), ServerName(destination)
