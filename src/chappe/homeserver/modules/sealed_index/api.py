"""The sealed index of an account (`/_chappe/client/v1/sealed_index`): not in the specification."""

from __future__ import annotations

from msgspec.structs import asdict

from chappe.homeserver.http.request import Request, Response
from chappe.homeserver.http.router import Answer, endpoint
from chappe.homeserver.modules.sealed_index.sealed_index import MOST_OF_A_PART, SealedIndex

_INDEX = "/_chappe/client/v1/sealed_index"
_PART = _INDEX + "/{part}"


class SealedIndexApi:
    def __init__(self, index: SealedIndex) -> None:
        self._index = index

    @endpoint("GET", _INDEX)
    async def list_parts(self, request: Request) -> Answer:
        """What the devices of the account have sealed for each other."""
        found = await self._index.parts(request.user_id)
        return {"parts": [asdict(each) for each in found.parts], "most_bytes": found.most_bytes}

    @endpoint("GET", _PART)
    async def get_part(self, request: Request) -> Answer:
        """One part, as it was written."""
        sealed = await self._index.get(request.user_id, request.params["part"])
        headers = ((b"cache-control", b"private, no-store"), (b"x-content-type-options", b"nosniff"))
        return Response(200, sealed, "application/octet-stream", headers)

    @endpoint("PUT", _PART, limit="message", body_limit=MOST_OF_A_PART, body_reason="some thousand messages, sealed")
    async def put_part(self, request: Request) -> Answer:
        """Writes a part, in the place of that of the same name."""
        await self._index.put(request.user_id, request.params["part"], await request.body())
        return {}

    @endpoint("DELETE", _INDEX)
    async def delete_all(self, request: Request) -> Answer:
        """Deletes all parts: nobody opens them any more."""
        await self._index.remove(request.user_id, None)
        return {}

    @endpoint("DELETE", _PART)
    async def delete_part(self, request: Request) -> Answer:
        """Deletes a part."""
        await self._index.remove(request.user_id, request.params["part"])
        return {}
