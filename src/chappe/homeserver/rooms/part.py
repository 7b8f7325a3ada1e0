"""Rooms as a part of a node: what people do with them, and what they are answered."""

from __future__ import annotations

from collections.abc import Iterator

from chappe.config import Config
from chappe.homeserver.accounts.accounts import NoticesAccount
from chappe.homeserver.accounts.profiles import Profiles
from chappe.homeserver.actions.evict_guests import EvictGuests
from chappe.homeserver.actions.join_room import JoinRoom
from chappe.homeserver.actions.shut_down_room import MakeRoomAdmin
from chappe.homeserver.actions.upgrade_room import UpgradeRoom
from chappe.homeserver.bus.erased import ErasedAuthors
from chappe.homeserver.database import journal
from chappe.homeserver.database.clock import Clock
from chappe.homeserver.database.group_writer import GroupWriter
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.secrets import Secrets
from chappe.homeserver.database.server_time import NowMs
from chappe.homeserver.load.tasks import Tasks
from chappe.homeserver.modules.administration.administration import Administration
from chappe.homeserver.modules.ignored_users.ignored_users import IgnoredUsers
from chappe.homeserver.modules.room_directory.room_directory import RoomDirectory
from chappe.homeserver.modules.third_party_invites.third_party_invites import ThirdPartyInvites
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.part import Job, Part
from chappe.homeserver.policy import Policy
from chappe.homeserver.policy.reading import Reading
from chappe.homeserver.rooms.admission import Admission
from chappe.homeserver.rooms.aliases import Aliases
from chappe.homeserver.rooms.api.create_room import CreateRoom
from chappe.homeserver.rooms.api.directory import Directory
from chappe.homeserver.rooms.api.membership import Membership
from chappe.homeserver.rooms.api.old_sync import OldSync
from chappe.homeserver.rooms.api.room_send import RoomSend
from chappe.homeserver.rooms.api.room_upgrades import RoomUpgrades
from chappe.homeserver.rooms.api.rooms import RoomReads
from chappe.homeserver.rooms.create_room import RoomCreation
from chappe.homeserver.rooms.following import Following
from chappe.homeserver.rooms.ignoring import Ignoring
from chappe.homeserver.rooms.listings import PublishedRooms
from chappe.homeserver.rooms.membership import MembershipChanges
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.rooms.sight import Sight
from chappe.homeserver.rooms.tables import TABLES
from chappe.telemetry import Metrics

PRUNE_EVERY, SWEEP_EVERY = 600, 600  # seconds
DAY_OF_POSITIONS = 2_000_000  # transaction ids and headers are kept for at least so many positions


def rooms(
    database: Database,
    clock: Clock,
    writer: GroupWriter,
    domains: Domains,
    boundaries: Boundaries,
    policy: Policy,
    ignoring: Ignoring,
    erased: ErasedAuthors,
    now_ms: NowMs,
    tasks: Tasks,
    secrets: Secrets,
    config: Config,
) -> Rooms:
    secret, limit = secrets.state_hash, config.live_rooms
    return Rooms(database, clock, writer, domains, boundaries, policy, ignoring, erased, now_ms, tasks, secret, limit)


def sight(rooms: Rooms) -> Sight:
    return rooms.sight


def reading(rooms: Rooms) -> Reading:
    return rooms.reading


def following(rooms: Rooms) -> Following:
    return rooms.following


def admission(
    rooms: Rooms, profiles: Profiles, administration: Administration, ignored: IgnoredUsers, notices: NoticesAccount
) -> Admission:
    return Admission(rooms, profiles.in_memberships, administration.standing, ignored.require_may_invite, notices)


def creation(
    rooms: Rooms,
    aliases: Aliases,
    admission: Admission,
    membership: MembershipChanges,
    by_address: ThirdPartyInvites,
    directory: RoomDirectory,
    config: Config,
) -> RoomCreation:
    return RoomCreation(rooms, aliases, admission, membership, by_address, directory, config.default_room_version)


def runs(database: Database, clock: Clock, evict_guests: EvictGuests) -> Iterator[Job]:
    async def prune() -> None:
        await journal.prune(database, clock.watermark - DAY_OF_POSITIONS)

    yield Job("old positions", PRUNE_EVERY, prune, cannot_be_undone=True)
    yield Job("guest access", SWEEP_EVERY, evict_guests.sweep)


def measures(metrics: Metrics, rooms: Rooms) -> None:
    metrics.gauge("chappe_live_rooms", "Rooms in memory", lambda: len(rooms.live))


PART = Part(
    "rooms",
    gives=(
        rooms,
        sight,
        reading,
        following,
        PublishedRooms,
        Aliases,
        admission,
        MembershipChanges,
        EvictGuests,
        creation,
        JoinRoom,
        UpgradeRoom,
        MakeRoomAdmin,
    ),
    endpoints=(CreateRoom, Membership, RoomSend, RoomUpgrades, RoomReads, Directory, OldSync),
    tables=TABLES,
    runs=runs,
    measures=measures,
)
