"""The verdict of the default push rules for all readers at once, but for those whom an event mentions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chappe.matrix.push_rules import SILENT, PushContext, Verdict


@dataclass(frozen=True, slots=True)
class SharedVerdict:
    """What the default rules say of an event, for all readers but its sender, and of whom they say something else."""

    everyone: Verdict
    mentioned: frozenset[str]  # these get a notification with highlight


_NOBODY: frozenset[str] = frozenset()
_SILENT_FOR_ALL = SharedVerdict(SILENT, _NOBODY)
_NOTIFYING = frozenset(("m.room.message", "m.room.encrypted", "m.call.invite"))


def shared_verdict(event_type: str, state_key: str | None, content: dict[str, Any], context: PushContext) -> SharedVerdict:
    """The default rules, evaluated at once for all readers who have not changed theirs.

    A property test holds it equal to `evaluate(default_rules(reader), …)` for every reader.

    Complex: the default rules one after the other, in their order; the first that fits decides.
    """
    mentions = content.get("m.mentions")
    if event_type not in _NOTIFYING and mentions is None and event_type not in ("m.room.tombstone", "m.room.member"):
        return _SILENT_FOR_ALL
    if content.get("msgtype") is not None and _is(content["msgtype"], "m.notice"):
        return _SILENT_FOR_ALL
    if event_type.lower() == "m.room.member":
        invited = type(state_key) is str and _is(content.get("membership"), "invite")
        # an invitation notifies the invited person through /sync's invite section, not through counts
        return SharedVerdict(SILENT, frozenset([state_key]) if invited and state_key else _NOBODY)
    ids = mentions.get("user_ids") if type(mentions) is dict else None
    mentioned = frozenset(i for i in ids if type(i) is str) if type(ids) is list else _NOBODY
    if type(mentions) is dict and mentions.get("room") is True and context.may_notify("room"):
        return SharedVerdict(Verdict(True, True), mentioned)
    if event_type.lower() == "m.room.tombstone" and state_key == "":
        return SharedVerdict(Verdict(True, True), mentioned)
    if event_type.lower() == "m.reaction" or (event_type.lower() == "m.room.server_acl" and state_key == ""):
        return SharedVerdict(SILENT, mentioned)
    relation = content.get("m.relates_to")
    if type(relation) is dict and relation.get("rel_type") == "m.replace":
        return SharedVerdict(SILENT, mentioned)
    return SharedVerdict(Verdict(event_type.lower() in _NOTIFYING, False), mentioned)


def _is(value: object, pattern: str) -> bool:
    return type(value) is str and value.lower() == pattern
