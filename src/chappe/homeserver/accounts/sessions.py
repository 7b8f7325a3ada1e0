"""Sessions: who a token belongs to, signing in, refreshing, signing out."""

from __future__ import annotations

import logging
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from chappe.homeserver.accounts.account_states import AccountStateEntry
from chappe.homeserver.accounts.application_services import ApplicationService, ApplicationServices
from chappe.homeserver.accounts.fresh_proof import Notice, OwnerMail
from chappe.homeserver.accounts.oauth.scopes import ADMINISTRATION, RIGHTS, rights_in
from chappe.homeserver.accounts.session_rows import AccessToken
from chappe.homeserver.accounts.session_store import InTransaction, Origin, RemovedDeviceRow
from chappe.homeserver.accounts.standings import Standings
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.accounts.tokens import Tokens, family_of, hash_token, new_refresh_token, new_token
from chappe.homeserver.accounts.ways_to_act import AccountState
from chappe.homeserver.database.clock import Clock, Commit
from chappe.homeserver.database.group_writer import GroupWriter, Write
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.database.shared_rows import DeviceListChangeRow
from chappe.homeserver.http.request import Request, Requester
from chappe.i18n import spoken
from chappe.matrix.account_standing import WELL, Doing, Standing
from chappe.matrix.errors import BadRequest, Forbidden, MatrixError
from chappe.matrix.identifiers import DeviceId, UserId

log = logging.getLogger(__name__)
CACHED_TOKENS = 100_000
EXPLAINED_TOKENS = 20_000
ACCOUNT_ENDED = "account_ended"
# `reason`, beside the error code: clients say why to whoever is signed out
REASONS = {
    AccountState.PASSWORD_CHANGED: "password_changed",
    AccountState.SIGNED_OUT_EVERYWHERE: "signed_out_everywhere",
    AccountState.ENDED: ACCOUNT_ENDED,
    AccountState.ERASED: ACCOUNT_ENDED,
}
DEVICE_ID_LENGTH = 10
NO_ORIGIN = Origin()
NOBODY_YET = WELL  # an application service's user before it is registered
_REGISTER = (b"/_matrix/client/v3/register", b"/_matrix/client/r0/register")
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _unknown(soft_logout: bool = False, reason: str | None = None) -> MatrixError:
    extra = {"soft_logout": soft_logout} | ({} if reason is None else {"reason": reason})
    return MatrixError(401, "M_UNKNOWN_TOKEN", "You are signed out: please sign in again", None, **extra)


MAX_PROGRAM = 300  # characters of a User-Agent


