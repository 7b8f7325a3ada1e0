"""Policy servers (server-server API, "Policy Servers"): a room may name a server that is asked about each of its events."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.client import FederationClient
from chappe.homeserver.rooms.create_event import Draft, pdu_of
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.policy_server import POLICY_SERVER, PolicyServer, policy_server_of
from chappe.homeserver.rooms.remote.calls import RoomCalls
from chappe.homeserver.rooms.remote.checks import PduChecks, SignedPdu
from chappe.homeserver.rooms.remote.handshakes import for_clients
from chappe.homeserver.rooms.remote.outcomes import Received
from chappe.homeserver.rooms.remote.receive_pdu import Receiver
from chappe.homeserver.rooms.remote.stored_pdu import HISTORY
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.canonical_json import canonical_json
from chappe.matrix.errors import Forbidden, MatrixError
from chappe.matrix.event_auth import check_auth
from chappe.matrix.events import Pdu, check_size, seal
from chappe.matrix.identifiers import domain_of

SIGN = "/_matrix/policy/v1/sign"
SECONDS = 10.0
AT_ONCE = 10


class PolicyServers:
    def __init__(
        self, client: FederationClient, domains: Domains, rooms: Rooms, receiver: Receiver, checks: PduChecks, calls: RoomCalls
    ) -> None:
        self._client, self._domains, self._rooms, self._calls = client, domains, rooms, calls
        self._receiver, self._checks = receiver, checks
        rooms.send_elsewhere_by(self.send)

    async def send(self, room: LiveRoom, draft: Draft, txn: str | None) -> str | None:
        """Sends an event of a person of here that the policy server must sign first; returns its id. None where none must sign.

        Raises what the policy server answered.
        """
        server = _asked_about(room, draft.type, draft.state_key)
        if server is None:
            return None
        own = domain_of(draft.sender)
        pdu = pdu_of(room, draft, self._rooms.now_ms(), secrets.token_urlsafe(12))
        check_auth(pdu, room.version, room.get)
        event_id = seal(pdu, room.version, own, self._domains.signing_key(own))
        check_size(pdu, canonical_json(pdu))
        checked = await self._checks.check(await self._signed(room, server, pdu, own), room.version)
        async with self._receiver.lock(room):
            draft.require_ground(room)
            outcome = await self._receiver.receive(room, checked, txn=txn, beside=draft.beside)
        if outcome != Received(HISTORY):
            raise Forbidden("The rules of the room do not allow this any more")
        return event_id

    async def signed(self, room: LiveRoom, pdu: Pdu) -> Pdu:
        """An event of here with the signature that the room wants, where it wants one."""
        server = _asked_about(room, pdu["type"], pdu.get("state_key"))
        return pdu if server is None else await self._signed(room, server, pdu, domain_of(pdu["sender"]))

    async def judge(self, room: LiveRoom, events: Sequence[SignedPdu]) -> list[SignedPdu]:
        """Events of other servers: each with the signature that it lacked, or marked as unwelcome."""
        unasked, gate = await self.unasked(room, events), asyncio.Semaphore(AT_ONCE)

        async def one(checked: SignedPdu) -> SignedPdu:
            if checked.event_id not in unasked:
                return checked
            async with gate:
                return await self._judge(room, checked)

        return list(await asyncio.gather(*(one(checked) for checked in events)))

    async def unasked(self, room: LiveRoom, events: Sequence[SignedPdu]) -> set[str]:
        """Those of which the room's policy server has said nothing yet: to ask it may take ten seconds for each."""
        if room.get(POLICY_SERVER) is None:
            return set()
        lacking = []
        for checked in events:
            server = _asked_about(room, checked.pdu["type"], checked.pdu.get("state_key"))
            if server is not None and not checked.is_unwelcome and not server.has_signed(checked.pdu, room):
                lacking.append(checked)
        known = await self._receiver.store.stored_pdus([checked.event_id for checked in lacking])
        return {
            e.event_id for e in lacking if (here := known.get(e.event_id)) is None or not here.has_state or here.gives_way_to(e)
        }

    async def _judge(self, room: LiveRoom, checked: SignedPdu) -> SignedPdu:
        server = _asked_about(room, checked.pdu["type"], checked.pdu.get("state_key"))
        if server is None or server.has_signed(checked.pdu, room):
            return checked
        try:
            own = self._calls.speaker(room, server.server_name)
            pdu = await self._signed(room, server, orjson.loads(checked.raw), own)
        except MatrixError:
            return replace(checked, is_unwelcome=True)
        return replace(checked, pdu=pdu, raw=canonical_json(pdu))

    async def _signed(self, room: LiveRoom, server: PolicyServer, pdu: Pdu, own: str) -> Pdu:
        if server.has_signed(pdu, room):
            return pdu
        if self._domains.is_hosted(server.server_name):
            raise Forbidden(f"{server.server_name}, which this room wants to be asked, is no policy server")
        try:
            answer = await self._client.request(own, server.server_name, "POST", SIGN, content=pdu, seconds=SECONDS)
        except MatrixError as error:
            raise for_clients(error) from None
        given = answer.get(server.server_name) if type(answer) is dict else None
        signatures: Mapping[str, Any] = pdu["signatures"]
        own_already = signatures.get(server.server_name)
        merged = {**(own_already if type(own_already) is dict else {}), **(given if type(given) is dict else {})}
        signed = {**pdu, "signatures": {**signatures, server.server_name: merged}}
        if not server.has_signed(signed, room):
            raise Forbidden(f"{server.server_name} did not sign the event with the key that the room names")
        return signed


def _asked_about(room: LiveRoom, event_type: str, state_key: object) -> PolicyServer | None:
    """Every event is asked about but for the one that names the policy server: the room can always do without it."""
    return None if (event_type, state_key) == POLICY_SERVER else policy_server_of(room)
