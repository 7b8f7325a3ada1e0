"""Push rules: the defaults and their evaluation (client-server API, "Push Rules").

Rules are evaluated once per distinct set of rules, not once per member: what depends on the reader (their own id in a
mention or an invite) is left out of the shared verdict (`shared_verdict.py`) and added for the few users concerned.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from chappe.matrix.globs import MAX_PATTERN, PLENTY, Glob, Work, fold, glob

Rule = dict[str, Any]
RuleSet = dict[str, list[Rule]]
KINDS = ("override", "content", "room", "sender", "underride")
_SOUND = {"set_tweak": "sound", "value": "default"}
_HIGHLIGHT = {"set_tweak": "highlight"}


def _match(key: str, pattern: str) -> dict[str, str]:
    return {"kind": "event_match", "key": key, "pattern": pattern}


def _rule(rule_id: str, conditions: list[dict[str, Any]], actions: list[Any], enabled: bool = True) -> Rule:
    return {"rule_id": rule_id, "default": True, "enabled": enabled, "conditions": conditions, "actions": actions}


def default_rules(user_id: str) -> RuleSet:
    """The server-default rules of a user."""
    two = {"kind": "room_member_count", "is": "2"}
    mention = {"kind": "event_property_contains", "key": r"content.m\.mentions.user_ids", "value": user_id}
    room_mention = {"kind": "event_property_is", "key": r"content.m\.mentions.room", "value": True}
    edit = {"kind": "event_property_is", "key": r"content.m\.relates_to.rel_type", "value": "m.replace"}
    invite = [_match("type", "m.room.member"), _match("content.membership", "invite"), _match("state_key", user_id)]
    override = [
        _rule(".m.rule.master", [], [], enabled=False),
        _rule(".m.rule.suppress_notices", [_match("content.msgtype", "m.notice")], []),
        _rule(".m.rule.invite_for_me", invite, ["notify", _SOUND]),
        _rule(".m.rule.member_event", [_match("type", "m.room.member")], []),
        _rule(".m.rule.is_user_mention", [mention], ["notify", _SOUND, _HIGHLIGHT]),
        _rule(
            ".m.rule.is_room_mention",
            [room_mention, {"kind": "sender_notification_permission", "key": "room"}],
            ["notify", _HIGHLIGHT],
        ),
        _rule(".m.rule.tombstone", [_match("type", "m.room.tombstone"), _match("state_key", "")], ["notify", _HIGHLIGHT]),
        _rule(".m.rule.reaction", [_match("type", "m.reaction")], []),
        _rule(".m.rule.room.server_acl", [_match("type", "m.room.server_acl"), _match("state_key", "")], []),
        _rule(".m.rule.suppress_edits", [edit], []),
    ]
    ring = {"set_tweak": "sound", "value": "ring"}
    underride = [
        _rule(".m.rule.call", [_match("type", "m.call.invite")], ["notify", ring]),
        _rule(".m.rule.encrypted_room_one_to_one", [two, _match("type", "m.room.encrypted")], ["notify", _SOUND]),
        _rule(".m.rule.room_one_to_one", [two, _match("type", "m.room.message")], ["notify", _SOUND]),
        _rule(".m.rule.message", [_match("type", "m.room.message")], ["notify"]),
        _rule(".m.rule.encrypted", [_match("type", "m.room.encrypted")], ["notify"]),
    ]
    return {"override": override, "content": [], "room": [], "sender": [], "underride": underride}


@dataclass(frozen=True, slots=True)
class PushContext:
    """What conditions ask of the room at the event."""

    room_id: str
    member_count: int
    may_notify: Callable[[str], bool]  # whether the sender has the power for a notification such as "room"


@dataclass(frozen=True, slots=True)
class Verdict:
    notify: bool
    highlight: bool


SILENT = Verdict(False, False)


class _Asked:
    """An event while rules ask about it: what they look at in it is bounded, all rules together."""

    __slots__ = ("_body", "context", "event", "work")

    def __init__(self, event: dict[str, Any], context: PushContext) -> None:
        self.event, self.context, self.work = event, context, Work(PLENTY)
        self._body: str | None = None

    def body(self, text: str) -> str:
        """`content.body` without case: made once for all patterns."""
        if self._body is None:
            self._body = fold(text)
        return self._body


def evaluate(rules: RuleSet, event: dict[str, Any], context: PushContext) -> list[Any] | None:
    """The actions of the first enabled rule that matches, or None. `event` is in its client form."""
    asked = _Asked(event, context)
    for kind in KINDS:
        for rule in rules.get(kind, ()):
            if rule.get("enabled", True) and _matches(kind, rule, asked):
                actions: list[Any] = rule.get("actions", [])
                return actions
    return None


def verdict_of(actions: list[Any] | None) -> Verdict:
    """Whether actions notify, and whether they highlight."""
    if not actions or "notify" not in actions:
        return SILENT
    highlight = any(
        type(a) is dict and a.get("set_tweak") == "highlight" and a.get("value", True) is not False for a in actions
    )
    return Verdict(True, highlight)


def _matches(kind: str, rule: Rule, asked: _Asked) -> bool:
    if kind == "room":
        return bool(rule["rule_id"] == asked.context.room_id)
    if kind == "sender":
        return bool(rule["rule_id"] == asked.event.get("sender"))
    if kind == "content":
        return _event_match({"key": "content.body", "pattern": rule.get("pattern")}, asked)
    return all(_condition(condition, asked) for condition in rule.get("conditions") or ())


def _condition(condition: dict[str, Any], asked: _Asked) -> bool:
    kind, event, context = condition.get("kind"), asked.event, asked.context
    if kind == "event_match":
        return _event_match(condition, asked)
    if kind == "event_property_is":
        value = _property(event, condition.get("key"))
        return _same(value, condition.get("value")) and not isinstance(value, dict | list | float)
    if kind == "event_property_contains":
        values = _property(event, condition.get("key"))
        if type(values) is not list or not asked.work.spend(_ENTRY_COST * len(values)):
            return False
        return any(_same(value, condition.get("value")) for value in values)
    if kind == "room_member_count":
        return _compare(context.member_count, condition.get("is"))
    if kind == "sender_notification_permission":
        return context.may_notify(str(condition.get("key")))
    return False  # an unknown condition never matches


_ABSENT = object()
_ENTRY_COST = 32  # of one entry of a list, in characters that a pattern looks at


def _same(a: object, b: object) -> bool:
    return type(a) is type(b) and a == b


def _property(event: dict[str, Any], path: object) -> Any:
    value: Any = event
    for key in _path(path) if type(path) is str else ():
        if type(value) is not dict or key not in value:
            return _ABSENT
        value = value[key]
    return value if value is not event else _ABSENT


@lru_cache(maxsize=1024)
def _path(text: str) -> tuple[str, ...]:
    """Splits at dots; a backslash makes the next dot or backslash part of the key."""
    keys, current, escaped = [], "", False
    for char in text:
        if escaped:
            current, escaped = current + (char if char in "\\." else "\\" + char), False
        elif char == "\\":
            escaped = True
        elif char == ".":
            keys.append(current)
            current = ""
        else:
            current += char
    return (*keys, current + ("\\" if escaped else ""))


def _event_match(condition: dict[str, Any], asked: _Asked) -> bool:
    key, pattern = condition.get("key"), condition.get("pattern")
    value = _property(asked.event, key)
    if type(value) is not str or type(pattern) is not str:
        return False
    if len(pattern) > MAX_PATTERN:
        return False
    folded = _folded(pattern)
    if key == "content.body":
        return folded.is_in(asked.body(value), asked.work)
    return asked.work.spend(len(value)) and folded.matches(fold(value))


@lru_cache(maxsize=4096)
def _folded(pattern: str) -> Glob:
    return glob(fold(pattern))


_COUNT = re.compile(r"(==|<=|>=|<|>)?([0-9]{1,9})")


def _compare(count: int, text: object) -> bool:
    match = _COUNT.fullmatch(text) if type(text) is str else None
    if match is None:
        return False
    limit = int(match[2])
    return {"<": count < limit, ">": count > limit, "<=": count <= limit, ">=": count >= limit}.get(
        match[1] or "==", count == limit
    )
