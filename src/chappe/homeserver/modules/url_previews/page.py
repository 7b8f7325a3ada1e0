"""What a page says of itself: Open Graph, else its title and description."""

from __future__ import annotations

import codecs
import re
from html.parser import HTMLParser

MAX_TEXT = 1000
_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?([A-Za-z0-9_-]{2,40})""", re.IGNORECASE)
_KEPT = frozenset((
    "og:title", "og:description", "og:image", "og:type", "og:url", "og:site_name", "og:locale", "og:image:alt",
))  # fmt: skip
_STAND_INS = {"og:title": ("twitter:title",), "og:description": ("twitter:description", "description"),
              "og:image": ("twitter:image", "twitter:image:src")}  # fmt: skip


class _Head(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.meta: dict[str, str] = {}
        self.title = ""
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title":
            self._in_title = not self.title
        elif tag == "meta":
            given = dict(attrs)
            name, content = given.get("property") or given.get("name"), given.get("content")
            if name and content:
                self.meta.setdefault(name.strip().lower(), content.strip())

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False

    def handle_data(self, data: str) -> None:
        if self._in_title and len(self.title) < MAX_TEXT:
            self.title += data


def open_graph(body: bytes, charset: str | None) -> dict[str, str]:
    """Fields by their Open Graph names, shortened, without control characters."""
    head = _Head()
    head.feed(_decoded(body, charset))
    found = {name: value for name, value in head.meta.items() if name in _KEPT}
    for name, others in _STAND_INS.items():
        if name not in found and (value := next((head.meta[o] for o in others if o in head.meta), None)):
            found[name] = value
    if "og:title" not in found and head.title.strip():
        found["og:title"] = head.title
    return {name: text for name, value in found.items() if (text := _clean(value))}


def _decoded(body: bytes, charset: str | None) -> str:
    declared = _CHARSET.search(body[:4096])
    for name in (charset, declared[1].decode() if declared else None):
        if name:
            try:
                return body.decode(codecs.lookup(name).name, errors="replace")
            except (LookupError, ValueError):
                continue
    return body.decode(errors="replace")


def _clean(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:MAX_TEXT]
