"""createRoom: every preset and option, all its events in one commit (client-server API, "Creation")."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import asyncpg
import msgspec

from chappe.homeserver.policy import ContentOf
from chappe.homeserver.rooms.admission import Admission
from chappe.homeserver.rooms.aliases import Aliases, aliases_in
from chappe.homeserver.rooms.create_event import Draft, RoomWrite, identify_room
from chappe.homeserver.rooms.membership import MembershipChanges
from chappe.homeserver.rooms.membership_change import MembershipChange
from chappe.homeserver.rooms.rooms import CANONICAL_ALIAS, THIRD_PARTY_INVITE, Rooms
from chappe.matrix.errors import BadRequest, Forbidden, MatrixError
from chappe.matrix.events import check_content, check_picture
from chappe.matrix.identifiers import RoomAlias, UserId, domain_of, is_user_id, parse_room_alias, parse_user_id
from chappe.matrix.room_versions import RoomVersion, require_room_version

log = logging.getLogger(__name__)
MAX_INVITES = 500
MAX_INITIAL_STATE = 300  # events: they are signed in one go, while the others wait


class InitialState(msgspec.Struct):
    type: str
    content: dict[str, Any]
    state_key: str = ""


class ThirdPartyInvite(msgspec.Struct):
    id_server: str
    medium: str
    address: str
    id_access_token: str | None = None


class InvitesByAddress(Protocol):
    """How people are invited of whom only an e-mail address is known. All raise MatrixError."""

    async def check(self, user_id: UserId, medium: str, address: str, id_server: str) -> None: ...
    async def invite(self, user_id: UserId, room_id: str, medium: str, address: str, id_server: str) -> None: ...
    async def require_may_announce(self, user_id: UserId, room_id: str, token: str, content: Mapping[str, Any]) -> None: ...


class PublishedRooms(Protocol):
    """Who may list a room. Raises MatrixError."""

    async def require_may_publish(self, user_id: UserId, content_of: ContentOf) -> None: ...


# state by which a member is in a call (MSC3401, as deployed): whoever may speak may call, whatever their client asked for
CALL_MEMBER = "org.matrix.msc3401.call.member"


class CreateRoomRequest(msgspec.Struct):
    """The body of `POST /createRoom`."""

    preset: str | None = None
    visibility: str = "private"
    room_alias_name: str | None = None
    name: str | None = None
    topic: str | None = None
    invite: list[str] = []
    invite_3pid: list[ThirdPartyInvite] = []
    room_version: str | None = None
    creation_content: dict[str, Any] = {}
    initial_state: list[InitialState] = []
    is_direct: bool = False
    power_level_content_override: dict[str, Any] = {}


PRESETS = {
    "private_chat": ("invite", "can_join"),
    "trusted_private_chat": ("invite", "can_join"),
    "public_chat": ("public", "forbidden"),
}


class RoomCreation:
    def __init__(
        self,
        rooms: Rooms,
        aliases: Aliases,
        admission: Admission,
        membership: MembershipChanges,
        by_address: InvitesByAddress,
        directory: PublishedRooms,
        default_version: str,
    ) -> None:
        self._rooms, self._aliases, self._admission = rooms, aliases, admission
        self._membership, self._default_version = membership, default_version
        self._by_address, self._directory = by_address, directory
        self._last_moment = 0

    async def create(self, user_id: UserId, request: CreateRoomRequest) -> str:
        """Returns the new room's id. Raises BadRequest (M_INVALID_ROOM_STATE, M_ROOM_IN_USE, …); nothing is left then.

        People of other servers, and those of whom only an address is known, are invited afterwards: that one of them could not
        be is no error.
        """
        version = require_room_version(request.room_version or self._default_version)
        preset = request.preset or ("public_chat" if request.visibility == "public" else "private_chat")
        if preset not in PRESETS:
            raise BadRequest(f"Unknown preset {preset[:40]!r}", "M_INVALID_PARAM")
        if request.visibility not in ("public", "private"):
            raise BadRequest("visibility must be `public` or `private`", "M_INVALID_PARAM")
        if len(request.initial_state) > MAX_INITIAL_STATE:
            raise BadRequest(f"initial_state may have {MAX_INITIAL_STATE} events at most", "M_INVALID_PARAM")
        invited = self._invited(user_id, request)
        for invite in request.invite_3pid:
            await self._by_address.check(user_id, invite.medium, invite.address, invite.id_server)
        for item in request.initial_state:
            if item.type == THIRD_PARTY_INVITE:
                await self._by_address.require_may_announce(user_id, "", item.state_key, item.content)
        await self.require_may_create(user_id, msgspec.to_builtins(request))
        members = [await self._admission.admit(self._invitation(user_id, target, request)) for target in invited]
        alias = await self._alias(user_id, request)
        published: list[str] = [domain_of(user_id)] if request.visibility == "public" else []
        drafts = await self._drafts(user_id, request, version, preset, invited, alias)
        drafts = await self._shaped(user_id, request, drafts)
        drafts += [draft for draft in members if self._rooms.is_hosted(str(draft.state_key))]
        for draft in drafts:
            check_content(draft.content, version)
        room_id = await self.write(user_id, version, drafts, alias, published)
        await self._invite_afterwards(user_id, room_id, [t for t in invited if not self._rooms.is_hosted(t)], request)
        return room_id

    async def _invite_afterwards(
        self, user_id: UserId, room_id: str, elsewhere: Sequence[UserId], request: CreateRoomRequest
    ) -> None:
        """Invites those about whom another server has a say. The room is there by now: that one of them cannot be invited keeps
        nobody else out, and would be no answer to who made it."""
        await self._membership.invite_many(user_id, room_id, dict.fromkeys(elsewhere, _direct(request)))
        for by in request.invite_3pid:
            try:
                await self._by_address.invite(user_id, room_id, by.medium, by.address, by.id_server)
            except MatrixError as error:
                log.info("somebody was not invited to a new room", extra={"fields": {"why": error.message[:200]}})

    async def require_may_create(self, user_id: UserId, request: Mapping[str, Any]) -> None:
        """Asked of every room before it is made, also of an upgrade's. Raises what the policy refuses it with."""
        await self._rooms.policy.may_create_room(user_id, request)

    async def _shaped(self, user_id: UserId, request: CreateRoomRequest, drafts: list[Draft]) -> list[Draft]:
        """As the policy wants the room to begin. Who creates it is not its to say."""
        wanted = [(d.type, d.state_key or "", d.content) for d in drafts[2:]]
        shaped = await self._rooms.policy.shape_room(user_id, msgspec.to_builtins(request), wanted)
        if shaped is wanted:
            return drafts
        return [*drafts[:2], *(Draft(kind, user_id, content, key) for kind, key, content in shaped)]

    def _invited(self, user_id: UserId, request: CreateRoomRequest) -> list[UserId]:
        invited = [parse_user_id(target) for target in dict.fromkeys(request.invite) if target != user_id]
        if len(invited) + len(request.invite_3pid) > MAX_INVITES:
            raise BadRequest(f"At most {MAX_INVITES} people can be invited at once", "M_INVALID_PARAM")
        return invited

    async def _alias(self, user_id: UserId, request: CreateRoomRequest) -> RoomAlias | None:
        if request.room_alias_name is None:
            return None
        name = request.room_alias_name
        if not name or ":" in name or name.startswith("#") or any(c.isspace() for c in name):
            raise BadRequest("room_alias_name must be the part between # and : of an alias", "M_INVALID_PARAM")
        alias = parse_room_alias(f"#{name}:{domain_of(user_id)}")
        await self._aliases.require_free(alias, user_id)
        return alias

    async def write(
        self, user_id: UserId, version: RoomVersion, drafts: list[Draft], alias: str | None, published: list[str]
    ) -> str:
        """Makes the room of these events, all in one commit. `published`: in whose directories it is listed."""
        extra = drafts[0].content.get("additional_creators", []) if version.privileged_creators else []
        state = [(d.type, d.state_key or "", d.content) for d in drafts]
        await self._rooms.policy.may_empower(user_id, {user_id, *extra}, state)
        if published:
            contents = {(kind, key): content for kind, key, content in state}
            await self._directory.require_may_publish(user_id, contents.get)
        random_id = f"!{secrets.token_urlsafe(15)}:{domain_of(user_id)}"
        room = await self._rooms.new_room(random_id, version)
        around = replace(self._rooms.surroundings_for(user_id), now_ms=self._moment())
        if version.room_id_is_create_hash:
            room.take_id(identify_room(drafts[0], room, around))
            # another process may have made the same in this millisecond
            if await self._rooms.live.find(room.room_id) is not None:
                return await self.write(user_id, version, drafts, alias, published)

        def prepare(write: RoomWrite) -> None:
            write.around = replace(write.around, now_ms=around.now_ms)  # the create event's time is part of its hash
            write.aliases = [(alias, user_id)] if alias else []
            write.published_in = published

        self._rooms.live.add(room)
        try:
            await self._rooms.submit(room, drafts, prepare=prepare)
        except Exception as error:
            self._rooms.live.discard(room)
            if isinstance(error, asyncpg.UniqueViolationError) and alias is not None:
                raise MatrixError(400, "M_ROOM_IN_USE", f"{alias} is already taken") from None
            if isinstance(error, Forbidden):
                raise BadRequest(f"The room's state would be invalid: {error.message}", "M_INVALID_ROOM_STATE") from None
            raise
        return room.room_id

    def _moment(self) -> int:
        """A time of its own for each room: in version 12, equal creations at one time would be one room."""
        self._last_moment = max(self._rooms.now_ms(), self._last_moment + 1)
        return self._last_moment

    async def _drafts(
        self,
        user_id: UserId,
        request: CreateRoomRequest,
        version: RoomVersion,
        preset: str,
        invited: list[UserId],
        alias: str | None,
    ) -> list[Draft]:
        """In the order that the specification gives."""
        trusted = preset == "trusted_private_chat"

        def state(event_type: str, content: dict[str, Any], state_key: str = "") -> Draft:
            return Draft(event_type, user_id, content, state_key)

        drafts = [
            state("m.room.create", self._creation_content(user_id, request, version, invited if trusted else [])),
            await self._admission.admit(MembershipChange(user_id, user_id, "join")),
            state("m.room.power_levels", _power_levels(user_id, request, version, preset, invited if trusted else [])),
        ]
        if alias:
            drafts.append(state(CANONICAL_ALIAS, {"alias": alias}))
        join_rule, guest_access = PRESETS[preset]
        defaults = {
            "m.room.join_rules": {"join_rule": join_rule},
            "m.room.history_visibility": {"history_visibility": "shared"},
        }
        if guest_access != "forbidden":  # where the event is absent, that is what holds
            defaults["m.room.guest_access"] = {"guest_access": guest_access}
        given = {(s.type, s.state_key) for s in request.initial_state}
        drafts += [state(kind, content) for kind, content in defaults.items() if (kind, "") not in given]
        for item in request.initial_state:
            if item.type in ("m.room.create", "m.room.member") or "\0" in item.type + item.state_key:
                raise BadRequest(f"initial_state cannot hold {item.type[:60]!r}", "M_INVALID_PARAM")
            if item.type == CANONICAL_ALIAS and any(named != alias for named in aliases_in(item.content)):
                raise BadRequest("A new room can be called by its `room_alias_name` only", "M_BAD_ALIAS")
            check_picture(item.type, item.content)
            drafts.append(state(item.type, item.content, item.state_key))
        if request.name is not None:
            drafts.append(state("m.room.name", {"name": request.name}))
        if request.topic is not None:
            text = {"m.text": [{"body": request.topic}]}
            drafts.append(state("m.room.topic", {"topic": request.topic, "m.topic": text}))
        return drafts

    @staticmethod
    def _invitation(user_id: UserId, target: UserId, request: CreateRoomRequest) -> MembershipChange:
        return MembershipChange(user_id, target, "invite", content=_direct(request))

    @staticmethod
    def _creation_content(
        user_id: UserId, request: CreateRoomRequest, version: RoomVersion, trusted: list[UserId]
    ) -> dict[str, Any]:
        content = {k: v for k, v in request.creation_content.items() if k not in ("creator", "room_version")}
        content["room_version"] = version.id
        if not version.implicit_creator:
            content["creator"] = user_id
        if version.privileged_creators:
            extra = content.get("additional_creators", [])
            if type(extra) is not list or not all(is_user_id(user) for user in extra):
                raise BadRequest("additional_creators must be a list of user ids", "M_INVALID_PARAM")
            if extra := [u for u in dict.fromkeys([*extra, *trusted]) if u != user_id]:
                content["additional_creators"] = extra
        return content


def _direct(request: CreateRoomRequest) -> dict[str, Any]:
    return {"is_direct": True} if request.is_direct else {}


def _power_levels(
    user_id: str, request: CreateRoomRequest, version: RoomVersion, preset: str, trusted: list[UserId]
) -> dict[str, Any]:
    users = {} if version.privileged_creators else dict.fromkeys((user_id, *trusted), 100)
    tombstone = 150 if version.privileged_creators else 100
    content: dict[str, Any] = {
        "users": users,
        "users_default": 0,
        "events_default": 0,
        "state_default": 50,
        "ban": 50,
        "kick": 50,
        "redact": 50,
        "invite": 50 if preset == "public_chat" else 0,
        "historical": 100,
        "events": {
            "m.room.name": 50,
            "m.room.power_levels": 100,
            "m.room.history_visibility": 100,
            "m.room.canonical_alias": 50,
            "m.room.avatar": 50,
            "m.room.tombstone": tombstone,
            "m.room.server_acl": 100,
            "m.room.encryption": 100,
            CALL_MEMBER: 0,
        },
    }
    content.update(request.power_level_content_override)
    return content
