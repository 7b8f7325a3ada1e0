"""A live room, and what is in flight over it, are changed by their own methods only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import chappe
from chappe.homeserver.rooms.ahead import Ahead
from chappe.homeserver.rooms.live_room import LiveRoom

SOURCE = Path(chappe.__file__).parent
OWN = {"homeserver/rooms/live_room.py", "homeserver/rooms/ahead.py"}
ATTRIBUTES = {*LiveRoom.__slots__, *Ahead.__slots__}
CHANGING = {"add", "append", "clear", "discard", "extend", "pop", "popleft", "remove", "setdefault", "update"}
NAMES = {"ahead", "lane", "lane_", "live", "old", "room"}  # what a room, or what is in flight over it, is called


def _is_room(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name.strip("_") in {n.strip("_") for n in NAMES} or name.endswith("_room")


def _attribute(node: ast.expr) -> ast.Attribute | None:
    """The attribute of a room that is assigned, or an entry of it."""
    while isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Attribute) and node.attr in ATTRIBUTES and _is_room(node.value):
        return node
    return None


def changes_of_rooms(tree: ast.AST) -> Iterator[ast.Attribute]:
    for node in ast.walk(tree):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign | ast.Delete):
            targets = node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
            holder = node.func.value
            has_methods = isinstance(holder, ast.Attribute) and holder.attr == "chains"  # `AuthChains` changes itself
            targets = [] if has_methods else [holder]
        for target in targets:
            parts = target.elts if isinstance(target, ast.Tuple) else [target]
            yield from (found for part in parts if (found := _attribute(part)) is not None)


def test_nobody_else_changes_a_room() -> None:
    wrong = [
        f"{path.relative_to(SOURCE)}:{found.lineno}: {ast.unparse(found)}"
        for path in SOURCE.rglob("*.py")
        if str(path.relative_to(SOURCE)) not in OWN
        for found in changes_of_rooms(ast.parse(path.read_text()))
    ]
    assert not wrong, "\n".join(wrong)


def test_every_way_of_changing_one_is_found() -> None:
    lines = (
        "room.stale = True",
        "room.a, self.lane.depth = 1, 2",
        "self.ahead.joined += 1",
        "write.lane.generation = 3",
        "room.ahead.state[key] = event",
        "del live.state[key]",
        "self._room.nodes.update(nodes)",
        "new_room.is_new = True",
    )
    assert [len(list(changes_of_rooms(ast.parse(line)))) for line in lines] == [1] * len(lines)
    assert not list(changes_of_rooms(ast.parse("room.unknown = room.state.get(key); write.depth = 3")))
