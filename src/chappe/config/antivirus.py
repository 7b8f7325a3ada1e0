"""What scans files before anybody is given them."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from chappe.config.values import Positive


class Antivirus(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`engine`: `clamd:///run/clamav/clamd.ctl`, `clamd://host:3310` or `icap://host:1344/service`; without one nothing is scanned.

    `scans_at_once`: more of them delay messages where the engine runs on the same cores; an appliance elsewhere takes more.
    `allowed_types`, `blocked_types`: of the (decrypted) bytes, such as `image/*`. `signatures`: change it, and every file is
    scanned anew.
    """

    engine: Annotated[str, Meta(pattern=r"^(clamd|icap)://.+")] | None = None
    max_size_mib: Positive = 100
    scans_at_once: Positive = 2
    allowed_types: list[str] = []
    blocked_types: list[str] = []
    signatures: str = ""


ANTIVIRUS = """\
[antivirus]
# engine = "clamd:///run/clamav/clamd.ctl"  # or clamd://host:3310, icap://host:1344/service; every file is scanned before it is seen
# max_size_mib = 100                 # what is larger cannot be scanned, and is not given out
# scans_at_once = 2                  # an appliance with cores of its own takes more
# allowed_types = []                 # only these, such as "image/*", by the file's own bytes; or:
# blocked_types = []                 # all but these, such as "application/x-msdownload"
# signatures = ""                    # change it (a date, say), and every file is scanned anew
"""
