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
    *sorted(SOURCE.glob("homeserver/**/part.py")),
)


def test_nothing_is_assigned_to_what_has_been_made() -> None:
    assigned = [
        f"{path.relative_to(SOURCE)}:{node.lineno}: {ast.unparse(node)}"
        for path in WIRING
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute | ast.Subscript)
        and isinstance(node.ctx, ast.Store)
        and not (isinstance(node.value, ast.Name) and node.value.id == "self")
    ]
    assert assigned == []
