"""What a page says of itself: Open Graph, else its title and description.

Pages are written by anybody. What is read of one is found from the front to the back, each character looked at a few times,
and no further than the end of its head.
"""

from __future__ import annotations

import codecs
import html
import re

MAX_TEXT = 1000
MAX_TAG = 4096  # characters of one tag
MAX_TAGS = 10_000  # that are looked at before the head has ended
MAX_META = 200
_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?([A-Za-z0-9_-]{2,40})""", re.IGNORECASE)
_KEPT = frozenset(("og:title", "og:description", "og:image", "og:type", "og:url", "og:site_name", "og:locale", "og:image:alt"))
_STAND_INS = {
    "og:title": ("twitter:title",),
    "og:description": ("twitter:description", "description"),
    "og:image": ("twitter:image", "twitter:image:src"),
}
_TAG = re.compile(r"/?[a-z][a-z0-9]{0,20}")
_GAP, _NAME, _EQUALS, _BARE = (re.compile(p) for p in (r"[\s/]*", r"[^\s=>/]+", r"\s*=\s*", r"[^\s>]*"))
_OPAQUE = frozenset(("script", "style", "template", "noscript", "svg"))  # what is in them is no head


class _Head:
    """`meta`: the first content of each name; `title`: as it is written."""

    def __init__(self, text: str) -> None:
        self.meta: dict[str, str] = {}
        self.title = ""
        self._text, self._lower = text, text.lower()
        if len(self._lower) != len(text):  # a letter that is two in lower case: places would not be the same
            self._text = self._lower
        self._read()

    def _read(self) -> None:
        at = 0
        for _ in range(MAX_TAGS):
            at = self._lower.find("<", at) + 1
            if not at:
                return
            if self._lower.startswith("!--", at):
                at = self._after("-->", at + 3)
            elif (tag := _TAG.match(self._lower, at)) is not None:
                if tag[0] in ("/head", "body"):
                    return
                at = self._take(tag[0], tag.end())
            if at < 0:
                return

    def _after(self, what: str, at: int) -> int:
        """The place after the next one of something; -1 where there is none."""
        found = self._lower.find(what, at)
        return -1 if found < 0 else found + len(what)

    def _take(self, tag: str, at: int) -> int:
        """Reads a tag, and what is in it where that matters; returns where to go on, -1 at the end."""
        if tag == "meta":
            given, at = _attributes(self._text, at)
            name, content = given.get("property") or given.get("name"), given.get("content")
            if name and content and len(self.meta) < MAX_META:
                self.meta.setdefault(html.unescape(name).strip().lower(), html.unescape(content).strip())
        elif tag in _OPAQUE:
            return self._after(f"</{tag}", at)
        elif tag == "title":
            start, end = self._after(">", at), self._lower.find("</title", at)
            if not self.title and 0 < start <= end:
                self.title = html.unescape(self._text[start : min(end, start + MAX_TAG)])
            return end
        return at


def _attributes(text: str, at: int) -> tuple[dict[str, str], int]:
    """The attributes of a tag, by name in lower case, and the place after them."""
    found: dict[str, str] = {}
    limit = min(len(text), at + MAX_TAG)
    while at < limit:
        gap = _GAP.match(text, at, limit)
        at = gap.end() if gap is not None else at
        name = _NAME.match(text, at, limit)
        if name is None:
            if text.startswith(">", at):
                return found, at
            at += 1
            continue
        at, value = name.end(), ""
        if (equals := _EQUALS.match(text, at, limit)) is not None:
            at = equals.end()
            if text[at : at + 1] in ('"', "'"):
                end = text.find(text[at], at + 1, limit)
                if end < 0:
                    return found, limit
                value, at = text[at + 1 : end], end + 1
            elif (bare := _BARE.match(text, at, limit)) is not None:
                value, at = bare[0], bare.end()
        found.setdefault(name[0].lower(), value)
    return found, at


def open_graph(body: bytes, charset: str | None) -> dict[str, str]:
    """Fields by their Open Graph names, shortened, without control characters."""
    head = _Head(_decoded(body, charset))
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
