"""Who sees what: every endpoint that lists, counts, searches or looks up, asked by readers of each kind about the same world.

`LISTINGS` is the table: what is asked. `ELSEWHERE` and `OWN` hold the others, with where they are held to account, or why they tell
nobody of anybody else. A new endpoint must come into one of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chappe.homeserver.app.routes import routes_of_node
from tests.support import Person, Server, segment

RULES = "im.vector.room.access_rules"
OPEN = [
    {"type": RULES, "content": {"rule": "unrestricted"}},
    {"type": "m.room.guest_access", "content": {"guest_access": "can_join"}},
]
READERS = ("nobody", "guest", "person")
Asked = tuple[str, Any]  # path, body


@dataclass
class World:
    """`alice` and `stranger` are agents. `guest` and `person` are in the same rooms: joined to `shared`, invited to `invited`."""

    server: Server
    alice: Person
    stranger: Person
    guest: Person
    person: Person
    rooms: dict[str, str] = field(default_factory=dict)
    events: dict[str, str] = field(default_factory=dict)

    @property
    def marks(self) -> dict[str, str]:
        """What an answer may show, by what it is called here."""
        told = {f"{name} {what}": f"{what}{name}" for name in self.rooms for what in ("title", "subject", "sentence")}
        people = {"alice": self.alice.id, "stranger": self.stranger.id, "device": "Phone of the stranger"}
        return {**self.rooms, **told, **people}

    def reader(self, name: str) -> Person | None:
        return None if name == "nobody" else getattr(self, name)  # type: ignore[no-any-return]

    async def seen(self, reader: str, method: str, asked: Asked) -> set[str]:
        """What an answer shows: the marks in it, and that there was one at all."""
        who = self.reader(reader)
        path, body = asked
        status, raw, _ = await self.server.raw(method, path, body, who.token if who else None)
        assert status < 500, (path, raw)
        text = raw.decode()
        return {name for name, mark in self.marks.items() if mark in text} | {"answer"} if status == 200 else set()


async def a_world(server: Server, alice: Person, stranger: Person, guest: Person, person: Person) -> World:
    world = World(server, alice, stranger, guest, person)

    async def room(name: str, **options: Any) -> None:
        titles = {"name": f"title{name}", "topic": f"subject{name}"}
        world.rooms[name] = await alice.create_room(**titles, **options)
        world.events[name] = await alice.say(world.rooms[name], f"sentence{name} commun")

    await room("forum", preset="public_chat", visibility="public", room_alias_name="forum")
    await room("private", invite=[stranger.id], room_alias_name="private")
    await stranger.join(world.rooms["private"])
    await room("shared", initial_state=OPEN, room_alias_name="shared")
    for one in (guest, person):
        await alice.invite(world.rooms["shared"], one)
        await one.join(world.rooms["shared"])
    world.events["shared"] = await alice.say(world.rooms["shared"], "sentenceshared commun")
    await room("invited", initial_state=OPEN, invite=[guest.id, person.id])
    readable = {"type": "m.room.history_visibility", "content": {"history_visibility": "world_readable"}}
    await room("window", preset="public_chat", visibility="public", initial_state=[readable])
    await room("space", preset="public_chat", visibility="public", creation_content={"type": "m.space"})
    for name in ("forum", "private", "shared", "invited"):
        via = {"via": [server.config.server_name]}
        await alice.set_state(world.rooms["space"], "m.space.child", via, world.rooms[name])
    await stranger.call("PUT", f"/devices/{stranger.device}", {"display_name": "Phone of the stranger"})
    await stranger.call("POST", "/keys/upload", {"device_keys": _keys(stranger)})
    return world


def _keys(person: Person) -> dict[str, Any]:
    named = {f"{kind}:{person.device}": "A" * 43 for kind in ("curve25519", "ed25519")}
    return {
        "user_id": person.id,
        "device_id": person.device,
        "algorithms": ["m.megolm.v1.aes-sha2"],
        "keys": named,
        "signatures": {person.id: {f"ed25519:{person.device}": "A" * 86}},
    }


V1, V3 = "/_matrix/client/v1", "/_matrix/client/v3"


def of_rooms(path: str, body: Any = None) -> Callable[[World], list[Asked]]:
    """The same of each room: `{}` is the room, `{event}` what was said in it."""

    def asked(world: World) -> list[Asked]:
        return [
            (path.replace("{event}", segment(world.events[name])).replace("{}", segment(room)), body)
            for name, room in world.rooms.items()
        ]

    return asked


def of_people(path: str) -> Callable[[World], list[Asked]]:
    return lambda world: [(path.replace("{}", segment(one.id)), None) for one in (world.alice, world.stranger)]


def just(path: str, body: Any = None) -> Callable[[World], list[Asked]]:
    return lambda world: [(path, body)]


def _aliases(world: World) -> list[Asked]:
    names = [f"#{name}:{world.server.config.server_name}" for name in ("forum", "private", "shared")]
    return [(f"{V3}/directory/room/{segment(name)}", None) for name in names]


def _devices(world: World) -> list[Asked]:
    return [(f"{V3}/keys/query", {"device_keys": {one.id: []}}) for one in (world.alice, world.stranger)]


def _claims(world: World) -> list[Asked]:
    one = world.stranger
    return [(f"{V3}/keys/claim", {"one_time_keys": {one.id: {one.device: "signed_curve25519"}}})]


_SEARCHED = {"search_categories": {"room_events": {"search_term": "commun", "include_state": True}}}
_LISTS = {"a": {"ranges": [[0, 99]], "timeline_limit": 10, "required_state": [["*", "*"]]}}

# by method and path: what is asked
LISTINGS: dict[tuple[str, str], Callable[[World], list[Asked]]] = {
    ("GET", f"{V3}/publicRooms"): just(f"{V3}/publicRooms"),
    ("POST", f"{V3}/publicRooms"): just(f"{V3}/publicRooms", {}),
    ("GET", f"{V3}/directory/list/room/{{roomId}}"): of_rooms(f"{V3}/directory/list/room/{{}}"),
    ("GET", f"{V3}/directory/room/{{roomAlias}}"): _aliases,
    ("GET", f"{V1}/room_summary/{{roomIdOrAlias}}"): of_rooms(f"{V1}/room_summary/{{}}"),
    ("GET", f"{V1}/rooms/{{roomId}}/hierarchy"): of_rooms(f"{V1}/rooms/{{}}/hierarchy"),
    ("GET", f"{V3}/rooms/{{roomId}}/aliases"): of_rooms(f"{V3}/rooms/{{}}/aliases"),
    ("GET", f"{V3}/profile/{{userId}}"): of_people(f"{V3}/profile/{{}}"),
    ("GET", f"{V3}/profile/{{userId}}/{{keyName}}"): of_people(f"{V3}/profile/{{}}/displayname"),
    ("POST", f"{V3}/user_directory/search"): just(f"{V3}/user_directory/search", {"search_term": "stranger"}),
    ("GET", f"{V3}/presence/{{userId}}/status"): of_people(f"{V3}/presence/{{}}/status"),
    ("GET", f"{V1}/mutual_rooms"): lambda w: [(f"{V1}/mutual_rooms?user_id={segment(w.alice.id)}", None)],
    ("POST", f"{V3}/keys/query"): _devices,
    ("POST", f"{V3}/keys/claim"): _claims,
    ("POST", f"{V3}/search"): just(f"{V3}/search", _SEARCHED),
    ("GET", f"{V3}/rooms/{{roomId}}/members"): of_rooms(f"{V3}/rooms/{{}}/members"),
    ("GET", f"{V3}/rooms/{{roomId}}/joined_members"): of_rooms(f"{V3}/rooms/{{}}/joined_members"),
    ("GET", f"{V3}/rooms/{{roomId}}/messages"): of_rooms(f"{V3}/rooms/{{}}/messages?dir=b"),
    ("GET", f"{V3}/rooms/{{roomId}}/state"): of_rooms(f"{V3}/rooms/{{}}/state"),
    ("GET", f"{V3}/rooms/{{roomId}}/state/{{eventType}}"): of_rooms(f"{V3}/rooms/{{}}/state/m.room.name"),
    ("GET", f"{V3}/rooms/{{roomId}}/state/{{eventType}}/"): of_rooms(f"{V3}/rooms/{{}}/state/m.room.topic/"),
    ("GET", f"{V3}/rooms/{{roomId}}/state/{{eventType}}/{{stateKey}}"): of_rooms(f"{V3}/rooms/{{}}/state/m.room.name/"),
    ("GET", f"{V3}/rooms/{{roomId}}/event/{{eventId}}"): of_rooms(f"{V3}/rooms/{{}}/event/{{event}}"),
    ("GET", f"{V3}/rooms/{{roomId}}/context/{{eventId}}"): of_rooms(f"{V3}/rooms/{{}}/context/{{event}}"),
    ("GET", f"{V1}/rooms/{{roomId}}/timestamp_to_event"): of_rooms(f"{V1}/rooms/{{}}/timestamp_to_event?ts=0&dir=f"),
    ("GET", f"{V1}/rooms/{{roomId}}/relations/{{eventId}}"): of_rooms(f"{V1}/rooms/{{}}/relations/{{event}}"),
    ("GET", f"{V1}/rooms/{{roomId}}/relations/{{eventId}}/{{relType}}"): of_rooms(
        f"{V1}/rooms/{{}}/relations/{{event}}/m.thread"
    ),
    ("GET", f"{V1}/rooms/{{roomId}}/relations/{{eventId}}/{{relType}}/{{eventType}}"): of_rooms(
        f"{V1}/rooms/{{}}/relations/{{event}}/m.thread/m.room.message"
    ),
    ("GET", f"{V1}/rooms/{{roomId}}/threads"): of_rooms(f"{V1}/rooms/{{}}/threads"),
    ("GET", f"{V3}/rooms/{{roomId}}/initialSync"): of_rooms(f"{V3}/rooms/{{}}/initialSync"),
    ("GET", f"{V3}/events/{{eventId}}"): lambda w: [(f"{V3}/events/{segment(e)}", None) for e in w.events.values()],
    ("GET", f"{V3}/initialSync"): just(f"{V3}/initialSync"),
    ("GET", f"{V3}/events"): just(f"{V3}/events?timeout=0"),
    ("GET", f"{V3}/sync"): just(f"{V3}/sync"),
    ("POST", "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"): just(
        "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?timeout=0", {"lists": _LISTS}
    ),
    ("GET", f"{V3}/joined_rooms"): just(f"{V3}/joined_rooms"),
    ("GET", f"{V3}/notifications"): just(f"{V3}/notifications"),
    ("GET", f"{V3}/admin/whois/{{userId}}"): of_people(f"{V3}/admin/whois/{{}}"),
    ("GET", "/_matrix/identity/api/v1/info"): just("/_matrix/identity/api/v1/info?medium=email&address=stranger%40x.example"),
    ("GET", "/_chappe/client/v1/rooms/{roomId}/webhooks"): of_rooms("/_chappe/client/v1/rooms/{}/webhooks"),
    ("GET", "/_chappe/client/v1/rooms/{roomId}/awaited"): of_rooms("/_chappe/client/v1/rooms/{}/awaited"),
    ("GET", f"{V1}/rooms/{{roomId}}/thread/{{eventId}}/subscription"): of_rooms(
        f"{V1}/rooms/{{}}/thread/{{event}}/subscription"
    ),
}

# held to account elsewhere: for other servers (tests/federation/test_readers.py), identity tokens, administrators, media
ELSEWHERE = re.compile(
    r"""/_matrix/federation/.* | /_chappe/federation/.* | /_matrix/key/.* | /_matrix/identity/(v2.*|versions|api/v1/internal-info)
      | /_synapse/.* | /_chappe/(admin|console)/.* | /_matrix/client/v1/admin/.* | /_matrix/((client/v1/)?media|media_proxy)/.* | /_matrix/client/v3/thirdparty/.*
      | /_matrix/client/.*rendezvous.* | /(health|metrics)""",
    re.VERBOSE,
)
# one's own things, the server's own, and what acts
OWN = re.compile(
    r"""/_matrix/client/(versions | v3/(capabilities | login(/.*)? | password_policy | logout(/all)? | refresh | register(/.*)? | auth/.*
          | account(/.*)? | devices(/.*)? | delete_devices | user/\{userId\}/.* | pushrules.* | pushers(/set)? | room_keys/.*
          | voip/turnServer | keys/(upload.* | signatures/upload | device_signing/upload | changes) | createRoom
          | rooms/\{roomId\}/(ban|forget|invite|join|kick|leave|unban|upgrade|report.*|read_markers|receipt/.*|send/.*|redact/.*) | join/.* | knock/.*
          | users/\{userId\}/report)
        | v1/(login/get_token | refresh | auth_metadata | register/.* | thread_subscriptions | delayed_events.* | appservice/.* | rtc/.*)
        | unstable/(.*dehydrated_device.* | .*delayed_events.* | .*auth_issuer | .*rtc/.*))
      | /\.well-known/.* | /(oauth2|login|register|account|link|switch-account|logout|assets|icons)(/.*)?
      | /(forgot-password|reset-password|verify-email|manifest\.webmanifest|favicon\.ico|licences\.txt|sw\.js|look\.css|invitation|)
      | /_chappe/client/v1/(configuration|organisation|rules|my_data.*|guests.*|bots.*|function_accounts.*|sealed_index.*|status
          |rooms/\{roomId\}/(guest_access/.*|webhooks(/.*)?|awaited/.*)) | /_chappe/(hooks|account_validity|livekit)/.*""",
    re.VERBOSE,
)


def without_a_row(server: Server) -> list[str]:
    """Endpoints that answer something and are in no part of the table. Other names of the same count with it."""
    names: dict[Any, list[tuple[str, str]]] = {}
    for route in routes_of_node(server.node):
        if route.endpoint.method in ("GET", "POST"):
            names.setdefault(route.handler, []).append((route.endpoint.method, route.endpoint.path))
    known = [*LISTINGS]

    def has_row(method: str, path: str) -> bool:
        return (method, path) in known or bool(ELSEWHERE.fullmatch(path) or OWN.fullmatch(path))

    return [json.dumps(paths) for paths in names.values() if not any(has_row(*name) for name in paths)]


async def table(world: World) -> dict[tuple[str, str], dict[str, set[str]]]:
    """By listing and reader: what is seen."""
    result: dict[tuple[str, str], dict[str, set[str]]] = {}
    for (method, path), asks in LISTINGS.items():
        row = result[method, path] = {}
        for reader in READERS:
            row[reader] = set()
            for number, asked in enumerate(asks(world)):
                row[reader] |= {f"{number} {mark}" for mark in await world.seen(reader, method, asked)}
    return result
