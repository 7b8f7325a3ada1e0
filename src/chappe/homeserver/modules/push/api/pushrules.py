"""Push rules (pushrules.yaml)."""

from __future__ import annotations

import orjson

from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import GUEST_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.modules.push.rules import PushRules
from chappe.matrix.errors import BadRequest

_RULES = "/_matrix/client/v3/pushrules"
_RULE = _RULES + "/global/{kind}/{ruleId}"
_NOWHERE = (_RULES + "/global/{kind}", _RULES + "/{scope}/{kind}", _RULES + "/{scope}/{kind}/{ruleId}", _RULE + "/{attribute}")


class PushRulesApi:
    def __init__(self, rules: PushRules) -> None:
        self._rules = rules

    @endpoint("GET", _RULES + "/", auth=GUEST_AUTH)
    async def all(self, request: Request) -> Answer:
        return {"global": await self._rules.rules(request.user_id)}

    @endpoint("GET", _RULES + "/global/", auth=GUEST_AUTH)
    async def of_scope(self, request: Request) -> Answer:
        return dict(await self._rules.rules(request.user_id))

    @endpoint("GET", _RULES + "/global/{kind}/", auth=GUEST_AUTH)
    async def of_kind(self, request: Request) -> Answer:
        """The rules of one kind, as a list: Synapse's, which the specification does not have."""
        return orjson.dumps(await self._rules.of_kind(request.user_id, request.params["kind"]))

    @endpoint("GET", _RULES, _RULES + "/global", *_NOWHERE, auth=GUEST_AUTH)
    @endpoint("PUT", _RULES + "/global/", _RULES + "/global/{kind}/", *_NOWHERE, auth=GUEST_AUTH)
    @endpoint("DELETE", *_NOWHERE, auth=GUEST_AUTH)
    async def nowhere(self, request: Request) -> Answer:
        """Paths that end too early or lead elsewhere: as all servers answer them, 400."""
        raise BadRequest("This is neither a list of push rules, with a slash at its end, nor a rule", "M_UNRECOGNIZED")

    @endpoint("GET", _RULE, auth=GUEST_AUTH)
    async def get(self, request: Request) -> Answer:
        return await self._rules.rule(request.user_id, request.params["kind"], request.params["ruleId"])

    @endpoint("PUT", _RULE, auth=GUEST_AUTH, body_limit=SMALL_LIMIT)
    async def put(self, request: Request) -> Answer:
        await self._rules.put(
            request.user_id,
            request.params["kind"],
            request.params["ruleId"],
            await request.json_object(),
            request.query("before"),
            request.query("after"),
        )
        return {}

    @endpoint("DELETE", _RULE, auth=GUEST_AUTH)
    async def delete(self, request: Request) -> Answer:
        await self._rules.delete(request.user_id, request.params["kind"], request.params["ruleId"])
        return {}

    @endpoint("GET", _RULE + "/enabled", auth=GUEST_AUTH)
    async def enabled(self, request: Request) -> Answer:
        return await self._attribute(request, "enabled")

    @endpoint("GET", _RULE + "/actions", auth=GUEST_AUTH)
    async def actions(self, request: Request) -> Answer:
        return await self._attribute(request, "actions")

    @endpoint("PUT", _RULE + "/enabled", auth=GUEST_AUTH, body_limit=SMALL_LIMIT)
    async def set_enabled(self, request: Request) -> Answer:
        return await self._set_attribute(request, "enabled")

    @endpoint("PUT", _RULE + "/actions", auth=GUEST_AUTH, body_limit=SMALL_LIMIT)
    async def set_actions(self, request: Request) -> Answer:
        return await self._set_attribute(request, "actions")

    async def _attribute(self, request: Request, name: str) -> Answer:
        rule = await self._rules.rule(request.user_id, request.params["kind"], request.params["ruleId"])
        return {name: rule[name]}

    async def _set_attribute(self, request: Request, name: str) -> Answer:
        body = await request.json()
        if not (name == "enabled" and type(body) is bool):  # COMPAT: old clients send nothing but the value
            body = await request.json_object()
            if name not in body:
                raise BadRequest(f"`{name}` is missing", "M_MISSING_PARAM")
            body = body[name]
        await self._rules.change(request.user_id, request.params["kind"], request.params["ruleId"], name, body)
        return {}
