"""What administrators do, as a table of actions: each with its arguments, whether it is critical, and its place in the audit log.

A critical action is done at once by whoever proves who they are with a second factor; otherwise it waits for a second
administrator. Every path (console, command line) goes through `Actions`;
the administration APIs ask for the same proofs by the same names (`homeserver/policy/acts.py`).
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

import msgspec
import orjson

from chappe.agency.audit import Audit, failure_of, without_secrets
from chappe.agency.console.rights import Rights
from chappe.agency.console.scope import Actor, ConsoleScope
from chappe.agency.console.targets import TargetKind, Targets, account_of, kinds_of
from chappe.homeserver.http.typed import convert
from chappe.homeserver.modules.critical_acts.proofs import Proofs
from chappe.homeserver.modules.critical_acts.requests import (
    AGREED,
    API,
    CONSOLE,
    DONE,
    REFUSED,
    VOID,
    WITHDRAWN,
    CriticalRequest,
    CriticalRequests,
)
from chappe.homeserver.policy.acts import ACTS
from chappe.matrix.errors import Forbidden, NotFound

log = logging.getLogger(__name__)
Run = Callable[[Actor, Any], Awaitable[dict[str, Any] | None]]
Method = TypeVar("Method", bound=Callable[..., Awaitable[Any]])


@dataclass(frozen=True, slots=True)
class Action:
    """`everywhere_only`: for administrators of the whole installation. `kinds`: what each argument names."""

    name: str
    critical: bool
    everywhere_only: bool
    arguments: type[msgspec.Struct]
    kinds: Mapping[str, TargetKind]
    run: Run
    summary: str


def action(critical: bool | None = None, everywhere_only: bool = False) -> Callable[[Method], Method]:
    """Declares a method as the action of its name. Its last parameter is a structure of arguments.

    `critical`: left out where `policy/acts.py` has the act, and says so for every door.
    """

    def declare(function: Method) -> Method:
        function.__action__ = (critical, everywhere_only)  # type: ignore[attr-defined]
        return function

    return declare


def actions_of(*owners: object) -> dict[str, Action]:
    """Raises TypeError for an action of which an argument does not say what it names."""
    found = {}
    for owner in owners:
        for name, method in inspect.getmembers(owner, inspect.ismethod):
            declared = getattr(method, "__action__", None)
            if declared is not None:
                hints = get_type_hints(method)
                kind = next(hint for parameter, hint in hints.items() if parameter not in ("actor", "return"))
                critical, everywhere_only = declared
                found[name] = Action(
                    name,
                    _is_critical(name, critical),
                    everywhere_only,
                    kind,
                    kinds_of(kind),
                    method,
                    (method.__doc__ or "").strip().split("\n")[0],
                )
    return found


def _is_critical(name: str, declared: bool | None) -> bool:
    """Raises ValueError for an action of which it is said twice, or not at all."""
    known = ACTS.get(name)
    if (known is None) == (declared is None):
        raise ValueError(f"Whether {name} is critical is to be said once: in policy/acts.py, or where it is declared")
    return known.critical if known is not None else bool(declared)


class Actions:
    """`tell`: told when something waits for a second person: (organisation, who asked, the action's name, to whom)."""

    def __init__(
        self,
        scope: ConsoleScope,
        targets: Targets,
        rights: Rights,
        audit: Audit,
        proofs: Proofs,
        requests: CriticalRequests,
        owners: Sequence[object],
        tell: Callable[[str, str, str, str | None], Awaitable[None]],
    ) -> None:
        self._scope, self._targets, self._rights, self._audit = scope, targets, rights, audit
        self._proofs, self._requests = proofs, requests
        self.all, self._tell = actions_of(*owners), tell

    async def act(
        self, actor: Actor, name: str, arguments: dict[str, Any], code: str | None = None, is_confirmed: bool = False
    ) -> dict[str, Any]:
        """`code`: of a second factor; `is_confirmed`: somebody at the machine itself. Returns `{"done": true, …}`, or
        `{"done": false, "request": id}` for what waits. Raises M_NOT_FOUND, M_BAD_JSON, M_FORBIDDEN, and what the action raises.
        """
        wanted = self._find(actor, name)
        parsed = convert(arguments, wanted.arguments)
        await self._require(actor, wanted, parsed)
        if not is_confirmed and await self._needs_proof(actor, wanted, parsed):
            needs_two = await self._rights.needs_two(wanted.name, parsed)
            if needs_two or code is None or not self._proofs.takes_codes:
                return await self._ask(actor, wanted, parsed)
            try:
                await self._proofs.require_code(actor.user_id, code)
            except Forbidden:
                await self._record(actor, wanted.name, parsed, "refused: wrong code")
                raise
        return {"done": True, **await self._run(actor, wanted, parsed, actor.user_id)}

    async def _require(self, actor: Actor, wanted: Action, arguments: Any) -> None:
        """Whose the targets are, and in whose right what would be undone was done. Raises what `Targets` and `Rights` raise."""
        await self._targets.require(actor, wanted.kinds, arguments)
        await self._rights.require_may_undo(actor, wanted.name, arguments)

    async def is_critical(self, actor: Actor, name: str, arguments: dict[str, Any]) -> bool:
        """Whether it would be asked for a proof in the console. Raises M_NOT_FOUND, M_BAD_JSON, M_FORBIDDEN."""
        wanted = self._find(actor, name)
        return await self._needs_proof(actor, wanted, convert(arguments, wanted.arguments))

    async def _needs_proof(self, actor: Actor, wanted: Action, arguments: Any) -> bool:
        return await self._proofs.are_needed(wanted.critical, actor.user_id, account_of(wanted.kinds, arguments))

    def _find(self, actor: Actor, name: str) -> Action:
        wanted = self.all.get(name)
        if wanted is None:
            raise NotFound(f"There is no action {name[:80]!r}")
        if wanted.everywhere_only and not actor.is_everywhere:
            raise Forbidden("Only administrators of the whole installation do this")
        return wanted

    async def _run(self, actor: Actor, wanted: Action, arguments: Any, decided_by: str) -> dict[str, Any]:
        """Written down before it is done, and once more if it fails."""
        more = {} if decided_by == actor.user_id else {"approved_by": decided_by}
        await self._record(actor, wanted.name, arguments, "done", **more)
        if wanted.critical and (user_id := account_of(wanted.kinds, arguments)) is not None:
            await self._requests.opened(user_id, actor.user_id)
        try:
            return await wanted.run(actor, arguments) or {}
        except Exception as error:
            await self._record(actor, wanted.name, arguments, failure_of(error), **more)
            raise

    async def _record(self, actor: Actor, name: str, arguments: Any, outcome: str, **more: Any) -> None:
        detail = without_secrets(msgspec.to_builtins(arguments))
        await self._audit.record(
            actor.user_id, name, {"organisation": actor.organisation, **detail, "outcome": outcome, **more}
        )

    # ----------------------------------------------------------------------------------------------- a second person

    async def _ask(self, actor: Actor, wanted: Action, arguments: Any) -> dict[str, Any]:
        number, is_new = await self._requests.ask(
            actor.organisation, wanted.name, msgspec.to_builtins(arguments), actor.user_id, CONSOLE
        )
        await self._record(actor, wanted.name, arguments, "asked", request=number)
        if is_new:
            await self._tell(actor.organisation, actor.user_id, wanted.name, account_of(wanted.kinds, arguments))
        return {"done": False, "request": number}

    async def requests(self, organisation: str) -> list[dict[str, Any]]:
        """What waits, and the latest decisions."""
        return await self._requests.all(organisation)

    async def approve(self, actor: Actor, number: int, code: str | None) -> dict[str, Any]:
        """By somebody else than who asked, who must still have the right to. Raises M_NOT_FOUND, M_FORBIDDEN.

        What was asked for at an administration API is done when it is asked there again: `done` is false.
        """
        row = await self._requests.waiting(number, actor.organisation)
        if row.asked_by == actor.user_id:
            raise Forbidden("Somebody else must agree", reason="somebody_else")
        asker = await self._asker(actor, row)
        about = {"organisation": row.organisation, "request": number, "asked_by": asker.user_id}
        if row.door == API:
            await self._proofs.require_may_agree(actor.user_id, asker.user_id, asker.organisation, code)
            await self._requests.decide(number, actor.user_id, AGREED)
            await self._audit.record(actor.user_id, row.action, {**about, "outcome": AGREED})
            return {"done": False, "agreed": True}
        wanted = self._find(asker, row.action)
        arguments = convert(orjson.loads(row.arguments), wanted.arguments)
        await self._require(asker, wanted, arguments)
        await self._proofs.require_may_agree(actor.user_id, asker.user_id, asker.organisation, code)
        await self._requests.decide(number, actor.user_id, DONE)
        try:
            return {"done": True, **await self._run(asker, wanted, arguments, actor.user_id)}
        except Exception as error:
            await self._requests.ended(number, failure_of(error))
            raise

    async def _asker(self, actor: Actor, row: CriticalRequest) -> Actor:
        """Who asked, as far as they still may: a request of whoever may no longer is void."""
        if (asker := await self._scope.find(row.asked_by, row.organisation)) is not None:
            return asker
        await self._requests.decide(row.id, actor.user_id, VOID)
        detail = {"organisation": row.organisation, "request": row.id, "outcome": VOID}
        await self._audit.record(actor.user_id, row.action, detail)
        text = "Who asked for this administers the organisation no longer, or their account is locked"
        raise Forbidden(text, reason="asker_gone")

    async def refuse(self, actor: Actor, number: int) -> None:
        """By somebody else; who asked withdraws it. Raises M_NOT_FOUND."""
        row = await self._requests.waiting(number, actor.organisation)
        outcome = WITHDRAWN if row.asked_by == actor.user_id else REFUSED
        await self._requests.decide(number, actor.user_id, outcome)
        await self._audit.record(
            actor.user_id, row.action, {"organisation": row.organisation, "request": number, "outcome": outcome}
        )
