"""Who asks: another server, by the signature of its request (server-server API, "Request Authentication")."""

from __future__ import annotations

from collections.abc import Callable

from chappe.homeserver.http.rate_limits import RateLimits
from chappe.homeserver.http.request import Request
from chappe.homeserver.load.parsing import off_the_loop
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.outbound.federation.keyring import Keyring
from chappe.matrix.errors import MatrixError
from chappe.matrix.identifiers import ServerName
from chappe.matrix.request_auth import Credentials, parse_authorization, request_object, signed_request
from chappe.matrix.signing import is_signed, verify_json


class ServerAuthentication:
    def __init__(
        self, domains: Domains, keyring: Keyring, boundaries: Boundaries, alive: Callable[[str], None], limits: RateLimits
    ) -> None:
        self._domains, self._keyring, self._boundaries = domains, keyring, boundaries
        self._alive, self._limits = alive, limits

    async def __call__(self, request: Request) -> tuple[ServerName, ServerName]:
        """(the server that has signed, the hosted domain it meant). Raises M_UNAUTHORIZED, M_FORBIDDEN."""
        given = parse_authorization(request.header(b"authorization"))
        destination = given.destination or self._domains.of_host(request.host)
        if not self._domains.is_hosted(destination):
            raise MatrixError(401, "M_UNAUTHORIZED", f"The request is for {destination}, which is not hosted here")
        self._boundaries.require(given.origin, destination)
        self._limits.require("failed_federation", request.network)
        try:
            await self._verify(request, given, destination)
        except MatrixError:
            self._limits.check("failed_federation", request.network)
            raise
        self._alive(given.origin)
        return ServerName(given.origin), ServerName(destination)

    async def _verify(self, request: Request, given: Credentials, destination: str) -> None:
        """The key is known before a byte of the body is read, the signature is good before the body is made into values.

        Servers send the canonical form, which is what they sign; a body in another form is brought into it first.
        """
        key = await self._keyring.for_request(given.origin, given.key_id)
        uri = request.raw_path.decode("ascii", "replace") + (f"?{request.query_string}" if request.query_string else "")
        raw = await request.body()
        if raw.strip():
            signed = signed_request(request.method, uri, given.origin, destination, raw)
            if await off_the_loop(len(raw), is_signed, signed, given.signature, key):
                return
        content = await request.signed_content()
        value = request_object(request.method, uri, given.origin, destination, content)
        value["signatures"] = {given.origin: {given.key_id: given.signature}}
        if not await off_the_loop(len(raw), verify_json, value, given.origin, given.key_id, key):
            raise MatrixError(401, "M_UNAUTHORIZED", "The signature of the request is not valid")
