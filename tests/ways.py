"""Each way to act, made for somebody, and whether it still serves: what the tests of states × ways walk over."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from chappe.homeserver.accounts.browser_sessions import hash_cookie
from chappe.homeserver.accounts.single_sign_on.providers import ProvenIdentity
from chappe.homeserver.accounts.ways_to_act import WAYS, AccountState, Effect
from chappe.matrix.account_standing import Doing
from chappe.matrix.errors import MatrixError
from chappe.matrix.identifiers import UserId
from tests.neighbours import Mailbox, link_in
from tests.support import PASSWORD, Person, Refused, Server, segment

IDENTITY, CHAPPE = "/_matrix/identity/v2", "/_chappe/client/v1"
NEW_PASSWORD = "another horse"
Probe = Callable[[], Awaitable[bool]]  # whether the way serves


@dataclass
class Scene:
    """Somebody to whom something happens. `person`: at the device that may be signed out; `password`: as it is now."""

    server: Server
    admin: Person
    mailbox: Mailbox
    person: Person
    password: str = PASSWORD
    more: dict[str, Any] = field(default_factory=dict)

    async def raw(self, method: str, path: str, body: Any = None, token: str | None = None, **headers: str) -> int:
        status, raw, _ = await self.server.raw(method, path, body, token, headers)
        self.more["answer"] = raw
        return status

    async def log_in(self, **body: Any) -> int:
        given = {"type": "m.login.password", "password": self.password, **body}
        if given["type"] == "m.login.password":
            given.setdefault("identifier", {"type": "m.id.user", "user": self.person.id})
        return await self.raw("POST", "/_matrix/client/v3/login", given)

    def auth(self, session: str | None = None) -> dict[str, Any]:
        who = {"type": "m.id.user", "user": self.person.id}
        auth = {"type": "m.login.password", "identifier": who, "password": self.password}
        return auth | ({"session": session} if session else {})

    async def may(self, doing: Doing, user_id: str | None = None) -> bool:
        return await self.server.node.standings.refusal(user_id or self.person.id, doing) is None


async def served(awaitable: Awaitable[Any]) -> bool:
    try:
        await awaitable
    except (Refused, MatrixError):
        return False
    return True


# ------------------------------------------------------------------------------------------------------- what happens


async def happens(scene: Scene, state: AccountState) -> None:
    """Over HTTP where there is a request for it."""
    person, admin, path = scene.person, scene.admin, f"/_synapse/admin/v2/users/{segment(scene.person.id)}"
    if state is AccountState.LOCKED:
        await admin.call("PUT", f"/_matrix/client/v1/admin/lock/{segment(person.id)}", {"locked": True})
    elif state is AccountState.SUSPENDED:
        await admin.call("PUT", f"/_matrix/client/v1/admin/suspend/{segment(person.id)}", {"suspended": True})
    elif state is AccountState.EXPIRED:
        await admin.call("PUT", path, {"expiration_ts": 1})
    elif state in (AccountState.ENDED, AccountState.ERASED):
        body = {"auth": scene.auth(), "erase": state is AccountState.ERASED}
        await person.call("POST", "/account/deactivate", body)
    elif state is AccountState.PASSWORD_CHANGED:
        body = {"auth": scene.auth(), "new_password": NEW_PASSWORD, "logout_devices": False}
        await person.call("POST", "/account/password", body)
        scene.password = NEW_PASSWORD
    elif state is AccountState.SIGNED_OUT_EVERYWHERE:
        await person.call("POST", "/logout/all", {})
    elif state is AccountState.DEVICE_SIGNED_OUT:
        await person.call("POST", "/logout", {})
    elif state is AccountState.SECOND_FACTOR_RESET:
        await admin.call("POST", f"/_chappe/admin/v1/users/{segment(person.id)}/reset_second_factor", {})
    elif state is AccountState.CONSOLE_RIGHT_WITHDRAWN:
        await scene.server.node.accounts.change(person.id, is_admin=True)
        await admin.call("PUT", f"/_synapse/admin/v1/users/{segment(person.id)}/admin", {"admin": False})
    else:  # by the read guard, and by the layer
        await scene.server.node.account_states.enter(person.id, state)


async def lifted(scene: Scene, state: AccountState) -> None:
    admin, who = scene.admin, segment(scene.person.id)
    if state is AccountState.LOCKED:
        await admin.call("PUT", f"/_matrix/client/v1/admin/lock/{who}", {"locked": False})
    elif state is AccountState.SUSPENDED:
        await admin.call("PUT", f"/_matrix/client/v1/admin/suspend/{who}", {"suspended": False})
    elif state is AccountState.EXPIRED:
        await admin.call("PUT", f"/_synapse/admin/v2/users/{who}", {"expiration_ts": None})


# ------------------------------------------------------------------------------------------------------------- the ways


async def access_tokens(s: Scene) -> Probe:
    return lambda: served(s.person.call("GET", "/account/whoami"))


async def refresh_tokens(s: Scene) -> Probe:
    assert await s.log_in(refresh_token=True) == 200
    session = json.loads(s.more["answer"])
    s.person = Person(s.server, session)

    async def probe() -> bool:
        return await s.raw("POST", "/_matrix/client/v3/refresh", {"refresh_token": session["refresh_token"]}) == 200

    return probe


async def _client(s: Scene) -> str:
    back = "https://client.example.org/back"
    metadata = {
        "client_name": "App",
        "client_uri": "https://client.example.org/",
        "redirect_uris": [back],
        "response_types": ["code"],
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "token_endpoint_auth_method": "none",
        "application_type": "web",
    }
    assert await s.raw("POST", "/oauth2/registration", metadata) == 201
    return str(json.loads(s.more["answer"])["client_id"])


async def _form(s: Scene, path: str, **form: str) -> int:
    from urllib.parse import urlencode

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    status, s.more["answer"], _ = await s.server.raw("POST", path, urlencode(form).encode(), None, headers)
    return status


async def oauth_codes(s: Scene) -> Probe:
    """A device code that its owner has agreed to."""
    client = await _client(s)
    scope = "urn:matrix:client:api:* urn:matrix:client:device:ABCDEFGHIJ"
    assert await _form(s, "/oauth2/device", client_id=client, scope=scope) == 200
    asked = json.loads(s.more["answer"])
    cookie = await s.server.node.browser_sessions.begin(s.person.id, "password", "127.0.0.1", None)
    assert await s.server.node.grants.decide_device(asked["user_code"], s.person.id, hash_cookie(cookie), True)
    grant = "urn:ietf:params:oauth:grant-type:device_code"

    async def probe() -> bool:
        code = asked["device_code"]
        return await _form(s, "/oauth2/token", grant_type=grant, client_id=client, device_code=code) == 200

    s.more["client"] = client
    return probe


async def oauth_sessions(s: Scene) -> Probe:
    assert await (await oauth_codes(s))()
    given, client = json.loads(s.more["answer"]), s.more["client"]
    session = {"user_id": s.person.id, "device_id": "ABCDEFGHIJ", "access_token": given["access_token"]}
    s.more["password session"], s.person = s.person, Person(s.server, session)
    legacy = {"refresh_token": given["refresh_token"]}
    assert await s.raw("POST", "/_matrix/client/v3/refresh", legacy) == 401  # without the client it is of no use

    async def probe() -> bool:
        form = {"grant_type": "refresh_token", "client_id": client, "refresh_token": given["refresh_token"]}
        return await _form(s, "/oauth2/token", **form) == 200

    return probe


async def login_tokens(s: Scene) -> Probe:
    token = (await s.person.call("POST", "/_matrix/client/v1/login/get_token", {"auth": s.auth()}))["login_token"]

    async def probe() -> bool:
        return await s.log_in(type="m.login.token", token=token) == 200

    return probe


async def openid_tokens(s: Scene) -> Probe:
    token = (await s.person.call("POST", f"/user/{segment(s.person.id)}/openid/request_token", {}))["access_token"]

    async def probe() -> bool:
        return await s.raw("GET", f"/_matrix/federation/v1/openid/userinfo?access_token={token}") == 200

    return probe


async def identity(person: Person) -> Person:
    """The same person, with a token of the identity service."""
    openid = await person.call("POST", f"/user/{segment(person.id)}/openid/request_token", {})
    token = (await person.call("POST", f"{IDENTITY}/account/register", openid))["token"]
    return Person(person.server, {"user_id": person.id, "device_id": "", "access_token": token})


async def lookup(me: Person) -> Any:
    pepper = (await me.call("GET", f"{IDENTITY}/hash_details"))["lookup_pepper"]
    digest = base64.urlsafe_b64encode(hashlib.sha256(f"x@y.example email {pepper}".encode()).digest()).rstrip(b"=")
    wanted = {"addresses": [digest.decode()], "algorithm": "sha256", "pepper": pepper}
    return await me.call("POST", f"{IDENTITY}/lookup", wanted)


async def identity_tokens(s: Scene) -> Probe:
    me = await identity(s.person)
    return lambda: served(lookup(me))


async def browser_sessions(s: Scene) -> Probe:
    cookie = await s.server.node.browser_sessions.begin(s.person.id, "password", "127.0.0.1", None)

    async def probe() -> bool:
        return await s.raw("GET", "/account", Cookie=f"chappe_session={cookie}; __Host-chappe_session={cookie}") == 200

    return probe


async def known_browsers(s: Scene) -> Probe:
    await s.server.node.browser_sessions.remember(s.person.id, b"browser")
    return lambda: s.server.node.browser_sessions.knows(s.person.id, b"browser")


async def rendezvous(s: Scene) -> Probe:
    made = await s.server.node.rendezvous.create("127.0.0.1", "text/plain", b"x")
    return lambda: served(s.server.node.rendezvous.get(made.id))


async def proofs(s: Scene) -> Probe:
    """Somebody has begun to prove who they are, at one device; it is finished at another."""
    status = await s.raw("POST", "/_matrix/client/v3/delete_devices", {"devices": ["OTHER"]}, s.person.token)
    assert status == 401
    session = json.loads(s.more["answer"])["session"]

    async def probe() -> bool:
        return bool(
            await s.server.node.database.fetchval("SELECT EXISTS (SELECT 1 FROM uia_sessions WHERE session = $1)", session)
        )

    return probe


async def links(s: Scene) -> Probe:
    address = await _address(s)
    body = {"client_secret": "s1", "email": address, "send_attempt": 1}
    assert await s.raw("POST", "/_matrix/client/v3/account/password/email/requestToken", body) == 200
    from urllib.parse import parse_qs, urlsplit

    query = {k: v[0] for k, v in parse_qs(urlsplit(link_in(await s.mailbox.next(address))).query).items()}
    return lambda: served(s.server.node.threepids.submit(query["sid"], query["client_secret"], query["token"]))


async def _address(s: Scene) -> str:
    address = f"{s.person.id[1:].split(':')[0]}@example.org"
    await s.server.node.bind_threepid(UserId(s.person.id), "email", address, 1)
    return address


async def password(s: Scene) -> Probe:
    async def probe() -> bool:
        return await s.log_in() == 200

    return probe


async def addresses(s: Scene) -> Probe:
    address = await _address(s)

    async def probe() -> bool:
        return await s.log_in(identifier={"type": "m.id.thirdparty", "medium": "email", "address": address}) == 200

    return probe


async def upstream_links(s: Scene) -> Probe:
    proven = ProvenIdentity("idp", s.person.id, None, None, None, None, False, False)
    await s.server.node.administration.set_links(s.person.id, [("idp", s.person.id)])

    async def sign_in() -> None:
        user = await s.server.node.sign_in_upstream(proven, "localhost")
        await s.server.node.sessions.sign_in(UserId(user.user_id), None, None, False)

    return lambda: served(sign_in())


async def second_factors(s: Scene) -> Probe:
    await s.server.node.database.execute("INSERT INTO recovery_codes VALUES ($1, 'a code')", s.person.id)

    async def probe() -> bool:
        return (await s.server.node.second_factors.of(s.person.id)).recovery_codes > 0

    return probe


PUSHER = {
    "kind": "http",
    "app_id": "a",
    "pushkey": "k",
    "app_display_name": "A",
    "device_display_name": "P",
    "lang": "fr",
    "data": {"url": "https://push.example.org/_matrix/push/v1/notify"},
}


async def pushers(s: Scene) -> Probe:
    await s.person.call("POST", "/pushers/set", PUSHER)

    async def probe() -> bool:
        found = await s.admin.call("GET", f"/_synapse/admin/v1/users/{segment(s.person.id)}/pushers")
        return found["total"] > 0 and await s.may(Doing.READ)

    return probe


async def bots(s: Scene) -> Probe:
    bot = Person(s.server, await s.person.prove(f"{CHAPPE}/bots", {"name": "Météo", "purpose": "x"}))
    return lambda: served(bot.call("GET", "/account/whoami"))


async def webhooks(s: Scene) -> Probe:
    room = await s.person.create_room(preset="public_chat")
    body = {"direction": "incoming", "name": "CI", "purpose": "x"}
    hook = await s.person.prove(f"{CHAPPE}/rooms/{segment(room)}/webhooks", body)

    async def probe() -> bool:
        return await s.raw("POST", hook["path"], {"text": "built"}) == 200

    return probe


async def delayed_events(s: Scene) -> Probe:
    room = await s.person.create_room(preset="public_chat")
    path = f"/rooms/{segment(room)}/delayed_event/m.room.message/1"
    body = {"delay_ms": 3_600_000, "content": {"msgtype": "m.text", "body": "later"}}
    delay = (await s.person.call("PUT", path, body))["delay_id"]
    base = f"/_matrix/client/unstable/org.matrix.msc4140/delayed_events/{delay}"

    async def probe() -> bool:
        assert await s.raw("POST", f"{base}/restart") in (200, 403, 404)  # with the id alone
        return await s.raw("POST", f"{base}/restart") == 200

    return probe


async def requests(s: Scene) -> Probe:
    kept = s.server.node.critical_acts.requests
    number, _ = await kept.ask("all", "erase", {"userId": "@x:localhost"}, s.person.id, "api")
    return lambda: served(kept.waiting(number, "all"))


async def invitations(s: Scene) -> Probe:
    room = await s.person.create_room()
    address = f"guest-of-{s.person.id[1:].split(':')[0]}@example.org"
    where = {"id_server": "localhost", "id_access_token": "-", "medium": "email", "address": address}
    await s.person.call("POST", f"/rooms/{segment(room)}/invite", where)

    async def probe() -> bool:
        """Whoever proves the address is invited, or nobody is; until somebody is it goes on waiting."""
        guest = await s.server.person()
        await s.server.node.bind_threepid(UserId(guest.id), "email", address, 1)
        arrived = room in (await guest.sync()).get("rooms", {}).get("invite", {})
        await s.server.node.accounts.store.remove_threepids(guest.id)
        return arrived

    return probe


async def reservations(s: Scene) -> Probe:
    await s.person.call("POST", "/_matrix/media/v1/create", {})

    async def probe() -> bool:
        found = await s.server.node.database.fetchval(
            "SELECT count(*) FROM media WHERE user_id = $1 AND size IS NULL", s.person.id
        )
        return found > 0 and await s.may(Doing.ACT)

    return probe


WAYS_OF_THE_ENGINE: dict[str, Callable[[Scene], Awaitable[Probe]]] = {
    "access tokens": access_tokens,
    "refresh tokens": refresh_tokens,
    "OAuth sessions": oauth_sessions,
    "OAuth codes and device codes": oauth_codes,
    "login tokens": login_tokens,
    "OpenID tokens": openid_tokens,
    "identity-service tokens": identity_tokens,
    "browser sessions": browser_sessions,
    "rendezvous": rendezvous,
    "known browsers": known_browsers,
    "proofs under way": proofs,
    "links to a new password": links,
    "password": password,
    "identities at providers": upstream_links,
    "addresses": addresses,
    "second factors": second_factors,
    "pushers": pushers,
    "bots": bots,
    "webhooks": webhooks,
    "delayed events": delayed_events,
    "requests for a second person": requests,
    "invitations by address": invitations,
    "reservations for files": reservations,
}


# ----------------------------------------------------------------------------------------------------- docs/security.md

HEADS = {
    AccountState.LOCKED: "locked",
    AccountState.SUSPENDED: "suspended",
    AccountState.EXPIRED: "expired",
    AccountState.ENDED: "ended",
    AccountState.ERASED: "erased",
    AccountState.MOVED: "moved",
    AccountState.CONSOLE_RIGHT_WITHDRAWN: "console right gone",
    AccountState.DUTY_RIGHT_WITHDRAWN: "duty right gone",
    AccountState.PASSWORD_CHANGED: "new password",
    AccountState.SIGNED_OUT_EVERYWHERE: "out everywhere",
    AccountState.DEVICE_SIGNED_OUT: "out on one device",
    AccountState.CHALLENGED: "must sign in again",
    AccountState.SECOND_FACTOR_RESET: "factor reset",
}


def table() -> str:
    """The list as the documentation shows it."""
    lines = ["| | " + " | ".join(HEADS[state] for state in AccountState) + " |", "|---" * (len(AccountState) + 1) + "|"]
    for way in WAYS:
        cells = ("·" if way.on[state] is Effect.STAYS else way.on[state].value for state in AccountState)
        lines.append(f"| {way.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
