"""Webhooks of a room: who may make them, what an incoming one may say, what an outgoing one is told."""

from __future__ import annotations

import base64
import binascii
import hashlib
import html
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from chappe.homeserver.accounts.fresh_proof import FreshProof, Notice
from chappe.homeserver.accounts.standings import Standings
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.load.parsing import off_the_loop
from chappe.homeserver.modules.bots.bots import MARK, Bots, shown_name
from chappe.homeserver.modules.bots.store import IncomingWebhook, Webhook, WebhookRow, WebhookStore
from chappe.homeserver.rooms.live_room import LiveRoom
from chappe.homeserver.rooms.membership import MembershipChanges
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.account_standing import Doing
from chappe.matrix.errors import BadRequest, Forbidden, MatrixError, NotFound
from chappe.matrix.identifiers import UserId
from chappe.matrix.urls import split_url

IN, OUT = "incoming", "outgoing"
PER_ROOM, MAX_TEXT, MAX_FILES, MAX_FIELDS = 20, 30_000, 5, 25
FORMATTING = 16  # a character of Markdown takes as long as so many bytes of JSON
TYPES = ("m.room.message", "m.reaction", "m.room.redaction", "m.room.member", "m.room.name", "m.room.topic")
Store = Callable[[UserId, str, str, bytes], Awaitable[str]]  # who, content type, name, bytes → mxc


class Field(msgspec.Struct):
    name: str
    value: str


class Card(msgspec.Struct):
    title: str
    text: str = ""
    url: str | None = None
    fields: list[Field] = []


class PostedFile(msgspec.Struct):
    name: str
    content: str
    content_type: str = "application/octet-stream"


class Post(msgspec.Struct):
    """What an incoming webhook takes: at least one of these."""

    text: str | None = None
    markdown: str | None = None
    card: Card | None = None
    files: list[PostedFile] = []


@dataclass(frozen=True, slots=True)
class WebhookDraft:
    direction: str
    name: str
    purpose: str
    url: str | None
    types: Sequence[str]
    expires_ts: int | None


