"""What administrators do, as a table of actions: each with its arguments, whether it is critical, and its place in the audit log.

A critical action is done at once by whoever proves who they are with a second factor; otherwise it waits for a second
administrator. Every path (console, command line) goes through `Actions`.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

import msgspec
import orjson

from chappe.agency.audit import Audit, without_secrets
from chappe.agency.console.scope import Actor, Scope
from chappe.homeserver.accounts.second_factors import SecondFactors
from chappe.homeserver.database.pool import Database, Row
from chappe.homeserver.http.request import convert
from chappe.homeserver.matrix.errors import Forbidden, LimitExceeded, MatrixError, NotFound

log = logging.getLogger(__name__)
WAITS_MS = 7 * 86_400_000
WRONG_AT_MOST, WRONG_FOR_MS = 5, 900_000
Run = Callable[[Actor, Any], Awaitable[dict[str, Any] | None]]
Method = TypeVar("Method", bound=Callable[..., Awaitable[Any]])


@dataclass(frozen=True, slots=True)
class Action:
    """`everywhere_only`: for administrators of the whole installation. `about_itself`: who is named need not be an account."""

    name: str
    critical: bool
    everywhere_only: bool
    about_itself: bool
    arguments: type[msgspec.Struct]
    run: Run
    summary: str


def action(
    critical: bool = False, everywhere_only: bool = False, about_itself: bool = False
) -> Callable[[Method], Method]:
    """Declares a method as the action of its name. Its last parameter is a structure of arguments."""

    def declare(function: Method) -> Method:
        function.__action__ = (critical, everywhere_only, about_itself)  # type: ignore[attr-defined]
        return function

    return declare


def actions_of(*owners: object) -> dict[str, Action]:
    found = {}
    for owner in owners:
        for name, method in inspect.getmembers(owner, inspect.ismethod):
            declared = getattr(method, "__action__", None)
            if declared is not None:
                hints = get_type_hints(method)
                kind = next(hint for parameter, hint in hints.items() if parameter not in ("actor", "return"))
                critical, everywhere_only, about_itself = declared
                found[name] = Action(
                    name,
                    critical,
                    everywhere_only,
                    about_itself,
                    kind,
                    method,
                    (method.__doc__ or "").strip().split("\n")[0],
                )
    return found


class Actions:
    """`tell`: told when something waits for a second person: (organisation, who asked, the action's name)."""

    def __init__(
        self, database: Database, scope: Scope, audit: Audit, factors: SecondFactors, owners: Sequence[object],
        tell: Callable[[str, str, str], Awaitable[None]], now_ms: Callable[[], int],
    ) -> None:  # fmt: skip
        self._database, self._scope, self._audit, self._factors = database, scope, audit, factors
        self.all, self._tell, self._now_ms = actions_of(*owners), tell, now_ms
        self._wrong: dict[str, list[int]] = {}  # when somebody last gave a wrong code

    async def act(
        self, actor: Actor, name: str, arguments: dict[str, Any], code: str | None = None, is_confirmed: bool = False
    ) -> dict[str, Any]:
        """`code`: of a second factor; `is_confirmed`: somebody at the machine itself. Returns `{"done": true, …}`, or
        `{"done": false, "request": id}` for what waits. Raises M_NOT_FOUND, M_BAD_JSON, M_FORBIDDEN, and what the action raises.
        """
        wanted = self._find(actor, name)
        parsed = convert(arguments, wanted.arguments)
        await self._check_scope(actor, wanted, parsed)
        if wanted.critical and not is_confirmed:
            if code is None:
                return await self._ask(actor, wanted, parsed)
            self._require_patience(actor)
            if not await self._factors.check_totp(actor.user_id, code):
                self._wrong.setdefault(actor.user_id, []).append(self._now_ms())
                await self._record(actor, wanted.name, parsed, "refused: wrong code")
                raise Forbidden("This code is not right: codes change every 30 seconds and serve once")
        return {"done": True, **await self._run(actor, wanted, parsed, actor.user_id)}

    def _require_patience(self, actor: Actor) -> None:
        """A code has six digits: nobody tries them one after the other. Raises M_LIMIT_EXCEEDED."""
        now = self._now_ms()
        recent = [ts for ts in self._wrong.get(actor.user_id, ()) if ts > now - WRONG_FOR_MS]
        self._wrong[actor.user_id] = recent
        if len(recent) >= WRONG_AT_MOST:
            raise LimitExceeded(
                recent[0] + WRONG_FOR_MS - now, "Too many wrong codes: wait, or ask a colleague to agree"
            )

    def _find(self, actor: Actor, name: str) -> Action:
        wanted = self.all.get(name)
        if wanted is None:
            raise NotFound(f"There is no action {name[:80]!r}")
        if wanted.everywhere_only and not actor.is_everywhere:
            raise Forbidden("Only administrators of the whole installation do this")
        return wanted

    async def _check_scope(self, actor: Actor, wanted: Action, arguments: Any) -> None:
        if wanted.about_itself:
            return
        if user_id := getattr(arguments, "user_id", None):
            await self._scope.require_person(actor, user_id)
        if room_id := getattr(arguments, "room_id", None):
            await self._scope.require_room(actor, room_id)

    async def _run(self, actor: Actor, wanted: Action, arguments: Any, decided_by: str) -> dict[str, Any]:
        """Written down before it is done, and once more if it fails."""
        more = {} if decided_by == actor.user_id else {"approved_by": decided_by}
        await self._record(actor, wanted.name, arguments, "done", **more)
        try:
            return await wanted.run(actor, arguments) or {}
        except MatrixError as error:
            await self._record(actor, wanted.name, arguments, f"failed: {error.message}", **more)
            raise

    async def _record(self, actor: Actor, name: str, arguments: Any, outcome: str, **more: Any) -> None:
        detail = without_secrets(msgspec.to_builtins(arguments))
        await self._audit.record(
            actor.user_id, name, {"organisation": actor.organisation, **detail, "outcome": outcome, **more}
        )

    # ----------------------------------------------------------------------------------------------- a second person

    async def _ask(self, actor: Actor, wanted: Action, arguments: Any) -> dict[str, Any]:
        number = await self._database.fetchval(
            """INSERT INTO critical_requests (organisation, action, arguments, asked_by, asked_ts) VALUES ($1, $2, $3, $4, $5)
               RETURNING id""",
            actor.organisation, wanted.name, orjson.dumps(msgspec.to_builtins(arguments)).decode(), actor.user_id, self._now_ms(),
        )  # fmt: skip
        await self._record(actor, wanted.name, arguments, "asked", request=number)
        await self._tell(actor.organisation, actor.user_id, wanted.name)
        return {"done": False, "request": number}

    async def requests(self, organisation: str) -> list[dict[str, Any]]:
        """What waits, and the latest decisions."""
        rows = await self._database.fetch(
            """SELECT * FROM critical_requests WHERE organisation = $1 AND (decided_ts IS NOT NULL OR asked_ts > $2)
                ORDER BY decided_ts IS NOT NULL, id DESC LIMIT 100""",
            organisation, self._now_ms() - WAITS_MS,
        )  # fmt: skip
        return [
            {key: value for key, value in {**dict(row), "arguments": orjson.loads(row["arguments"])}.items() if value is not None}
            for row in rows
        ]  # fmt: skip

    async def approve(self, actor: Actor, number: int) -> dict[str, Any]:
        """By somebody else than who asked, who must still have the right to. Raises M_NOT_FOUND, M_FORBIDDEN."""
        row = await self._waiting(actor, number)
        if row["asked_by"] == actor.user_id:
            raise Forbidden("Somebody else must agree")
        asker = await self._scope.require(row["asked_by"], row["organisation"])
        wanted = self._find(asker, row["action"])
        arguments = convert(orjson.loads(row["arguments"]), wanted.arguments)
        await self._check_scope(asker, wanted, arguments)
        await self._decide(number, actor, "done")
        try:
            return {"done": True, **await self._run(asker, wanted, arguments, actor.user_id)}
        except MatrixError as error:
            await self._database.execute(
                "UPDATE critical_requests SET outcome = $2 WHERE id = $1", number, f"failed: {error.message}"
            )
            raise

    async def refuse(self, actor: Actor, number: int) -> None:
        """By somebody else; who asked withdraws it. Raises M_NOT_FOUND."""
        row = await self._waiting(actor, number)
        outcome = "withdrawn" if row["asked_by"] == actor.user_id else "refused"
        await self._decide(number, actor, outcome)
        await self._audit.record(
            actor.user_id, row["action"], {"organisation": row["organisation"], "request": number, "outcome": outcome}
        )

    async def _waiting(self, actor: Actor, number: int) -> Row:
        row = await self._database.fetchrow(
            "SELECT * FROM critical_requests WHERE id = $1 AND organisation = $2 AND decided_ts IS NULL AND asked_ts > $3",
            number, actor.organisation, self._now_ms() - WAITS_MS,
        )  # fmt: skip
        if row is None:
            raise NotFound("There is no such request that waits")
        return row

    async def _decide(self, number: int, actor: Actor, outcome: str) -> None:
        """Raises M_NOT_FOUND where another administrator was quicker."""
        decided = await self._database.execute(
            "UPDATE critical_requests SET decided_by = $2, decided_ts = $3, outcome = $4 WHERE id = $1 AND decided_ts IS NULL",
            number, actor.user_id, self._now_ms(), outcome,
        )  # fmt: skip
        if not decided.endswith(" 1"):
            raise NotFound("Another administrator has decided this meanwhile")
