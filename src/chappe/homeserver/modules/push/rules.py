"""Each user's push rules: the server's defaults with the user's changes."""

from __future__ import annotations

import copy
from typing import Any

import orjson

from chappe.homeserver.database.clock import Clock
from chappe.homeserver.database.group_writer import GroupWriter, Write
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, read
from chappe.homeserver.database.user_cache import UserCache
from chappe.homeserver.database.writing_function import Fragment
from chappe.matrix.errors import BadRequest, MatrixError, NotFound
from chappe.matrix.globs import MAX_PATTERN
from chappe.matrix.push_rules import KINDS, Rule, RuleSet, default_rules

MAX_RULES = 1000
MAX_RULES_BYTES = 1 << 16  # of all that one account has changed


class PushRulesRow(Row):
    who: str
    rules: bytes


FRAGMENT = Fragment(
    "push_rules",
    PushRulesRow,
    """
    FOR r IN SELECT * FROM unnest(push_rules_rows) LOOP
        INSERT INTO push_rules VALUES (r.who, r.rules)
        ON CONFLICT (user_id) DO UPDATE SET rules = excluded.rules;
    END LOOP;""",
)


class StoredRules(Row):
    user_id: str
    rules: bytes


class PushRules:
    """Stored are only the differences: `{"custom": {kind: [rule]}, "changed": {"kind/id": {enabled, actions}}}`."""

    def __init__(self, database: Database, writer: GroupWriter, clock: Clock) -> None:
        self._database, self._writer = database, writer
        self._cache = UserCache(clock, ("push_rules",), self._load)
        writer.register(FRAGMENT)

    async def _load(self, users: list[str]) -> dict[str, dict[str, Any]]:
        rows = await read(
            self._database, StoredRules, "SELECT user_id, rules FROM push_rules WHERE user_id = ANY($1::text[])", users
        )
        return {**{user: {} for user in users}, **{row.user_id: orjson.loads(row.rules) for row in rows}}

    async def _differences(self, user_id: str) -> dict[str, Any]:
        return await self._cache.get(user_id)

    async def are_default(self, user_id: str) -> bool:
        """Whether the user has changed nothing: then the rooms' shared counters hold."""
        return not await self._differences(user_id)

    async def rules(self, user_id: str) -> RuleSet:
        """All rules in force, in order: the user's before the defaults, but for the master rule. Not to be changed."""
        differences = await self._differences(user_id)
        rules = default_rules(user_id)
        for key, change in differences.get("changed", {}).items():
            kind, _, rule_id = key.partition("/")
            for rule in rules[kind]:
                if rule["rule_id"] == rule_id:
                    rule.update(change)
        for kind, custom in differences.get("custom", {}).items():
            first = 1 if kind == "override" else 0
            rules[kind][first:first] = custom
        return rules

    async def content(self, user_id: str) -> dict[str, RuleSet]:
        """The same as the content of `m.push_rules`."""
        return {"global": await self.rules(user_id)}

    async def of_kind(self, user_id: str, kind: str) -> list[Rule]:
        """Raises M_NOT_FOUND for an unknown kind."""
        if kind not in KINDS:
            raise NotFound("There is no such kind of push rule")
        return (await self.rules(user_id))[kind]

    async def rule(self, user_id: str, kind: str, rule_id: str) -> Rule:
        """Raises M_NOT_FOUND for an unknown kind or rule."""
        for rule in await self.of_kind(user_id, kind):
            if rule["rule_id"] == rule_id:
                return rule
        raise NotFound("There is no such push rule")

    async def put(
        self, user_id: str, kind: str, rule_id: str, body: dict[str, Any], before: str | None, after: str | None
    ) -> None:
        """Creates or replaces one of the user's own rules, at a place among the user's own. Raises M_INVALID_PARAM for an unknown
        kind: there, nothing is looked for."""
        if kind not in KINDS:
            raise BadRequest(f"A push rule is one of {', '.join(KINDS)}", "M_INVALID_PARAM")
        _check_rule_id(rule_id)
        rule = _rule(kind, rule_id, body)
        differences = copy.deepcopy(await self._differences(user_id))
        rules: list[Rule] = differences.setdefault("custom", {}).setdefault(kind, [])
        old = next((i for i, r in enumerate(rules) if r["rule_id"] == rule_id), None)
        if old is not None:
            rule["enabled"] = rules.pop(old)["enabled"]
        at = 0 if old is None or before or after else old
        if (relative := before or after) is not None:
            places = [i for i, r in enumerate(rules) if r["rule_id"] == relative]
            if not places:
                raise BadRequest("There is no rule of yours to place this one by", "M_UNKNOWN")
            at = places[0] + (1 if after else 0)
        rules.insert(at, rule)
        if sum(map(len, differences["custom"].values())) > MAX_RULES:
            raise BadRequest(f"At most {MAX_RULES} push rules", "M_INVALID_PARAM")
        await self._save(user_id, differences)

    async def delete(self, user_id: str, kind: str, rule_id: str) -> None:
        rule = await self.rule(user_id, kind, rule_id)
        if rule.get("default"):
            raise NotFound("The server's rules can be switched off, not deleted")
        differences = copy.deepcopy(await self._differences(user_id))
        custom = differences["custom"]
        custom[kind] = [r for r in custom[kind] if r["rule_id"] != rule_id]
        await self._save(user_id, differences)

    async def change(self, user_id: str, kind: str, rule_id: str, name: str, value: Any) -> None:
        """Sets `enabled` or `actions` of any rule."""
        if name == "enabled" and type(value) is not bool:
            raise BadRequest("`enabled` must be true or false")
        if name == "actions":
            value = _actions(value)
        rule = await self.rule(user_id, kind, rule_id)
        differences = copy.deepcopy(await self._differences(user_id))
        if rule.get("default"):
            differences.setdefault("changed", {}).setdefault(f"{kind}/{rule_id}", {})[name] = value
        else:
            for mine in differences["custom"][kind]:
                if mine["rule_id"] == rule_id:
                    mine[name] = value
        await self._save(user_id, differences)

    async def copy_room(self, user_id: str, old_id: str, new_id: str) -> None:
        """What a user has set for a room holds for the room that replaces it as well."""
        differences = copy.deepcopy(await self._differences(user_id))
        changed = False
        for kind, rules in differences.get("custom", {}).items():
            known = {rule["rule_id"] for rule in rules}
            for rule in list(rules):
                if (kind == "room" or _is_about(rule, old_id)) and old_id in rule["rule_id"]:
                    twin = orjson.loads(orjson.dumps(rule).replace(orjson.dumps(old_id)[1:-1], orjson.dumps(new_id)[1:-1]))
                    if twin["rule_id"] not in known:
                        rules.append(twin)
                        changed = True
        if changed:
            await self._save(user_id, differences)

    async def _save(self, user_id: str, differences: dict[str, Any]) -> None:
        raw = orjson.dumps(differences)
        if len(raw) > MAX_RULES_BYTES:
            raise MatrixError(413, "M_TOO_LARGE", f"All push rules of an account have {MAX_RULES_BYTES >> 10} KiB together")
        write = Write()
        write.add(PushRulesRow(who=user_id, rules=raw))
        write.touch_user(user_id, "push_rules")
        write.touch_user(user_id, "account_data")
        await self._writer.submit(write)


