"""Account data and room tags (client-server API, "Client Config" and "Room Tagging")."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson

from chappe.homeserver.database.group_writer import GroupWriter, Write
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, find, read
from chappe.homeserver.database.writing_function import Consequence, Fragment
from chappe.homeserver.modules.account_data.kept import FRAGMENT as KEPT
from chappe.homeserver.modules.account_data.kept import KeptSecretRow, KeptSecrets, is_secret
from chappe.matrix.errors import BadRequest, MatrixError, NotFound

GLOBAL = ""  # in place of a room id
MAX_BYTES = 1 << 20
MAX_ENTRIES, MAX_ACCOUNT_BYTES = 20_000, 50 << 20  # of one account
SERVER_TYPES = ("m.fully_read", "m.push_rules")  # look like account data, have routes of their own
TAGS = "m.tag"
MAX_TAG_BYTES, MAX_TAGS = 255, 100  # of a tag; of a room


class AccountDataRow(Row):
    who: str
    room: str
    type: str
    content: bytes
    deleted: bool


FRAGMENT = Fragment(
    "account_data",
    AccountDataRow,
    """
    FOR r IN SELECT * FROM unnest(account_data_rows) LOOP
        INSERT INTO account_data (user_id, room_id, type, content, position, deleted)
        VALUES (r.who, r.room, r.type, r.content, upto, r.deleted)
        ON CONFLICT (user_id, room_id, type) DO UPDATE SET content = excluded.content, position = excluded.position,
            deleted = excluded.deleted;
    END LOOP;""",
)
CONSEQUENCE = Consequence(  # clients see push rules as account data: when they have changed last (`SERVER_TYPES`)
    "push_rules",
    """
    FOR r IN SELECT * FROM unnest(push_rules_rows) LOOP
        INSERT INTO account_data (user_id, room_id, type, content, position) VALUES (r.who, '', 'm.push_rules', '{}', upto)
        ON CONFLICT (user_id, room_id, type) DO UPDATE SET position = excluded.position;
    END LOOP;""",
)
Made = Mapping[str, Callable[[str], Awaitable[dict[str, Any]]]]  # global types that another part makes: content by user id


class Stock(Row):
    """`size`: of all that an account keeps in a room, in bytes. `old`: what is replaced."""

    entries: int
    size: int
    old: bytes | None


class ContentOfUser(Row):
    user_id: str
    content: bytes


class AccountDatum(Row):
    room_id: str
    type: str
    content: bytes


class AccountData:
    """`most_bytes`: of one account, over all types and rooms."""

    def __init__(self, database: Database, writer: GroupWriter, kept: KeptSecrets, most_bytes: int) -> None:
        self._database, self._writer, self.kept, self._most_bytes = database, writer, kept, most_bytes
        writer.register(KEPT)  # before what is kept is written over
        writer.register(FRAGMENT)
        writer.register_consequences(CONSEQUENCE)

    async def set(self, user_id: str, room_id: str, event_type: str, content: dict[str, Any]) -> None:
        """Raises M_BAD_JSON (405) for types that the server itself writes."""
        if event_type in SERVER_TYPES:
            raise MatrixError(405, "M_BAD_JSON", f"{event_type} cannot be set through account data")
        if not content:  # MSC3391: "if a client PUTs {} … that must be seen equivalent as DELETE-ing"
            old = await self.find(user_id, room_id, event_type)
            if old is None:
                await self._require_room(user_id, room_id, event_type)
            # also of what was never there: clients wait for what they have set to come back to them
            await self._write(user_id, room_id, event_type, b"{}", True, old)
            return
        old = await self._require_room(user_id, room_id, event_type)
        await self.write(user_id, room_id, event_type, content, old)

    async def _require_room(self, user_id: str, room_id: str, event_type: str) -> bytes | None:
        """What is there so far."""
        row = await find(
            self._database,
            Stock,
            """SELECT count(*) AS entries, coalesce(sum(octet_length(content)), 0) AS size, (SELECT content FROM account_data
                      WHERE user_id = $1 AND room_id = $2 AND type = $3 AND NOT deleted) AS old
                 FROM account_data WHERE user_id = $1""",
            user_id,
            room_id,
            event_type,
        )
        assert row is not None
        if row.entries >= MAX_ENTRIES or row.size >= self._most_bytes:
            raise MatrixError(403, "M_RESOURCE_LIMIT_EXCEEDED", "Your settings are full: your client has stored too much")
        return row.old

    async def write(
        self, user_id: str, room_id: str, event_type: str, content: dict[str, Any], old: bytes | None = None
    ) -> None:
        """`old`: what is there so far, of what may be a secret."""
        tags = content.get("tags") if event_type == TAGS else None
        if type(tags) is dict and len(tags) > MAX_TAGS and await self._grows(user_id, room_id, tags):
            raise MatrixError(403, "M_RESOURCE_LIMIT_EXCEEDED", f"A room may have {MAX_TAGS} tags at most")
        raw = orjson.dumps(content)
        if len(raw) > MAX_BYTES:
            raise MatrixError(413, "M_TOO_LARGE", "Account data may have 1 MiB at most")
        await self._write(user_id, room_id, event_type, raw, False, old)

    async def _grows(self, user_id: str, room_id: str, tags: dict[str, Any]) -> bool:
        """Who has more than may be, from before, may still take some away."""
        before = await self.find(user_id, room_id, TAGS)
        old = orjson.loads(before).get("tags") if before is not None else None
        return type(old) is not dict or len(tags) >= len(old)

    async def delete(self, user_id: str, room_id: str, event_type: str) -> None:
        """MSC3391. Syncing clients see it become empty; deleting twice is no error."""
        if event_type in SERVER_TYPES:
            raise MatrixError(405, "M_BAD_JSON", f"{event_type} cannot be deleted")
        old = await self.find(user_id, room_id, event_type)
        if old is not None:
            await self._write(user_id, room_id, event_type, b"{}", True, old)

    async def restore_secrets(self, user_id: str, at_ts: int | None) -> list[str]:
        """Secrets as they were at a time (ms); or, without one, those again that are none any more, as they last were. Which.

        What they replace is kept in turn, so that another time can be tried; that too much is kept already refuses nothing here.
        """
        kept = await (self.kept.latest(user_id) if at_ts is None else self.kept.at(user_id, at_ts))
        restored = []
        for event_type, content in kept.items():
            now = await self.find(user_id, GLOBAL, event_type)
            if now != content and (at_ts is not None or now is None or not is_secret(now)):
                await self._write(user_id, GLOBAL, event_type, content, False, now, is_restored=True)
                restored.append(event_type)
        return restored

    async def _write(
        self,
        user_id: str,
        room_id: str,
        event_type: str,
        raw: bytes,
        deleted: bool,
        old: bytes | None,
        is_restored: bool = False,
    ) -> None:
        write = Write()
        if old is not None and old != raw and room_id == GLOBAL and self.kept.keeps(event_type, old):
            if not is_restored:
                await self.kept.require_place(user_id, event_type)
            write.add(KeptSecretRow(who=user_id, type=event_type, content=raw, days=self.kept.days))
        write.add(AccountDataRow(who=user_id, room=room_id, type=event_type, content=raw, deleted=deleted))
        write.touch_user(user_id, "account_data")
        await self._writer.submit(write)

    async def get(self, user_id: str, room_id: str, event_type: str) -> bytes:
        """The content as JSON. Raises M_NOT_FOUND."""
        found = await self.find(user_id, room_id, event_type)
        if found is None:
            raise NotFound("There is no account data of this type")
        return found

    async def find(self, user_id: str, room_id: str, event_type: str) -> bytes | None:
        return await self._database.fetchval(  # type: ignore[no-any-return]
            "SELECT content FROM account_data WHERE user_id = $1 AND room_id = $2 AND type = $3 AND NOT deleted",
            user_id,
            room_id,
            event_type,
        )

    async def of_users(self, user_ids: Sequence[str], event_type: str) -> dict[str, dict[str, Any]]:
        """One global type of many users, where they have it."""
        rows = await read(
            self._database,
            ContentOfUser,
            "SELECT user_id, content FROM account_data WHERE room_id = '' AND type = $2 AND NOT deleted AND user_id = ANY($1::text[])",
            user_ids,
            event_type,
        )
        return {row.user_id: orjson.loads(row.content) for row in rows}

    async def changed(self, user_id: str, since: int, upto: int) -> list[AccountDatum]:
        """Rows (room_id, type, content) that changed in (since, upto]."""
        return await read(
            self._database,
            AccountDatum,
            """SELECT room_id, type, content FROM account_data
                WHERE user_id = $1 AND position > $2 AND position <= $3 AND ($2 > 0 OR NOT deleted) ORDER BY position""",
            user_id,
            since,
            upto,
        )

    async def of_types(self, user_id: str, types: Sequence[str]) -> list[AccountDatum]:
        """Rows (room_id, type, content) of some types, global and of rooms."""
        return await read(
            self._database,
            AccountDatum,
            "SELECT room_id, type, content FROM account_data WHERE user_id = $1 AND type = ANY($2::text[]) AND NOT deleted",
            user_id,
            list(types),
        )

    async def of_rooms(self, user_id: str, room_ids: Sequence[str]) -> list[AccountDatum]:
        """Rows (room_id, type, content) of some rooms."""
        return await read(
            self._database,
            AccountDatum,
            "SELECT room_id, type, content FROM account_data WHERE user_id = $1 AND room_id = ANY($2::text[]) AND NOT deleted",
            user_id,
            list(room_ids),
        )

    # ------------------------------------------------------------------------------------------------------- tags

    async def tags(self, user_id: str, room_id: str) -> dict[str, Any]:
        raw = await self.find(user_id, room_id, TAGS)
        tags = orjson.loads(raw).get("tags") if raw else None
        return tags if type(tags) is dict else {}

    async def set_tag(self, user_id: str, room_id: str, tag: str, value: dict[str, Any] | None) -> None:
        """None removes the tag."""
        if len(tag.encode()) > MAX_TAG_BYTES:
            raise BadRequest("A tag may have 255 bytes at most", "M_INVALID_PARAM")
        tags = dict(await self.tags(user_id, room_id))
        if value is None:
            if tags.pop(tag, None) is None:
                return
        else:
            tags[tag] = value
        await self.write(user_id, room_id, TAGS, {"tags": tags})
