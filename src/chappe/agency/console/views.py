"""What administrators see of their organisation: lists by name, a person, a room."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from msgspec.structs import asdict

from chappe.agency.account_validity import DAY_MS
from chappe.agency.announcements import Announcements
from chappe.agency.antivirus.scanner import Scanner
from chappe.agency.audit import Audit
from chappe.agency.awaited_guests import AwaitedGuests
from chappe.agency.console.actions import Actions
from chappe.agency.console.listed import ListedAlert, ListedFile, ListedReport, ListedRoom
from chappe.agency.console.people_list import PeopleList, Wanted
from chappe.agency.console.place import LAST, PAGE, Place, number_of, page_of
from chappe.agency.console.scope import ROOM_OF, Actor, ConsoleScope
from chappe.agency.former_accounts import FormerAccounts
from chappe.agency.function_accounts import FunctionAccounts
from chappe.agency.legal_holds import ABOUT_HOLDS, LegalHolds
from chappe.agency.organisations import EVERYWHERE, Organisations
from chappe.agency.people import People
from chappe.agency.policy import AgencyPolicy
from chappe.agency.read_guard import ReadGuard
from chappe.agency.records.exports import Exports
from chappe.agency.sponsors import Sponsors
from chappe.agency.statistics import Statistics
from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, mapping, read
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.modules.administration.administration import Administration
from chappe.homeserver.rooms.rooms import Rooms
from chappe.matrix.errors import MatrixError, NotFound
from chappe.matrix.identifiers import UserId
from chappe.matrix.search_lexemes import has_all, patterns

_ORGANISATIONS = ("organisation", "to", "from_organisation", "to_organisation", "locked_by")  # fields that name one
# $1: the organisation, $2: patterns of the search, $3: how many; after a room: $4: how many are in it, $5: its number
ROOMS = """SELECT s.room_nid, r.room_id, s.name, s.topic, s.joined, s.encryption IS NOT NULL AS encrypted, e.sender AS creator,
       e.ts AS created_ts, EXISTS (SELECT 1 FROM published_rooms q WHERE q.room_nid = s.room_nid) AS listed,
       EXISTS (SELECT 1 FROM blocked_rooms b WHERE b.room_id = r.room_id) AS blocked
  FROM room_summaries s JOIN rooms r ON r.room_nid = s.room_nid
  JOIN LATERAL (SELECT sender, ts FROM events c WHERE c.room_nid = s.room_nid AND c.type = 'm.room.create' LIMIT 1) e ON true
 WHERE s.joined > 0 AND (s.joined, s.room_nid) < ($4, $5) AND $1::text IS NOT NULL
   AND lower(r.room_id) || ' ' || s.search LIKE ALL ($2::text[])
   AND NOT EXISTS (SELECT 1 FROM server_notice_rooms n WHERE n.room_id = r.room_id)
 ORDER BY s.joined DESC, s.room_nid DESC LIMIT $3"""
# `ROOM_OF`, the other way round: the rooms of an organisation
OWN_ROOMS = ROOMS.replace(
    "FROM room_summaries s JOIN rooms r ON r.room_nid = s.room_nid",
    """FROM (SELECT x.room_nid FROM room_organisations o JOIN rooms x USING (room_id) WHERE o.organisation = $1
        UNION SELECT c.room_nid FROM organisation_people p JOIN events c ON c.sender = p.user_id AND c.type = 'm.room.create'
         WHERE p.organisation = $1) own
  JOIN LATERAL (SELECT * FROM room_summaries x WHERE x.room_nid = own.room_nid OFFSET 0) s ON true
  JOIN LATERAL (SELECT room_id FROM rooms x WHERE x.room_nid = own.room_nid OFFSET 0) r ON true""",
).replace(
    " ORDER BY",
    "   AND NOT EXISTS (SELECT 1 FROM room_organisations o WHERE o.room_id = r.room_id AND o.organisation <> $1)\n ORDER BY",
)


class Views:
    """Each view answers (items, whether there are more). `search`: what is looked for; `start`: how many are passed over."""

    def __init__(
        self,
        database: Database,
        scope: ConsoleScope,
        actions: Actions,
        accounts: Accounts,
        rooms: Rooms,
        policy: AgencyPolicy,
        people: People,
        former: FormerAccounts,
        functions: FunctionAccounts,
        sponsors: Sponsors,
        awaited: AwaitedGuests,
        holds: LegalHolds,
        exports: Exports,
        announcements: Announcements,
        statistics: Statistics,
        audit: Audit,
        scanner: Scanner | None,
        guard: ReadGuard | None,
        administration: Administration,
        organisations: Organisations,
        people_list: PeopleList,
        now_ms: NowMs,
    ) -> None:
        self._database, self._scope, self._accounts, self._rooms = database, scope, accounts, rooms
        self._policy, self._people, self._former, self._sponsors = policy, people, former, sponsors
        self._holds, self._audit, self._scanner, self._guard = holds, audit, scanner, guard
        self._administration, self._organisations, self._now_ms = administration, organisations, now_ms
        self._functions, self._actions, self._list, self._awaited = functions, actions, people_list, awaited

        self._all = {
            "people": self.people,
            "leavers": people_list.leavers,
            "awaited": self.awaited,
            "files": self.files,
            "reports": self.reports,
            "alerts": self.alerts,
            "holds": self.legal_holds,
            "organisations": self.organisations,
            "functions": self._whole(functions.all),
            "administrators": self._whole(scope.administrators),
            "requests": self.requests,
            "exports": self._whole(exports.all),
            "announcements": self._whole(announcements.all),
            "statistics": self._whole(statistics.months),
        }
        # long ones: from the place where the page before ended
        self._by_place = {"former": self.former, "guests": self.guests, "rooms": self.rooms}

    @property
    def names(self) -> list[str]:
        return sorted((*self._all, *self._by_place))

    def require(self, name: str) -> None:
        """Raises M_NOT_FOUND where there is no such list."""
        if name not in self.names:
            raise NotFound(f"There is no such list: there are {', '.join(self.names)}")

    async def page(self, name: str, actor: Actor, search: str, start: str | None) -> tuple[list[Any], str | int | None]:
        """(a page of a list, what `start` is for the next one). `search` narrows it. Raises M_NOT_FOUND, M_INVALID_PARAM."""
        self.require(name)
        if (by_place := self._by_place.get(name)) is not None:
            items, place = await by_place(actor, search, start)
            return items, None if place is None else str(place)
        items, more = await self._all[name](actor, search, before := number_of(start or "0"))
        return items, before + len(items) if more else None

    def _whole(self, fetch: Callable[[str], Awaitable[Any]]) -> Callable[..., Awaitable[tuple[list[Any], bool]]]:
        """The view of a list that is small enough to be read whole."""

        async def view(actor: Actor, search: str, start: int) -> tuple[list[Any], bool]:
            found = await self._holds.untold(actor.user_id, list(await fetch(actor.organisation)))
            return found[start : start + PAGE], start + PAGE < len(found)

        return view

    async def people(self, actor: Actor, search: str, start: int) -> tuple[list[Any], bool]:
        """By name."""
        return await self._list.page(actor, Wanted(search), start)

    async def former(self, actor: Actor, search: str, start: str | None) -> tuple[list[Any], Place | None]:
        organisation = None if actor.is_everywhere else actor.organisation

        async def some(at: Place, limit: int) -> list[dict[str, Any]]:
            return await self._former.all(organisation, limit, *at)

        return await page_of(
            some,
            lambda one: Place(one["ended_ts"], one["user_id"]),
            Place.parse(start) if start else Place(LAST, ""),
            (lambda one: has_all(f"{one['user_id']} {one['display_name']}", search)) if search else None,
        )

    async def guests(self, actor: Actor, search: str, start: str | None) -> tuple[list[Any], Place | None]:
        organisation = None if actor.is_everywhere else actor.organisation

        async def some(at: Place, limit: int) -> list[dict[str, Any]]:
            return await self._sponsors.of_organisation(organisation, limit, *at)

        return await page_of(
            some,
            lambda one: Place(LAST if one["ends_ts"] is None else one["ends_ts"], one["user_id"]),
            Place.parse(start) if start else Place(-1, ""),
            (lambda one: has_all(f"{one['user_id']} {one['display_name']} {one['sponsor']}", search)) if search else None,
        )

    async def awaited(self, actor: Actor, search: str, start: int) -> tuple[list[Any], bool]:
        """Guests who have not come yet."""
        found = await self._awaited.of_organisation(None if actor.is_everywhere else actor.organisation, 10_000)
        found = [f for f in found if has_all(f"{f['address']} {f['purpose']} {f['sponsor']}", search)]
        return found[start : start + PAGE], start + PAGE < len(found)

    async def rooms(self, actor: Actor, search: str, start: str | None) -> tuple[list[Any], Place | None]:
        """Those that its people have made and somebody is in, the largest first."""
        at = Place.parse(start) if start else Place(LAST, "0")
        given = (actor.organisation, patterns(search), PAGE + 1, at.number, number_of(at.item))
        if actor.is_everywhere:
            found = await read(self._database, ListedRoom, ROOMS, *given)
        else:
            found = await read(self._database, ListedRoom, OWN_ROOMS, *given)
        rows, more = _page(found)
        following = Place(rows[-1]["joined"], str(rows[-1]["room_nid"])) if more else None
        return [await self._room(row) for row in rows], following

    async def _room(self, row: dict[str, Any]) -> dict[str, Any]:
        room = await self._rooms.live.by_nid(row.pop("room_nid"))
        kind, level, levels = self._policy.kind(room), self._policy.level(room), room.power_levels()
        administrators = [user for user in room.joined if levels.of(user) >= 100]
        return {
            **row,
            "access": kind.rule,
            "is_forum": kind.is_public,
            "classification": level.name if level is not None else None,
            "guests": len(self._policy.guests.among(room.joined)),
            "administrators": len(administrators),
        }

    async def files(self, actor: Actor, search: str, start: int) -> tuple[list[Any], bool]:
        """Those that the antivirus has stopped or somebody put into quarantine, the latest first."""
        rows = await read(
            self._database,
            ListedFile,
            """WITH stopped AS (SELECT server_name, media_id FROM scan_results WHERE reason IS NOT NULL
                    UNION SELECT server_name, media_id FROM media WHERE quarantined_by IS NOT NULL)
               SELECT m.server_name, m.media_id, m.user_id, m.file_name, m.size, m.created_ts, m.quarantined_by,
                      s.reason, s.info, s.released_by FROM stopped JOIN media m USING (server_name, media_id)
                 LEFT JOIN LATERAL (SELECT * FROM scan_results r WHERE r.server_name = m.server_name AND r.media_id = m.media_id
                                     AND r.reason IS NOT NULL ORDER BY scanned_ts DESC LIMIT 1) s ON true
                 LEFT JOIN organisation_people p ON p.user_id = m.user_id
                WHERE $1 = 'all' OR p.organisation = $1 ORDER BY m.created_ts DESC LIMIT $2 OFFSET $3""",
            actor.organisation,
            PAGE + 1,
            start,
        )
        return _page(rows)

    async def reports(self, actor: Actor, search: str, start: int) -> tuple[list[Any], bool]:
        rows = await read(
            self._database,
            ListedReport,
            """SELECT r.report_id, r.reporter, r.room_id, r.event_id, r.user_id, r.reason, r.received_ts, s.name AS room_name
                 FROM reports r LEFT JOIN organisation_people p ON p.user_id = r.reporter LEFT JOIN rooms m ON m.room_id = r.room_id
                 LEFT JOIN room_summaries s ON s.room_nid = m.room_nid
                WHERE $1 = 'all' OR p.organisation = $1 ORDER BY r.report_id DESC LIMIT $2 OFFSET $3""",
            actor.organisation,
            PAGE + 1,
            start,
        )
        return _page(rows)

    async def alerts(self, actor: Actor, search: str, start: int) -> tuple[list[Any], bool]:
        """Who has read unusually much, or which organisation has, the latest first."""
        rows = await read(
            self._database,
            ListedAlert,
            """SELECT a.user_id, o.label AS organisation_label, a.step, a.what, a.amount, a.ts, coalesce(u.locked, false) AS locked,
                      EXISTS (SELECT 1 FROM administrators x WHERE x.user_id = a.user_id) OR coalesce(u.is_admin, false) AS administers
                 FROM read_guard_alerts a LEFT JOIN users u USING (user_id) LEFT JOIN organisation_people p USING (user_id)
                 LEFT JOIN guests g ON g.user_id = a.user_id AND g.agent_since IS NULL
                 LEFT JOIN organisation_people s ON s.user_id = g.sponsor
                 LEFT JOIN organisations o ON a.step = 'organisation' AND o.name = a.user_id
                WHERE $1 IN ('all', p.organisation, s.organisation, o.name) ORDER BY a.id DESC LIMIT $2 OFFSET $3""",
            actor.organisation,
            PAGE + 1,
            start,
        )
        return _page(rows)

    async def audit(
        self, actor: Actor, search: str, start: int, action: str = "", days: int = 0, by: str = "", most: int = PAGE
    ) -> tuple[list[Any], int]:
        """The latest first: of the organisation, or everything; of one action, of the last days, `by` somebody.

        `start`: the number of the entry before which they are (0: the latest), not how many: of a long log nothing is passed
        over. With them comes the next `start`; 0: there are no more.
        """
        organisation, since = None if actor.is_everywhere else actor.organisation, self._now_ms() - days * DAY_MS if days else 0
        found = await self._audit.of_organisation(organisation, most + 1, start, patterns(search), action, since, by)
        following = found[most - 1]["number"] if len(found) > most else 0
        return await self._holds.untold(actor.user_id, found[:most]), following

    async def authors(self, actor: Actor) -> list[dict[str, Any]]:
        """Whose acts the audit log of the organisation has."""
        found = await self._audit.authors(None if actor.is_everywhere else actor.organisation)
        return [{"actor": author} for author in found]

    async def legal_holds(self, actor: Actor, search: str, start: int) -> tuple[list[Any], bool]:
        found = []
        for hold in await self._holds.all():
            check = self._scope.require_room if hold["target"].startswith("!") else self._scope.require_person
            try:
                await check(actor, hold["target"])
            except MatrixError:  # another organisation's, or about the administrator themself
                continue
            found.append(hold)
        return found[start : start + PAGE], start + PAGE < len(found)

    async def requests(self, actor: Actor, search: str, start: int) -> tuple[list[Any], bool]:
        """What waits for a second person, with how many there are who can agree (`approvers`), and the latest decisions."""
        found = await self._holds.untold(actor.user_id, await self._actions.requests(actor.organisation))
        everybody = await self._scope.able(actor.organisation)
        shown = found[start : start + PAGE]
        for row in shown:
            if "decided_ts" not in row:
                row["approvers"] = len(await self._who_can_agree(row, everybody))
        return shown, start + PAGE < len(found)

    async def approvers(self, actor: Actor, number: int) -> int:
        """How many there are who can agree to a request that waits."""
        rows = await self._actions.requests(actor.organisation)
        everybody = await self._scope.able(actor.organisation)
        return sum([len(await self._who_can_agree(row, everybody)) for row in rows if row["id"] == number])

    async def _who_can_agree(self, row: dict[str, Any], everybody: list[str]) -> list[str]:
        """Not who asked, and not who must not hear of it."""
        others = [user_id for user_id in everybody if user_id != row["asked_by"]]
        if row["action"] not in ABOUT_HOLDS:
            return others
        return [user_id for user_id in others if await self._holds.untold(user_id, [row])]

    async def organisations(self, actor: Actor, search: str, start: int) -> tuple[list[Any], bool]:
        """The registry, for administrators of the whole installation; one's own entry for others."""
        found = [
            {
                "name": one.name,
                "label": one.label,
                "home": one.home,
                "by_invitation": one.requires_invite,
                "addresses": one.patterns,
                "colour": one.colour,
                "guests": one.rules.guests,
                "forums": one.rules.forums,
                "guest_days": one.rules.guest_days,
            }
            for one in await self._organisations.all()
            if actor.is_everywhere or one.name == actor.organisation
        ]
        return found[start : start + PAGE], start + PAGE < len(found)

    async def names_in(self, actor: Actor, items: list[Any]) -> dict[str, str]:
        """How the people, rooms and organisations are called that a list names, by id: people of here, rooms that the actor
        administers."""
        return await mapping(
            self._database,
            str,
            str,
            f"""SELECT user_id AS id, display_name AS name FROM user_directory
                WHERE user_id = ANY($1::text[]) AND display_name IS NOT NULL
               UNION ALL
               SELECT r.room_id, s.name FROM rooms r JOIN room_summaries s USING (room_nid) JOIN events e USING (room_nid)
                 LEFT JOIN organisation_people p ON p.user_id = e.sender
                WHERE r.room_id = ANY($2::text[]) AND s.name IS NOT NULL AND e.type = 'm.room.create'
                  AND ($3 = 'all' OR {ROOM_OF} = $3)
               UNION ALL SELECT name, label FROM organisations WHERE name = ANY($4::text[])""",
            sorted(_ids_in(items, "@")),
            sorted(_ids_in(items, "!")),
            actor.organisation,
            sorted(_organisations_in(items)),
        )

    # ------------------------------------------------------------------------------------------------------ one of them

    async def person(self, actor: Actor, user_id: str) -> dict[str, Any]:
        """Everything that an administrator needs to know of an account, and nothing that its holder said. Raises M_NOT_FOUND."""
        if user_id != actor.user_id:
            await self._scope.require_person(actor, user_id)
        user = await self._administration.user(user_id)
        account = await self._accounts.store.find_user(user_id)
        locked_by = (account.locked_by or EVERYWHERE) if account is not None and account.locked else None
        rooms = await self._rooms.memberships.joined(user_id)
        devices = [asdict(row) for row in await self._accounts.store.sessions.devices(user_id)]
        return {
            "user_id": user_id,
            "display_name": user["displayname"],
            "avatar_url": user["avatar_url"],
            "kind": user["user_type"],
            "locked": user["locked"],
            "locked_by": locked_by,
            "deactivated": user["deactivated"],
            "expires_ts": user["expiration_ts"],
            "created_ts": user["creation_ts"],
            "last_seen_ts": user["last_seen_ts"],
            "addresses": [a["address"] for a in user["threepids"]],
            "rooms": len(rooms),
            "devices": devices,
            "organisation": await self._people.organisation_of(user_id),
            "moves": await self._people.moves(user_id),
            "guests": (await self._sponsors.of(UserId(user_id)))["guests"],
            # whoever is held is not told so
            "holds": [] if user_id == actor.user_id else await self._holds.all(user_id),
            "turns": await self._functions.turns(user_id, PAGE),
        }


def _page(rows: Sequence[Row]) -> tuple[list[dict[str, Any]], bool]:
    return [asdict(row) for row in rows[:PAGE]], len(rows) > PAGE


def _ids_in(value: Any, sigil: str) -> set[str]:
    """Every identifier of a kind in a list, wherever it stands."""
    if isinstance(value, str):
        return {value} if value.startswith(sigil) and (":" in value or sigil == "!") else set()
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*(_ids_in(each, sigil) for each in inner))


def _organisations_in(value: Any) -> set[str]:
    """The names of organisations in a list, by the fields that hold one."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = {value[field] for field in _ORGANISATIONS if isinstance(value.get(field), str)} if isinstance(value, dict) else set()
    return own.union(*(_organisations_in(each) for each in inner))
