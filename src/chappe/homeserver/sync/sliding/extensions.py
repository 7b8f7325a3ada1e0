"""The extensions of sliding sync: each section of the node that has one is asked, where the client has enabled it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from chappe.homeserver.sync.section import Section, Sections
from chappe.homeserver.sync.sliding.extension import ExtensionContext
from chappe.matrix.errors import BadRequest


class SlidingExtensions:
    def __init__(self, sections: Sections) -> None:
        self._sections = [section for section in sections if section.extension]

    def read(self, asked: Mapping[str, Any]) -> list[tuple[Section, Any]]:
        """The enabled sections, each with what is asked of it. Raises M_BAD_JSON."""
        wanted = []
        for section in self._sections:
            if section.extension in asked:
                try:
                    request: Any = msgspec.convert(asked[section.extension], section.request)
                except msgspec.ValidationError as error:
                    raise BadRequest(f"{section.extension}: {error}") from None
                if request.enabled:
                    wanted.append((section, request))
        return wanted

    @staticmethod
    async def of(context: ExtensionContext, wanted: list[tuple[Section, Any]]) -> tuple[dict[str, Any], bool]:
        """(the answer's `extensions`, whether there is news in them)."""
        answer: dict[str, Any] = {}
        has_news = False
        for section, request in wanted:
            extended = await section.extended(context, request)
            if extended is not None:
                answer[section.extension] = extended.content
                has_news = has_news or extended.is_news
        return answer, has_news
