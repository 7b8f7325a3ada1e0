"""What a commit writes of rooms across servers: the rows, and the SQL that takes them."""

from __future__ import annotations

from chappe.homeserver.database.rows import Int, Row, SmallInt
from chappe.homeserver.database.writing_function import Fragment
from chappe.homeserver.rooms.fragments import NewEventRow, PlacedRow
from chappe.homeserver.rooms.stretches import MOST_STRETCHES

OF_NO_TIMELINE = 0  # missing_events.position: what follows it is kept from the members


class HeldEventRow(NewEventRow):
    status: SmallInt
    position: int


class UnfitEventRow(Row):
    nid: int


class RenewedEventRow(Row):
    nid: int
    json: bytes
    target: str | None
    rel_type: str | None
    key: str | None


class RetoldRoomRow(Row):
    room: int
    own: list[str]


class OldRelationRow(Row):
    nid: int
    room: int
    target: str
    rel_type: str
    type: str
    sender: str
    key: str | None
    ts: int
    event_id: str
    position: int


class MissingEventRow(PlacedRow):
    room: int
    event_id: str
    depth: int


class OldMissingEventRow(Row):
    room: int
    event_id: str
    depth: int
    position: int


class CutRow(PlacedRow):
    room: int
    host: int
    is_fork: bool


class JumpRow(Row):
    room: int
    cut: int
    ordinal: Int
    host: int


class FoundEventRow(Row):
    room: int
    event_id: str


