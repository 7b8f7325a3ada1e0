"""What this server asks others about a room they share (server-server API)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.outbound.federation.client import SMALL_ANSWER, FederationClient, PeerUnreachable
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.remote.errands import asking
from chappe.matrix.identifiers import domain_of

STATE_SECONDS, STATE_BYTES = 600.0, 256 << 20  # of a room with hundreds of thousands of members
EVENTS_BYTES, CHAIN_BYTES, IDS_BYTES = 16 << 20, 64 << 20, 32 << 20
V1, V2 = "/_matrix/federation/v1", "/_matrix/federation/v2"


def path_of(base: str, *parts: str) -> str:
    return base + "".join("/" + quote(part, safe="") for part in parts)


def _list(answer: Any, field: str, destination: str) -> list[Any]:
    value = answer.get(field) if type(answer) is dict else None
    if type(value) is not list:
        raise PeerUnreachable(destination, f"its answer has no {field}")
    return value


class RoomCalls:
    """Every method raises PeerUnreachable or PeerRefused; on a server's errand AskedEnough, which is a PeerUnreachable (`errands`)."""

    def __init__(self, client: FederationClient, domains: Domains, boundaries: Boundaries) -> None:
        self._client, self._domains, self._boundaries = client, domains, boundaries

    def own_domain(self, room: LiveRoom) -> str | None:
        """A hosted domain that is in the room: in its name the others are asked."""
        return next((d for user in room.joined if self._domains.is_hosted(d := domain_of(user))), None)

    def speaker(self, room: LiveRoom, server: str) -> str:
        """The hosted domain that asks a server about a room: one that is in it, and may talk to the server."""
        likely = dict.fromkeys(d for user in room.joined if self._domains.is_hosted(d := domain_of(user)))
        return self._boundaries.speaker(self._domains.names(), server, likely)

    def servers(self, room: LiveRoom, first: Iterable[str] = ()) -> list[str]:
        """The other servers in a room, those with most members first, after some that are known to have what is wanted."""
        counts: dict[str, int] = {}
        for user in room.joined:
            domain = domain_of(user)
            if not self._domains.is_hosted(domain):
                counts[domain] = counts.get(domain, 0) + 1
        wanted = [s for s in dict.fromkeys(first) if s and not self._domains.is_hosted(s)]
        for server in room.partial_servers:
            if not self._domains.is_hosted(server):
                counts.setdefault(server, 0)
        return [*wanted, *(s for s in sorted(counts, key=lambda s: -counts[s]) if s not in wanted)]

    async def _get(
        self, room: LiveRoom, server: str, path: str, query: dict[str, Any] | None = None, *, most_bytes: int = SMALL_ANSWER
    ) -> Any:
        with asking(server, f"{path}?{query}"):
            return await self._client.get(self.speaker(room, server), server, path, query, most_bytes=most_bytes)

    async def missing_events(
        self, room: LiveRoom, server: str, earliest: Sequence[str], latest: Sequence[str], limit: int
    ) -> list[Any]:
        content = {"earliest_events": list(earliest), "latest_events": list(latest), "limit": limit, "min_depth": 0}
        own, path = self.speaker(room, server), path_of(V1, "get_missing_events", room.room_id)
        with asking(server, f"{path} {content}"):
            answer = await self._client.request(own, server, "POST", path, content=content, most_bytes=EVENTS_BYTES)
        return _list(answer, "events", server)

    async def backfill(self, room: LiveRoom, server: str, before: Sequence[str], limit: int) -> list[Any]:
        answer = await self._get(
            room,
            server,
            path_of(V1, "backfill", room.room_id),
            {"v": list(before), "limit": str(limit)},
            most_bytes=EVENTS_BYTES,
        )
        return _list(answer, "pdus", server)

    async def nearest(self, room: LiveRoom, server: str, ts: int, backwards: bool) -> str:
        """The event that a server has closest to a time."""
        query = {"ts": str(ts), "dir": "b" if backwards else "f"}
        answer = await self._get(room, server, path_of(V1, "timestamp_to_event", room.room_id), query)
        event_id = answer.get("event_id") if type(answer) is dict else None
        if type(event_id) is not str:
            raise PeerUnreachable(server, "its answer names no event")
        return event_id

    async def state_ids(self, room: LiveRoom, server: str, event_id: str) -> tuple[list[str], list[str]]:
        """(the state before an event, its auth chain)."""
        answer = await self._get(
            room, server, path_of(V1, "state_ids", room.room_id), {"event_id": event_id}, most_bytes=IDS_BYTES
        )
        state, chain = _list(answer, "pdu_ids", server), _list(answer, "auth_chain_ids", server)
        return [e for e in state if type(e) is str], [e for e in chain if type(e) is str]

    async def state(self, room: LiveRoom, server: str, event_id: str) -> list[Any]:
        """The events that `state_ids` names."""
        answer = await self._get(
            room, server, path_of(V1, "state", room.room_id), {"event_id": event_id}, most_bytes=CHAIN_BYTES
        )
        return [*_list(answer, "pdus", server), *_list(answer, "auth_chain", server)]

    async def whole_state(self, room: LiveRoom, server: str, event_id: str) -> tuple[list[Any], list[Any]]:
        """(the state before an event, its auth chain), of a room with any number of members."""
        path = f"{path_of(V1, 'state', room.room_id)}?{urlencode({'event_id': event_id})}"
        own = self.speaker(room, server)
        with asking(server, path):
            answer = await self._client.request(own, server, "GET", path, seconds=STATE_SECONDS, most_bytes=STATE_BYTES)
        return _list(answer, "pdus", server), _list(answer, "auth_chain", server)

    async def event_auth(self, room: LiveRoom, server: str, event_id: str) -> list[Any]:
        path = path_of(V1, "event_auth", room.room_id, event_id)
        answer = await self._get(room, server, path, most_bytes=CHAIN_BYTES)
        return _list(answer, "auth_chain", server)

    async def event(self, room: LiveRoom, server: str, event_id: str) -> Any:
        answer = await self._get(room, server, path_of(V1, "event", event_id))
        return next(iter(_list(answer, "pdus", server)), None)
