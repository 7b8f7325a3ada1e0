"""What a commit of the room engine writes: the rows, and the SQL that takes them."""

from __future__ import annotations

from collections.abc import Sequence

from chappe.homeserver.database.rows import Int, Row
from chappe.homeserver.database.writing_function import Fragment
from chappe.homeserver.rooms.auth_chains import ChainRow
from chappe.homeserver.rooms.summary import FRAGMENT as SUMMARY


class PlacedRow(Row):
    """`at`: the place of its event in its write, counted from 1. The lane adds what comes before the write in its commit."""

    at: Int


class LaneRow(Row):
    room: int
    state_version: int
    revoke_version: int
    state_bump: Int
    revoke_bump: Int
    used: list[str]
    leaf: str | None
    root: int
    depth: int
    notify_bump: Int
    highlight_bump: Int
    last_offset: Int
    bump_offset: Int
    leaves_before: list[str] | None  # of rooms shared with other servers
    leaves_after: list[str] | None


class NewRoomRow(Row):
    room: int
    room_id: str
    version: str
    stub: bool


class PromotionRow(Row):
    nid: int


class NewEventRow(Row):
    """Of an event that the timeline gets, or that is held."""

    nid: int
    room: int
    event_id: str
    type: str
    state_key: str | None
    sender: str
    ts: int
    depth: int
    state_before: int
    state_after: int | None
    replaces: int | None
    thread: str
    json: bytes


class EventRow(NewEventRow):
    """`at`: its place in the commit, counted from 1."""

    at: Int
    notify: Int
    highlight: Int
    txn: str | None
    room_before: int | None
    moved: bool


class ThreadRow(Row):
    room: int
    root: str
    notify_bump: Int
    highlight_bump: Int
    last_offset: Int


class RelationRow(PlacedRow):
    nid: int
    room: int
    target: str
    rel_type: str
    type: str
    sender: str
    key: str | None
    ts: int
    event_id: str


class StatePackRow(Row):
    pack: int
    room: int
    data: bytes


class AuthEventRow(Row):
    nid: int
    room: int
    num: Int
    auth: list[int]
    base: Int
    rest: bytes


def auth_event_row(nid: int, room_nid: int, chain: ChainRow, auth_event_nids: Sequence[int]) -> AuthEventRow:
    """Of a state event that cites others (their numbers) as its auth events."""
    return AuthEventRow(
        nid=nid, room=room_nid, num=chain.num, auth=list(auth_event_nids), base=chain.base, rest=chain.rest.serialize()
    )


class AuthBaseRow(Row):
    room: int
    base: Int
    chain: bytes


class MembershipRow(PlacedRow):
    who: str
    room: int
    membership: str
    nid: int
    sender: str


class RedactionRow(Row):
    event_id: str
    redacted_by: str
    json: bytes


class HeldRedactionRow(Row):
    """A redaction of what is not here."""

    target: str
    redaction: str
    room: int


class PushHitRow(PlacedRow):
    who: str
    room: int
    thread: str
    notify: bool
    highlight: bool


class StateMoveRow(PlacedRow):
    room: int
    type: str
    state_key: str
    nid: int | None
    was: int | None