FRAGMENTS = (
    Fragment(  # events that no timeline has
        "held_events",
        HeldEventRow,
        """
        INSERT INTO events (nid, position, room_nid, event_id, type, state_key, sender, ts, depth, state_before, replaces,
                            thread, notify_total, highlight_total, state_after, status, json)
        SELECT e.nid, e.position, e.room, e.event_id, e.type, e.state_key, e.sender, e.ts, e.depth, e.state_before, e.replaces,
               e.thread, 0, 0, e.state_after, e.status, e.json
          FROM unnest(held_events_rows) e WHERE e._lane <> ALL (bad);""",
    ),
    Fragment(  # kept redacted because the content that came did not fit the hash
        "unfit_events",
        UnfitEventRow,
        """
        UPDATE events e SET is_unfit = true FROM unnest(unfit_events_rows) u WHERE e.nid = u.nid AND u._lane <> ALL (bad);""",
    ),
    Fragment(  # a copy whose hash fits takes the place of such a one, unless somebody has redacted it since, or its time was over
        "renewed_events",
        RenewedEventRow,
        """
        FOR r IN SELECT * FROM unnest(renewed_events_rows) LOOP
            CONTINUE WHEN r._lane = ANY (bad);
            UPDATE events SET json = r.json, is_unfit = false, renewed = upto
             WHERE nid = r.nid AND is_unfit AND redacted_by IS NULL;
            CONTINUE WHEN NOT FOUND OR r.target IS NULL;
            INSERT INTO relations
            SELECT e.nid, e.room_nid, r.target, r.rel_type, e.type, e.sender, r.key, e.ts, e.event_id, e.position
              FROM events e WHERE e.nid = r.nid AND e.status = 0 ON CONFLICT DO NOTHING;
            INSERT INTO threads AS t
            SELECT e.room_nid, r.target, 0, 0, e.position
              FROM events e WHERE e.nid = r.nid AND e.status = 0 AND r.rel_type = 'm.thread'
            ON CONFLICT (room_nid, root) DO UPDATE SET latest = greatest(t.latest, excluded.latest);
        END LOOP;""",
    ),
    Fragment(  # people of here who read a room's state anew
        "retold_rooms",
        RetoldRoomRow,
        """
        FOR r IN SELECT * FROM unnest(retold_rooms_rows) LOOP
            CONTINUE WHEN r._lane = ANY (bad);
            UPDATE memberships SET state_retold = upto WHERE room_nid = r.room AND user_id = ANY (r.own);
        END LOOP;""",
    ),
    Fragment(
        "old_relations",
        OldRelationRow,
        """
        INSERT INTO relations SELECT x.nid, x.room, x.target, x.rel_type, x.type, x.sender, x.key, x.ts, x.event_id, x.position
          FROM unnest(old_relations_rows) x WHERE x._lane <> ALL (bad) ON CONFLICT DO NOTHING;
        INSERT INTO threads AS t
        SELECT x.room, x.target, 0, 0, max(x.position) FROM unnest(old_relations_rows) x
         WHERE x._lane <> ALL (bad) AND x.rel_type = 'm.thread' GROUP BY x.room, x.target
        ON CONFLICT (room_nid, root) DO UPDATE SET latest = excluded.latest
         WHERE t.latest = 0 OR t.latest < excluded.latest;""",
    ),
    Fragment(
        "missing_events",
        MissingEventRow,
        f"""
        INSERT INTO missing_events (room_nid, event_id, follower_depth, position)
        SELECT DISTINCT ON (m.room, m.event_id) m.room, m.event_id, m.depth, since + m.at
          FROM unnest(missing_events_rows) m WHERE m._lane <> ALL (bad) ORDER BY m.room, m.event_id, m.at
        ON CONFLICT (room_nid, event_id) DO UPDATE SET follower_depth = excluded.follower_depth, position = excluded.position
         WHERE missing_events.position = {OF_NO_TIMELINE};""",
    ),
    Fragment(  # before an event that is not of the log; what is known to lie before an earlier one is not given
        "old_missing_events",
        OldMissingEventRow,
        f"""
        INSERT INTO missing_events (room_nid, event_id, follower_depth, position)
        SELECT DISTINCT ON (m.room, m.event_id) m.room, m.event_id, m.depth, m.position
          FROM unnest(old_missing_events_rows) m WHERE m._lane <> ALL (bad) ORDER BY m.room, m.event_id, m.position
        ON CONFLICT (room_nid, event_id) DO UPDATE SET follower_depth = excluded.follower_depth, position = excluded.position
         WHERE excluded.position <> {OF_NO_TIMELINE};""",
    ),
    Fragment(  # after `missing_events`: the block of what lies before an event of the log, and before no earlier one
        "cuts",
        CutRow,
        f"""
        FOR r IN SELECT * FROM unnest(cuts_rows) LOOP
            CONTINUE WHEN r._lane = ANY (bad);
            INSERT INTO stretches (room_nid, number, cut, ordinal, host, is_fork)
            SELECT r.room, n.next, since + r.at, 0, r.host, r.is_fork
              FROM (SELECT coalesce(max(s.number), 0) + 1 AS next FROM stretches s WHERE s.room_nid = r.room) n
             WHERE n.next < {MOST_STRETCHES}
               AND EXISTS (SELECT 1 FROM missing_events m WHERE m.room_nid = r.room AND m.position = since + r.at);
        END LOOP;""",
    ),
    Fragment(  # the block of what was jumped to: older than some that lie before the same event
        "jumps",
        JumpRow,
        f"""
        FOR r IN SELECT * FROM unnest(jumps_rows) LOOP
            CONTINUE WHEN r._lane = ANY (bad);
            UPDATE stretches s SET ordinal = s.ordinal + 1
             WHERE s.room_nid = r.room AND s.cut = r.cut AND s.ordinal >= r.ordinal;
            INSERT INTO stretches (room_nid, number, cut, ordinal, host) SELECT r.room, n.next, r.cut, r.ordinal, r.host
              FROM (SELECT coalesce(max(s.number), 0) + 1 AS next FROM stretches s WHERE s.room_nid = r.room) n
             WHERE n.next < {MOST_STRETCHES};
        END LOOP;""",
    ),
    Fragment(
        "found_events",
        FoundEventRow,
        """
        DELETE FROM missing_events m USING unnest(found_events_rows) f
         WHERE m.room_nid = f.room AND m.event_id = f.event_id AND f._lane <> ALL (bad);""",
    ),
)