class Sessions:
    def __init__(
        self,
        store: AccountStore,
        writer: GroupWriter,
        clock: Clock,
        now_ms: NowMs,
        lifetime_ms: int,
        services: ApplicationServices,
        standings: Standings,
        most_devices: int,
        tell_owner: OwnerMail,
    ) -> None:
        self._most_devices = most_devices  # of an account
        self._tell_owner = tell_owner
        self._store, self._writer, self._now_ms, self._lifetime_ms = store, writer, now_ms, lifetime_ms
        self.services, self._standings = services, standings
        self._loads: dict[object, set[str]] = {}  # for each load under way: whose sessions have changed meanwhile
        self._cache: OrderedDict[bytes, tuple[Requester, int | None]] = OrderedDict()
        self._by_user: dict[str, set[bytes]] = {}
        self._seen: dict[
            tuple[str, str], tuple[int, str, str | None, str | None]
        ] = {}  # time in ms, address, program, language
        # why tokens ended, the latest ones, in the process that ended them: a courtesy, without which the answer is as right
        self._reasons: OrderedDict[bytes, str] = OrderedDict()
        self._ghosts: dict[str, str] = {}  # by user id: the application service that is known to have made it
        self._ghost_devices: set[tuple[str, str]] = set()
        self.on_device_removed: list[Callable[[str, Iterable[str]], Awaitable[None]]] = []
        clock.listen(self._heard)

    def _heard(self, commit: Commit) -> None:
        for user, kinds in commit.users.items():
            if commit.foreign or "account" in kinds:
                self._drop_user(user)
                self._ghosts.pop(user, None)
                if self._ghost_devices:
                    self._ghost_devices = {known for known in self._ghost_devices if known[0] != user}

    def _drop_user(self, user_id: str) -> None:
        for token_hash in self._by_user.pop(user_id, ()):
            self._cache.pop(token_hash, None)
        for changed in self._loads.values():
            changed.add(user_id)

    # ---------------------------------------------------------------------------------------------- who is asking

    async def authenticate(self, request: Request) -> Requester:
        """Raises M_MISSING_TOKEN or M_UNKNOWN_TOKEN (401)."""
        token = _token_of(request)
        token_hash = hash_token(token)
        found = self._cache.get(token_hash)
        if found is None:
            if (service := self.services.by_token(token_hash)) is not None:
                return await self._as_service(service, request, token_hash)
            found = await self._load(token_hash)
        requester, expires = found
        if expires is not None and expires <= self._now_ms():
            raise _unknown(soft_logout=True)
        program = request.header(b"user-agent")
        language = spoken(request.header(b"accept-language"))
        seen = (self._now_ms(), request.address, program and program[:MAX_PROGRAM], language)
        self._seen[requester.user_id, requester.device_id] = seen
        return requester

    def is_current(self, requester: Requester) -> bool:
        """Whether nothing has happened since to the session that a request came with. No statement."""
        found = self._cache.get(requester.token_hash)
        return found is not None and found[0] is requester and (found[1] is None or found[1] > self._now_ms())

    async def _as_service(self, service: ApplicationService, request: Request, token_hash: bytes) -> Requester:
        """An application service, as itself or as a user that it made; with `device_id`, at a device of that user."""
        user_id = self.services.masquerade(service, request.query("user_id"))
        if self._ghosts.get(user_id) != service.id:
            user = await self._store.find_user(user_id)
            if user is None and user_id != service.sender and not _registers(request):
                raise Forbidden("The application service has not registered this user")
            if user is not None:
                service.require_made(user)
                self._ghosts[user_id] = service.id
        standing = NOBODY_YET if user_id not in self._ghosts else await self._standings.of(user_id)
        if standing.ended:
            raise Forbidden("This account has been deactivated", "M_USER_DEACTIVATED")
        device = request.query("device_id") or request.query("org.matrix.msc3202.device_id")
        if device is not None and (user_id, device) not in self._ghost_devices:
            if await self._store.sessions.device(user_id, device) is None and request.method not in ("PUT", "DELETE"):
                raise BadRequest("This user has no such device", "M_UNKNOWN_DEVICE")
            self._ghost_devices.add((user_id, device))
        return Requester(
            user_id,
            DeviceId(device or f"appservice {service.id}"),
            False,
            False,
            token_hash,
            standing,
            appservice=service.id,
            is_limited=service.is_limited,
        )

    async def _load(self, token_hash: bytes) -> tuple[Requester, int | None]:
        """Reads until nothing has changed while it was read: what was heard meanwhile must not be overwritten."""
        while True:
            mark, changed = object(), set[str]()
            self._loads[mark] = changed
            try:
                row = await self._store.sessions.find_access_token(token_hash)
                if row is None:
                    raise _unknown(reason=self._reasons.get(token_hash))
                if row.deactivated:
                    raise _unknown(reason=ACCOUNT_ENDED)
                if row.refresh_hash is not None:
                    await self._retire(row.user_id, row.refresh_hash)
                if row.user_id not in changed:
                    return self._keep(token_hash, row)
            finally:
                del self._loads[mark]

    def _keep(self, token_hash: bytes, row: AccessToken) -> tuple[Requester, int | None]:
        via_oauth = row.client_id is not None
        rights = rights_in(row.scope) if row.scope is not None else RIGHTS
        requester = Requester(
            UserId(row.user_id),
            DeviceId(row.device_id),
            row.is_guest,
            row.is_admin and ADMINISTRATION in rights,
            token_hash,
            Standing(row.locked, row.suspended, row.account_expires_ts),
            via_oauth=via_oauth,
            uses_console=bool(rights),
        )
        self._cache[token_hash] = (requester, row.expires_ts)
        self._by_user.setdefault(requester.user_id, set()).add(token_hash)
        if len(self._cache) > CACHED_TOKENS:
            self._cache.popitem(last=False)
        return self._cache[token_hash]

    async def flush_seen(self) -> None:
        """Writes down when devices were last seen, and what their owners read by that; called now and then."""
        seen, self._seen = self._seen, {}
        if seen:
            rows = [(user, device, ts, ip, agent) for (user, device), (ts, ip, agent, _) in seen.items()]
            await self._store.sessions.saw(rows)
        latest = sorted((ts, user, language) for (user, _), (ts, _, _, language) in seen.items() if language is not None)
        if latest:
            await self._store.speak({user: language for _, user, language in latest})

    async def whois(self, user_id: str) -> dict[str, Any]:
        """Where each device was seen last, and in which program (client-server API, "Server Administration"). What this process
        has seen counts at once."""
        devices = {}
        for row in await self._store.sessions.devices(user_id):
            written = (row.last_seen_ts, row.last_seen_ip, row.user_agent, None)
            ts, ip, agent, _ = self._seen.get((user_id, row.device_id), written)
            last = {"ip": ip, "last_seen": ts, "user_agent": agent}
            connections = [{name: value for name, value in last.items() if value is not None}]
            devices[row.device_id] = {"sessions": [{"connections": connections if ts else []}]}
        return {"user_id": user_id, "devices": devices}

    # -------------------------------------------------------------------------------------------------- signing in

    async def sign_in(
        self,
        user_id: UserId,
        device_id: str | None,
        display_name: str | None,
        wants_refresh: bool,
        origin: Origin = NO_ORIGIN,
        beside: InTransaction | None = None,
    ) -> Tokens:
        """A new session on a new or known device; an account with too many devices loses the one used longest ago.

        `beside`: what is written in the transaction that adds its tokens, at its end; where it raises, there is no session.
        Raises M_FORBIDDEN where what it comes from (`origin`) has ended, M_USER_LOCKED, M_UNKNOWN_TOKEN for an ended account.
        """
        await self._standings.require(user_id, Doing.HOLD)
        if device_id is not None and (not device_id or len(device_id) > 512 or "\0" in device_id):
            raise BadRequest("device_id must have 1 to 512 characters", "M_INVALID_PARAM")
        device = device_id or "".join(secrets.choice(_ALPHABET) for _ in range(DEVICE_ID_LENGTH))
        access = new_token("mat")
        refresh = new_refresh_token() if wants_refresh else None
        expires = self._now_ms() + self._lifetime_ms if wants_refresh else None
        refresh_hash = hash_token(refresh) if refresh else None
        notice = await self._notice(user_id, device, display_name, origin.program)

        async def with_notice(connection: PoolConnectionProxy) -> None:
            if beside is not None:
                await beside(connection)
            if notice is not None:
                await notice.put(connection)

        if not await self._store.sessions.begin_session(
            user_id, device, display_name, hash_token(access), expires, refresh_hash, family_of(refresh), origin, with_notice
        ):
            raise Forbidden("What asked for this session has ended")
        await self._changed(user_id)  # other processes forget the device's earlier token
        if device_id is not None:
            await self._end_what_came_of(user_id, device)
        await self.require_not_ended_upstream(user_id, device, origin.browser)
        if beyond := await self._store.sessions.devices_beyond(user_id, self._most_devices):
            await self.remove_devices(user_id, [name for name in beyond if name != device])
        return Tokens(user_id, device, access, refresh, self._lifetime_ms if wants_refresh else None)

    async def _notice(self, user_id: str, device: str, name: str | None, program: str | None) -> Notice | None:
        """What the owner is told by mail: of a device that comes beside others."""
        known = [row.device_id for row in await self._store.sessions.devices(user_id)]
        if not known or device in known:
            return None
        return await self._tell_owner.new_sign_in(user_id, name, program, self._now_ms())

    async def require_not_ended_upstream(self, user_id: str, device: str, browser: bytes | None) -> None:
        """Once it is written whose sign-in a session comes from: raises M_UNKNOWN_TOKEN where its provider has ended that meanwhile.

        A logout that comes later finds what is written. So one of the two always sees the other.
        """
        if browser is not None and await self._store.sessions.is_ended_upstream(browser):
            await self.remove_devices(user_id, [device])
            raise _unknown()

    async def refresh(self, refresh_token: str, client_id: str | None = None) -> Tokens:
        """`client_id`: of the OAuth client that asks; None: the legacy API, which a locked account is refused.

        Raises M_UNKNOWN_TOKEN for a token that was never given or is another client's. One that was replaced, whose successor
        has been used, is in two hands: the session ends for both (RFC 9700, 4.14.2), who signs in again keeps the device.
        """
        old = hash_token(refresh_token)
        row = await self._store.sessions.find_refresh_token(old)
        if row is None:
            raise _unknown(soft_logout=await self._end_family(refresh_token))
        if row.client_id != client_id:
            raise _unknown()
        if client_id is None or (await self._standings.of(row.user_id)).ended:
            await self._standings.require(row.user_id, Doing.HOLD)
        await self._retire(row.user_id, old)
        access, new = new_token("mat"), new_refresh_token(refresh_token)
        expires = self._now_ms() + self._lifetime_ms
        try:
            done = await self._store.sessions.rotate(old, hash_token(access), expires, hash_token(new), family_of(new))
        except asyncpg.ForeignKeyViolationError:
            done = False
        if not done:
            raise _unknown()
        return Tokens(row.user_id, row.device_id, access, new, self._lifetime_ms)

    async def _retire(self, user_id: str, refresh_hash: bytes) -> None:
        """A token of a new pair is used: the old pair ends, in every process."""
        if await self._store.sessions.retire_predecessor(refresh_hash):
            await self._changed(user_id)

    async def _end_family(self, refresh_token: str) -> bool:
        """Whether a token that is unknown came from a sign-in that still lives: then it lives no longer."""
        family = family_of(refresh_token)
        ended = None if family is None else await self._store.sessions.end_family(family)
        if ended is None:
            return False
        log.warning("a refresh token was used twice", extra={"fields": {"user": ended[0], "device": ended[1]}})
        await self._changed(ended[0])
        await self._end_what_came_of(*ended)
        return True

    async def _changed(self, user_id: str) -> None:
        """Every process forgets what it knows of somebody's sessions; who waits is judged again."""
        write = Write()
        write.touch_user(user_id, "account")
        await self._writer.submit(write)
        self._drop_user(user_id)

    # ------------------------------------------------------------------------------------------------- signing out

    async def remove_devices(self, user_id: str, device_ids: Iterable[str]) -> None:
        """Ends sessions and deletes everything that belongs to the devices: tokens, keys, undelivered messages."""
        devices = list(device_ids)
        if not devices:
            return
        ended = {user_id: devices}
        for child, device in await self._store.sessions.children_of(user_id, devices):
            ended.setdefault(child, []).append(device)
        write = Write()
        for user, ends in ended.items():
            for device in ends:
                write.add(RemovedDeviceRow(who=user, device=device))
            write.add(DeviceListChangeRow(who=user))
            write.touch_user(user, "account")
            write.touch_user(user, "device_list")
        await self._writer.submit(write)
        for user, ends in ended.items():
            self._drop_user(user)
            for tell in self.on_device_removed:
                await tell(user, ends)

    async def _end_what_came_of(self, user_id: str, device: str) -> None:
        """A session ends whose device stays: the sessions that hang on it end, and the tokens for such that it was given."""
        await self._store.sessions.forget_login_tokens(user_id, device)
        for child, its_device in await self._store.sessions.children_of(user_id, [device]):
            await self.remove_devices(child, [its_device])

    async def end(self, entry: AccountStateEntry) -> None:
        """What an account's state does to its sessions (`ways_to_act`). A challenge keeps the devices (soft logout)."""
        if entry.state is not AccountState.CHALLENGED:
            if (reason := REASONS.get(entry.cause or entry.state)) is not None:
                await self._explain(entry, reason)
            return await self.remove_all_devices(entry.user_id, but=entry.but_device)
        user_id = entry.user_id
        await self._store.sessions.expire_tokens(user_id)
        write = Write()
        write.positions = 1
        write.touch_user(user_id, "account")
        await self._writer.submit(write)
        return self._drop_user(user_id)

    async def _explain(self, entry: AccountStateEntry, reason: str) -> None:
        """Before the tokens end, so that who waits with one is answered with the reason."""
        for row in await self._store.sessions.access_tokens(entry.user_id):
            if row.device_id != entry.but_device:
                self._reasons[row.token_hash] = reason
        while len(self._reasons) > EXPLAINED_TOKENS:
            self._reasons.popitem(last=False)

    async def end_of_browser(self, browser: bytes) -> None:
        """Whoever signed in there has signed out: so have the applications that they signed in to through it."""
        for row in await self._store.sessions.devices_of_browser(browser):
            await self.remove_devices(row.user_id, [row.device_id])

    async def remove_all_devices(self, user_id: str, but: str | None = None) -> None:
        rows = await self._store.sessions.devices(user_id)
        await self.remove_devices(user_id, [row.device_id for row in rows if row.device_id != but])


def _registers(request: Request) -> bool:
    return request.raw_path in _REGISTER


def _token_of(request: Request) -> str:
    header = request.header(b"authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        if scheme.lower() == "bearer" and token.strip():
            return token.strip()
        raise MatrixError(401, "M_MISSING_TOKEN", "The Authorization header must be `Bearer` and a token")
    if (query := request.query("access_token")) is not None:
        return query
    raise MatrixError(401, "M_MISSING_TOKEN", "Please sign in: the request has no access token")
