"""Requests between servers carry the sender's signature (server-server API, "Request Authentication": `X-Matrix`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from chappe.matrix.canonical_json import canonical_json
from chappe.matrix.errors import MatrixError
from chappe.matrix.identifiers import is_plain_server_name, is_server_name
from chappe.matrix.signing import SigningKey, sign_json

_SCHEME = re.compile(r"x-matrix +", re.IGNORECASE)
# old servers leave colons unquoted, so an unquoted value is whatever is no separator
_PARAMETER = re.compile(r"""[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))[ \t]*(?:,|$)""")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who says to be asking, and with which key. `destination`: old servers do not send it."""

    origin: str
    destination: str | None
    key_id: str
    signature: str


def request_object(method: str, uri: str, origin: str, destination: str, content: dict[str, Any] | None) -> dict[str, Any]:
    """What is signed. `uri`: the raw path with its query. `content`: the body, None where there is none."""
    value: dict[str, Any] = {"method": method, "uri": uri, "origin": origin, "destination": destination}
    return value if content is None else {**value, "content": content}


def signed_request(method: str, uri: str, origin: str, destination: str, content: bytes) -> bytes:
    """The canonical form of what is signed, around a body that is in its canonical form."""
    rest = canonical_json({"destination": destination, "method": method, "origin": origin, "uri": uri})
    return b'{"content":' + content + b"," + rest[1:]


def authorization(method: str, uri: str, origin: str, destination: str, key: SigningKey, content: dict[str, Any] | None) -> str:
    """The value of the Authorization header."""
    signed = sign_json(request_object(method, uri, origin, destination, content), origin, key)
    signature = signed["signatures"][origin][key.key_id]
    return f'X-Matrix origin="{origin}",destination="{destination}",key="{key.key_id}",sig="{signature}"'


def parse_authorization(header: str | None) -> Credentials:
    """Raises M_UNAUTHORIZED (401) for what is missing or malformed."""
    scheme = _SCHEME.match(header or "")
    if header is None or scheme is None:
        raise _unauthorized("The request is not signed")
    found: dict[str, str] = {}
    at = scheme.end()
    while at < len(header):
        match = _PARAMETER.match(header, at)
        if match is None:
            raise _unauthorized("The Authorization header is malformed")
        name, quoted, bare = match.groups()
        found[name.lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare
        at = match.end()
    origin, destination = found.get("origin", ""), found.get("destination")
    key_id, signature = found.get("key", ""), found.get("sig", "")
    if not is_server_name(origin) or not key_id.startswith("ed25519:") or not signature:
        raise _unauthorized("The Authorization header lacks origin, key or sig")
    if not is_plain_server_name(origin):
        raise _unauthorized("The origin is not how servers are named: lower case, no final dot")
    return Credentials(origin, destination, key_id, signature)


def _unauthorized(message: str) -> MatrixError:
    return MatrixError(401, "M_UNAUTHORIZED", message)
