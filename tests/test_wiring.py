"""Whatever a node consists of is whole once its constructor has returned: nothing is assigned to it afterwards.

A layer above registers with what it hears of in its own constructor (`listen`), or gives its own instead of what a layer below asks
(`Holds`, `Scanning`, `Administrators`).
"""

from __future__ import annotations

import ast
from pathlib import Path

import chappe

SOURCE = Path(chappe.__file__).parent
WIRING = (
    SOURCE / "homeserver/app/parts.py",
    SOURCE / "homeserver/app/node.py",
    SOURCE / "homeserver/app/routes.py",
    SOURCE / "homeserver/app/gateway.py",
    SOURCE / "agency/app.py",
    SOURCE / "agency/parts.py",
    *sorted(SOURCE.rglob("part.py")),
)


def test_nothing_is_assigned_to_what_has_been_made() -> None:
    assert [found for path in WIRING for found in _assigned(path, ast.parse(path.read_text()))] == []


def test_no_constructor_assigns_to_what_it_is_given() -> None:
    assigned = [
        found
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name == "__init__"
        for found in _assigned(path, node)
    ]
    assert assigned == []


def _assigned(path: Path, within: ast.AST) -> list[str]:
    """What is assigned to attributes of anything but `self`, or to what they hold (`self.orphans.named["exports"] = …`)."""
    return [
        f"{path.relative_to(SOURCE)}:{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(within)
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store)
        if _is_of_another(node.value if isinstance(node, ast.Subscript) else node)
    ]


def _is_of_another(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id == "self")
