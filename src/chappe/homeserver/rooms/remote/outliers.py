"""What is kept of a room without being received into it: state whose place in the graph is not known, and the content of events
that came without theirs."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import orjson

from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.policy_server import policy_server_of
from chappe.homeserver.rooms.remote.auth import AuthEvent, check_by_auth_events, in_auth_order, judge
from chappe.homeserver.rooms.remote.checks import SignedPdu
from chappe.homeserver.rooms.remote.renewal import LateCopy, RenewalWrite
from chappe.homeserver.rooms.remote.retelling import Retelling
from chappe.homeserver.rooms.remote.store import RemoteStore
from chappe.homeserver.rooms.remote.stored_pdu import HISTORY, REJECTED, StoredPdu
from chappe.homeserver.rooms.remote.without_timeline import Outlier, OutlierWrite
from chappe.homeserver.rooms.room_event import RoomEvent
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.directory_entries import directory_entry
from chappe.matrix.errors import Forbidden

AT_ONCE = 500


class Outliers:
    def __init__(self, rooms: Rooms, store: RemoteStore) -> None:
        self._rooms, self._store, self.retelling = rooms, store, Retelling(rooms)

    async def adopt(self, room: LiveRoom, events: Mapping[str, SignedPdu]) -> None:
        """Stores state events as outliers: auth chains, and states at a gap. Their place in the graph is not known.

        Each is authorised by its auth events. One whose auth events are neither here nor among `events` is not stored.
        """
        events = {i: e for i, e in events.items() if e.key is not None and e.room_id == room.room_id}
        known = await self._store.stored_pdus(events)
        if settled := [known[i].nid for i, e in events.items() if i in known and known[i].is_settled_by(e)]:
            await self._store.settle(settled)
        late = {i: e for i, e in events.items() if i in known and known[i].gives_way_to(e)}
        anew = {i: known[i].nid for i in late if known[i].status == REJECTED and not known[i].has_state}
        fresh = {i: e for i, e in events.items() if i not in known or i in anew}
        await self._adopt_fresh(room, fresh, anew)
        await self.renew(room, [(known[i], LateCopy(e)) for i, e in late.items() if known[i].status != REJECTED])

    async def _adopt_fresh(self, room: LiveRoom, fresh: Mapping[str, SignedPdu], anew: Mapping[str, int]) -> None:
        """`anew`: by id, the numbers of those that are stored, and are judged again."""
        around = await self._store.stored_pdus({a for e in fresh.values() for a in e.auth_events() if a not in fresh})
        pdus = await self._store.pdus([k.nid for k in around.values()])
        auth_events = {
            k.event_id: AuthEvent(
                k.event_id, (k.type, k.state_key or ""), k.sender, orjson.loads(pdus[k.nid])["content"], k.status == REJECTED
            )
            for k in around.values()
            if k.room_nid == room.nid
        }
        numbers = {k.event_id: k.nid for k in around.values()}
        ordered = in_auth_order(fresh)
        for start in range(0, len(ordered), AT_ONCE):
            outliers = []
            part = ordered[start : start + AT_ONCE]
            for checked, fresh_nid in zip(judge(part, auth_events), await self._rooms.numbers.take(len(part)), strict=False):
                event_id = checked.event_id
                nid = numbers[event_id] = anew.get(event_id, fresh_nid)
                outliers.append(
                    Outlier(
                        nid,
                        checked,
                        [numbers[a] for a in checked.pdu_auth_events()],
                        auth_events[event_id].is_rejected,
                        event_id in anew,
                    )
                )
            if outliers:
                chains = await self._store.chains({n for o in outliers for n in o.auth_event_nids})
                await self._rooms.commit(OutlierWrite(room, outliers, chains))

    async def renew(self, room: LiveRoom, copies: Sequence[tuple[StoredPdu, LateCopy]]) -> None:
        """Gives events that are stored without their content this content, where their auth events allow them with it.

        What members see of a room with a policy server bears its signature: what it said of an emptied event does not count for
        the content, so a copy without a signature is to be asked about first (`PolicyServers.unasked`).
        """
        server = policy_server_of(room)
        if server is not None:
            copies = [(k, late) for k, late in copies if k.status != HISTORY or server.has_signed(late.checked.pdu, room)]
        if not copies:
            return
        auth_events = await self.auth_events(room, {a for _, late in copies for a in late.checked.auth_events()})
        good: dict[int, LateCopy] = {}
        for known, late in copies:
            with contextlib.suppress(Forbidden):
                if all(a in auth_events for a in late.checked.auth_events()):
                    check_by_auth_events(late.checked, auth_events)
                    good[known.nid] = self._with_name(late)
        numbers, has_decided = list(good), False
        for start in range(0, len(numbers), AT_ONCE):
            write = RenewalWrite(room, {nid: good[nid] for nid in numbers[start : start + AT_ONCE]})
            await self._rooms.commit(write)
            if write.is_read_anew:
                room.make_stale()
            has_decided = has_decided or write.has_decided
        if has_decided:
            await self.retelling.tell_members(room)

    def _with_name(self, late: LateCopy) -> LateCopy:
        """Somebody of another server, who joins: with how they are found by name."""
        key, pdu = late.checked.key, late.checked.pdu
        if key is None or key[0] != "m.room.member" or pdu["sender"] != key[1] or self._rooms.is_hosted(key[1]):
            return late
        if pdu["content"].get("membership") != "join":
            return late
        return replace(late, person=directory_entry(key[1], pdu["content"]))

    async def auth_events(self, room: LiveRoom, auth: Collection[str]) -> dict[str, AuthEvent]:
        """Those of some state events that are here."""
        known = {
            i: k for i, k in (await self._store.stored_pdus(auth)).items() if k.room_nid == room.nid and k.state_key is not None
        }
        return await self.auth_events_among(list(known), {}, known)

    async def auth_events_among(
        self, auth: Sequence[str], at_hand: Mapping[str, RoomEvent], known: Mapping[str, StoredPdu]
    ) -> dict[str, AuthEvent]:
        """Of events each of which is at hand, or known. Raises Forbidden for what is not part of any state."""
        pdus = await self._store.pdus([known[a].nid for a in auth if a in known])
        found = {}
        for event_id in auth:
            if (event := at_hand.get(event_id)) is not None:
                found[event_id] = AuthEvent(event_id, event.key, event.sender, event.content)
            else:
                row = known[event_id]
                if row.state_key is None:
                    raise Forbidden("The event cites one that is not part of any state")
                content = orjson.loads(pdus[row.nid])["content"]
                found[event_id] = AuthEvent(event_id, (row.type, row.state_key), row.sender, content, row.status == REJECTED)
        return found
