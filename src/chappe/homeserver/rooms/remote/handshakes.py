"""Joining, knocking and leaving through a server that is in the room (server-server API, "Joining Rooms", "Knocking upon a
room", "Leaving Rooms"): it makes a template, this server signs it, it sends the result into the room.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.client import FederationClient, PeerRefused, PeerUnreachable
from chappe.homeserver.rooms.remote.calls import STATE_BYTES, STATE_SECONDS, V1, V2, path_of
from chappe.homeserver.rooms.remote.onward import Onward
from chappe.matrix.errors import Forbidden, MatrixError, NotFound
from chappe.matrix.events import Pdu, event_id_of, is_reference, seal
from chappe.matrix.identifiers import domain_of, is_server_name
from chappe.matrix.room_versions import ROOM_VERSIONS, RoomVersion

log = logging.getLogger(__name__)
MOST_SERVERS = 10  # that are asked for one room
SHOWN_BYTES = 4 << 20  # of an answer that shows a room to somebody who is not in it
MEMBER = "m.room.member"
_SAY_LITTLE_TO_MUCH = {404: 3, 429: 4, 400: 5, 403: 6}  # statuses; others (a fault of the server) say less
OF_OUR_MAKING = ("M_MISSING_PARAM", "M_INVALID_PARAM")  # no client can do anything about these (invites-v2.yaml, 400)


@dataclass(frozen=True, slots=True)
class Signed:
    """A membership event that this server has signed and that a resident server is to take into its room.

    `server`: the resident server that made the template. `pdu`: the whole event, as it will stand in the room.
    """

    server: str
    event_id: str
    pdu: Pdu
    version: RoomVersion


class Handshakes:
    """Asks servers that are in a room to let a user of this server in, to take a knock or to let somebody leave; and
    invites.

    Every method raises MatrixError with what the other server answered, and PeerUnreachable for an answer that makes no sense.
    """

    def __init__(self, client: FederationClient, domains: Domains, onward: Onward, now_ms: NowMs) -> None:
        self._client, self._domains, self._onward, self._now_ms = client, domains, onward, now_ms

    def candidates(self, room_id: str, servers: Sequence[str]) -> list[str]:
        """Returns the servers to ask, in order and at most MOST_SERVERS: those in `servers`, then the one in the room's id.

        Leaves out what is no server name, and the domains that are hosted here.
        """
        named = [*servers, *([room_id.split(":", 1)[1]] if ":" in room_id else [])]
        return [s for s in dict.fromkeys(named) if is_server_name(s) and not self._domains.is_hosted(s)][:MOST_SERVERS]

    async def each(self, room_id: str, servers: Sequence[str], attempt: Any) -> Any:
        """Calls `attempt(server)` for one candidate after the other and returns the first result.

        Raises the failure that says most (`most_telling`), as a client understands it; M_NOT_FOUND without any candidate.
        """
        failures: list[MatrixError] = []
        for server in self.candidates(room_id, servers):
            try:
                return await attempt(server)
            except (PeerUnreachable, PeerRefused, MatrixError) as error:
                log.info("a server did not let us in", extra={"fields": {"server": server, "why": str(error)[:200]}})
                failures.append(error)
        if not failures:
            raise NotFound("This room is not known here, and no other server was named that could know it")
        raise for_clients(most_telling(failures))

    async def make(
        self,
        server: str,
        kind: str,
        room_id: str,
        user_id: str,
        content: Mapping[str, Any],
        known_version: RoomVersion | None = None,
    ) -> Signed:
        """Asks for a template (`make_join`, `make_knock`, `make_leave`: that is `kind`), completes, signs and returns it.

        `content`: what the event is to hold besides what the specification asks for. `known_version`: the room's version where
        it is known; another one is refused. Before somebody enters, the resident server is sent what was said here last:
        without it the room that it shows would still have those in it who have just left.

        Raises PeerUnreachable for a template that is another event than was asked for, or is not complete.
        """
        if kind != "leave":
            await self._onward.await_delivery(server, room_id)
        query = {"ver": list(ROOM_VERSIONS)} if kind != "leave" else None
        own = domain_of(user_id)
        answer = await self._client.get(own, server, path_of(V1, f"make_{kind}", room_id, user_id), query, insists=True)
        template, version = _template_of(answer, server, known_version)
        asked = {"type": MEMBER, "room_id": room_id, "sender": user_id, "state_key": user_id}
        given = template.get("content")
        is_other = any(template.get(name) != value for name, value in asked.items())
        if is_other or type(given) is not dict or given.get("membership") != kind:
            raise PeerUnreachable(server, "its template is not what was asked for")
        pdu: Pdu = {
            **asked,
            "content": {**content, **_authorised(given, kind), "membership": kind},
            "origin_server_ts": self._now_ms(),
            "depth": _depth(template.get("depth"), version),
            "prev_events": template.get("prev_events"),
            "auth_events": template.get("auth_events"),
        }
        _require_complete(pdu, version, server)
        if not version.event_ids_are_hashes:
            pdu["event_id"] = f"${secrets.token_urlsafe(16)}:{own}"
        event_id = seal(pdu, version, own, self._domains.signing_key(own))
        return Signed(server, event_id, pdu, version)

    async def send(self, signed: Signed, kind: str, omit_members: bool = False) -> dict[str, Any]:
        """Sends a signed event into the room (`send_join`, `send_knock`, `send_leave`) and returns the server's answer.

        `omit_members`: the state in the answer may lack the members, who are fetched later (MSC3706). A join may take
        STATE_SECONDS and STATE_BYTES, the others 30 s and SHOWN_BYTES.
        """
        base = V1 if kind == "knock" else V2
        path = path_of(base, f"send_{kind}", signed.pdu["room_id"], signed.event_id)
        answer = await self._client.request(
            domain_of(signed.pdu["sender"]),
            signed.server,
            "PUT",
            path,
            content=signed.pdu,
            query={"omit_members": "true"} if omit_members else None,
            insists=True,
            seconds=STATE_SECONDS if kind == "join" else 30,
            most_bytes=STATE_BYTES if kind == "join" else SHOWN_BYTES,
        )
        if type(answer) is not dict:
            raise PeerUnreachable(signed.server, "its answer is no object")
        return answer

    async def invite(self, pdu: Pdu, event_id: str, version: RoomVersion, shown: Sequence[bytes], via: str) -> Pdu:
        """Sends an invitation to the server of the person invited (`/invite`, version 2; version 1 for a server that knows
        no other).

        `shown`: the JSON of state events by which that person sees what the room is. `via`: a server by which they can enter.
        Returns the event with that server's signature added. Raises PeerUnreachable where it has not signed the event, or
        changed it.
        """
        own, server = domain_of(pdu["sender"]), domain_of(pdu["state_key"])
        path = path_of(V2, "invite", pdu["room_id"], event_id)
        events = [orjson.loads(raw) for raw in shown]
        content = {"event": pdu, "room_version": version.id, "invite_room_state": events, "via": [via]}
        try:
            answer = await self._client.request(own, server, "PUT", path, content=content, most_bytes=SHOWN_BYTES)
        except PeerRefused as error:
            if error.peer_status not in (400, 404) or version.id not in ("1", "2"):
                raise (error if error.errcode in OF_OUR_MAKING else for_clients(error)) from None
            old = {**pdu, "unsigned": {"invite_room_state": events}}
            path = path_of(V1, "invite", pdu["room_id"], event_id)
            answer = await self._client.request(own, server, "PUT", path, content=old, most_bytes=SHOWN_BYTES)
            answer = {"event": answer[1]["event"]} if type(answer) is list and len(answer) == 2 else {}
        signed = answer.get("event") if type(answer) is dict else None
        signatures = signed.get("signatures") if type(signed) is dict else None
        if type(signatures) is not dict or type(signatures.get(server)) is not dict:
            raise PeerUnreachable(server, "it did not sign the invitation")
        result = {**pdu, "signatures": {**pdu["signatures"], server: signatures[server]}}
        if event_id_of(result, version) != event_id:
            raise PeerUnreachable(server, "it changed the invitation")
        return result


def _depth(given: object, version: RoomVersion) -> int | None:
    """Returns the depth that a template names, cut to what the room's version allows; None for anything that is no depth."""
    return min(given, version.depth_limit) if type(given) is int and given >= 0 else None


