"""`chappe admin act`, `actions`, `show`: the administration console on the command line, with the same actions and lists."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import msgspec
import typer

from chappe.agency.app import AgencyServer
from chappe.agency.console.actions import Action
from chappe.agency.console.scope import Actor
from chappe.agency.organisations import EVERYWHERE
from chappe.cli.admin import ConfigFile, Data, who, with_node
from chappe.homeserver.app import Homeserver
from chappe.matrix.errors import BadRequest, NotFound

Organisation = Annotated[str, typer.Argument(help=f"Its short name, or `{EVERYWHERE}`: the whole installation.")]


def act(
    organisation: Organisation,
    action: Annotated[str, typer.Argument(help="As `chappe admin actions` lists them.")],
    arguments: Annotated[list[str] | None, typer.Argument(help="Such as user_id=@anne:example.org; lists with commas.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether a critical action is meant.")] = False,
    data: Data = Path("data"),
    config: ConfigFile = None,
) -> None:
    """Do what an administrator of an organisation does in the console."""

    async def go(node: Homeserver) -> dict[str, Any]:
        server = layer_of(node)
        wanted = server.actions.all.get(action)
        if wanted is None:
            raise NotFound(f"There is no action {action}: see `chappe admin actions`")
        parsed = _parsed(wanted, arguments or [])
        if not yes and await server.actions.is_critical(Actor(who(), organisation), action, parsed):
            if not sys.stdin.isatty():
                raise BadRequest("This is a critical action: say --yes if you mean it")
            typer.confirm(f"{wanted.summary} {json.dumps(parsed, ensure_ascii=False)}", abort=True)
        answer = await server.actions.act(Actor(who(), organisation), action, parsed, is_confirmed=True)
        await node.set_profile_field.wait()
        return answer

    print(json.dumps(with_node(data, config, go, does=None), ensure_ascii=False))  # the action itself is written down


def actions(data: Data = Path("data"), config: ConfigFile = None) -> None:
    """List what there is to do, with its arguments (those in brackets may be left out)."""

    async def go(node: Homeserver) -> None:
        for one in sorted(layer_of(node).actions.all.values(), key=lambda one: one.name):
            fields = " ".join(f"{f.name}=…" if f.required else f"[{f.name}=…]" for f in msgspec.structs.fields(one.arguments))
            marks = ", ".join(["critical"] * one.critical + ["whole installation only"] * one.everywhere_only)
            print(f"{one.name} {fields}\n    {one.summary}{f' ({marks})' if marks else ''}")

    with_node(data, config, go, does=None)


def show(
    organisation: Organisation,
    view: Annotated[str, typer.Argument(help="people, leavers, guests, rooms, files, reports, audit …")],
    search: Annotated[str, typer.Option(help="Only what holds this.")] = "",
    start: Annotated[str, typer.Option("--from", help="Where the page before ended, as it was said.")] = "",
    data: Data = Path("data"),
    config: ConfigFile = None,
) -> None:
    """Show a list of the console: one line of JSON for each entry, fifty at a time."""

    async def go(node: Homeserver) -> None:
        items, following = await layer_of(node).views.page(view, Actor(who(), organisation), search, start)
        for item in items:
            print(json.dumps(item, ensure_ascii=False, default=str))
        if following is not None:
            print(f"There are more: --from {following}", file=sys.stderr)

    with_node(data, config, go, does=None)


def layer_of(node: Homeserver) -> AgencyServer:
    if not isinstance(node, AgencyServer) or node.agency is None:
        raise BadRequest("The public-sector layer is off: set `enabled = true` in [agency]")
    return node


def _parsed(action: Action, arguments: list[str]) -> dict[str, Any]:
    """`key=value` by the types of the action's arguments. Raises M_INVALID_PARAM."""
    types = get_type_hints(action.arguments)
    parsed: dict[str, Any] = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not equals or name not in types:
            raise BadRequest(f"{argument!r} is none of {', '.join(f'{known}=…' for known in types)}", "M_INVALID_PARAM")
        value: Any = [part for part in text.split(",") if part] if types[name] == list[str] else text
        try:
            parsed[name] = msgspec.convert(value, types[name], strict=False)
        except msgspec.ValidationError as error:
            raise BadRequest(f"{name}: {error}", "M_INVALID_PARAM") from None
    return parsed
