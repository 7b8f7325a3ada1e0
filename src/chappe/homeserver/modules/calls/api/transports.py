"""Where calls of groups go (MSC4143)."""

from __future__ import annotations

from chappe.homeserver.http.public_url import PublicUrl
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import GUEST_AUTH, Answer, endpoint
from chappe.homeserver.modules.calls.transports import Transports
from chappe.matrix.errors import MatrixError
from chappe.matrix.identifiers import domain_of


class TransportsApi:
    def __init__(self, transports: Transports, public_url: PublicUrl) -> None:
        self._transports, self._public_url = transports, public_url

    @endpoint(
        "GET",
        "/_matrix/client/v1/rtc/transports",
        "/_matrix/client/unstable/org.matrix.msc4143/rtc/transports",
        auth=GUEST_AUTH,
        features=("org.matrix.msc4143",),
    )
    async def transports(self, request: Request) -> Answer:
        """Lists them. Raises M_UNRECOGNIZED (404) where there are none: then clients look elsewhere. With `org.chappe.quiet` that is
        said with a status of success: browsers show others as errors."""
        found = self._transports.of(domain_of(request.user_id), request.user_id, self._public_url.of(request))
        if found:
            return {"rtc_transports": found}
        none = MatrixError(404, "M_UNRECOGNIZED", "This server has no transports for calls")
        if request.query("org.chappe.quiet") != "true":
            raise none
        return {"errcode": none.errcode, "error": none.message}
