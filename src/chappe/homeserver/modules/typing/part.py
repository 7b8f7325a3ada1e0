"""Typing notifications as a part of a node."""

from __future__ import annotations

from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.modules.typing.api import TypingApi
from chappe.homeserver.modules.typing.section import TypingSection
from chappe.homeserver.modules.typing.typing import Typing
from chappe.homeserver.part import Part
from chappe.homeserver.sync.notifier import Notifier


def typing(now_ms: NowMs, notifier: Notifier) -> Typing:
    made = Typing(now_ms)
    made.listen(notifier.room_changed)
    return made


async def close(typing: Typing) -> None:
    typing.close()


PART = Part("typing", gives=(typing,), endpoints=(TypingApi,), sections=(TypingSection,), closes=close)
