"""The specification's OpenAPI data against the server: schemathesis makes the requests; no 5xx, the specification's error
codes, answers that fit the schemas."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.conformance.operations import EXCEPTIONS, FOLDER, operations, specification
from tests.support import Person, Server

RAW = specification()
SCHEMA = schemathesis.openapi.from_dict(RAW)
ERRCODES = set((FOLDER / "errcodes.txt").read_text().split()) | {"M_DUPLICATE_ANNOTATION", "M_BAD_STATE"}
NONE = {"getTurnServer"}  # {} says that there is none; an empty list of servers would break clients
NULLS = {"getJoinedMembersByRoom", "getDevices", "getDevice"}  # null for what is not there (docs/conformance.md)
UNREACHABLE = ("preview_url",)  # whatever address was made up: 502
EXAMPLES = settings(
    max_examples=10,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
NAMES = sorted(name for name in operations() if name not in EXCEPTIONS and not name.startswith("server "))


class World:
    """Somebody with a room, so that made-up requests can hit something."""

    def __init__(self, server: Server, person: Person, values: dict[str, str]) -> None:
        self.server, self.person, self.values = server, person, values


@pytest.fixture
async def world(server: Server) -> World:
    person = await server.person()
    room = await person.create_room(name="x", preset="public_chat")
    event = await person.say(room, "x")
    values = {
        "roomId": room,
        "roomIdOrAlias": room,
        "eventId": event,
        "userId": person.id,
        "deviceId": person.device,
        "type": "x.y",
        "eventType": "m.room.message",
        "stateKey": "",
        "receiptType": "m.read",
        "keyName": "displayname",
        "kind": "override",
        "relType": "m.thread",
        "tag": "u.x",
        "ruleId": ".m.rule.master",
        "version": "1",
        "serverName": "localhost",
    }
    return World(server, person, values)


@pytest.mark.parametrize("name", NAMES)
@EXAMPLES
@given(data=st.data())
async def test_an_operation(world: World, name: str, data: st.DataObject) -> None:
    method, path = operations()[name]
    case = data.draw(SCHEMA[path][method].as_strategy())
    for parameter in list(case.path_parameters or {}):
        if parameter in world.values and data.draw(st.integers(0, 3)):
            case.path_parameters[parameter] = world.values[parameter]
    status, raw, headers = await world.server.raw(method, *_request(path, case), world.person.token, _headers(case))
    assert status < 500 or any(word in path for word in UNREACHABLE), (status, raw[:300])
    if status == 401 and b'"flows"' in raw:
        return
    if status >= 400:
        answer = json.loads(raw)
        assert answer["errcode"] in ERRCODES and answer["error"], answer
    elif headers["Content-Type"].startswith("application/json"):
        answer = json.loads(raw)
        if answer or name not in NONE:
            _check(method, path, status, _without_nulls(answer) if name in NULLS else answer)


def _request(path: str, case: Any) -> tuple[str, Any]:
    for parameter, value in (case.path_parameters or {}).items():
        path = path.replace("{" + parameter + "}", quote(str(value), safe=""))
    query = {k: v for k, v in dict(case.query or {}).items() if k not in ("timeout", "timeout_ms")}  # nobody waits
    if query:
        path += "?" + urlencode(query, doseq=True, errors="replace")
    body = case.body
    if body is None or type(body).__name__ == "NotSet":
        return path, None
    return path, body if isinstance(body, bytes) else json.dumps(body).encode()


def _headers(case: Any) -> dict[str, str]:
    return {"Content-Type": "application/json"} if case.media_type in (None, "application/json") else {}


def _without_nulls(answer: Any) -> Any:
    if isinstance(answer, list):
        return [_without_nulls(value) for value in answer]
    if isinstance(answer, dict):
        return {key: _without_nulls(value) for key, value in answer.items() if value is not None}
    return answer


def _check(method: str, path: str, status: int, answer: Any) -> None:
    responses = RAW["paths"][path][method.lower()]["responses"]
    content = responses.get(str(status), {}).get("content", {}).get("application/json", {})
    if "schema" in content:
        jsonschema.Draft202012Validator(content["schema"]).validate(answer)
