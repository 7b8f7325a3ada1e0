"""What a room is found by."""

from __future__ import annotations

import pytest

from chappe.homeserver.rooms.summary import FORMS_OF, searched


def test_names_are_found_in_every_spelling_whatever_the_topic() -> None:
    found = searched("Préfecture", "x " * 40_000 + "Fin", "#prefet-du-nord:example.org")
    assert all(word in found for word in ("prefecture", "prefet", "fin"))


@pytest.mark.parametrize("text", ["\ufdfa ", "ä-ö ", "u.v.w. ", "agent·e·s-b ", "가", "a\u0308"])
def test_what_a_long_topic_is_found_by_is_no_work(text: str) -> None:
    """Some signs are eighteen letters once they are taken apart: of the first thousands of characters only."""
    topic = (text * 40_000)[:40_000]
    assert len(searched("Name", topic, None)) <= len(topic) + 18 * FORMS_OF
