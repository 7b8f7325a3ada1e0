"""What critical acts need, and where the audit log is sealed."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from chappe.config.values import says


class Administration(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What administrators need for an act that cannot be taken back, and where the seals of the audit log are kept."""

    critical: Annotated[
        Literal["open", "second_factor", "two_persons"] | None,
        says(
            "What a critical act needs (security.md says which those are): nothing; a code, or the consent of somebody else; always "
            'that. Left out: "open", and with the public-sector layer "second_factor".',
            example="second_factor",
        ),
    ] = None
    approver_hours: Annotated[
        int,
        Meta(ge=0, le=8760),
        says("How long somebody else must have had the right and the second factor with which they agree."),
    ] = 24
    audit_key: Annotated[
        str | None,
        says(
            "The file of the key that seals the audit log: the same on every node. Left out: `audit.key` in the data folder.",
            example="/etc/chappe/audit.key",
            wrong="A key that is not the one of earlier entries makes `chappe admin audit verify` fail.",
        ),
    ] = None
    audit_log: Annotated[
        str | None,
        says(
            "The file to which each seal is written, outside of the database. Left out: `audit.log` in the data folder.",
            example="/var/log/chappe/audit.log",
            wrong="Where it cannot be written the log has an error, and the entry counts nevertheless.",
        ),
    ] = None
    audit_syslog: Annotated[
        str | None,
        says(
            "The syslog that is sent each seal as well: a socket of this machine, or `host:port` (UDP).",
            example="/dev/log",
            wrong="A port that is no number, or a host that is not found, stops the start; where nobody listens seals are lost.",
        ),
    ] = None
