"""What the project says of itself can be followed: no page or comment leads to something that is not in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOT_OURS = {"node_modules", "webclient", "__pycache__", "results", "data"}
WRITTEN = {".py", ".md", ".sql", ".sh", ".mjs", ".ts", ".tsx", ".css", ".html", ".toml", ".json", ".jsonc"}
# Pages of the specification, and files that an operator or a play has: not the project's.
ELSEWHERE = {"server-server-api.md", "client-server-api.md", "plan.md"}
# Of documents that are not here, or of a machine on which the project was worked on.
ELSEWHERE_SAID = [
    re.compile(words)
    for words in ("DESIGN" + r"\b", r"(?i)\b(issue|finding|design section)s? #?\d", "(?i)/work" + "/[a-z]", r"/home/[a-z]")
]


def files() -> Iterator[Path]:
    for folder, below, names in os.walk(ROOT):
        below[:] = [name for name in below if name not in NOT_OURS and not name.startswith(".")]
        yield from (Path(folder) / name for name in names if not name.startswith("."))


FILES = [path.relative_to(ROOT) for path in files()]
TEXTS = {path: (ROOT / path).read_text() for path in FILES if path.suffix in WRITTEN and path.name != "package-lock.json"}
PAGES = [path for path in TEXTS if path.suffix == ".md"]
PLACES = {str(path) for path in FILES} | {str(folder) for path in FILES for folder in path.parents}


def is_here(name: str) -> bool:
    """Whether a path, as a page gives it, is the end of one that is here."""
    return name in PLACES or any(place.endswith(f"/{name}") for place in PLACES)


def slug(heading: str) -> str:
    """The anchor of a heading, as forges make it."""
    return re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXTS[page]):
        if not re.match(r"[a-z]+:", target):
            name, _, anchor = target.partition("#")
            place = (ROOT / page).parent / name if name else ROOT / page
            assert place.exists(), target
            if anchor:
                assert anchor in map(slug, re.findall(r"(?m)^#+ (.*)$", place.read_text())), target


def test_pages_and_decisions_that_are_named_are_there() -> None:
    missing = [
        f"{path}: {name}"
        for path, text in TEXTS.items()
        for name in re.findall(r"\b(?:docs/|decisions/)[\w./-]*\w", text)
        if not (is_here(name) or any(place.startswith(f"docs/decisions/{name.rsplit('/', 1)[-1]}-") for place in PLACES))
    ]
    assert missing == []


def test_pages_that_are_named_without_their_folder_are_there() -> None:
    names = {p.name for p in PAGES} | ELSEWHERE
    missing = [
        f"{path}: {name}"
        for path, text in TEXTS.items()
        for name in re.findall(r"(?<![\w./{}-])[A-Za-z][\w-]*\.md\b", text)
        if name not in names
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_files_that_a_page_names_are_there(page: Path) -> None:
    """In code marks, whatever looks like a file of the project."""
    named = re.findall(r"`([\w./-]+\.(?:py|ts|tsx|mjs|sql|css))(?:::\w+)?`", TEXTS[page])
    assert [name for name in named if not is_here(name)] == []


def test_nothing_refers_to_what_is_elsewhere() -> None:
    found = [
        f"{path}: {match[0]}"
        for path, text in TEXTS.items()
        for words in ELSEWHERE_SAID
        for match in words.finditer(text)
        if path != Path(__file__).relative_to(ROOT)
    ]
    assert found == []


def test_every_decision_says_whether_it_is_in_force() -> None:
    folder = ROOT / "docs" / "decisions"
    decisions = sorted(folder.glob("[0-9]*.md"))
    listed = re.findall(r"(?m)^- (\d{4}) ", (folder / "README.md").read_text())
    assert listed == [path.name[:4] for path in decisions] == [f"{n:04}" for n in range(1, len(decisions) + 1)]
    for path in decisions:
        title, _, rest = path.read_text().partition("\n\n")
        assert title.startswith(f"# {path.name[:4]} ")
        assert re.match(r"\*\*Status\.\*\* (In force|Superseded by \d{4})\b", rest), path.name
        assert set(re.findall(r"\b(00\d\d)\b", rest)) <= set(listed), path.name


def test_decisions_that_change_each_other_say_so_both() -> None:
    """Whatever of two one reads first: the status of each names the other."""
    named = {}
    for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"):
        status = path.read_text().partition("\n\n")[2].partition("\n\n")[0]
        named[path.name[:4]] = set(re.findall(r"\b00\d\d\b", status))
    assert [(one, other) for one, others in named.items() for other in others if one not in named[other]] == []


def test_parts_of_pages_that_are_named_are_there() -> None:
    """A heading in quotes after its page, in pages and in code; it may go on with a colon or in brackets."""
    headings = {page.name: re.findall(r"(?m)^#+ (.*)$", TEXTS[page]) for page in PAGES}
    wrong, right = [], 0
    for path, text in TEXTS.items():
        flowing = re.sub(r"\n\s*(?:#|--|//|\*)?\s*", " ", text)
        for name, heading in re.findall(r"([\w-]+\.md)\)?,? [\"“]([A-Z][^\"”]{2,60})[\"”]", flowing):
            is_there = any(re.match(re.escape(heading) + r"(?::| \(|$)", one) for one in headings.get(name, ()))
            right += is_there
            wrong += [] if is_there or name in ELSEWHERE else [f"{path}: {name}, {heading}"]
    assert wrong == [] and right > 5


def test_every_folder_of_the_code_has_an_owner() -> None:
    owned = set(re.findall(r"`([\w./]+)`", TEXTS[Path("docs/owners.md")]))
    folders = {str(folder) for path in TEXTS for folder in path.parents}
    code = {f for f in folders if re.fullmatch(r"src/chappe/(?!homeserver$)\w+|src/chappe/homeserver/\w+|web/src/\w+", f)}
    assert len(code) > 20 and code - owned == set()
    assert [name for name in owned if not (ROOT / name).exists()] == []
