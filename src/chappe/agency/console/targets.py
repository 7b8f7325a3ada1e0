"""What an argument of an action names, and whether the actor administers it.

Each field of a structure of arguments says its kind: `Annotated[str, Kind.PERSON]`, `Plain[int | None]`. An action with a
field that says nothing is not loaded; the kinds are checked here, before an action is done and before it is asked for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Annotated, Any, TypeVar, get_type_hints

import msgspec

from chappe.agency.awaited_guests import AwaitedGuests
from chappe.agency.console.scope import Actor, ConsoleScope
from chappe.homeserver.database.pool import Database
from chappe.matrix.errors import BadRequest, MatrixError, NotFound
from chappe.matrix.identifiers import parse_user_id


class TargetKind(Enum):
    """What a field names."""

    PERSON = "an account that the actor administers, and not their own"
    ADMINISTRATOR = "an administrator of the actor's organisation, or the actor"
    COLLEAGUE = "somebody of the actor's organisation, or the actor"
    MEMBER = "somebody in the room that the ROOM of the same structure names"
    ROOM = "a room that somebody of the organisation has made"
    FILE = "a file that somebody of the organisation has uploaded; a FILE_HOST goes with it"
    FILE_HOST = "the server of the FILE of the same structure"
    REPORT = "a report that somebody of the organisation has made"
    AWAITED = "an address that somebody of the organisation has invited"
    HOLD = "a legal hold on an account or a room of the organisation"
    ORGANISATION = "an organisation that the actor administers"
    PLAIN = "nothing that belongs to anybody"


_NO_HOLD = "There is no such hold"
T = TypeVar("T")
Plain = Annotated[T, TargetKind.PLAIN]
_GOES_WITH = {TargetKind.MEMBER: TargetKind.ROOM, TargetKind.FILE: TargetKind.FILE_HOST, TargetKind.FILE_HOST: TargetKind.FILE}
_COLLEAGUE = "SELECT EXISTS (SELECT 1 FROM organisation_people WHERE user_id = $1 AND organisation = $2)"
_ADMINISTRATOR = "SELECT EXISTS (SELECT 1 FROM administrators WHERE user_id = $1 AND organisation = $2)"


def kinds_of(arguments: type[msgspec.Struct]) -> Mapping[str, TargetKind]:
    """The kind of each field. Raises TypeError where one says none, or two, or lacks the field that it goes with."""
    if not issubclass(arguments, msgspec.Struct):
        raise TypeError(f"{arguments.__name__} is no structure of arguments")
    found = {}
    for name, hint in get_type_hints(arguments, include_extras=True).items():
        kinds = [extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, TargetKind)]
        if len(kinds) != 1:
            raise TypeError(f"{arguments.__name__}.{name}: say what it names, once (`TargetKind`)")
        found[name] = kinds[0]
    said = list(found.values())
    for kind in said:
        other = _GOES_WITH.get(kind)
        if other is not None and said.count(other) != 1:
            raise TypeError(f"{arguments.__name__}: {kind.name} goes with one {other.name}")
    return found


def account_of(kinds: Mapping[str, TargetKind], arguments: Any) -> str | None:
    """The account to which an action is done."""
    for name, kind in kinds.items():
        if kind in (TargetKind.PERSON, TargetKind.ADMINISTRATOR):
            return str(getattr(arguments, name))
    return None


class Targets:
    """`people_of`: who is in a room."""

    def __init__(
        self,
        database: Database,
        scope: ConsoleScope,
        people_of: Callable[[str], Awaitable[Iterable[str]]],
        awaited: AwaitedGuests,
    ) -> None:
        self._database, self._scope, self._people_of, self._awaited = database, scope, people_of, awaited

    async def require(self, actor: Actor, kinds: Mapping[str, TargetKind], arguments: Any) -> None:
        """Raises M_NOT_FOUND, M_FORBIDDEN, M_INVALID_PARAM for what the actor does not administer."""
        others = {kind: getattr(arguments, name) for name, kind in kinds.items()}
        for name, kind in kinds.items():
            value = getattr(arguments, name)
            if kind is TargetKind.PLAIN or value is None:
                continue
            for one in value if isinstance(value, Sequence) and not isinstance(value, str) else [value]:
                if one == "":  # somewhere an empty name may count as none, and nothing would be checked
                    raise BadRequest(f"`{name}` is empty", "M_INVALID_PARAM")
                await self._require(actor, kind, one, others)

    async def _require(self, actor: Actor, kind: TargetKind, value: Any, others: Mapping[TargetKind, Any]) -> None:
        """Complex: one short case for each kind, and one that refuses a kind that was forgotten."""
        match kind:
            case TargetKind.PERSON:
                await self._scope.require_person(actor, value)
            case TargetKind.ADMINISTRATOR:
                await self._require_administrator(actor, value)
            case TargetKind.COLLEAGUE:
                if not await self._is_colleague(actor, parse_user_id(value)):
                    raise BadRequest(f"{value} is not of your organisation", "M_INVALID_PARAM")
            case TargetKind.MEMBER:
                if parse_user_id(value) not in await self._people_of(others[TargetKind.ROOM]):
                    raise BadRequest("This person is not in the room", "M_INVALID_PARAM")
            case TargetKind.ROOM:
                await self._scope.require_room(actor, value)
            case TargetKind.FILE:
                await self._require_file(actor, others[TargetKind.FILE_HOST], value)
            case TargetKind.FILE_HOST:
                pass  # looked at with the file
            case TargetKind.REPORT:
                await self._require_report(actor, value)
            case TargetKind.AWAITED:
                await self._awaited.sponsors_of(None if actor.is_everywhere else actor.organisation, value)
            case TargetKind.HOLD:
                await self._require_hold(actor, value)
            case TargetKind.ORGANISATION:
                if not actor.is_everywhere and value != actor.organisation:
                    await self._scope.require(actor.user_id, value)
            case _:
                raise TypeError(f"{kind} is not checked")

    async def _is_colleague(self, actor: Actor, user_id: str) -> bool:
        return actor.is_everywhere or bool(await self._database.fetchval(_COLLEAGUE, user_id, actor.organisation))

    async def _require_administrator(self, actor: Actor, user_id: str) -> None:
        if not await self._database.fetchval(_ADMINISTRATOR, user_id, actor.organisation):
            raise NotFound("This is no administrator of the organisation")

    async def _require_file(self, actor: Actor, server_name: str, media_id: str) -> None:
        owner = await self._database.fetchval(
            "SELECT user_id FROM media WHERE server_name = $1 AND media_id = $2", server_name, media_id
        )
        if owner is None or not await self._is_colleague(actor, owner):
            raise NotFound("There is no such file of your organisation")

    async def _require_report(self, actor: Actor, report: int) -> None:
        reporter = await self._database.fetchval("SELECT reporter FROM reports WHERE report_id = $1", report)
        if reporter is None or not await self._is_colleague(actor, reporter):
            raise NotFound("There is no such report")

    async def _require_hold(self, actor: Actor, hold: int) -> None:
        target = await self._database.fetchval("SELECT target FROM legal_holds WHERE id = $1", hold)
        if target is None:
            raise NotFound(_NO_HOLD)
        check = self._scope.require_room if target.startswith("!") else self._scope.require_person
        try:
            await check(actor, target)
        except MatrixError:  # whoever is held themselves must not hear of it: the answer is that of a number never given
            raise NotFound(_NO_HOLD) from None
