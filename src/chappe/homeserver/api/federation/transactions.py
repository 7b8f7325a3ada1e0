"""What other servers send (transactions.yaml)."""

from __future__ import annotations

from typing import Any

from chappe.homeserver.actions.receive_edus import ReceiveEdus
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import SERVER_AUTH, Answer, endpoint
from chappe.homeserver.load.tasks import SharedWork, Tasks
from chappe.homeserver.rooms.remote.pdu_queues import PduQueues
from chappe.matrix.errors import BadRequest

MOST_PDUS, MOST_EDUS = 50, 100


class Transactions:
    def __init__(self, pdu_queues: PduQueues, receive_edus: ReceiveEdus, tasks: Tasks) -> None:
        self._pdu_queues, self._receive_edus = pdu_queues, receive_edus
        self._under_way = SharedWork[tuple[str, str], dict[str, Any]](tasks, "transaction of another server")

    @endpoint(
        "PUT",
        "/_matrix/federation/v1/send/{txnId}",
        auth=SERVER_AUTH,
        api="federation",
        body_limit=10 << 20,
        body_reason="fifty events and a hundred EDUs of a server that has signed",
    )
    async def send(self, request: Request) -> Answer:
        """Events and ephemeral data. Answers once each is in its room, or durably waits for what it follows."""
        body = await request.json_object()
        pdus, edus = body.get("pdus", []), body.get("edus", [])
        if type(pdus) is not list or type(edus) is not list:
            raise BadRequest("`pdus` and `edus` must be lists")
        if len(pdus) > MOST_PDUS or len(edus) > MOST_EDUS:
            raise BadRequest(f"A transaction has at most {MOST_PDUS} PDUs and {MOST_EDUS} EDUs", "M_TOO_LARGE")
        key = (request.origin, request.params["txnId"])
        # a sender that repeats itself while its first request is under way gets the same answer
        return await self._under_way.result(key, lambda: self._take(request.origin, pdus, edus))

    async def _take(self, origin: str, pdus: list[Any], edus: list[Any]) -> dict[str, Any]:
        receipts = [edu for edu in edus if type(edu) is dict and edu.get("edu_type") == "m.receipt"]
        others = [edu for edu in edus if type(edu) is not dict or edu.get("edu_type") != "m.receipt"]
        await self._receive_edus(origin, others)  # keys for the PDUs are among them
        results = await self._pdu_queues.deliver(origin, pdus)
        await self._receive_edus(origin, receipts)  # the events that they name may be among the PDUs
        return {"pdus": results}
