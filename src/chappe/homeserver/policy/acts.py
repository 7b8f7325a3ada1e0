"""What administrators do: one table of acts, for every door (administration APIs, console, command line).

A critical act gives somebody another's account or rights, gives out what was kept back, or destroys: it needs a proof
(`modules/critical_acts`). So does whatever is done to another administrator (`Proofs.are_needed`). The public-sector layer has
more acts (`agency/console`), under these names where they are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Act:
    """`opens_account`: whoever does it could use the account that it is done to, or decides who does."""

    name: str
    critical: bool = False
    opens_account: bool = False


_TABLE = (
    # accounts
    Act("add_account", opens_account=True),
    Act("change_account"),
    Act("lock"),
    Act("unlock"),
    Act("suspend"),
    Act("renew"),
    Act("remove_device"),
    Act("sign_in_as", critical=True, opens_account=True),
    Act("reset_password", critical=True, opens_account=True),
    Act("reset_second_factor", critical=True, opens_account=True),
    Act("set_addresses", critical=True, opens_account=True),
    Act("set_identities", critical=True, opens_account=True),
    Act("set_kind", critical=True, opens_account=True),
    Act("make_administrator", critical=True, opens_account=True),
    Act("unmake_administrator", critical=True),
    Act("deactivate", critical=True),
    Act("erase", critical=True),
    Act("reactivate", critical=True, opens_account=True),
    # rooms
    Act("appoint", critical=True),
    Act("delete_room", critical=True),
    Act("join_room"),
    Act("block"),
    Act("unblock"),
    Act("redact", critical=True),
    Act("purge_history", critical=True),
    # files
    Act("quarantine_file"),
    Act("protect_file"),
    Act("unquarantine_file", critical=True),
    Act("release_file", critical=True),
    Act("delete_file", critical=True),
    # the installation
    Act("send_notice", critical=True),
    Act("close_report"),
    Act("add_registration_token"),
    Act("change_registration_token"),
    Act("remove_registration_token"),
    Act("decide_request"),
    Act("add_domain"),
    Act("rotate_domain_key"),
    Act("export_domain", critical=True),
    Act("import_domain", critical=True),
    Act("move_files"),
    Act("retry_server"),
    Act("confirm_time", critical=True),
)
ACTS: Mapping[str, Act] = {act.name: act for act in _TABLE}


# Of a request that says several things of an account: by field, the act where it gives, and the act where it takes away.
_OF_ANY_ACCOUNT = {
    "admin": ("make_administrator", "unmake_administrator"),
    # who may sign in, and for whom others take them
    "threepids": ("set_addresses", "set_addresses"),
    "external_ids": ("set_identities", "set_identities"),
    # what an account is for: nobody signs in to a bot, and its token alone brings the first keys
    "user_type": ("set_kind", "set_kind"),
}
_OF_AN_ACCOUNT_THAT_IS_THERE = {
    **_OF_ANY_ACCOUNT,
    "password": ("reset_password", "reset_password"),
    "deactivated": ("deactivate", "reactivate"),
    "locked": ("lock", "unlock"),
    "suspended": ("suspend", "suspend"),
}


def changes_of_account(body: Mapping[str, Any], is_new: bool) -> Sequence[str]:
    """The acts in a `PUT /_synapse/admin/v2/users/{userId}`, which says several things at once."""
    if body.get("deactivated"):
        return ["erase" if body.get("erase") else "deactivate"]
    acts = ["add_account" if is_new else "change_account"]
    for field, (giving, taking) in (_OF_ANY_ACCOUNT if is_new else _OF_AN_ACCOUNT_THAT_IS_THERE).items():
        if body.get(field):
            acts.append(giving)
        elif field in body and not is_new and (body[field] is not None or field == "user_type"):  # null: of a person
            acts.append(taking)
    return acts


def end_of_account(body: Mapping[str, Any], is_new: bool) -> Sequence[str]:
    """The act in a request to end an account."""
    return ["erase" if body.get("erase") else "deactivate"]


def setting_administrator(body: Mapping[str, Any], is_new: bool) -> Sequence[str]:
    return ["make_administrator" if body.get("admin") else "unmake_administrator"]


def locking(body: Mapping[str, Any], is_new: bool) -> Sequence[str]:
    return ["lock" if body.get("locked") else "unlock"]


def blocking(body: Mapping[str, Any], is_new: bool) -> Sequence[str]:
    return ["block" if body.get("block") else "unblock"]
