"""Accounts that a bridge has from before, under another id of its registration, or made for it by an operator.

What a service may do to an account is said by `users.appservice`. At the start, accounts in a namespace that is one service's
alone come to it where no person can be behind them, so that a bridge whose registration has another id keeps its users.
"""

from __future__ import annotations

import logging

from chappe.homeserver.accounts.accounts import NoticesAccount
from chappe.homeserver.accounts.application_services import ApplicationServices
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import values
from chappe.matrix.identifiers import localpart_of

log = logging.getLogger(__name__)

# Of a service that is installed no more; or of nobody, with nothing by which anybody could ever have signed in.
_WITHOUT_PERSON = """
    SELECT user_id FROM users u
     WHERE NOT deactivated AND NOT is_guest AND NOT is_admin AND kind IS NULL AND owner IS NULL AND password_hash IS NULL
       AND (appservice <> ALL($1::text[]) OR appservice IS NULL
            AND NOT EXISTS (SELECT 1 FROM devices d WHERE d.user_id = u.user_id)
            AND NOT EXISTS (SELECT 1 FROM known_browsers b WHERE b.user_id = u.user_id)
            AND NOT EXISTS (SELECT 1 FROM threepids t WHERE t.user_id = u.user_id))
       AND NOT EXISTS (SELECT 1 FROM upstream_links l WHERE l.user_id = u.user_id)
       AND NOT EXISTS (SELECT 1 FROM passkeys p WHERE p.user_id = u.user_id)"""


async def adopt(database: Database, services: ApplicationServices, notices: NoticesAccount) -> None:
    """Gives accounts to the one service that has their names for itself. No statement where none is installed."""
    if not services.services:
        return
    found: dict[str, list[str]] = {}
    for user_id in await values(database, str, _WITHOUT_PERSON, list(services.services)):
        service = services.sole_owner_of(user_id)
        if service is not None and not notices.is_taken(localpart_of(user_id)):
            found.setdefault(service.id, []).append(user_id)
    for service_id, user_ids in found.items():
        await database.execute(
            "UPDATE users SET appservice = $1 WHERE user_id = ANY($2::text[]) AND password_hash IS NULL", service_id, user_ids
        )
        fields = {"service": service_id, "accounts": len(user_ids)}
        log.info("an application service has taken over accounts of its names", extra={"fields": fields})
