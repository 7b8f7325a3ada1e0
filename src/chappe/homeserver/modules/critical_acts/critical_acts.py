"""The door of the administration APIs: what an endpoint declares to do is looked up, and a critical act needs a proof.

A proof is the header `Chappe-Second-Factor` with a code of the asking administrator, or the agreement of another one, for
which a request is left: agreed to, it is used up when the same is asked again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.http.application import AdminDoor
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import Answer, Endpoint
from chappe.homeserver.modules.critical_acts.proofs import OPEN, Proofs
from chappe.homeserver.modules.critical_acts.requests import AGREED, API, REFUSED, WHOLE, WITHDRAWN, CriticalRequests
from chappe.homeserver.policy.acts import ACTS
from chappe.matrix.errors import Forbidden
from chappe.matrix.identifiers import parse_user_id

HEADER = b"chappe-second-factor"
HIDDEN = "(hidden)"
_PASSWORDS = frozenset(("password", "new_password"))


class CriticalActs(AdminDoor):
    def __init__(self, proofs: Proofs, requests: CriticalRequests, store: AccountStore) -> None:
        self.proofs, self.requests, self._store = proofs, requests, store
        self._listeners: list[Callable[[str, str, str], Awaitable[None]]] = []

    def listen(self, listener: Callable[[str, str, str], Awaitable[None]]) -> None:
        """`listener` is told of each new request: (organisation, who asked, the acts)."""
        self._listeners.append(listener)

    async def __call__(self, request: Request, endpoint: Endpoint, act: Callable[[], Awaitable[Answer]]) -> Answer:
        """Raises M_FORBIDDEN, with `request` and `acts`, for a critical act without a proof."""
        names = await self._acts_of(request, endpoint)
        if names and self.proofs.level != OPEN:
            is_critical = any(ACTS[name].critical for name in names)
            if await self.proofs.are_needed(is_critical, request.user_id, await _done_to(request)):
                if "userId" in request.params:
                    parse_user_id(request.params["userId"])  # nobody is asked to agree to nonsense
                await self._require_proof(request, " + ".join(names))
        if "userId" in request.params and any(ACTS[name].opens_account for name in names):
            await self.requests.opened(request.params["userId"], request.user_id)
        return await act()

    async def _acts_of(self, request: Request, endpoint: Endpoint) -> Sequence[str]:
        if endpoint.does is None or isinstance(endpoint.does, str):
            return [endpoint.does] if endpoint.does is not None else []
        user_id = request.params.get("userId")
        is_new = user_id is not None and await self._store.find_user(user_id) is None
        return endpoint.does(await request.json_object(optional=True), is_new)

    async def _require_proof(self, request: Request, acts: str) -> None:
        code = request.header(HEADER)
        if code is not None and self.proofs.takes_codes:
            return await self.proofs.require_code(request.user_id, code)
        arguments = await _arguments(request)
        if await self.requests.use(acts, arguments, request.user_id) is not None:
            return None
        number, is_new = await self.requests.ask(WHOLE, acts, arguments, request.user_id, API)
        for listener in self._listeners if is_new else ():
            await listener(WHOLE, request.user_id, acts)
        how = " or send a code of your second factor in the header Chappe-Second-Factor" if self.proofs.takes_codes else ""
        raise Forbidden(
            f"This is a critical act ({acts}): another administrator must agree to request {number}, then ask again{how}",
            request=number,
            acts=acts,
        )

    async def agree(self, approver: str, number: int, code: str | None) -> None:
        """To what was asked for at an API. Raises M_NOT_FOUND, M_FORBIDDEN."""
        row = await self.requests.waiting(number, WHOLE)
        if row.door != API:
            raise Forbidden("This request waits in the console")
        await self.proofs.require_may_agree(approver, row.asked_by, WHOLE, code)
        await self.requests.decide(number, approver, AGREED)

    async def refuse(self, by: str, number: int) -> None:
        """By somebody else; who asked withdraws it. Raises M_NOT_FOUND."""
        row = await self.requests.waiting(number, WHOLE)
        await self.requests.decide(number, by, WITHDRAWN if row.asked_by == by else REFUSED)


async def _done_to(request: Request) -> str | None:
    """The account to which an act is done, as the endpoints of administration name it: in the path, or in the body."""
    if (user_id := request.params.get("userId")) is not None:
        return user_id
    if request.method not in ("POST", "PUT"):
        return None
    named = (await request.json_object(optional=True)).get("user_id")
    return named if type(named) is str else None


async def _arguments(request: Request) -> dict[str, Any]:
    """What is asked for, for whoever is to agree: without passwords."""
    body = await request.json_object(optional=True)
    return {
        "method": request.method,
        **request.params,
        "query": request.query_items(),
        "body": {key: HIDDEN if key in _PASSWORDS else value for key, value in body.items()},
    }