class Webhooks:
    def __init__(
        self,
        database: Database,
        bots: Bots,
        rooms: Rooms,
        membership: MembershipChanges,
        store: Store,
        check_url: Callable[[str], object],
        standings: Standings,
        now_ms: NowMs,
    ) -> None:
        self._database, self._bots, self._rooms, self._membership = database, bots, rooms, membership
        self._hooks = WebhookStore(database)
        self._standings = standings
        self._store, self._check_url, self._now_ms = store, check_url, now_ms

    # ---------------------------------------------------------------------------------------------------- managing

    async def create(self, proof: FreshProof, room_id: str, wanted: WebhookDraft) -> dict[str, Any]:
        """By those who may change the room's settings. The secret is shown this once."""
        owner = UserId(proof.user_id)
        await self.require_moderator(owner, room_id)
        await self._bots.require_may_own(owner)
        shown_name(wanted.name)
        await require_may_be_there(self._rooms, owner, room_id)
        if wanted.direction == OUT:
            link = split_url(wanted.url or "")
            if wanted.url is None or (link.scheme != "https" and link.hostname != "127.0.0.1"):
                raise BadRequest("`url` must be an https:// address", "M_INVALID_PARAM")
            self._check_url(wanted.url)
            if not set(wanted.types) <= set(TYPES):
                raise BadRequest(f"`types` may name {', '.join(TYPES)}", "M_INVALID_PARAM")
        hook, secret = secrets.token_urlsafe(12), secrets.token_urlsafe(32)
        notice = await self._bots.tell_owner.notice(owner, "webhook_made", wanted.name)
        await self._add(hook, secret, proof, room_id, wanted, notice)
        try:
            bot = await self._speaker(hook, proof, room_id, wanted, notice) if wanted.direction == IN else None
        except BaseException:
            await self._hooks.remove(hook)
            raise
        shown = {"id": hook, "secret": secret, "user_id": bot}
        return shown | ({"path": f"/_chappe/hooks/{hook}/{secret}"} if wanted.direction == IN else {})

    async def _add(self, hook: str, secret: str, proof: FreshProof, room_id: str, wanted: WebhookDraft, notice: Notice) -> None:
        """Counted and added in one transaction, one at a time. An incoming one takes nothing until somebody speaks for it."""
        owner = proof.user_id
        async with self._database.transaction() as connection:
            for name in (f"webhooks {owner}", f"webhooks {room_id}"):
                await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", name)
            hooks = WebhookStore(connection)
            if await hooks.count_in(room_id) >= PER_ROOM:
                raise Forbidden(f"At most {PER_ROOM} webhooks in a room")
            own = await hooks.count_of(owner)
            if own >= self._bots.max_webhooks:
                raise Forbidden(f"You have {own} webhooks, and nobody has more than that: delete one first")
            await self._bots.require_session(connection, proof)
            new = WebhookRow(
                id=hook,
                room_id=room_id,
                direction=wanted.direction,
                owner=owner,
                name=wanted.name,
                secret_hash=hashlib.sha256(secret.encode()).digest(),
                secret=secret if wanted.direction == OUT else None,
                url=wanted.url,
                types=list(wanted.types),
                expires_ts=wanted.expires_ts,
                created_ts=self._now_ms(),
                enabled=wanted.direction == OUT,
            )
            await hooks.add(new)
            if wanted.direction == OUT:
                await notice.put(connection)

    async def _speaker(self, hook: str, proof: FreshProof, room_id: str, wanted: WebhookDraft, notice: Notice) -> UserId:
        """The bot that speaks for an incoming webhook, in the room; from now on it takes messages."""
        owner = UserId(proof.user_id)
        bot = await self._bots.account(owner, "webhook", wanted.name, wanted.purpose, None, wanted.expires_ts)
        await self._hooks.set_speaker(hook, bot)
        await self._membership.invite(owner, room_id, bot, {})
        await self._membership.join(bot, room_id)
        async with self._database.transaction() as connection:
            await self._bots.require_session(connection, proof)
            await WebhookStore(connection).enable(hook)
            await notice.put(connection)
        return bot

    async def list(self, user_id: UserId, room_id: str) -> list[dict[str, Any]]:
        """For members: what listens and speaks in their room is no secret, but for addresses. `may_act`: whether it takes or tells
        anything at present, as far as that is not its own `enabled` and `expires_ts`."""
        await self._rooms.require_joined(user_id, room_id)
        rows = await self._hooks.of_room(room_id)
        acting = await self._standings.who_may((row.owner for row in rows), Doing.ACT)
        able = {owner for owner in acting if await may_be_there(self._rooms, owner, room_id)}
        return [{**_shown(row), "may_act": row.owner in able} for row in rows]

    async def delete(self, user_id: UserId, room_id: str, hook: str) -> UserId | None:
        """Returns the bot that must go with it. Raises M_NOT_FOUND."""
        await self.require_moderator(user_id, room_id)
        row = await self._hooks.remove_from(room_id, hook)
        if row is None:
            raise NotFound("There is no such webhook in this room")
        return UserId(row.user_id) if row.user_id else None

    async def enable(self, proof: FreshProof, room_id: str, hook: str) -> None:
        """Again, after its owner was signed out everywhere: by nobody else. Raises M_NOT_FOUND, M_FORBIDDEN."""
        user_id = UserId(proof.user_id)
        await self.require_moderator(user_id, room_id)
        await self._bots.require_may_own(user_id)
        await require_may_be_there(self._rooms, user_id, room_id)
        async with self._database.transaction() as connection:
            await self._bots.require_session(connection, proof)
            done = await WebhookStore(connection).enable_again(hook, room_id, user_id)
        if not done:
            raise NotFound("You have no such webhook in this room")

    async def disable_all(self, user_id: str) -> None:
        """Whoever made them was signed out everywhere: nothing is taken or told until they enable them again."""
        await self._hooks.disable_all(user_id)

    async def forget_owner(self, user_id: str) -> None:
        """The account that made them, or in whose name one speaks, has ended."""
        await self._hooks.forget(user_id)

    async def require_moderator(self, user_id: UserId, room_id: str) -> LiveRoom:
        """Raises M_FORBIDDEN for all but those who may change the room's rights."""
        room = await self._rooms.require_joined(user_id, room_id)
        if not _runs(room, user_id):
            raise Forbidden("Only those who run this room may do this")
        return room

    # ---------------------------------------------------------------------------------------------------- incoming

    async def incoming(self, hook: str, secret: str) -> IncomingWebhook:
        """Raises M_NOT_FOUND for a wrong address, without saying which part is wrong."""
        row = await self._hooks.incoming(hook)
        good = secrets.compare_digest(row.secret_hash if row else b"-" * 32, hashlib.sha256(secret.encode()).digest())
        if row is None or not good or not row.enabled:
            raise NotFound("There is no such webhook")
        if row.expires_ts is not None and row.expires_ts <= self._now_ms():
            raise MatrixError(410, "M_NOT_FOUND", "This webhook has ended")
        await require_may_be_there(self._rooms, row.owner, row.room_id)
        if (error := await self._standings.refusal(row.user_id, Doing.ACT)) is not None:
            raise Forbidden("Whoever made this webhook may not act at present", error.errcode)
        return row

    async def post(self, row: IncomingWebhook, post: Post) -> str:
        """The event's id."""
        event_id = await self._say(row, post)
        await self._hooks.note_use(row.id, self._now_ms())
        return event_id

    async def _say(self, row: IncomingWebhook, post: Post) -> str:
        room, bot = row.room_id, UserId(row.user_id)
        mark = {MARK: {"kind": "webhook", "owner": row.owner, "name": row.name}}
        event_id = None
        contents = await _contents(post)
        for file in post.files[:MAX_FILES]:
            try:
                raw = base64.b64decode(file.content, validate=True)
            except (binascii.Error, ValueError):
                raise BadRequest("`files[].content` must be base64", "M_INVALID_PARAM") from None
            uri = await self._store(bot, file.content_type, file.name, raw)
            kind = "m.image" if file.content_type.startswith("image/") else "m.file"
            info = {"mimetype": file.content_type, "size": len(raw)}
            contents.append({"msgtype": kind, "body": file.name, "filename": file.name, "url": uri, "info": info})
        for content in contents:
            event_id = await self._rooms.send(bot, room, "m.room.message", {**content, **mark}, None)
        if event_id is None:
            raise BadRequest("One of `text`, `markdown`, `card`, `files` is needed", "M_MISSING_PARAM")
        return event_id