def _is_about(rule: Rule, room_id: str) -> bool:
    return any(c.get("key") == "room_id" and c.get("pattern") == room_id for c in rule.get("conditions") or ())


def _check_rule_id(rule_id: str) -> None:
    if rule_id.startswith(".") or not rule_id or "/" in rule_id or "\\" in rule_id:
        raise BadRequest("A rule's id may not begin with a dot or hold a slash", "M_INVALID_PARAM")


def _actions(value: Any) -> list[Any]:
    """As they were given: `dont_notify` and `coalesce` of old mean nothing, and clients look for what they have written."""
    good = type(value) is list and all(
        a in ("notify", "dont_notify", "coalesce") if type(a) is str else type(a) is dict and type(a.get("set_tweak")) is str
        for a in value
    )
    if not good:
        raise BadRequest('`actions` must be a list of "notify" and tweaks', "M_INVALID_PARAM")
    return list(value)


def _rule(kind: str, rule_id: str, body: dict[str, Any]) -> Rule:
    rule: Rule = {"rule_id": rule_id, "default": False, "enabled": True, "actions": _actions(body.get("actions"))}
    if kind in ("override", "underride"):
        conditions = body.get("conditions")
        if type(conditions) is not list or not all(type(c) is dict and type(c.get("kind")) is str for c in conditions):
            raise BadRequest("`conditions` must be a list of conditions", "M_INVALID_PARAM")
        for condition in conditions:
            _check_pattern(condition.get("pattern"))
        rule["conditions"] = conditions
    if kind == "content":
        if type(body.get("pattern")) is not str:
            raise MatrixError(400, "M_MISSING_PARAM", "A content rule needs a `pattern`")
        _check_pattern(body["pattern"])
        rule["pattern"] = body["pattern"]
    return rule


def _check_pattern(pattern: object) -> None:
    if type(pattern) is str and len(pattern) > MAX_PATTERN:
        raise BadRequest(f"A `pattern` has at most {MAX_PATTERN} characters", "M_INVALID_PARAM")
