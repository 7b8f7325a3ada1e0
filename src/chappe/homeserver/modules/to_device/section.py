"""To-device messages in /sync and in sliding sync (MSC3885)."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import orjson

from chappe.homeserver.modules.to_device.to_device import ToDevice
from chappe.homeserver.sync.context import SyncContext
from chappe.homeserver.sync.section import Extended, Section, SyncAnswer
from chappe.homeserver.sync.sliding.extension import ExtensionContext
from chappe.matrix.errors import BadRequest

KIND = "to_device"
_CURSOR = re.compile(r"d([0-9]{1,18})")


class ToDeviceRequest(msgspec.Struct, frozen=True):
    enabled: bool = False
    limit: int = 100
    since: str | None = None


class ToDeviceSection(Section):
    extension = KIND
    request = ToDeviceRequest

    def __init__(self, to_device: ToDevice) -> None:
        self._to_device = to_device

    async def of_account(self, context: SyncContext, answer: SyncAnswer) -> None:
        is_news = context.since is None or context.changes.concern_me(KIND)
        cursor = context.since.to_device if context.since else 0
        inbox = await self._to_device.receive(context.user_id, context.requester.device_id, cursor, is_news)
        answer.to_device = inbox.cursor
        if inbox.messages:
            answer.events[KIND] = inbox.messages

    async def extended(self, context: ExtensionContext, wanted: ToDeviceRequest) -> Extended:
        """`next_batch` always; `events` where there are any."""
        cursor = _cursor(wanted.since) if wanted.since else 0
        is_news = context.start.serial == 0 or context.changes.concern_me(KIND)
        inbox = await self._to_device.receive(context.user_id, context.device_id, cursor, is_news, max(1, wanted.limit))
        content: dict[str, Any] = {"next_batch": f"d{inbox.cursor}"}
        if inbox.messages:
            content["events"] = orjson.Fragment(b"[%b]" % b",".join(inbox.messages))
        return Extended(content, is_news=bool(inbox.messages))


def _cursor(since: str) -> int:
    match = _CURSOR.fullmatch(since)
    if match is None:
        raise BadRequest("This is not a to-device token of this server", "M_INVALID_PARAM")
    return int(match[1])
