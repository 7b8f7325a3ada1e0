"""Bots: made by their owner, bounded to rooms if wanted, gone with their end."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from asyncpg.pool import PoolConnectionProxy

from chappe.config import Bots as Settings
from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.fresh_proof import FreshProof, Notice, OwnerMail
from chappe.homeserver.accounts.kinds import set_scope
from chappe.homeserver.accounts.profiles import BOT_MARK, Profiles
from chappe.homeserver.accounts.session_store import Origin
from chappe.homeserver.accounts.sessions import Sessions
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, find, values
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.modules.bots.store import WebhookStore
from chappe.matrix.errors import BadRequest, Forbidden, NotFound
from chappe.matrix.identifiers import UserId, domain_of

MARK = BOT_MARK  # and key in the content of messages: shown to members
NAME_MARK, SUFFIX = " (bot)", "-bot"
MAX_NAME, MAX_PURPOSE = 100, 500
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})  # categories of characters


class BotRow(Row):
    user_id: str
    owner: str | None
    purpose: str | None
    scope: list[str] | None
    expires_ts: int | None


class Bots:
    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        profiles: Profiles,
        sessions: Sessions,
        settings: Settings,
        tell_owner: OwnerMail,
        now_ms: NowMs,
    ) -> None:
        self._database, self._accounts, self._profiles, self._sessions = database, accounts, profiles, sessions
        self._settings, self.tell_owner, self._now_ms = settings, tell_owner, now_ms
        self.max_webhooks = settings.max_webhooks_per_user

    async def create(
        self,
        proof: FreshProof,
        name: str,
        purpose: str,
        rooms: Sequence[str] | None,
        expires_ts: int | None,
        localpart: str | None,
    ) -> dict[str, Any]:
        """The bot of who has given the proof, and its access token, which is shown this once. Raises M_FORBIDDEN, M_INVALID_PARAM."""
        owner = UserId(proof.user_id)
        if not self._settings.enabled:
            raise Forbidden("Bots are switched off on this server")
        notice = await self.tell_owner.notice(owner, "bot_made", name)
        user_id = await self.account(owner, "bot", name, purpose, localpart, expires_ts, notice)
        await set_scope(self._database, user_id, list(rooms) if rooms else None)
        tokens = await self._sessions.sign_in(user_id, None, name, False, Origin(asked_by=proof.session))
        return {**await self._shown(user_id), "access_token": tokens.access_token, "device_id": tokens.device_id}

    async def new_token(self, proof: FreshProof, user_id: str) -> dict[str, Any]:
        """In the place of the one before it, for the same device and its keys; signed out everywhere, a new device.

        Raises M_NOT_FOUND for another's bot, and for one that speaks for a webhook; M_FORBIDDEN for who may make none.
        """
        if not self._settings.enabled:
            raise Forbidden("Bots are switched off on this server")
        owner = UserId(proof.user_id)
        await self.require_may_own(owner)
        bot = await self.require_own(owner, user_id)
        if await WebhookStore(self._database).is_spoken_for_by(bot):
            raise NotFound("You have no such bot")
        shown = await self._shown(bot)
        devices = await self._accounts.store.sessions.devices(bot)
        notice = await self.tell_owner.notice(owner, "bot_token", shown["name"])
        device = devices[0].device_id if devices else None
        origin = Origin(asked_by=proof.session)
        tokens = await self._sessions.sign_in(bot, device, shown["name"], False, origin, beside=notice.put)
        return {**shown, "access_token": tokens.access_token, "device_id": tokens.device_id}

    async def require_session(self, connection: PoolConnectionProxy, proof: FreshProof) -> None:
        """Before what acts for somebody is written: raises M_FORBIDDEN where the session that asks for it has ended meanwhile."""
        await self._accounts.store.sessions.require_session(connection, proof.session)

    async def account(
        self,
        owner: UserId,
        kind: str,
        name: str,
        purpose: str,
        localpart: str | None,
        expires_ts: int | None,
        notice: Notice | None = None,
    ) -> UserId:
        """An account marked as what it is: in its name, its user name, its profile and in the database. `notice`: about it.

        Raises M_FORBIDDEN for who may make none, or has as many as may be; M_INVALID_PARAM, M_INVALID_USERNAME.
        """
        await self.require_may_own(owner)
        if not 0 < len(name) <= MAX_NAME or not 0 < len(purpose) <= MAX_PURPOSE:
            raise BadRequest(f"`name` and `purpose` need 1 to {MAX_NAME} and {MAX_PURPOSE} characters", "M_INVALID_PARAM")
        if expires_ts is not None and expires_ts <= self._now_ms():
            raise BadRequest("`expires_ts` has passed", "M_INVALID_PARAM")
        stem = localpart or f"{_slug(name) or kind}-{secrets.token_hex(3)}{SUFFIX}"
        if not stem.endswith(SUFFIX):
            raise BadRequest(
                f"The user name of a bot ends in {SUFFIX}, so that it is not taken for a person", "M_INVALID_USERNAME"
            )
        user_id = self._accounts.user_id_for(stem, domain_of(owner))
        await self._accounts.register(
            user_id,
            None,
            display_name=shown_name(name),
            kind="bot",
            owner=owner,
            purpose=purpose,
            limit=self._room_for(owner) if kind == "bot" else None,
            beside=notice.put if notice is not None else None,
        )
        await self._profiles.set_field(user_id, MARK, {"kind": kind, "owner": owner, "purpose": purpose})
        if expires_ts is not None:
            await self._accounts.set_state(user_id, expires_ts=expires_ts)
        return user_id

    async def require_may_own(self, owner: UserId) -> None:
        """A person answers for a bot: no bot does, nor a post that goes from hand to hand. Raises M_FORBIDDEN."""
        user = await self._accounts.store.find_user(owner)
        if user is None or user.kind is not None:
            raise Forbidden("Bots and webhooks are made by a person, who answers for them")
        await self._accounts.policy.may_make_bot(owner)

    def _room_for(self, owner: str) -> Callable[[Any], Awaitable[None]]:
        """Counts in the transaction that adds a bot, one at a time per owner. Raises M_FORBIDDEN for one too many."""

        async def limit(connection: Any) -> None:
            await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"bots {owner}")
            bots = await connection.fetchval(
                """SELECT count(*) FROM users u WHERE owner = $1 AND kind = 'bot' AND NOT deactivated
                    AND NOT EXISTS (SELECT 1 FROM webhooks w WHERE w.user_id = u.user_id)""",
                owner,
            )
            if bots >= self._settings.max_per_user:
                raise Forbidden(f"You have {bots} bots, and nobody has more than that: delete one first")

        return limit

    async def of(self, owner: str) -> Sequence[str]:
        """Their ids, those that speak for webhooks too."""
        return await values(
            self._database,
            str,
            "SELECT user_id FROM users WHERE owner = $1 AND kind = 'bot' AND NOT deactivated ORDER BY user_id",
            owner,
        )

    async def list(self, owner: str) -> list[dict[str, Any]]:
        bots = await values(
            self._database,
            str,
            "SELECT user_id FROM users WHERE owner = $1 AND kind = 'bot' AND NOT deactivated ORDER BY created",
            owner,
        )
        return [await self._shown(bot) for bot in bots]

    async def require_own(self, owner: str, user_id: str) -> UserId:
        """Raises M_NOT_FOUND."""
        user = await self._accounts.store.find_user(user_id)
        if user is None or user.kind != "bot" or user.owner != owner or user.deactivated:
            raise NotFound("You have no such bot")
        return UserId(user_id)

    async def _shown(self, user_id: str) -> dict[str, Any]:
        row = await find(
            self._database, BotRow, "SELECT user_id, owner, purpose, scope, expires_ts FROM users WHERE user_id = $1", user_id
        )
        assert row is not None
        name = (await self._profiles.of(user_id)).get("displayname")
        return {
            "user_id": user_id,
            "name": name,
            "owner": row.owner,
            "purpose": row.purpose,
            "rooms": row.scope,
            "expires_ts": row.expires_ts,
        }


def shown_name(name: str) -> str:
    """How a bot is called: marked, wherever only its name is shown. Raises M_INVALID_PARAM for what reads as an agent's name."""
    folded = unicodedata.normalize("NFKC", name)  # full-width brackets are brackets to whoever reads them
    if any(unicodedata.category(c) in _UNSEEN for c in name) or re.search(r"=\?.*\?=", folded, re.DOTALL):
        raise BadRequest("A name holds no control characters, no marks of direction, nothing encoded", "M_INVALID_PARAM")
    if "[" in folded or "]" in folded:
        raise BadRequest("The name of a bot holds no [ and ]: they stand for an organisation", "M_INVALID_PARAM")
    return name if name.endswith(NAME_MARK) else f"{name}{NAME_MARK}"


def _slug(name: str) -> str:
    """What of a name may stand in a user id."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c)).lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:30]
