"""Invitations by e-mail address across servers (server-server API, "Third-party invites").

Who proves the address is told by the identity service (`on_bind`); their server asks one that is in the room to invite them
(`exchange`), since only a member's server can.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from chappe.homeserver.load.parsing import read_answer
from chappe.homeserver.modules.third_party_invites.third_party_invites import ThirdPartyInvites
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.outbound.federation.client import FederationClient, PeerRefused
from chappe.homeserver.outbound.fetchers import PreviewFetcher
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.membership import MembershipChanges
from chappe.homeserver.rooms.remote.calls import V1, path_of
from chappe.homeserver.rooms.remote.residence import Residence
from chappe.homeserver.rooms.rooms import THIRD_PARTY_INVITE, Rooms
from chappe.matrix.errors import BadRequest, Forbidden, MatrixError
from chappe.matrix.identifiers import UserId, domain_of, is_user_id, parse_room_id, parse_user_id

log = logging.getLogger(__name__)
MOST_INVITES, MOST_KEYS, ANSWER_BYTES = 5, 10, 4096  # anybody may say `onbind`: few servers are asked for it


class ExchangeInvites:
    def __init__(
        self,
        rooms: Rooms,
        membership: MembershipChanges,
        residence: Residence,
        invites: ThirdPartyInvites,
        client: FederationClient,
        domains: Domains,
        boundaries: Boundaries,
        fetcher: PreviewFetcher,
    ) -> None:
        self._rooms, self._membership, self._residence = rooms, membership, residence
        self._invites, self._client, self._fetcher = invites, client, fetcher
        self._domains, self._boundaries = domains, boundaries

    async def tell_of_invites(self, user_id: UserId, medium: str, address: str) -> None:
        """Somebody of another server has proven an address here: their server hears of the invitations that wait for it."""
        waiting = await self._invites.proofs(user_id, medium, address)
        content = {"medium": medium, "address": address, "mxid": user_id, "invites": waiting}
        server, path = domain_of(user_id), path_of(V1, "3pid", "onbind")
        own = self._boundaries.speaker(self._domains.names(), server)
        try:
            await self._client.request(own, server, "PUT", path, content=content)
        except PeerRefused as error:
            if error.peer_status not in (404, 405):
                raise
            await self._client.request(own, server, "POST", path, content=content)  # COMPAT: Synapse, to date
        await self._invites.forget([invite["signed"]["token"] for invite in waiting])

    async def on_bind(self, user_id: str, invites: Sequence[Any]) -> int:
        """An identity service says that somebody of here has proven an address. Returns how many invitations came of it.

        Nothing of this is believed: each room's own rules ask for the proof. Raises M_FORBIDDEN for people of elsewhere.
        """
        target = parse_user_id(user_id)
        if not self._rooms.is_hosted(target):
            raise Forbidden("This person is not of this server")
        done = 0
        for invite in invites[:MOST_INVITES]:
            signed = invite.get("signed") if type(invite) is dict else None
            room_id, sender = (invite.get("room_id"), invite.get("sender")) if type(signed) is dict else (None, None)
            if type(room_id) is not str or not is_user_id(sender) or type(signed) is not dict:
                continue
            if signed.get("mxid") != target or type(signed.get("token")) is not str:
                continue
            name = invite.get("display_name")
            proof = {"display_name": name if type(name) is str else str(signed["token"])[:8], "signed": signed}
            try:
                await self._invite(parse_room_id(room_id), str(sender), target, proof)
                done += 1
            except MatrixError as error:
                log.info("an invitation by address came to nothing", extra={"fields": {"why": error.message[:200]}})
        return done

    async def _invite(self, room_id: str, sender: str, target: UserId, proof: Mapping[str, Any]) -> None:
        if self._rooms.is_hosted(sender):
            await self._invites.require_may_invite(sender)
            await self._membership.invite(UserId(sender), room_id, target, {"third_party_invite": dict(proof)})
            return
        event = {
            "type": "m.room.member",
            "room_id": room_id,
            "sender": sender,
            "state_key": target,
            "content": {"membership": "invite", "third_party_invite": dict(proof)},
        }
        path = path_of(V1, "exchange_third_party_invite", room_id)
        await self._client.request(domain_of(target), domain_of(sender), "PUT", path, content=event)

    async def exchange(self, origin: str, room_id: str, event: Mapping[str, Any]) -> None:
        """Another server asks that its user be invited, with the proof. Raises MatrixError with the specification's code."""
        content, sender, target = event.get("content"), event.get("sender"), event.get("state_key")
        proof = content.get("third_party_invite") if type(content) is dict else None
        signed = proof.get("signed") if type(proof) is dict else None
        if event.get("type") != "m.room.member" or event.get("room_id") != room_id or type(content) is not dict:
            raise BadRequest("The event is no membership in the room that the request names", "M_INVALID_PARAM")
        if content.get("membership") != "invite" or type(signed) is not dict or not (is_user_id(sender) and is_user_id(target)):
            raise BadRequest("The event is no invitation by a third party", "M_INVALID_PARAM")
        if domain_of(str(target)) != origin:
            raise Forbidden("A server can ask this for its own users only")
        room = await self._residence.whole_room(room_id, origin)
        if not self._rooms.is_hosted(str(sender)) or sender not in room.joined:
            raise Forbidden("Who has invited is not in the room any more")
        await self._invites.require_may_invite(str(sender))
        await self._require_valid_key(room, signed.get("token"))
        await self._membership.invite(
            UserId(str(sender)), room_id, UserId(str(target)), {"third_party_invite": dict(proof or {})}
        )

    async def _require_valid_key(self, room: LiveRoom, token: object) -> None:
        """Some key of the invitation must still be good, as its identity service says: asked here, where it is issued."""
        event = room.get((THIRD_PARTY_INVITE, token)) if type(token) is str else None
        if event is None:
            raise Forbidden("The room knows of no such invitation")
        listed = event.content.get("public_keys")
        keys = [event.content, *(listed if type(listed) is list else [])]
        for entry in keys[:MOST_KEYS]:
            key, url = (entry.get("public_key"), entry.get("key_validity_url")) if type(entry) is dict else (None, None)
            if type(key) is str and (type(url) is not str or await self._is_valid(key, url)):
                return
        raise Forbidden("The invitation has been used, or taken back")

    async def _is_valid(self, key: str, url: str) -> bool:
        if await self._invites.is_valid_key(key):
            return True
        try:
            answer = await read_answer(
                await self._fetcher.get_bytes(f"{url}?{urlencode({'public_key': key})}", None, ANSWER_BYTES)
            )
        except (MatrixError, ValueError):
            return False
        return type(answer) is dict and answer.get("valid") is True