def most_telling(failures: Sequence[MatrixError]) -> MatrixError:
    """Of several refusals the one that says most of the room, the first of those that say as much.

    Who is in the room and refuses says more than who does not know it, and that more than who does not speak the protocol (a proxy's
    page) or is silent.
    """
    return max(failures, key=_tells)


def _tells(error: MatrixError) -> int:
    if isinstance(error, PeerUnreachable):
        return 0
    if not isinstance(error, PeerRefused):
        return _SAY_LITTLE_TO_MUCH.get(error.status, 2)
    return _SAY_LITTLE_TO_MUCH.get(error.peer_status, 2) if error.is_matrix else 1


def for_clients(error: MatrixError) -> MatrixError:
    """Turns another server's refusal into one that this server gives its client, with the same status (400, 403, 404, 429)
    and code.

    Returns any other error as it is.
    """
    if isinstance(error, PeerRefused) and error.peer_status in (400, 403, 404, 429):
        if error.peer_status == 403:
            return Forbidden(error.message, error.errcode)
        return MatrixError(error.peer_status, error.errcode, error.message)
    return error


def _authorised(given: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Returns the part of a join's content that names who lets the person in (`join_authorised_via_users_server`), as the
    template says.
    """
    via = given.get("join_authorised_via_users_server")
    return {"join_authorised_via_users_server": via} if kind == "join" and type(via) is str else {}


def _template_of(answer: Any, server: str, known_version: RoomVersion | None) -> tuple[dict[str, Any], RoomVersion]:
    """Returns the event in an answer to `make_…` and the version of its room. Raises PeerUnreachable where there is none of
    use.
    """
    if type(answer) is dict:
        template, version = answer.get("event"), ROOM_VERSIONS.get(str(answer.get("room_version", "1")))
        if type(template) is dict and version is not None and known_version in (None, version):
            return template, version
    raise PeerUnreachable(server, "its template is of no use here")


def _require_complete(pdu: Pdu, version: RoomVersion, server: str) -> None:
    """Raises PeerUnreachable for an event that cannot be signed: its template lacked depth, `prev_events` or `auth_events`,
    or cites what is no event id.
    """
    if type(pdu["depth"]) is not int or type(pdu["prev_events"]) is not list or type(pdu["auth_events"]) is not list:
        raise PeerUnreachable(server, "its template is not complete")
    if not all(is_reference(item, version) for name in ("prev_events", "auth_events") for item in pdu[name]):
        raise PeerUnreachable(server, "what its template cites is malformed")
