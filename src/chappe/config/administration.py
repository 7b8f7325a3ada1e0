"""What critical acts need, and where the audit log is sealed."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Administration(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`critical`: what a critical act needs. Unset: nothing, and with [agency] a code of a second factor or a second person.

    `approver_hours`: how old the rights and the second factor of whoever agrees are at least.
    """

    critical: Literal["open", "second_factor", "two_persons"] | None = None
    approver_hours: Annotated[int, Meta(ge=0, le=8760)] = 24
    audit_key: str | None = None  # files; in the data folder where they are not set
    audit_log: str | None = None
    audit_syslog: str | None = None


ADMINISTRATION = """\
[administration]
# critical = "open"                  # what critical acts need (docs/security.md): "open", "second_factor", "two_persons"
                                     # public-sector layer: "second_factor", a code of one's own or a second administrator
# approver_hours = 24                # how old the rights and the second factor of whoever agrees are at least
# audit_key = "/etc/chappe/audit.key"     # what seals the audit log: the same file on every node; default: in the data folder
# audit_log = "/var/log/chappe/audit.log" # each seal, outside of the database; default: in the data folder
# audit_syslog = "/dev/log"          # each seal to syslog as well: a socket, or host:port
"""
