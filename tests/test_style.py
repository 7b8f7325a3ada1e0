"""What no formatter, linter or type checker says of the code."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_formatter_is_right() -> None:
    """Where its layout is not wanted, the data goes into a file or the code gets another shape."""
    marks = ("fmt" + ": skip", "fmt" + ": off")
    files = [path for folder in ("src/chappe", "tests") for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 500
    assert not [str(path) for path in files if any(mark in path.read_text() for mark in marks)]
