"""Rendezvous for signing in by QR code: as deployed since 2024 (MSC4108: ETags) and since 2025 (MSC4388: JSON)."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

import msgspec
import orjson

from chappe.homeserver.accounts.rendezvous import MAX_BYTES, Payload, Rendezvous
from chappe.homeserver.http.public_url import PublicUrl
from chappe.homeserver.http.request import Request, Response
from chappe.homeserver.http.router import NO_AUTH, Answer, endpoint
from chappe.matrix.errors import BadRequest, MatrixError

_OLD = "/_matrix/client/unstable/org.matrix.msc4108/rendezvous"
_NEW = ("/_matrix/client/v1/rendezvous", "/_matrix/client/unstable/io.element.msc4388/rendezvous")
_NEW_ONE = tuple(path + "/{rendezvousId}" for path in _NEW)
_EXPOSE = (b"access-control-expose-headers", b"ETag, Expires, Last-Modified")


class NewPayload(msgspec.Struct):
    data: str


class NextPayload(msgspec.Struct):
    data: str
    sequence_token: str


class RendezvousApi:
    def __init__(self, rendezvous: Rendezvous, public_url: PublicUrl) -> None:
        self._rendezvous, self._public_url = rendezvous, public_url

    # ------------------------------------------------------------------------------------------------ MSC4108 (2024)

    @endpoint("POST", _OLD, auth=NO_AUTH, limit="rendezvous", body_limit=MAX_BYTES, features=("org.matrix.msc4108",))
    async def create_old(self, request: Request) -> Answer:
        payload = await self._rendezvous.create(request.network, "text/plain", await _text(request))
        url = f"{self._public_url.of(request)}{_OLD}/{payload.id}"
        return Response(201, orjson.dumps({"url": url}), headers=_headers(payload))

    @endpoint("GET", _OLD + "/{rendezvousId}", auth=NO_AUTH)
    async def get_old(self, request: Request) -> Answer:
        payload = await self._rendezvous.get(request.params["rendezvousId"])
        if request.header(b"if-none-match") == f'"{payload.tag}"':
            return Response(304, b"", headers=_headers(payload))
        return Response(200, payload.data, payload.content_type, _headers(payload))

    @endpoint("PUT", _OLD + "/{rendezvousId}", auth=NO_AUTH, limit="rendezvous", body_limit=MAX_BYTES)
    async def put_old(self, request: Request) -> Answer:
        tag = request.header(b"if-match")
        if tag is None:
            raise BadRequest("The If-Match header is missing", "M_MISSING_PARAM")
        session = request.params["rendezvousId"]
        payload = await self._rendezvous.put(session, "text/plain", await _text(request), tag.strip('"'))
        if payload is None:
            old_name: dict[str, Any] = {"org.matrix.msc4108.errcode": "M_CONCURRENT_WRITE"}
            raise MatrixError(412, "M_UNKNOWN", "The other device has written in the meantime", **old_name)
        return Response(202, b"", "text/plain", _headers(payload))

    @endpoint("DELETE", _OLD + "/{rendezvousId}", auth=NO_AUTH)
    async def delete_old(self, request: Request) -> Answer:
        await self._rendezvous.delete(request.params["rendezvousId"])
        return Response(204, b"", "text/plain")

    # ------------------------------------------------------------------------------------------------ MSC4388 (2025)

    @endpoint("GET", *_NEW, auth=NO_AUTH, features=("io.element.msc4388",))
    async def discover(self, request: Request) -> Answer:
        return {"create_available": True}

    @endpoint("POST", *_NEW, auth=NO_AUTH, limit="rendezvous", body_limit=8 * MAX_BYTES)
    async def create(self, request: Request) -> Answer:
        body = await request.body_as(NewPayload)
        payload = await self._rendezvous.create(request.network, "text/plain", body.data.encode())
        return {"id": payload.id, **self._state(payload)}

    @endpoint("GET", *_NEW_ONE, auth=NO_AUTH)
    async def get(self, request: Request) -> Answer:
        if request.header(b"sec-fetch-mode") in ("navigate", "no-cors"):
            raise MatrixError(403, "M_FORBIDDEN", "This is read by applications only")
        payload = await self._rendezvous.get(request.params["rendezvousId"])
        return {"data": payload.data.decode(), **self._state(payload)}

    @endpoint("PUT", *_NEW_ONE, auth=NO_AUTH, limit="rendezvous", body_limit=8 * MAX_BYTES)
    async def put(self, request: Request) -> Answer:
        body, session = await request.body_as(NextPayload), request.params["rendezvousId"]
        data = body.data.encode()
        payload = await self._rendezvous.put(session, "text/plain", data, body.sequence_token)
        if payload is None:
            payload = await self._rendezvous.get(session)
            if payload.data != data:  # the same data again: the answer to the first time was lost
                raise MatrixError(409, "M_CONCURRENT_WRITE", "The other device has written in the meantime")
        return {"sequence_token": payload.tag}

    @endpoint("DELETE", *_NEW_ONE, auth=NO_AUTH)
    async def delete(self, request: Request) -> Answer:
        await self._rendezvous.delete(request.params["rendezvousId"])
        return {}

    def _state(self, payload: Payload) -> dict[str, Any]:
        left = max(0, payload.expires_ts - self._rendezvous.now_ms())
        return {"sequence_token": payload.tag, "expires_in_ms": left}


async def _text(request: Request) -> bytes:
    kind = (request.header(b"content-type") or "").partition(";")[0].strip().lower()
    if kind != "text/plain":
        raise BadRequest("The payload must be text/plain", "M_INVALID_PARAM")
    return await request.body()


def _headers(payload: Payload) -> tuple[tuple[bytes, bytes], ...]:
    return (
        (b"etag", f'"{payload.tag}"'.encode()),
        (b"expires", formatdate(payload.expires_ts / 1000, usegmt=True).encode()),
        (b"last-modified", formatdate(payload.changed_ts / 1000, usegmt=True).encode()),
        (b"cache-control", b"no-store, no-transform"),
        (b"pragma", b"no-cache"),
        (b"x-content-type-options", b"nosniff"),
        _EXPOSE,
    )
