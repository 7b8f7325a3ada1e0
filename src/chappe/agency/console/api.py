"""The console over HTTP. Who may see what is `ConsoleScope`'s to say: an organisation's administrators are no server administrators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from chappe.agency.audit import Audit
from chappe.agency.audit_state import AuditState
from chappe.agency.console.actions import Actions
from chappe.agency.console.scope import Actor, ConsoleScope
from chappe.agency.console.views import Views
from chappe.agency.read_guard import FAMILIAR
from chappe.agency.records.exports import PERSON, Exports
from chappe.homeserver.accounts.fresh_proof import OwnerMail
from chappe.homeserver.accounts.second_factors import SecondFactors
from chappe.homeserver.accounts.uia import UserInteractiveAuth
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.policy.reading import Reading
from chappe.matrix.errors import BadRequest, NotFound
from chappe.matrix.identifiers import parse_user_id

_ROOT = "/_chappe/console/v1"
_ORGANISATION = _ROOT + "/organisations/{organisation}"
_SEE: Mapping[str, Any] = {"is_console": True}
_DO: Mapping[str, Any] = {**_SEE, "acts": True, "limit": "account", "body_limit": SMALL_LIMIT}


class ConsoleDecision(msgspec.Struct):
    """`code`: of the second factor of whoever agrees."""

    approve: bool
    code: str | None = None


class ConsoleApi:
    def __init__(
        self,
        scope: ConsoleScope,
        actions: Actions,
        views: Views,
        exports: Exports,
        factors: SecondFactors,
        audit: Audit,
        audit_state: AuditState,
    ) -> None:
        self._scope, self._actions, self._views, self._audit_state = scope, actions, views, audit_state
        self._exports, self._factors, self._audit = exports, factors, audit

    @endpoint("GET", _ROOT + "/rights", **_SEE)
    async def rights(self, request: Request) -> Answer:
        """What one may administer, and whether one has codes of a second factor: nothing, for most people."""
        rights = await self._scope.rights(request.user_id)
        return {**rights, "has_codes": (await self._factors.of(request.user_id)).totp}

    @endpoint("GET", _ORGANISATION + "/actions", **_SEE)
    async def actions(self, request: Request) -> Answer:
        """What there is to do."""
        actor = await self._actor(request)
        return {
            "actions": [
                {
                    "name": one.name,
                    "critical": one.critical,
                    "arguments": list(one.arguments.__struct_fields__),
                    "summary": one.summary,
                }
                for one in self._actions.all.values()
                if actor.is_everywhere or not one.everywhere_only
            ]
        }

    @endpoint("POST", _ORGANISATION + "/actions/{action}", **_DO)
    async def act(self, request: Request) -> Answer:
        """The body: the action's arguments, and `code` of a second factor. `done` is false where it waits for a second person,
        and `approvers` how many there are who can agree."""
        actor, body = await self._actor(request), await request.json_object(optional=True)
        code = body.pop("code", None)
        if code is not None and type(code) is not str:
            raise BadRequest("`code` must be a string")
        answer = await self._actions.act(actor, request.params["action"], body, code)
        if not answer["done"]:
            return {**answer, "approvers": await self._views.approvers(actor, answer["request"])}
        return answer

    @endpoint("POST", _ORGANISATION + "/requests/{request}", **_DO)
    async def decide(self, request: Request) -> Answer:
        """Agrees to what somebody else asked for, refuses it, or withdraws one's own."""
        actor, decision = await self._actor(request), await request.body_as(ConsoleDecision)
        number = request.params["request"]
        if not number.isascii() or not number.isdigit() or len(number) > 15:
            raise NotFound("There is no such request that waits")
        if decision.approve:
            return await self._actions.approve(actor, int(number), decision.code)
        await self._actions.refuse(actor, int(number))
        return {}

    @endpoint("GET", _ORGANISATION + "/people/{userId}", **_SEE)
    async def person(self, request: Request) -> Answer:
        actor, user_id = await self._actor(request), parse_user_id(request.params["userId"])
        person = await self._views.person(actor, user_id)
        await self._audit.read(actor.user_id, "read_person", {"organisation": actor.organisation, "user_id": user_id})
        return {**person, "names": await self._views.names_in(actor, [person])}

    @endpoint("GET", _ORGANISATION + "/exports/{package}", **_SEE)
    async def package(self, request: Request) -> Answer:
        """A package as a file. Who fetched it is written down."""
        actor, package = await self._actor(request), request.params["package"]
        response = await self._exports.fetch(actor.organisation, package)
        detail = {"organisation": actor.organisation, "package": package, "outcome": "done"}
        await self._audit.record(actor.user_id, "fetch_package", detail)
        return response

    @endpoint("GET", _ORGANISATION + "/audit_chain", **_SEE)
    async def audit_chain(self, request: Request) -> Answer:
        """Whether the audit log is what was written, as it was last read through."""
        await self._actor(request)
        return await self._audit_state.state()

    @endpoint("GET", _ORGANISATION + "/{view}", **_SEE)
    async def view(self, request: Request) -> Answer:
        """A list: `items`, how the people in them are called, and `next` where there are more, for `from`. `search` narrows it."""
        actor, view_name = await self._actor(request), request.params["view"]
        self._views.require(view_name)
        await self._audit.read(actor.user_id, "read_list", {"organisation": actor.organisation, "view": view_name})
        search = (request.query("search") or "")[:200]
        items, following = await self._views.page(view_name, actor, search, request.query("from"))
        names = await self._views.names_in(actor, items)
        return {"items": items, "names": names, **({"next": following} if following is not None else {})}

    async def _actor(self, request: Request) -> Actor:
        return await self._scope.require(request.user_id, request.params["organisation"])


class OwnDataApi:
    """Everybody may have what the service holds of them, once they prove again who they are. They are told of it by mail.

    It is all that somebody ever wrote and uploaded: what it holds of files counts for the read guard like files that one belongs to,
    but never for more than an hour's budget (`most`), so that it can always be fetched.
    """

    def __init__(
        self, exports: Exports, owner_mail: OwnerMail, uia: UserInteractiveAuth, reading: Reading, most: float
    ) -> None:
        self._exports, self._owner_mail, self._uia = exports, owner_mail, uia
        self._reading, self._most = reading, most

    @endpoint("POST", "/_chappe/client/v1/my_data", acts=True, limit="account", body_limit=SMALL_LIMIT)
    async def ask(self, request: Request) -> Answer:
        """Begins to pack it. One package at a time."""
        own = [p for p in await self._exports.all_of(request.user_id) if p["state"] in ("waiting", "working")]
        if own:
            return {"package": own[0]["id"]}
        await self._uia.require_owner(request, "own_data", await request.json_object(optional=True))
        notice = await self._owner_mail.notice(request.user_id, "data_asked")
        return {"package": await self._exports.ask("", PERSON, request.user_id, request.user_id, notice=notice)}

    @endpoint("GET", "/_chappe/client/v1/my_data")
    async def list(self, request: Request) -> Answer:
        return {"packages": await self._exports.all_of(request.user_id)}

    @endpoint("POST", "/_chappe/client/v1/my_data/{package}", limit="account", body_limit=SMALL_LIMIT)
    async def fetch(self, request: Request) -> Answer:
        """The package, to whoever proves for it who they are: that its owner has done so once is no proof of who asks now."""
        name = request.params["package"]
        package = await self._exports.fetch("", name, request.user_id)
        await self._uia.require_owner(request, f"fetch_data {name}", await request.json_object(optional=True))
        files = await self._exports.files_in(name)
        await self._reading.begins(request.user_id, "files", min(files * FAMILIAR, self._most))
        return package
