"""User-Interactive Authentication (client-server API, "User-Interactive Authentication API").

A session belongs to one purpose, one user and one request body; what was proven cannot be used for another.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import orjson

from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.application_services import ApplicationServices
from chappe.homeserver.accounts.fresh_proof import INTERACTIVE, SERVICE, SIGNED_IN, FreshProof
from chappe.homeserver.accounts.second_factors import SecondFactors
from chappe.homeserver.accounts.store import User
from chappe.homeserver.accounts.threepids import Threepids
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, find, values
from chappe.homeserver.http.guesses import Guesses
from chappe.homeserver.http.public_url import PublicUrl
from chappe.homeserver.http.request import Request
from chappe.matrix.canonical_json import canonical_json
from chappe.matrix.errors import Forbidden, LimitExceeded, MatrixError, NotYet
from chappe.matrix.identifiers import domain_of

Flows = Sequence[Sequence[str]]
DUMMY, PASSWORD, REGISTRATION_TOKEN = "m.login.dummy", "m.login.password", "m.login.registration_token"
EMAIL, SSO, OAUTH = "m.login.email.identity", "m.login.sso", "m.oauth"
CROSS_SIGNING_RESET = "org.matrix.cross_signing_reset"
RESET_BY = (
    "device_signing of "  # how the purpose begins of a session of the OAuth 2.0 API that replaces keys: its device follows
)
APPROVED_RESET, APPROVAL_LASTS = "device_signing approved", "10 minutes"
SIGN_IN_LASTS = "10 minutes"  # how long it counts as a proof
FACTS_OF_SESSION = "24 hours"


def _approval(user_id: str, device_id: str) -> str:
    """No session that a client is told has a space in its name."""
    return f"approval {user_id} {device_id}"


class AuthenticationNeeded(MatrixError):
    """401 with the flows that are left; without an errcode unless a stage has just failed."""

    def __init__(self, body: dict[str, Any], waits: bool) -> None:
        super().__init__(401, "M_UNAUTHORIZED", "More authentication is needed")
        self._body, self.waits = body, waits

    def body(self) -> dict[str, Any]:
        return self._body


class AnotherPerson(Forbidden):
    """The proof is of somebody else than whom is asked: 403, as no second attempt would make it theirs. The session stays."""


class UiaSession(Row):
    purpose: str
    body: bytes
    user_id: str | None
    completed: list[str]
    facts: bytes


class UserInteractiveAuth:
    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        services: ApplicationServices,
        threepids: Threepids,
        factors: SecondFactors,
        public_url: PublicUrl,
        guesses: Guesses,
    ) -> None:
        self._database, self._accounts, self._services = database, accounts, services
        self._threepids, self._factors, self._public_url = threepids, factors, public_url
        self._guesses = guesses

    async def require_owner(
        self, request: Request, purpose: str, body: dict[str, Any], resets_keys: bool = False
    ) -> FreshProof:
        """The owner of an account proves it again. Application services answer for accounts that they made, and prove nothing.

        Accounts without a password, or with a second factor, prove it on a page (`m.login.sso`), sessions of the OAuth 2.0 API may;
        those that replace their keys do so on the account page (`m.oauth`).
        """
        requester, user_id = request.requester, request.user_id
        if requester.appservice is not None:
            return await self._of_service(requester.appservice, user_id)
        if requester.via_oauth and resets_keys:
            device = requester.device_id
            if type(body.get("auth")) is not dict and await self._use_approval(user_id, device):
                return FreshProof(user_id, SIGNED_IN, requester.session)
            query = urlencode({"action": CROSS_SIGNING_RESET, "device_id": device})
            page = {"url": f"{self._public_url.of(request)}/account?{query}"}
            flows = [[OAUTH], [CROSS_SIGNING_RESET]]
            params = {OAUTH: page, CROSS_SIGNING_RESET: page}
            await self.require(request, RESET_BY + device, body, flows, user_id, domain_of(user_id), params)
            await self._use_approval(user_id, device)  # one permission, one replacement
            return FreshProof(user_id, SIGNED_IN, requester.session)
        user = await self._accounts.store.find_user(user_id)
        if resets_keys and await self._was_just_taken(user, requester.device_id):
            return FreshProof(user_id, SIGNED_IN, requester.session)
        has_factor = (await self._factors.of(user_id)).any
        flows = []
        if user is not None and user.password_hash is not None and not has_factor:
            flows.append([PASSWORD])
        if not flows or has_factor or requester.via_oauth:  # who signed in on a page knows no other way
            flows.append([SSO])
        await self.require(request, purpose, body, flows, user_id, domain_of(user_id))
        return FreshProof(user_id, INTERACTIVE, requester.session)

    async def _was_just_taken(self, user: User | None, device_id: str) -> bool:
        """Of an account that nobody signs in to: whoever gave it its new device has proven who they are, its holder or its owner.

        Else whoever held a duty account first would have its keys for ever, and those after them none of their own; and a bot
        that has lost its keys would never have others.
        """
        if user is None or user.kind not in ("function", "bot"):
            return False
        return await self._accounts.store.sessions.signed_in_within(user.user_id, device_id, SIGN_IN_LASTS)

    async def _of_service(self, service: str, user_id: str) -> FreshProof:
        """Raises M_FORBIDDEN for an account that the service has not made, or that administers."""
        user = await self._accounts.store.find_user(user_id)
        if user is None:  # the service's own name, before its account is made
            raise Forbidden("The application service has not registered this user")
        self._services.require(service).require_answers_for(user)
        return FreshProof(user_id, SERVICE)

    async def require_for_first_keys(self, request: Request, purpose: str, body: dict[str, Any]) -> None:
        """The first keys that vouch for an account's devices. Nothing is asked (MSC3967), unless the policy wants a proof.

        The first sign-in of a device is one for some minutes. Nobody signs in to a bot: its token is all that there is.
        """
        if not self._accounts.policy.first_keys_need_proof:
            return
        store, device_id = self._accounts.store, request.requester.device_id
        if await store.sessions.signed_in_within(request.user_id, device_id, SIGN_IN_LASTS):
            return
        user = await store.find_user(request.user_id)
        if user is None or user.kind != "bot":
            await self.require_owner(request, purpose, body, resets_keys=True)

    async def end_all(self, user_id: str) -> None:
        """What was begun by an account and not finished."""
        await self._database.execute("DELETE FROM uia_sessions WHERE user_id = $1", user_id)

    async def purpose_of(self, session: str, user_id: str) -> str | None:
        """What a session asks its owner to confirm; None for one that is unknown, somebody else's, or of long ago."""
        purpose: str | None = await self._database.fetchval(
            """SELECT purpose FROM uia_sessions
                WHERE session = $1 AND user_id = $2 AND created > now() - $3::text::interval""",
            session,
            user_id,
            APPROVAL_LASTS,
        )
        return purpose

    async def complete(self, session: str, user_id: str, stages: Sequence[str]) -> bool:
        """A page has seen the owner: notes stages as done. False for a session for which `purpose_of` knows nothing."""
        result = await self._database.execute(
            """UPDATE uia_sessions SET completed = (SELECT array_agg(DISTINCT x) FROM unnest(completed || $3::text[]) x)
                WHERE session = $1 AND user_id = $2 AND created > now() - $4::text::interval""",
            session,
            user_id,
            list(stages),
            APPROVAL_LASTS,
        )
        return result.endswith(" 1")

    async def key_resets(self, user_id: str) -> set[str]:
        """The devices that have asked lately to replace their owner's keys."""
        purposes = await values(
            self._database,
            str,
            """SELECT DISTINCT purpose FROM uia_sessions WHERE user_id = $1 AND starts_with(purpose, $2)
                AND created > now() - $3::text::interval""",
            user_id,
            RESET_BY,
            APPROVAL_LASTS,
        )
        return {purpose.removeprefix(RESET_BY) for purpose in purposes}

    async def approve_key_reset(self, proof: FreshProof, device_id: str) -> None:
        """The account page has let a device replace its owner's keys: where it waits for that, it goes on. No other does.

        If it begins anew, it may do so once within ten minutes: keys that wait for a person to come back from a page are
        easily lost on the way.
        """
        user_id = proof.user_id
        await self._database.execute(
            "UPDATE uia_sessions SET completed = $3 WHERE user_id = $1 AND purpose = $2",
            user_id,
            RESET_BY + device_id,
            [OAUTH, CROSS_SIGNING_RESET],
        )
        await self._database.execute(
            """INSERT INTO uia_sessions (session, purpose, body, user_id) VALUES ($1, $2, '', $3)
               ON CONFLICT (session) DO UPDATE SET created = now()""",
            _approval(user_id, device_id),
            APPROVED_RESET,
            user_id,
        )

    async def _use_approval(self, user_id: str, device_id: str) -> bool:
        gone = await self._database.execute(
            "DELETE FROM uia_sessions WHERE session = $1 AND purpose = $2 AND created > now() - $3::text::interval",
            _approval(user_id, device_id),
            APPROVED_RESET,
            APPROVAL_LASTS,
        )
        return gone.endswith(" 1")

    async def require(
        self,
        request: Request,
        purpose: str,
        body: dict[str, Any],
        flows: Flows,
        user_id: str | None,
        server_name: str,
        params: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Returns what was proven once a flow is complete; raises the 401 that asks the client to go on until then.

        `body`: the whole request body, `auth` included.
        """
        auth = body.get("auth")
        digest = hashlib.sha256(canonical_json({k: v for k, v in body.items() if k != "auth"})).digest()
        if type(auth) is not dict:
            raise self._ask(await self._new_session(purpose, digest, user_id), flows, [], params=params)
        session = auth.get("session")
        if session is None:
            session = await self._new_session(purpose, digest, user_id)
        completed, facts = await self._load(session, purpose, digest, user_id)
        stage = auth.get("type")
        if stage is not None and stage not in completed:
            try:
                facts.update(await self._counted(request, stage, auth, flows, user_id, server_name, purpose))
            except (LimitExceeded, AnotherPerson):
                raise
            except MatrixError as error:
                raise self._ask(session, flows, completed, error, params) from None
            completed.append(stage)
            await self._database.execute(
                "UPDATE uia_sessions SET completed = $2, facts = $3 WHERE session = $1", session, completed, orjson.dumps(facts)
            )
        if not any(set(flow) <= set(completed) for flow in flows):
            raise self._ask(session, flows, completed, params=params)
        gone = await self._database.execute("DELETE FROM uia_sessions WHERE session = $1", session)
        if not gone.endswith(" 1"):  # the same proof has let another request through meanwhile
            raise self._ask(await self._new_session(purpose, digest, user_id), flows, [], params=params)
        return facts

    async def _new_session(self, purpose: str, digest: bytes, user_id: str | None) -> str:
        session = secrets.token_urlsafe(18)
        await self._database.execute(
            "INSERT INTO uia_sessions (session, purpose, body, user_id) VALUES ($1, $2, $3, $4)",
            session,
            purpose,
            digest,
            user_id,
        )
        return session

    async def _load(
        self, session: object, purpose: str, digest: bytes, user_id: str | None
    ) -> tuple[list[str], dict[str, Any]]:
        row = None
        if type(session) is str:
            row = await find(
                self._database,
                UiaSession,
                "SELECT purpose, body, user_id, completed, facts FROM uia_sessions WHERE session = $1",
                session,
            )
        if row is None or row.purpose != purpose or row.user_id != user_id:
            raise MatrixError(400, "M_UNKNOWN", "This authentication session does not exist or has expired")
        if user_id is not None and row.body != digest:
            raise Forbidden("The request has changed since its authentication began: please start again")
        return list(row.completed), orjson.loads(row.facts)

    @staticmethod
    def _ask(
        session: str, flows: Flows, completed: list[str], error: MatrixError | None = None, params: dict[str, Any] | None = None
    ) -> MatrixError:
        body: dict[str, Any] = {
            "flows": [{"stages": list(flow)} for flow in flows],
            "params": params or {},
            "session": session,
            "completed": completed,
        }
        if error is not None:
            body |= {"errcode": error.errcode, "error": error.message}
        return AuthenticationNeeded(body, error is not None and error.waits)

    async def _counted(
        self,
        request: Request,
        stage: object,
        auth: dict[str, Any],
        flows: Flows,
        user_id: str | None,
        server_name: str,
        purpose: str,
    ) -> dict[str, Any]:
        """Guesses at an account's password, at registration tokens and at proofs of addresses are counted like any other."""
        if stage not in (PASSWORD, REGISTRATION_TOKEN, EMAIL):
            return await self._prove(stage, auth, flows, user_id, server_name, purpose)
        device = request.requester.device_id if request.optional_requester is not None else None
        with self._guesses.counted(request, user_id, device):
            return await self._prove(stage, auth, flows, user_id, server_name, purpose)

    async def _prove(
        self, stage: object, auth: dict[str, Any], flows: Flows, user_id: str | None, server_name: str, purpose: str
    ) -> dict[str, Any]:
        if not any(stage in flow for flow in flows):
            raise MatrixError(401, "M_UNRECOGNIZED", "This kind of authentication is not offered here")
        if stage == DUMMY:
            return {}
        if stage == REGISTRATION_TOKEN:
            token = auth.get("token")
            if type(token) is not str or not await self._is_good_token(token):
                raise MatrixError(401, "M_UNAUTHORIZED", "This registration token is not valid")
            return {"registration_token": token}
        if stage == EMAIL:
            proof = auth.get("threepid_creds", auth.get("threepidCreds"))
            if type(proof) is not dict:
                raise MatrixError(400, "M_MISSING_PARAM", "`threepid_creds` is missing")
            try:
                address = await self._threepids.proven(proof.get("sid"), proof.get("client_secret"), (purpose,))
            except NotYet as error:  # clients ask every few seconds, and show any other errcode as a failure
                raise NotYet(401, "M_UNAUTHORIZED", error.message) from None
            return {"email": address, "sid": proof["sid"]}
        if stage in (SSO, OAUTH, CROSS_SIGNING_RESET):
            raise NotYet(401, "M_UNAUTHORIZED", "Please confirm on the page first")
        password = auth.get("password")
        identifier = auth.get("identifier") or {"type": "m.id.user", "user": auth.get("user", user_id)}
        if type(password) is not str or type(identifier) is not dict:
            raise MatrixError(400, "M_MISSING_PARAM", "The password is missing")
        if await self._accounts.identify(identifier, server_name) != user_id:
            raise AnotherPerson("Please prove that you are the owner of this account")
        await self._accounts.check_password(user_id or "", password)
        return {"password": True}

    async def _is_good_token(self, token: str) -> bool:
        first = await self._accounts.first_administrator_token()
        if first is not None and secrets.compare_digest(token.encode(), first.encode()):
            return True
        return await self._accounts.registration_tokens.is_valid(token)

    async def prune(self) -> None:
        await self._database.execute(f"DELETE FROM uia_sessions WHERE created < now() - interval '{FACTS_OF_SESSION}'")
