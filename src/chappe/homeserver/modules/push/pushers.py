"""Pushers (client-server API, "Push Notifications"): where a user's notifications go when no client is looking.

Kinds: `http` (a push gateway), `email` (a digest of what stays unread), `webpush` (straight to a browser, MSC4174).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import orjson

from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.progress import count_up
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.modules.push.store import Pusher, PusherOfUser, PusherRow, PusherStore
from chappe.homeserver.outbound.fetchers import PushFetcher
from chappe.matrix.email_address import parse_email
from chappe.matrix.errors import BadRequest
from chappe.matrix.urls import split_url

HTTP, EMAIL, WEB = "http", "email", "webpush"
AT_MOST = 50
NOTIFY_PATH = "/_matrix/push/v1/notify"
_WEB_NAMES = (WEB, "org.matrix.msc4174.webpush")


class Pushers:
    """`fetcher`: who will ask the push gateways, and refuses hosts that may not be reached."""

    def __init__(self, database: Database, accounts: AccountStore, fetcher: PushFetcher, now_ms: NowMs, has_mail: bool) -> None:
        self._database, self._accounts, self._now_ms, self._has_mail = database, accounts, now_ms, has_mail
        self._fetcher, self._store = fetcher, PusherStore(database)

    async def list(self, user_id: str) -> list[dict[str, Any]]:
        return [_shown(row) for row in await self._store.of(user_id)]

    async def set(self, user_id: str, device_id: str, body: dict[str, Any], asked_by: tuple[str, str] | None = None) -> None:
        """Creates, replaces, or with `kind` null deletes. `asked_by`: the session that does so, if any.

        Raises M_MISSING_PARAM, M_INVALID_PARAM, and M_FORBIDDEN where that has ended meanwhile.
        """
        app_id, pushkey = _text(body, "app_id", 64), _text(body, "pushkey", 512)
        kind = body.get("kind", "")
        if kind is None:
            await self.remove(user_id, app_id, pushkey)
            return
        data, host = await self._checked(user_id, kind, pushkey, body.get("data"))
        kind = WEB if kind in _WEB_NAMES else kind
        enabled = body.get("enabled", body.get("org.matrix.msc3881.enabled", True))
        if type(enabled) is not bool or type(body.get("append", False)) is not bool:
            raise BadRequest("`enabled` and `append` must be true or false")
        tag = body.get("profile_tag")
        new = PusherRow(
            user_id=user_id,
            device_id=device_id,
            kind=kind,
            app_id=app_id,
            pushkey=pushkey,
            app_display_name=_text(body, "app_display_name", 512),
            device_display_name=_text(body, "device_display_name", 512),
            profile_tag=tag if type(tag) is str else None,
            lang=_text(body, "lang", 64),
            data=orjson.dumps(data),
            enabled=enabled,
            created_ts=self._now_ms(),
            host=host,
        )
        async with self._database.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"pushers {user_id}")
            await self._accounts.sessions.require_session(connection, asked_by)
            store = PusherStore(connection)
            if await store.count(user_id) >= AT_MOST:
                raise BadRequest(f"At most {AT_MOST} pushers", "M_INVALID_PARAM")
            if not body.get("append", False):
                await self._take_over(store, user_id, kind, app_id, pushkey, data)
            await store.add(new)
            await count_up(connection, "pushers")

    @staticmethod
    async def _take_over(store: PusherStore, user_id: str, kind: str, app_id: str, pushkey: str, data: dict[str, Any]) -> None:
        """The same application at the same place is somebody else's now: it leaves those who had it (`append`).

        A place is known by a key that only it has: the token of a gateway, the secret of a browser's subscription. A mailbox is known
        by an address, which everybody knows: `_checked` has seen that it is the account's.
        """
        rows = await store.lock_others_at(user_id, kind, app_id, pushkey)
        left = [row.id for row in rows if kind != WEB or orjson.loads(row.data).get("auth") == data["auth"]]
        if left:
            await store.remove(left)

    async def remove(self, user_id: str, app_id: str, pushkey: str) -> None:
        await self._store.remove_at(user_id, app_id, pushkey)

    async def remove_all(self, user_id: str, but_device: str | None = None) -> None:
        """Those of mailboxes as well, which are of no device."""
        await self._store.remove_all(user_id, but_device)

    async def _checked(self, user_id: str, kind: object, pushkey: str, data: object) -> tuple[dict[str, Any], str]:
        """(what is kept of `data`, the host that pushes go to)."""
        if type(data) is not dict:
            raise BadRequest("`data` must be an object", "M_MISSING_PARAM")
        if len(orjson.dumps(data)) > 8192:
            raise BadRequest("`data` is too large", "M_INVALID_PARAM")
        if kind == HTTP:
            url = data.get("url")
            if type(url) is not str or split_url(url).path != NOTIFY_PATH:
                raise BadRequest(f"`data.url` must be an address that ends in {NOTIFY_PATH}", "M_INVALID_PARAM")
            return data, self._host(url)
        if kind in _WEB_NAMES:
            return {**data, "url": _endpoint(pushkey, data)}, self._host(_endpoint(pushkey, data))
        if kind == EMAIL:
            if not self._has_mail:
                raise BadRequest("This server does not send e-mail", "M_INVALID_PARAM")
            if await self._accounts.user_by_threepid("email", parse_email(pushkey)) != user_id:
                raise BadRequest("`pushkey` must be an address of your account", "M_INVALID_PARAM")
            return data, ""
        raise BadRequest("`kind` must be http, email or webpush", "M_INVALID_PARAM")

    def _host(self, url: str) -> str:
        self._fetcher.check(url)
        return split_url(url).netloc.lower()


def _endpoint(pushkey: str, data: dict[str, Any]) -> str:
    """A browser's subscription: its address, its key (P-256, uncompressed) and its secret (16 bytes)."""
    endpoint = data.get("endpoint", data.get("url"))
    if type(endpoint) is not str or type(data.get("auth")) is not str:
        raise BadRequest("`data.endpoint` and `data.auth` are needed", "M_MISSING_PARAM")
    try:
        good = len(decode(pushkey)) == 65 and len(decode(data["auth"])) == 16
    except ValueError:
        good = False
    if not good:
        raise BadRequest("This is not a browser's push subscription", "M_INVALID_PARAM")
    return endpoint


def decode(text: str) -> bytes:
    """URL-safe base64 without padding."""
    return base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))


def _text(body: dict[str, Any], name: str, longest: int) -> str:
    value = body.get(name)
    if type(value) is not str:
        raise BadRequest(f"`{name}` is missing", "M_MISSING_PARAM")
    if not 0 < len(value) <= longest or "\0" in value:
        raise BadRequest(f"`{name}` must have 1 to {longest} characters", "M_INVALID_PARAM")
    return value


def _shown(row: Pusher) -> dict[str, Any]:
    shown = {
        "kind": row.kind,
        "app_id": row.app_id,
        "pushkey": row.pushkey,
        "app_display_name": row.app_display_name,
        "device_display_name": row.device_display_name,
        "lang": row.lang,
    }
    if row.profile_tag is not None:
        shown["profile_tag"] = row.profile_tag
    return {
        **shown,
        "data": orjson.loads(row.data),
        "enabled": row.enabled,
        "org.matrix.msc3881.enabled": row.enabled,
        "device_id": row.device_id,
        "org.matrix.msc3881.device_id": row.device_id,
    }


def by_user(rows: Sequence[PusherOfUser]) -> dict[str, list[PusherOfUser]]:
    found: dict[str, list[PusherOfUser]] = {}
    for row in rows:
        found.setdefault(row.user_id, []).append(row)
    return found