# Loops and scalar subqueries, not joins: a join planned while a table was empty scans it ever after.
FRAGMENTS = (
    Fragment(
        "lane",
        LaneRow,
        """
        FOR r IN SELECT * FROM unnest(lane_rows) LOOP
            CONTINUE WHEN r.state_version < 0;  -- a new room
            IF (SELECT CASE WHEN r.leaves_before IS NOT NULL
                            THEN o.state_version = r.state_version AND o.leaves <@ r.leaves_before
                                 AND o.leaves @> r.leaves_before
                            WHEN r.state_bump > 0 THEN o.state_version = r.state_version
                            ELSE o.revoke_version = r.revoke_version END
                  FROM rooms o WHERE o.room_nid = r.room) IS NOT TRUE
            THEN bad := bad || r._lane; END IF;
        END LOOP;""",
        checks=True,
    ),
    Fragment(
        "new_rooms",
        NewRoomRow,
        """
        INSERT INTO rooms (room_nid, room_id, version, state_version, revoke_version, leaves, root, depth, notify_total,
                           highlight_total, last_position, stub)
        SELECT n.room, n.room_id, n.version, 0, 0, '{}', 0, 0, 0, 0, 0, n.stub
          FROM unnest(new_rooms_rows) n WHERE n._lane <> ALL (bad);""",
    ),
    Fragment(  # an outlier's place in the graph becomes known: the event is written anew under its number
        "promotions",
        PromotionRow,
        """
        DELETE FROM events e USING unnest(promotions_rows) p WHERE e.nid = p.nid AND e.status IN (1, 2) AND p._lane <> ALL (bad);""",
    ),
    Fragment(
        "events",
        EventRow,
        """
        INSERT INTO events (nid, position, room_nid, event_id, type, state_key, sender, ts, depth, state_before, replaces,
                            thread, notify_total, highlight_total, txn, state_after, room_before, moved, json)
        SELECT e.nid, since + e.at, e.room, e.event_id, e.type, e.state_key, e.sender, e.ts, e.depth, e.state_before,
               e.replaces, e.thread,
               e.notify + CASE WHEN e.thread = '' THEN (SELECT r.notify_total FROM rooms r WHERE r.room_nid = e.room)
                   ELSE coalesce((SELECT t.notify_total FROM threads t WHERE t.room_nid = e.room AND t.root = e.thread), 0) END,
               e.highlight + CASE WHEN e.thread = '' THEN (SELECT r.highlight_total FROM rooms r WHERE r.room_nid = e.room)
                   ELSE coalesce((SELECT t.highlight_total FROM threads t WHERE t.room_nid = e.room AND t.root = e.thread), 0) END,
               e.txn, e.state_after, e.room_before, e.moved, e.json
          FROM unnest(events_rows) e WHERE e._lane <> ALL (bad);
        FOR r IN SELECT * FROM unnest(lane_rows) LOOP
            CONTINUE WHEN r._lane = ANY (bad);
            UPDATE rooms o SET
                state_version = o.state_version + r.state_bump, revoke_version = o.revoke_version + r.revoke_bump,
                federated = o.federated OR r.leaves_before IS NOT NULL, stub = o.stub AND r.leaf IS NULL,
                leaves = CASE WHEN r.leaves_after IS NOT NULL THEN r.leaves_after
                    WHEN r.leaf IS NULL THEN o.leaves
                    WHEN o.leaves <@ r.used THEN ARRAY[r.leaf]
                    ELSE array(SELECT unnest(o.leaves) EXCEPT SELECT unnest(r.used)) || r.leaf END,
                root = CASE WHEN r.state_bump > 0 THEN r.root ELSE o.root END,
                depth = greatest(o.depth, r.depth), notify_total = o.notify_total + r.notify_bump,
                highlight_total = o.highlight_total + r.highlight_bump,
                last_position = CASE WHEN r.last_offset > 0 THEN since + r.last_offset ELSE o.last_position END,
                bump_position = CASE WHEN r.bump_offset > 0 THEN since + r.bump_offset ELSE o.bump_position END
              WHERE o.room_nid = r.room;
        END LOOP;""",
        also="lane",  # a write without events may change the room's state all the same
    ),
    Fragment(
        "threads",
        ThreadRow,
        """
        FOR r IN SELECT * FROM unnest(threads_rows) LOOP
            CONTINUE WHEN r._lane = ANY (bad);
            INSERT INTO threads AS t VALUES (r.room, r.root, r.notify_bump, r.highlight_bump, since + r.last_offset)
            ON CONFLICT (room_nid, root) DO UPDATE SET notify_total = t.notify_total + excluded.notify_total,
                highlight_total = t.highlight_total + excluded.highlight_total, latest = excluded.latest;
        END LOOP;""",
    ),
    Fragment(
        "relations",
        RelationRow,
        """
        INSERT INTO relations SELECT x.nid, x.room, x.target, x.rel_type, x.type, x.sender, x.key, x.ts, x.event_id, since + x.at
          FROM unnest(relations_rows) x WHERE x._lane <> ALL (bad);""",
    ),
    Fragment(
        "state_packs",
        StatePackRow,
        """
        INSERT INTO state_packs (pack, room_nid, data) SELECT p.pack, p.room, p.data
          FROM unnest(state_packs_rows) p WHERE p._lane <> ALL (bad);""",
    ),
    Fragment(
        "auth_events",
        AuthEventRow,
        """
        INSERT INTO auth_events (event_nid, room_nid, num, auth, base, rest)
        SELECT a.nid, a.room, a.num, a.auth, a.base, a.rest
          FROM unnest(auth_events_rows) a WHERE a._lane <> ALL (bad);""",
    ),
    Fragment(
        "auth_bases",
        AuthBaseRow,
        """
        INSERT INTO auth_bases (room_nid, base, chain) SELECT b.room, b.base, b.chain
          FROM unnest(auth_bases_rows) b WHERE b._lane <> ALL (bad);""",
    ),
    Fragment(
        "memberships",
        MembershipRow,
        """
        FOR r IN SELECT * FROM unnest(memberships_rows) LOOP
            CONTINUE WHEN r._lane = ANY (bad);
            INSERT INTO memberships AS m (user_id, room_nid, membership, event_nid, sender, position, joined_since, was_joined)
            VALUES (r.who, r.room, r.membership, r.nid,
                    r.sender, since + r.at,
                    CASE WHEN r.membership = 'join' THEN since + r.at END,
                    r.membership = 'join')
            ON CONFLICT (user_id, room_nid) DO UPDATE SET
                membership = excluded.membership, event_nid = excluded.event_nid, sender = excluded.sender,
                position = excluded.position, forgotten = false, was_joined = m.was_joined OR excluded.was_joined,
                joined_since = CASE WHEN m.membership = 'join' THEN m.joined_since
                                    WHEN excluded.membership = 'join' THEN excluded.joined_since ELSE m.joined_since END;
        END LOOP;""",
    ),
    Fragment(
        "redactions",
        RedactionRow,
        """
        FOR r IN SELECT * FROM unnest(redactions_rows) LOOP
            CONTINUE WHEN r._lane = ANY (bad);
            INSERT INTO retractions (room_nid, thread, position, notify, highlight)
            SELECT e.room_nid, e.thread, e.position, e.notify_total - coalesce(x.notify_total, 0),
                   e.highlight_total - coalesce(x.highlight_total, 0)
              FROM events e LEFT JOIN LATERAL (
                   (SELECT y.notify_total, y.highlight_total FROM events y WHERE e.thread = '' AND y.room_nid = e.room_nid
                       AND y.thread = '' AND y.position < e.position ORDER BY y.position DESC LIMIT 1)
                   UNION ALL  -- by the index of threads
                   (SELECT y.notify_total, y.highlight_total FROM events y WHERE e.thread <> '' AND y.room_nid = e.room_nid
                       AND y.thread <> '' AND y.thread = e.thread AND y.position < e.position ORDER BY y.position DESC LIMIT 1)
                   ) x ON true
             WHERE e.event_id = r.event_id AND e.position > 0 AND e.type <> 'm.reaction'
            ON CONFLICT DO NOTHING;
            UPDATE events SET redacted_by = r.redacted_by, json = r.json
             WHERE event_id = r.event_id;
            DELETE FROM relations x USING events e WHERE e.event_id = r.event_id AND x.nid = e.nid;
            UPDATE threads t SET latest = coalesce((SELECT max(x.position) FROM relations x
                                                     WHERE x.target = t.root AND x.room_nid = t.room_nid
                                                       AND x.rel_type = 'm.thread'), 0)
              FROM events e WHERE e.event_id = r.event_id AND e.thread <> '' AND t.room_nid = e.room_nid AND t.root = e.thread;
        END LOOP;""",
    ),
    Fragment(
        "held_redactions",
        HeldRedactionRow,
        """
        INSERT INTO held_redactions SELECT h.target, h.redaction, h.room
          FROM unnest(held_redactions_rows) h WHERE h._lane <> ALL (bad) ON CONFLICT DO NOTHING;""",
    ),
    Fragment(
        "push_hits",
        PushHitRow,
        """
        INSERT INTO push_hits (user_id, room_nid, thread, position, notify, highlight)
        SELECT h.who, h.room, h.thread, since + h.at, h.notify, h.highlight
          FROM unnest(push_hits_rows) h WHERE h._lane <> ALL (bad);""",
    ),
    Fragment(
        "state_moves",
        StateMoveRow,
        """
        INSERT INTO state_moves (room_nid, position, type, state_key, nid, was)
        SELECT m.room, since + m.at, m.type, m.state_key, m.nid, m.was
          FROM unnest(state_moves_rows) m WHERE m._lane <> ALL (bad);""",
    ),
    SUMMARY,
)
