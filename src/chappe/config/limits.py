"""How much anybody may ask for: rates, and shares of memory, disk and connections."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from chappe.config.values import Count, Positive, says


class Limit(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """So many requests at once (`burst`), and then so many a second."""

    per_second: Annotated[float, Meta(gt=0, extra_json_schema={"unit": "requests a second"})]
    burst: Annotated[Positive, Meta(extra_json_schema={"unit": "requests"})]


class Limits(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What one account (or one network, before anybody has signed in) may do: so much at once (`burst`), and then so much a second
    on average. What is beyond is refused (429) with the time to wait. Both figures of a limit are set together.
    """

    message: Annotated[Limit, says("Messages and other events that are sent.")] = Limit(10, 100)
    join: Annotated[Limit, says("Rooms that are entered or knocked at.")] = Limit(1, 30)
    invite: Annotated[Limit, says("Invitations that somebody sends.")] = Limit(1, 50)
    invited: Annotated[Limit, says("Invitations of one person here by everybody on one other server.")] = Limit(0.02, 30)
    invited_from: Annotated[Limit, says("Invitations of anybody here by one other server.")] = Limit(5, 500)
    files_by_strangers: Annotated[Limit, says("Files that another server asks for, of people who share no room with it.")] = (
        Limit(0.1, 250)
    )
    create_room: Annotated[Limit, says("Rooms that are made or upgraded.")] = Limit(0.2, 20)
    login: Annotated[Limit, says("Attempts to sign in, right or wrong, from one network.")] = Limit(0.5, 20)
    failed_login: Annotated[
        Limit, says("Wrong guesses at a password, a code or another secret of one account, from one network or device.")
    ] = Limit(0.1, 10)
    failed_login_account: Annotated[Limit, says("Wrong guesses at one account, from everywhere.")] = Limit(0.05, 100)
    failed_login_network: Annotated[Limit, says("Wrong guesses from one network, at whatever account.")] = Limit(0.5, 100)
    register: Annotated[Limit, says("Attempts to make an account, and questions whether a name is free.")] = Limit(0.2, 10)
    upload: Annotated[Limit, says("Files that are uploaded.")] = Limit(5, 50)
    keys: Annotated[Limit, says("Requests for the keys of devices.")] = Limit(20, 200)
    account: Annotated[Limit, says("Changes of an account: its profile, password, addresses, bots, pushers; and reports.")] = (
        Limit(1, 30)
    )
    search: Annotated[Limit, says("Searches for messages, people and rooms.")] = Limit(2, 30)
    call: Annotated[Limit, says("Calls of groups that somebody enters.")] = Limit(1, 30)
    call_network: Annotated[Limit, says("The same, by the people of one network, whose clients say later who they are.")] = (
        Limit(20, 1000)
    )
    call_from: Annotated[Limit, says("The same, for everybody of one other server together.")] = Limit(2, 200)
    delayed_events: Annotated[Limit, says("Changes of messages that are to be sent later.")] = Limit(2, 60)
    url_preview: Annotated[Limit, says("Links that the server is asked to open.")] = Limit(1, 30)
    email: Annotated[Limit, says("Mails to one address that somebody has asked for.")] = Limit(0.05, 5)
    rendezvous: Annotated[Limit, says("Messages between two devices of which one signs the other in.")] = Limit(1, 30)
    oauth: Annotated[Limit, says("Requests of the OAuth 2.0 API: clients that make themselves known, tokens, codes.")] = Limit(
        2, 60
    )
    webhook: Annotated[Limit, says("Messages that one webhook sends.")] = Limit(1, 30)
    webhook_address: Annotated[Limit, says("Messages that webhooks send from one network.")] = Limit(5, 100)
    lookup: Annotated[Limit, says("E-mail addresses that somebody looks up; each address counts as a request.")] = Limit(
        0.5, 3000
    )
    lookup_from: Annotated[Limit, says("E-mail addresses that all the people of another server look up together.")] = Limit(
        5, 30_000
    )
    key_lookup: Annotated[Limit, says("Questions for the keys of other servers, from one network.")] = Limit(1, 30)
    to_device: Annotated[
        Limit, says("Messages from device to device; each 32 KiB of what is sent counts as a request more.")
    ] = Limit(20, 400)
    failed_federation: Annotated[Limit, says("Requests of other servers whose signature is wrong, from one network.")] = Limit(
        1, 60
    )


class Shares(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What one device or account may have, so that there is enough for all. The defaults suit an installation of any size."""

    waiting_syncs_per_device: Annotated[
        Positive, says("Requests of one device that wait for news; beyond, the longest waiting is answered.", unit="requests")
    ] = 4
    waiting_syncs_per_account: Annotated[
        Positive, says("Such requests of all devices of an account; beyond, likewise.", unit="requests")
    ] = 50
    waiting_syncs: Annotated[Positive, says("Such requests of everybody, on each node.", unit="requests")] = 50_000
    unread_mib_per_account: Annotated[
        Positive, says("Large answers that an account's clients have not taken yet; beyond, another is refused (429).")
    ] = 64
    unread_mib: Annotated[Positive, says("Large answers that nobody has taken yet, of everybody, on each node.")] = 1024
    upload_mib_per_day: Annotated[
        Count, says("What one account uploads in a day; beyond, uploads are refused. 0: any amount.", unit="MiB a day")
    ] = 5120
    upload_gib_per_day: Annotated[Count, says("What everybody uploads in a day, together. 0: no bound.", unit="GiB a day")] = 0
    disk_reserve_mib: Annotated[
        Count,
        says(
            "While less is free where the files or the embedded database lie, uploads are refused, so that messages are still written."
        ),
    ] = 1024
    devices: Annotated[
        Positive, says("Devices of an account; beyond, the one that was used longest ago is signed out.", unit="devices")
    ] = 1000
    to_device_messages: Annotated[
        Positive, says("Messages that wait for one device; beyond, the oldest go.", unit="messages")
    ] = 20_000
    to_device_mib: Annotated[Positive, says("The size of what waits for one device; beyond, likewise the oldest go.")] = 200
    account_data_mib: Annotated[
        Positive, says("What clients keep as settings of one account; beyond, changes are refused.")
    ] = 50
    sealed_index_mib: Annotated[
        Count,
        says(
            "What the devices of one account keep sealed for each other, so that each finds what the others find; beyond, the "
            "oldest is found by those that have read it. 0: each device reads for itself."
        ),
    ] = 32
    filters: Annotated[
        Positive, says("Filters that clients store for one account; beyond, another is refused.", unit="filters")
    ] = 1000
