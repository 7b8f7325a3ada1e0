"""Which server is whose, by e-mail address: what the French State's clients and servers ask before anybody signs in.

`GET /_matrix/identity/api/v1/info` (for clients) and `/internal-info` (for servers).
"""

from __future__ import annotations

from typing import Any

from chappe.agency.organisations import Organisation
from chappe.agency.policy import AgencyPolicy
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import NO_AUTH, SERVER_AUTH, Answer, endpoint
from chappe.matrix.email_address import parse_email
from chappe.matrix.errors import BadRequest, NotFound
from chappe.matrix.identifiers import domain_of

_V1 = "/_matrix/identity/api/v1"


class OrganisationInfo:
    def __init__(self, policy: AgencyPolicy, accounts: AccountStore) -> None:
        self._policy, self._accounts = policy, accounts

    @endpoint("GET", _V1 + "/info", auth=NO_AUTH, limit="account")
    async def info(self, request: Request) -> Answer:
        """`hs`: where the account is, or may be made; `new_hs`: where it should move to."""
        address, organisation = await self._asked(request)
        owner = await self._accounts.user_by_threepid("email", address)
        if owner is None:
            return {"hs": _home(organisation)}
        answer = {"hs": str(domain_of(owner))}
        if organisation is not None and organisation.home != answer["hs"]:
            answer["new_hs"] = organisation.home
        return answer

    @endpoint("GET", _V1 + "/internal-info", auth=SERVER_AUTH, api="federation")
    async def internal_info(self, request: Request) -> Answer:
        """`invited`: told to the server where whoever has the address would sign up."""
        address, organisation = await self._asked(request)
        home = _home(organisation)
        answer: dict[str, Any] = {"hs": home, "requires_invite": organisation is not None and organisation.requires_invite}
        if home == request.origin:
            answer["invited"] = await self._policy.is_invited(address)
        return answer

    async def _asked(self, request: Request) -> tuple[str, Organisation | None]:
        """Raises M_INVALID_PARAM for what is no address, M_MISSING_PARAMS."""
        medium, address = request.query("medium"), request.query("address")
        if not address:
            raise BadRequest("`address` is missing", "M_MISSING_PARAMS")
        if medium != "email":
            raise BadRequest("`medium` must be email", "M_INVALID_PARAM")
        parsed = parse_email(address)
        return parsed, await self._policy.organisations.of_address(parsed)


def _home(organisation: Organisation | None) -> str:
    if organisation is None:
        raise NotFound("No organisation uses this address")
    return organisation.home