def _shown(row: Webhook) -> dict[str, Any]:
    return {
        "id": row.id,
        "direction": row.direction,
        "owner": row.owner,
        "user_id": row.user_id,
        "name": row.name,
        "types": row.types,
        "expires_ts": row.expires_ts,
        "created_ts": row.created_ts,
        "last_used_ts": row.last_used_ts,
        "enabled": row.enabled,
        "last_error": row.last_error,
    }


def _runs(room: LiveRoom, user_id: str) -> bool:
    levels = room.power_levels()
    return levels.of(user_id) >= max(50, levels.required("m.room.power_levels", True))


async def require_may_be_there(rooms: Rooms, owner: str, room_id: str) -> None:
    """A webhook speaks and listens while its owner could make it: is in the room, runs it, and the room may have one.

    Asked at each use, since rooms change: they are encrypted or classified, and people lose their power, after a webhook was
    made. Raises M_FORBIDDEN.
    """
    room = await rooms.live.find(room_id)
    if room is None or owner not in room.joined:
        raise Forbidden("Whoever made this webhook is not in the room any more")
    if not _runs(room, owner):
        raise Forbidden("Whoever made this webhook does not run the room any more")
    if room.get(("m.room.encryption", "")) is not None:
        raise Forbidden("Webhooks cannot take part in encrypted rooms")
    await rooms.policy.may_have_webhook(UserId(owner), room_id)


async def may_be_there(rooms: Rooms, owner: str, room_id: str) -> bool:
    try:
        await require_may_be_there(rooms, owner, room_id)
    except MatrixError:
        return False
    return True


async def _contents(post: Post) -> list[dict[str, Any]]:
    size = 0
    for text in (post.text, post.markdown, post.card.text if post.card else None):
        if text is not None and len(text) > MAX_TEXT:
            raise BadRequest(f"A text may have {MAX_TEXT} characters", "M_TOO_LARGE")
        size += len(text or "")
    return await off_the_loop(size * FORMATTING, _formatted, post)


def _formatted(post: Post) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if post.text:
        found.append({"msgtype": "m.text", "body": post.text})
    if post.markdown:
        found.append(_html(post.markdown, markdown(post.markdown)))
    if post.card is not None:
        found.append(_card(post.card))
    return found


def _html(body: str, formatted: str) -> dict[str, Any]:
    return {"msgtype": "m.text", "body": body, "format": "org.matrix.custom.html", "formatted_body": formatted}


def _card(card: Card) -> dict[str, Any]:
    if len(card.fields) > MAX_FIELDS:
        raise BadRequest(f"A card may have {MAX_FIELDS} fields", "M_INVALID_PARAM")
    if card.url is not None and not re.match(r"https?://", card.url):
        raise BadRequest("A card's `url` must be an http:// or https:// address", "M_INVALID_PARAM")
    title = html.escape(card.title)
    head = f'<a href="{html.escape(card.url)}">{title}</a>' if card.url else title
    rows = "".join(f"<li><strong>{html.escape(f.name)}</strong> : {html.escape(f.value)}</li>" for f in card.fields)
    formatted = f"<blockquote><strong>{head}</strong>{markdown(card.text)}{f'<ul>{rows}</ul>' if rows else ''}</blockquote>"
    plain = "\n".join(
        [
            card.title,
            *([card.text] if card.text else []),
            *(f"{f.name} : {f.value}" for f in card.fields),
            *([card.url] if card.url else []),
        ]
    )
    return _html(plain, formatted)


def markdown(text: str) -> str:
    """A small, safe part of Markdown: emphasis, code, links, lists, lines. Everything else is text."""
    blocks = []
    for block in re.split(r"\n{2,}", text.strip()):
        if block.startswith("```"):
            blocks.append(f"<pre><code>{html.escape(block.strip('`').strip())}</code></pre>")
            continue
        lines = block.split("\n")
        if all(re.match(r"[-*] ", line) for line in lines):
            blocks.append("<ul>" + "".join(f"<li>{_inline(line[2:])}</li>" for line in lines) + "</ul>")
        elif (heading := re.match(r"(#{1,6}) (.*)", block)) and len(lines) == 1:
            blocks.append(f"<h{len(heading[1])}>{_inline(heading[2])}</h{len(heading[1])}>")
        elif block:
            blocks.append(f"<p>{'<br>'.join(map(_inline, lines))}</p>")
    return "".join(blocks)


def _inline(text: str) -> str:
    text = html.escape(text)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    text = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text)
    text = re.sub(r"(?<![*\w])[*_]([^*_]+)[*_](?![*\w])", r"<em>\1</em>", text)
    return re.sub(r"\[([^\[\]]{1,1000})\]\((https?://[^\s)]{1,2000})\)", r'<a href="\2">\1</a>', text)
