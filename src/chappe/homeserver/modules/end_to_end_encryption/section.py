"""Device lists and key counts in /sync and in sliding sync (MSC3884)."""

from __future__ import annotations

from typing import Any

import orjson

from chappe.homeserver.modules.end_to_end_encryption.keys import DeviceKeys
from chappe.homeserver.sync.context import SyncContext
from chappe.homeserver.sync.device_lists import DeviceLists
from chappe.homeserver.sync.section import Extended, Section, SyncAnswer
from chappe.homeserver.sync.sliding.extension import Extension, ExtensionContext

NAME, COUNTS = "e2ee", "key_counts"


class EncryptionSection(Section):
    extension = NAME

    def __init__(self, keys: DeviceKeys, device_lists: DeviceLists) -> None:
        self._keys, self._device_lists = keys, device_lists

    async def of_account(self, context: SyncContext, answer: SyncAnswer) -> None:
        changed, left = await self._device_lists.of(context)
        if changed or left:
            answer.members["device_lists"] = orjson.dumps({"changed": changed, "left": left})
        answer.newly_shared = changed
        answer.has_news = answer.has_news or bool(changed or left) or context.changes.concern_me(COUNTS)
        for name, counts in (await self._counts(context.user_id, context.requester.device_id)).items():
            answer.members[name] = orjson.dumps(counts)

    async def extended(self, context: ExtensionContext, wanted: Extension) -> Extended:
        content = await self._counts(context.user_id, context.device_id)
        has_news = context.changes.known and context.changes.concern_me(COUNTS)
        if (since := context.since(NAME)) > 0:
            changed, left = await self._device_lists.since(
                context.user_id, context.memberships, since, context.upto, context.changes
            )
            if changed or left:
                content["device_lists"], has_news = {"changed": changed, "left": left}, True
        return Extended(content, has_news)

    async def _counts(self, user_id: str, device_id: str) -> dict[str, Any]:
        counts, unused = await self._keys.counts(user_id, device_id)
        return {"device_one_time_keys_count": counts, "device_unused_fallback_key_types": unused}
