"""What clients need to know of the rules here, so that they offer what is allowed and say why the rest is not."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from chappe.agency.encrypted_files import note_files
from chappe.agency.people import People
from chappe.agency.policy import AgencyPolicy
from chappe.config import Config
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.database.pool import Database
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import BadRequest, Forbidden, NotFound
from chappe.matrix.identifiers import parse_room_id

FILES_AT_MOST = 20
_MXC = re.compile(r"mxc://([^/\s]{1,255})/([A-Za-z0-9_-]{1,255})")


class Files(msgspec.Struct):
    files: list[str]


class RulesApi:
    def __init__(
        self, config: Config, policy: AgencyPolicy, people: People, accounts: AccountStore, database: Database, rooms: Rooms
    ) -> None:
        self._config, self._policy, self._people = config, policy, people
        self._accounts, self._database, self._rooms = accounts, database, rooms

    @endpoint("GET", "/_chappe/client/v1/rules")
    async def rules(self, request: Request) -> Answer:
        """`me`: what of it concerns who asks; `sponsor`: how whoever invited a guest is called. Times in ms."""
        agency, user = self._config.agency, await self._accounts.find_user(request.user_id)
        assert user is not None or request.requester.appservice is not None
        me: dict[str, Any] = {"is_guest": self._policy.guests.is_guest(request.user_id)}
        if user is not None:
            me |= {
                "kind": user.kind,
                "ends_ts": user.expires_ts,
                "organisation": await self._people.organisation_of(user.user_id),
            }
        name = me.get("organisation")
        organisation = await self._policy.organisations.find(name) if name is not None else None
        if organisation is not None:
            me |= {
                "colour": organisation.colour,
                "may_have_guests": organisation.rules.guests,
                "may_make_forums": organisation.rules.forums,
            }
        if me["is_guest"]:
            me["sponsor"] = await self._database.fetchval(
                """SELECT coalesce(d.display_name, g.sponsor) FROM guests g LEFT JOIN user_directory d ON d.user_id = g.sponsor
                    WHERE g.user_id = $1""",
                request.user_id,
            )
        return {
            "guest_servers": list(agency.guest_domains),
            "guest_days": agency.guest_days,
            "guest_labels": [
                one.label for one in await self._policy.organisations.all() if self._policy.guests.is_guest_home(one.home)
            ],
            "classifications": [msgspec.structs.asdict(level) for level in agency.classifications],
            "retention": msgspec.structs.asdict(agency.retention),
            "antivirus": self._config.antivirus.engine is not None,
            "account_days": self._config.account_validity.period_days,
            "renewal_by_link": self._config.account_validity.send_links,
            "me": {key: value for key, value in me.items() if value is not None},
        }

    @endpoint("PUT", "/_chappe/client/v1/rooms/{roomId}/files/{eventId}", acts=True, limit="message", body_limit=SMALL_LIMIT)
    async def files(self, request: Request) -> Answer:
        """The sender of an encrypted message says which files it holds, so that they go when the message does."""
        body, room = await request.body_as(Files), await self._rooms.require(parse_room_id(request.params["roomId"]))
        event_id = request.params["eventId"]
        parsed = [_MXC.fullmatch(uri) for uri in body.files]
        if len(parsed) > FILES_AT_MOST or not all(parsed):
            raise BadRequest(f"`files` holds up to {FILES_AT_MOST} mxc:// addresses", "M_INVALID_PARAM")
        sender = await self._database.fetchval(
            "SELECT sender FROM events WHERE room_nid = $1 AND event_id = $2 AND type = 'm.room.encrypted'", room.nid, event_id
        )
        if sender is None:
            raise NotFound("There is no such encrypted message in this room")
        if sender != request.user_id:
            raise Forbidden("This message is not yours")
        await note_files(self._database, event_id, request.user_id, [(one[1], one[2]) for one in parsed if one])
        return {}
