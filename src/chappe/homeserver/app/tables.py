"""Every table of the homeserver: those of its parts, and of what is not a part yet."""

from __future__ import annotations

from collections.abc import Sequence

from chappe.homeserver.accounts import tables as accounts
from chappe.homeserver.actions import tables as actions
from chappe.homeserver.app.features import HOMESERVER
from chappe.homeserver.database import tables as database
from chappe.homeserver.database.table import Table
from chappe.homeserver.modules.critical_acts import tables as critical_acts
from chappe.homeserver.modules.end_to_end_encryption import tables as end_to_end_encryption
from chappe.homeserver.modules.key_backup import tables as key_backup
from chappe.homeserver.modules.media import tables as media
from chappe.homeserver.modules.room_purges import tables as room_purges
from chappe.homeserver.modules.server_notices import tables as server_notices
from chappe.homeserver.modules.third_party_invites import tables as third_party_invites
from chappe.homeserver.outbound import tables as outbound
from chappe.homeserver.outbound.federation import tables as outbound_federation
from chappe.homeserver.outbound.mail import tables as outbound_mail
from chappe.homeserver.part import Part
from chappe.homeserver.rooms import tables as rooms
from chappe.homeserver.senders import tables as senders
from chappe.homeserver.senders.federation import tables as senders_federation

REST: tuple[Table, ...] = (
    *accounts.TABLES,
    *actions.TABLES,
    *database.TABLES,
    *critical_acts.TABLES,
    *end_to_end_encryption.TABLES,
    *key_backup.TABLES,
    *media.TABLES,
    *room_purges.TABLES,
    *server_notices.TABLES,
    *third_party_invites.TABLES,
    *outbound_federation.TABLES,
    *outbound_mail.TABLES,
    *outbound.TABLES,
    *rooms.TABLES,
    *senders_federation.TABLES,
    *senders.TABLES,
)


def tables_of(parts: Sequence[Part]) -> tuple[Table, ...]:
    """Every table of a node of these parts."""
    return (*REST, *(table for part in parts for table in part.tables))


TABLES = tables_of(HOMESERVER)
