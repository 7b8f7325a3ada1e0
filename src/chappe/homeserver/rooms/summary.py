"""What lists of rooms show of a room, kept in one row that changes with the state (room list, directories, spaces)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.progress import locked_progress, set_progress
from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.database.writing_function import Fragment
from chappe.homeserver.rooms.encryption import algorithm_of
from chappe.matrix.event_auth import StateEvent, StateKey
from chappe.matrix.history_visibility import parse_visibility
from chappe.matrix.search_lexemes import names
from chappe.matrix.search_words import fold

SHOWN = frozenset(
    (
        "m.room.create",
        "m.room.name",
        "m.room.topic",
        "m.room.canonical_alias",
        "m.room.avatar",
        "m.room.join_rules",
        "m.room.history_visibility",
        "m.room.guest_access",
        "m.room.encryption",
        "m.room.tombstone",
    )
)
NEWS = frozenset(
    (
        "m.room.create",
        "m.room.message",
        "m.room.encrypted",
        "m.sticker",
        "m.call.invite",
        "m.poll.start",
        "org.matrix.msc3381.poll.start",
        "m.beacon_info",
        "org.matrix.msc3672.beacon_info",
    )
)

FORMS_OF = 5000  # characters: of what is longer, the rest is found as it is written

RENEWED_AT_ONCE = 50


class SummaryRow(Row):
    room: int
    name: str | None
    topic: str | None
    alias: str | None
    avatar: str | None
    kind: str | None
    join_rule: str
    visibility: str
    guests: str
    encryption: str | None
    joined: int
    invited: int
    successor: str | None
    search: str


FRAGMENT = Fragment(
    "room_summaries",
    SummaryRow,
    """
    FOR r IN SELECT * FROM unnest(room_summaries_rows) LOOP
        CONTINUE WHEN r._lane = ANY (bad);
        INSERT INTO room_summaries VALUES (r.room, r.name, r.topic, r.alias, r.avatar, r.kind, r.join_rule, r.visibility,
            r.guests, r.encryption, r.joined, r.invited, r.successor, r.search)
        ON CONFLICT (room_nid) DO UPDATE SET name = excluded.name, topic = excluded.topic,
            canonical_alias = excluded.canonical_alias, avatar = excluded.avatar, room_type = excluded.room_type,
            join_rule = excluded.join_rule, history_visibility = excluded.history_visibility,
            guest_access = excluded.guest_access, joined = excluded.joined,
            encryption = coalesce(excluded.encryption, room_summaries.encryption),
            invited = excluded.invited, successor = excluded.successor, search = excluded.search;
    END LOOP;""",
)


# nobody is waited for: what another transaction holds is made by the present rules there
_READ_OLD = """
    SELECT room_nid, name, topic, canonical_alias FROM room_summaries WHERE room_nid < $1 ORDER BY room_nid DESC LIMIT $2
       FOR UPDATE SKIP LOCKED"""
_RENEW = """
    UPDATE room_summaries s SET search = x.search
      FROM unnest($1::bigint[], $2::text[]) x(number, search) WHERE s.room_nid = x.number"""


@lru_cache(maxsize=256)
def searched(name: str | None, topic: str | None, alias: str | None) -> str:
    """What a room is found by: parts of what is shown, and other spellings of its words."""
    shown = "\n".join(filter(None, (name, alias, topic)))
    head, rest = shown[:FORMS_OF], shown[FORMS_OF:]
    plain = fold(head)
    whole = set(plain.split())
    return "\n".join((plain + rest.lower(), " ".join(word for word in names(head).split() if word not in whole)))


class RoomInLists(Row):
    """What lists of rooms order and filter by."""

    room_nid: int
    last_position: int
    room_type: str | None
    encryption: str | None
    name: str | None
    canonical_alias: str | None


class OldSearch(Row):
    room_nid: int
    name: str | None
    topic: str | None
    canonical_alias: str | None


async def renew_search(database: Database) -> bool:
    """Makes anew what some rooms are found by, where earlier rules may have made it. False when none is left."""
    async with database.transaction() as connection:
        at = await locked_progress(connection, "room words")
        rows = await read(connection, OldSearch, _READ_OLD, at, RENEWED_AT_ONCE) if at else []
        if rows:
            found = [searched(row.name, row.topic, row.canonical_alias) for row in rows]
            await connection.execute(_RENEW, [row.room_nid for row in rows], found)
        upto = rows[-1].room_nid if rows else 0
        await set_progress(connection, "room words", upto)
    return bool(rows)


def summary_row(number: int, get: Callable[[StateKey], StateEvent | None], joined: int, invited: int) -> SummaryRow:
    """The row of a room with this state."""

    def text(event_type: str, field: str) -> str | None:
        event = get((event_type, ""))
        value = event.content.get(field) if event is not None else None
        return value.replace("\0", "") if type(value) is str and value else None

    name, topic, alias = (text("m.room.name", "name"), text("m.room.topic", "topic"), text("m.room.canonical_alias", "alias"))
    return SummaryRow(
        room=number,
        name=name,
        topic=topic,
        alias=alias,
        avatar=text("m.room.avatar", "url"),
        kind=text("m.room.create", "type"),
        join_rule=text("m.room.join_rules", "join_rule") or "invite",
        visibility=parse_visibility(text("m.room.history_visibility", "history_visibility")),
        guests=text("m.room.guest_access", "guest_access") or "forbidden",
        encryption=algorithm_of(get),
        joined=joined,
        invited=invited,
        successor=text("m.room.tombstone", "replacement_room"),
        search=searched(name, topic, alias),
    )
