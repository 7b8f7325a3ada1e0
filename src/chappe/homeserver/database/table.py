"""What is known of each table: whose it is, what it holds of a person, where its rows go.

A table is declared once, in `tables.py` beside the code that owns it; its part lists it. The
package of one person's data, the erasure of a person and the export of a hosted domain follow these declarations, and a test
holds them to the schema and to every SQL statement: only the owner writes, only the owner and `readers` read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NewType


def of_domain(column: str) -> str:
    """A condition: the user id in a column is of the domain ($1)."""
    return f"right({column}, length($1) + 1) = ':' || $1"


OF_USER = of_domain("user_id")
OF_ROOM = "room_nid IN (SELECT room_nid FROM moving_rooms)"
OF_ROOM_ID = "room_id IN (SELECT r.room_id FROM rooms r JOIN moving_rooms USING (room_nid))"
# Of the secrets, what rows are made with: the keys of states, and what sync tokens begin with. An installation makes the others itself.
NO_SECRETS = "name IN ('state_hash', 'epoch')"

USER = ("user_id",)
# Reasons that several tables give.
SECRET, MINUTES = "a secret", "lasts minutes"
KEYS = "keys that devices have made, not facts about the person"
IN_THE_LOG = "an act of administration: it is in the audit log"
OF_OTHERS = "people of other servers"
FROM_MESSAGES, WITH_MESSAGES = "made from the messages, which are in the package", "goes with each message"


@dataclass(frozen=True, slots=True)
class Table:
    """`owner`: the package or file that writes it. `readers`: others of the homeserver that read it.

    When a hosted domain ($1) moves to another installation: `rows` go along, and leave the old one unless `stays_too`, as what
    is of a shared room does; or all of the table stays, and `stays` says why.

    Where `person` names columns with user ids, the table holds something of a person. `package`: the statement that puts it into
    the person's package ($1: who), into a `file` of that name or the table's; or `not_in_package` says why not. When the person
    is erased, the rows whose first column of `person` names them are deleted (`erased`), or `kept` says why not, or what deletes
    them.

    Where a column says of which room a row is (`room`: "room_nid" or "room_id") or of which event (`event`), the row is deleted
    when the room is purged; or `room_stays` says why not. `says`: the row is made from what the event says, and does not go
    along where the moving domain may not know that.

    `words`: for tables that can hold what somebody said: how long they do.
    """

    owner: str
    name: str = ""
    rows: str = ""
    stays_too: bool = False
    stays: str = ""
    person: tuple[str, ...] = ()
    package: str = ""
    file: str = ""
    not_in_package: str = ""
    erased: bool = False
    kept: str = ""
    words: str = ""
    room: str = ""
    event: str = ""
    says: bool = False
    room_stays: str = ""
    readers: tuple[str, ...] = ()

    @property
    def erasure(self) -> str:
        """The statement that deletes a person's rows ($1)."""
        return f"DELETE FROM {self.name} WHERE {self.person[0]} = $1"

    @property
    def of_room(self) -> str:
        """A condition: the row is of one room ($1: its number or its id, as `room` says)."""
        return f"{self.room} = $1"

    @property
    def cites(self) -> str:
        """The column of `events` that `event` holds."""
        return "event_id" if self.event == "event_id" else "nid"


AllTables = NewType("AllTables", Sequence[Table])  # of an installation, those of a layer above included


def alike(kind: Table, *names: str) -> tuple[Table, ...]:
    """Tables of which the same is true."""
    return tuple(replace(kind, name=name) for name in names)
