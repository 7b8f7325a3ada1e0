"""The function by which the group writer commits: composed of what the owners of tables declare.

Each module declares the tables it writes as `Fragment`s next to its own SQL. At connection time the fragments are
composed into one PL/pgSQL function in the session's temporary schema, so processes of different versions can share a
database. The function takes the clock's lock first: commit order is position order (docs/decisions/0002).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from chappe.homeserver.database.rows import Row, columns_of


@dataclass(frozen=True, slots=True)
class Fragment:
    """A part of the writing transaction.

    `row`: what is added to a write for it. In `sql` the rows are an array of records called `<fragment>_rows` (so, usually:
    `FROM unnest(<fragment>_rows) r`), with `_lane` before the fields of `row`. The variables `since`, `upto` and `bad`
    (refused lanes) are at hand, and `r` for loops. With `checks`, `sql` runs before anything is written and may add to
    `bad`. `also`: another fragment whose rows make this one run, too.
    """

    name: str
    row: type[Row]
    sql: str
    checks: bool = False
    also: str = ""


@dataclass(frozen=True, slots=True)
class Consequence:
    """What else happens wherever a fragment writes: said by the owner of other tables, to which it happens.

    `sql` runs after that of the `fragment`, in the same call, and reads the same rows (`<fragment>_rows`). So what belongs to a
    device goes in the commit in which the device goes, and nobody deletes from tables that are not theirs.
    """

    fragment: str
    sql: str


class SentRow(Row):
    txn: str
    result: str


SENT = Fragment(
    "sent",
    SentRow,
    "INSERT INTO sent (txn, result, upto) SELECT r.txn, r.result, upto FROM unnest(sent_rows) r WHERE r._lane <> ALL (bad);",
)


def _has_rows(fragment: Fragment) -> str:
    return " OR ".join(f"cardinality({name}_rows) > 0" for name in (fragment.name, fragment.also) if name)


def _require_rows_that_there_are(fragments: Sequence[Fragment]) -> None:
    """PostgreSQL would refuse the function when the first batch is written, and name neither the fragment nor what there is."""
    names = {f.name for f in fragments}
    for fragment in fragments:
        taken = {word.removesuffix("_rows") for word in re.findall(r"\w+", fragment.sql) if word.endswith("_rows")}
        if strange := taken - names:
            raise ValueError(f"Fragment {fragment.name} takes {', '.join(sorted(strange))}_rows: no fragment has that name")
        if fragment.name not in taken:
            raise ValueError(f"Fragment {fragment.name} does not take its own rows, {fragment.name}_rows")


def compose(fragments: Sequence[Fragment], consequences: Sequence[Consequence] = ()) -> tuple[str, list[Fragment]]:
    """The SQL that makes the writing function, and the fragments in the order of its arguments.

    Raises ValueError for consequences of a fragment that there is not, and for SQL that takes rows which are nobody's.
    """
    if alone := {c.fragment for c in consequences} - {f.name for f in fragments}:
        raise ValueError(f"Consequences of fragments that nobody has: {', '.join(sorted(alone))}")
    _require_rows_that_there_are([*fragments, SENT])
    ordered = [*(f for f in fragments if f.checks), SENT, *(f for f in fragments if not f.checks)]

    def record(fragment: Fragment) -> str:
        fields = ((column.name, column.type) for column in columns_of(fragment.row))
        columns = ", ".join(f'"{name}" {kind}' for name, kind in (("_lane", "bigint"), *fields))
        return f"CREATE TYPE pg_temp.{fragment.name}_row AS ({columns});"

    def whole(fragment: Fragment) -> str:
        return "\n".join((fragment.sql, *(c.sql for c in consequences if c.fragment == fragment.name)))

    def steps(checks: bool) -> str:
        return "\n".join(f"    IF {_has_rows(f)} THEN {whole(f)} END IF;" for f in ordered if f.checks is checks)

    text = f"""
{" ".join(record(f) for f in ordered)}
CREATE FUNCTION pg_temp.chappe_write(
    taken int, lanes bigint[], j_room_lane bigint[], j_room bigint[], j_user_lane bigint[], j_user text[],
    {", ".join(f"{f.name}_rows pg_temp.{f.name}_row[] DEFAULT '{{}}'" for f in ordered)},
    OUT since bigint, OUT upto bigint, OUT moved bigint[], OUT again int[], OUT again_result text[])
LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE bad bigint[] := '{{}}'; r record;
BEGIN
    PERFORM pg_advisory_xact_lock(1);  -- freed after the commit is visible: commit order is position order
    SELECT j.upto INTO since FROM journal j ORDER BY j.upto DESC LIMIT 1;
    upto := since + greatest(taken, 1);
{steps(True)}
    moved := bad;
    SELECT coalesce(array_agg(f.i), '{{}}'), coalesce(array_agg(f.result), '{{}}'), bad || coalesce(array_agg(f.lane), '{{}}')
      INTO again, again_result, bad
      FROM (SELECT s.i, s._lane AS lane, (SELECT t.result FROM sent t WHERE t.txn = s.txn) AS result
              FROM unnest(sent_rows) WITH ORDINALITY s(_lane, txn, result, i)) f WHERE f.result IS NOT NULL;
    IF NOT EXISTS (SELECT 1 FROM unnest(lanes) l WHERE l <> ALL (bad)) THEN upto := since; RETURN; END IF;
{steps(False)}
    INSERT INTO journal (upto, since, rooms, users) VALUES (upto, since,
        array(SELECT DISTINCT r.room FROM unnest(j_room_lane, j_room) r(lane, room) WHERE r.lane <> ALL (bad)),
        array(SELECT DISTINCT u.name FROM unnest(j_user_lane, j_user) u(lane, name) WHERE u.lane <> ALL (bad)));
END $function$"""
    return text, ordered
