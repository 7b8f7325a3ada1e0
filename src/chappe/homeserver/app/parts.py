"""Wiring: every part of a node, made once, in order, with what it needs."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path

from chappe.config import Config, Media, limits_of, waiting_of
from chappe.homeserver.accounts.account_states import AccountStates
from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.application_services import load_application_services
from chappe.homeserver.accounts.bridges import Bridges
from chappe.homeserver.accounts.browser_sessions import BrowserSessions
from chappe.homeserver.accounts.fresh_proof import OwnerMail
from chappe.homeserver.accounts.login_tokens import LoginTokens
from chappe.homeserver.accounts.oauth.clients import Clients
from chappe.homeserver.accounts.oauth.grants import Grants
from chappe.homeserver.accounts.passwords import Passwords
from chappe.homeserver.accounts.rendezvous import Rendezvous
from chappe.homeserver.accounts.second_factors import SecondFactors
from chappe.homeserver.accounts.sessions import Sessions
from chappe.homeserver.accounts.single_sign_on.ldap import Directories
from chappe.homeserver.accounts.single_sign_on.providers import Providers
from chappe.homeserver.accounts.standings import Standings
from chappe.homeserver.accounts.store import FRAGMENTS as ACCOUNT_FRAGMENTS
from chappe.homeserver.accounts.store import AccountStore
from chappe.homeserver.accounts.threepids import Threepids
from chappe.homeserver.accounts.uia import UserInteractiveAuth
from chappe.homeserver.actions.ask_servers import AskServers
from chappe.homeserver.actions.bind_threepid import BindThreepid
from chappe.homeserver.actions.deactivate_account import DeactivateAccount
from chappe.homeserver.actions.delete_room import DeleteRoom
from chappe.homeserver.actions.evict_guests import EvictGuests
from chappe.homeserver.actions.exchange_invites import ExchangeInvites
from chappe.homeserver.actions.join_room import JoinRoom
from chappe.homeserver.actions.receive_edus import ReceiveEdus
from chappe.homeserver.actions.reset_password import ResetPassword
from chappe.homeserver.actions.restore_keys import RestoreKeys
from chappe.homeserver.actions.send_delayed_event import SendDelayedEvent
from chappe.homeserver.actions.server_notices import ServerNotices
from chappe.homeserver.actions.set_profile_field import SetProfileField
from chappe.homeserver.actions.shut_down_room import ShutDownRoom
from chappe.homeserver.actions.sign_in_upstream import CheckPassword, SignInUpstream
from chappe.homeserver.actions.tell_of_time import TellOfTime
from chappe.homeserver.actions.upgrade_room import UpgradeRoom
from chappe.homeserver.api.federation.authentication import ServerAuthentication
from chappe.homeserver.app.assemble import Assembly
from chappe.homeserver.app.features import HOMESERVER
from chappe.homeserver.app.loops import Loops
from chappe.homeserver.app.tables import tables_of
from chappe.homeserver.app.ways_to_act import ends_of
from chappe.homeserver.bus.erased import ErasedAuthors
from chappe.homeserver.database.clock import Clock
from chappe.homeserver.database.group_writer import GroupWriter
from chappe.homeserver.database.leases import Leases
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.server_time import NowMs, ServerTime, TimeEvidence
from chappe.homeserver.database.table import Table
from chappe.homeserver.http.application import AdminDoor
from chappe.homeserver.http.guesses import Guesses
from chappe.homeserver.http.peer_budgets import PeerBudgets
from chappe.homeserver.http.public_url import PublicUrl
from chappe.homeserver.http.rate_limits import RateLimits
from chappe.homeserver.http.server import Listener
from chappe.homeserver.http.unread import UnreadAnswers
from chappe.homeserver.load.watchdog import Watchdog
from chappe.homeserver.modules.account_data.account_data import AccountData
from chappe.homeserver.modules.administration.administration import Administration
from chappe.homeserver.modules.appservices.appservices import Appservices
from chappe.homeserver.modules.bots.webhooks import Webhooks
from chappe.homeserver.modules.critical_acts.critical_acts import CriticalActs
from chappe.homeserver.modules.critical_acts.proofs import OPEN, SECOND_FACTOR, Administrators, Proofs
from chappe.homeserver.modules.critical_acts.requests import CriticalRequests
from chappe.homeserver.modules.delayed_events.delayed_events import DelayedEvents
from chappe.homeserver.modules.end_to_end_encryption.keys import DeviceKeys
from chappe.homeserver.modules.end_to_end_encryption.remote_devices import RemoteDevices
from chappe.homeserver.modules.end_to_end_encryption.store import KeyStore
from chappe.homeserver.modules.ignored_users.ignored_users import IgnoredUsers
from chappe.homeserver.modules.key_backup.kept import KeptSessions
from chappe.homeserver.modules.media.media import ContentRepository, Scanning
from chappe.homeserver.modules.media.orphans import Orphans
from chappe.homeserver.modules.media.remote import RemoteMedia
from chappe.homeserver.modules.media.thumbnails import Thumbnailer
from chappe.homeserver.modules.media.upload_share import UploadBounds, UploadShare
from chappe.homeserver.modules.presence.presence import Presence
from chappe.homeserver.modules.push.counts import UnreadCounts
from chappe.homeserver.modules.push.pushers import Pushers
from chappe.homeserver.modules.push.rules import PushRules
from chappe.homeserver.modules.receipts.receipts import Receipts
from chappe.homeserver.modules.relations.relations import Relations
from chappe.homeserver.modules.reporting.reporting import Reports
from chappe.homeserver.modules.room_directory.room_directory import RoomDirectory
from chappe.homeserver.modules.room_purges.room_purges import RoomPurges
from chappe.homeserver.modules.search.index import SearchIndex
from chappe.homeserver.modules.server_notices.server_notices import NoticeRooms
from chappe.homeserver.modules.third_party_invites.third_party_invites import FRAGMENT as WAITING_INVITES
from chappe.homeserver.modules.third_party_invites.third_party_invites import ThirdPartyInvites
from chappe.homeserver.modules.to_device.to_device import ToDevice
from chappe.homeserver.modules.typing.typing import Typing
from chappe.homeserver.modules.url_previews.url_previews import UrlPreviews
from chappe.homeserver.modules.voip.voip import Voip
from chappe.homeserver.outbound.application_service import ServiceCalls
from chappe.homeserver.outbound.blob_store import BlobStore, s3_options
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.outbound.federation.client import FederationClient
from chappe.homeserver.outbound.federation.dns import srv
from chappe.homeserver.outbound.federation.keyring import Keyring
from chappe.homeserver.outbound.federation.outbox import Outbox
from chappe.homeserver.outbound.federation.queries import Queries
from chappe.homeserver.outbound.fetchers import PreviewFetcher, TrustedFetcher
from chappe.homeserver.outbound.mail.queue import FRAGMENT as LETTERS
from chappe.homeserver.outbound.mail.queue import MailQueue
from chappe.homeserver.outbound.web_push import Vapid
from chappe.homeserver.part import Job, Part
from chappe.homeserver.policy import Policy
from chappe.homeserver.policy.holds import Holds
from chappe.homeserver.rooms.admission import Admission
from chappe.homeserver.rooms.aliases import Aliases
from chappe.homeserver.rooms.create_room import RoomCreation
from chappe.homeserver.rooms.membership import MembershipChanges
from chappe.homeserver.rooms.pagination import Pagination
from chappe.homeserver.rooms.remote.calls import RoomCalls
from chappe.homeserver.rooms.remote.checks import PduChecks
from chappe.homeserver.rooms.remote.completing import FRAGMENTS as COMPLETING_FRAGMENTS
from chappe.homeserver.rooms.remote.completing import Completing
from chappe.homeserver.rooms.remote.handshakes import Handshakes
from chappe.homeserver.rooms.remote.history import History
from chappe.homeserver.rooms.remote.inbox import Inbox
from chappe.homeserver.rooms.remote.membership import RemoteMembership
from chappe.homeserver.rooms.remote.policy_servers import PolicyServers
from chappe.homeserver.rooms.remote.receive import Receiver
from chappe.homeserver.rooms.remote.residence import Residence
from chappe.homeserver.rooms.remote.serving import Serving
from chappe.homeserver.rooms.remote.store import FRAGMENTS as REMOTE_FRAGMENTS
from chappe.homeserver.rooms.remote.store import RemoteStore
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.senders.appservices import AppserviceSender
from chappe.homeserver.senders.delayed_events import DelayedEventSender
from chappe.homeserver.senders.federation.fleeting import FleetingSender
from chappe.homeserver.senders.federation.sender import FederationSender
from chappe.homeserver.senders.jobs import Jobs
from chappe.homeserver.senders.narrow import skipped
from chappe.homeserver.senders.push.deliver import PushDeliverer
from chappe.homeserver.sync.engine import SyncEngine
from chappe.homeserver.sync.notifier import Notifier
from chappe.homeserver.sync.polls import MostWaiting
from chappe.net.breaker import Breaker
from chappe.telemetry import Metrics

TIME_EVERY = 10  # seconds between two looks at the clocks
DAY_OF_POSITIONS = 2_000_000  # transaction ids and headers are kept for at least so many positions


def open_blobs(media: Media, folder: str, location: str | None = None) -> BlobStore:
    """Where the files are, as the configuration says; or at another place with the same access."""
    options = s3_options(media.s3_endpoint, media.s3_region, media.s3_access_key, media.s3_secret_key)
    place = location or media.location or folder
    return BlobStore(place, options if place.startswith("s3://") else None)


class Parts:
    """What a node consists of. It has no life of its own: see `Homeserver`."""

    parts: Sequence[Part] = HOMESERVER
    assembly: Assembly
    holds: Holds
    _secret: bytes
    _browser_secret: bytes
    _scanner_secret: bytes

    def __init__(self, config: Config, data: Path, database_url: str) -> None:
        self.config, self._data, self._database_url = config, data, database_url
        self.time = ServerTime()
        self.now_ms = self.time.now_ms
        self.listeners: list[Listener] = []
        self.closing = asyncio.Event()
        self.loops = Loops()
        self._database: Database | None = None

    @property
    def tables(self) -> Sequence[Table]:
        """Every table of the installation, those of a layer above included."""
        return tables_of(self.parts)

    def layer_parts(self) -> Sequence[object]:
        """Who else has endpoints: of a layer above the homeserver."""
        return ()

    @property
    def database(self) -> Database:
        assert self._database is not None, "the node has not been started"
        return self._database

    def _make_policy(self) -> Policy:
        return Policy()

    def _make_holds(self) -> Holds:
        return Holds()

    def _make_scanning(self) -> Scanning:
        return Scanning()

    def _make_administrators(self) -> Administrators:
        return Administrators(self.accounts.store)

    def admin_door(self) -> AdminDoor:
        """What every request of an administrator passes."""
        return self.critical_acts

    def _build(self) -> None:
        config, database, now_ms = self.config, self.database, self.now_ms
        shares = config.shares
        self.metrics, self.limits, self.watchdog = Metrics(), RateLimits(limits_of(config)), Watchdog()
        self.unread = UnreadAnswers(shares.unread_mib_per_account << 20, shares.unread_mib << 20)
        self.clock = Clock(database)
        self.time_evidence = TimeEvidence(database, self.time)
        self.writer = GroupWriter(self._database_url, self.clock)
        self.leases = Leases(database)
        self.holds = self._make_holds()
        self.domains = Domains(database)
        self._build_federation(database)
        # accounts
        store = AccountStore(database, hashlib.sha256(b"lookup" + self._browser_secret).hexdigest()[:24])
        self.writer.register(*ACCOUNT_FRAGMENTS)
        self.standings = Standings(database, self.clock, now_ms)
        self.policy = self._make_policy()
        rules = config.passwords
        passwords = Passwords(rules.memory_kib, rules.passes, rules.minimum_length, rules.requires)
        self.account_states = AccountStates(database, now_ms)
        self.application_services = services = load_application_services(
            config.application_services, config.server_name, self.domains.is_hosted
        )
        self.trusted_fetcher = TrustedFetcher([], [], config.extra_ca_file, is_trusted=True)
        self.service_calls = ServiceCalls(self.trusted_fetcher)
        self.bridges = Bridges(services, self.service_calls, store)
        self.erased = ErasedAuthors()
        self.accounts = Accounts(
            database,
            store,
            self.writer,
            self.clock,
            self.domains,
            passwords,
            self.policy,
            self.account_states,
            services,
            self.bridges,
            self.queries,
            self.erased,
            now_ms,
        )
        self.sessions = Sessions(
            store,
            self.writer,
            self.clock,
            now_ms,
            config.access_token_minutes * 60_000,
            self.application_services,
            self.standings,
            shares.devices,
        )
        self._build_identity(database)
        # rooms
        self.ignored_users = IgnoredUsers(database, self.clock)
        self.rooms = Rooms(
            database,
            self.clock,
            self.writer,
            self.domains,
            self.boundaries,
            self.policy,
            self.ignored_users,
            self.erased,
            now_ms,
            self._secret,
            config.live_rooms,
        )
        profile_of = self.accounts.membership_profile
        self.aliases = Aliases(database, self.rooms, self.domains, self.bridges, self.queries)
        self.administration = Administration(database, now_ms)
        self.admission = Admission(self.rooms, profile_of, self.administration.standing, self.ignored_users.require_may_invite)
        self._build_remote_rooms(database)
        self.membership = MembershipChanges(self.rooms, self.admission, self.elsewhere)
        self.evict_guests = EvictGuests(store, self.administration, self.rooms, self.membership)
        self._build_creation(database)
        # modules
        self.remote_devices = RemoteDevices(
            database, self.writer, self.clock, self.federation_client, self.rooms.following, now_ms
        )
        self.keys = DeviceKeys(KeyStore(database), self.writer, self.clock, self.remote_devices)
        self.blobs = blobs = open_blobs(config.media, str(self._data / "media"))
        bounds = UploadBounds(shares.upload_mib_per_day << 20, shares.upload_gib_per_day << 30, shares.disk_reserve_mib << 20)
        folders = [self._data, Path(config.media.location or self._data)]  # an object store's address is no folder
        self.upload_share = UploadShare(database, now_ms, bounds, folders)
        previews = config.url_previews
        self.fetcher = PreviewFetcher(previews.allowed_private_hosts, previews.blocked_hosts, config.extra_ca_file)
        self.media = ContentRepository(
            database,
            blobs,
            Thumbnailer(),
            self.policy,
            self.rooms.reading,
            self.upload_share,
            self.holds,
            self._make_scanning(),
            RemoteMedia(self.federation_client, self.domains, self.fetcher),
            now_ms,
            config.media.max_upload_mib << 20,
        )
        self.orphans = Orphans(database, blobs, now_ms)
        # sync and actions
        self.notifier = Notifier(self.clock, self.rooms, MostWaiting(*waiting_of(config)))
        self.set_profile_field = SetProfileField(self.accounts, self.rooms, self.membership)
        self.deactivate_account = DeactivateAccount(self.accounts, self.rooms, self.membership)
        self.vapid = Vapid(self._browser_secret, config.push.contact)
        self._assemble(database)
        self.receive_edus = ReceiveEdus(
            self.rooms, self.typing, self.receipts, self.presence, self.to_device, self.keys, self.remote_devices
        )
        self.fleeting_sender = FleetingSender(self.rooms, self.typing, self.presence, self.federation_sender, self.clock)
        self._build_room_actions(database)
        self._build_services(database)
        self.account_states.add({**ends_of(self), **self.assembly.ends()})
        self.account_states.require_whole(with_layer=False)
        self._build_jobs(database)
        self._build_metrics(database)

    def _assemble(self, database: Database) -> None:
        """Makes the features that are parts; what is not a part yet is given to them."""
        made = list(vars(self).values())
        made += [getattr(self.config, name) for name in self.config.__struct_fields__]
        given: dict[type, object] = {
            **{type(thing): thing for thing in (*made, self.accounts.store, self.rooms.sight)},
            Database: database,
            NowMs: self.now_ms,
            Policy: self.policy,
            Holds: self.holds,
        }
        self.assembly = assembly = Assembly(self.parts, given)
        assembly.make()
        self.account_data, self.receipts = assembly.of(AccountData), assembly.of(Receipts)
        self.delayed_events, self.send_delayed_event = assembly.of(DelayedEvents), assembly.of(SendDelayedEvent)
        self.delayed_event_sender = assembly.of(DelayedEventSender)
        self.reports, self.search_index = assembly.of(Reports), assembly.of(SearchIndex)
        self.room_directory, self.webhooks = assembly.of(RoomDirectory), assembly.of(Webhooks)
        self.exchange_invites = assembly.of(ExchangeInvites)
        self.push_rules, self.counts = assembly.of(PushRules), assembly.of(UnreadCounts)
        self.pushers, self.push_deliverer = assembly.of(Pushers), assembly.of(PushDeliverer)
        self.url_previews = assembly.of(UrlPreviews)
        self.appservices, self.appservice_sender = assembly.of(Appservices), assembly.of(AppserviceSender)
        self.voip, self.relations = assembly.of(Voip), assembly.of(Relations)
        self.to_device, self.typing = assembly.of(ToDevice), assembly.of(Typing)
        self.presence, self.sync = assembly.of(Presence), assembly.of(SyncEngine)

    def _build_federation(self, database: Database) -> None:
        config, settings = self.config, self.config.federation
        self.boundaries = Boundaries(settings)
        self.breaker = Breaker(self.now_ms)
        self.federation_client = client = FederationClient(
            self.domains, settings, self.boundaries, self.breaker, srv, self.now_ms, config.extra_ca_file
        )
        self.queries = Queries(client, self.domains, self.boundaries)
        self.outbox = Outbox(self.writer, self.boundaries)
        self.keyring = Keyring(database, self.domains, client, settings.notaries, self.now_ms)
        self.authenticate_server = ServerAuthentication(
            self.domains, self.keyring, self.boundaries, self.breaker.alive, self.limits
        )
        self.peer_budgets = PeerBudgets()

    def _build_remote_rooms(self, database: Database) -> None:
        rooms, client, now_ms = self.rooms, self.federation_client, self.now_ms
        self.writer.register(*REMOTE_FRAGMENTS, *COMPLETING_FRAGMENTS)
        checks, calls = PduChecks(self.keyring), RoomCalls(client, self.domains, self.boundaries)
        receiver = Receiver(rooms, RemoteStore(database))
        policy_servers = PolicyServers(client, self.domains, rooms, receiver, checks, calls)
        self.completing = Completing(rooms, receiver, checks, calls, self.writer, self.leases)
        self.federation_sender = sender = FederationSender(
            database, self.clock, rooms, self.domains, client, self.boundaries, self.breaker, self.outbox, now_ms
        )
        handshakes = Handshakes(client, self.domains, sender, now_ms)
        self.elsewhere = RemoteMembership(
            rooms,
            self.writer,
            self.domains,
            receiver,
            checks,
            handshakes,
            policy_servers,
            self.completing,
            self.admission,
            now_ms,
            self.leases,
        )
        self.inbox = Inbox(rooms, receiver, checks, calls, policy_servers, self.completing, self.elsewhere, self.leases, now_ms)
        self.history = History(rooms, receiver, self.inbox.gaps, checks, calls, now_ms)
        self.pagination = Pagination(rooms, self.history)
        self.residence = Residence(
            rooms, self.domains, receiver, self.inbox.gaps, checks, now_ms, policy_servers, self.admission, sender
        )
        self.serving = Serving(rooms, receiver.store, self.residence)

    def _build_identity(self, database: Database) -> None:
        config, store, now_ms = self.config, self.accounts.store, self.now_ms
        self.public_url = PublicUrl(config.public_url, self.domains.names, [listener.address for listener in config.listeners])
        self.mail = MailQueue(
            database, config.email, config.brands, self.public_url.may_be_mailed, now_ms, config.extra_ca_file
        )
        self.writer.register(LETTERS, WAITING_INVITES)
        self.threepids, self.guesses = Threepids(database, store, self.mail, now_ms), Guesses(self.limits)
        second = config.second_factor
        self.tell_owner = OwnerMail(store, self.mail)
        self.second_factors = SecondFactors(
            database, now_ms, second.required_domains, second.required_for_admins, self.tell_owner
        )
        self.uia = UserInteractiveAuth(
            database,
            self.accounts,
            self.application_services,
            self.threepids,
            self.second_factors,
            self.public_url,
            self.guesses,
        )
        self.login_tokens = LoginTokens(database, store, now_ms)
        self.browser_sessions = BrowserSessions(database, store, now_ms, self._browser_secret)
        self.providers = Providers(database, config.identity_providers, self.trusted_fetcher, now_ms)
        self.grants = Grants(database, Clients(database, now_ms), self.sessions, store, now_ms)
        self.rendezvous = Rendezvous(database, now_ms)
        self.reset_password = ResetPassword(self.accounts, self.threepids, self.tell_owner)

    def _build_creation(self, database: Database) -> None:
        """What a new room is asked about: who is invited by address."""
        config, rooms, store = self.config, self.rooms, self.accounts.store
        self.third_party_invites = ThirdPartyInvites(
            database, store, rooms, self.membership, self.domains, config.public_url, self.mail, self.standings
        )
        self.ask_servers = AskServers(self.federation_client, self.domains, self.boundaries, config.federation.people_of)

    def _build_room_actions(self, database: Database) -> None:
        config, store = self.config, self.accounts.store
        self.creation = RoomCreation(
            self.rooms,
            self.aliases,
            self.admission,
            self.membership,
            self.third_party_invites,
            self.room_directory,
            config.default_room_version,
        )
        settings, requests = config.administration, CriticalRequests(database, self.now_ms)
        level = settings.critical or (SECOND_FACTOR if config.agency.enabled else OPEN)
        proofs = Proofs(self._make_administrators(), self.second_factors, requests, level, settings.approver_hours, self.now_ms)
        self.critical_acts = CriticalActs(proofs, requests, store)
        self.bind_threepid = BindThreepid(store, self.third_party_invites, self.policy, self.tell_owner)
        self.sign_in_upstream = SignInUpstream(database, self.accounts, self.bind_threepid, self.now_ms)
        self.check_password = CheckPassword(self.accounts, Directories(config.ldap), self.sign_in_upstream)
        self.join_room = JoinRoom(self.rooms, self.membership, self.account_data, self.push_rules)
        self.upgrade_room = UpgradeRoom(self.rooms, self.creation, self.membership, self.aliases, self.admission)
        self.server_notices = ServerNotices(
            self.accounts,
            self.rooms,
            self.creation,
            self.membership,
            self.account_data,
            NoticeRooms(database),
            config.server_notices_name,
        )
        TellOfTime(self.time_evidence, store, self.server_notices)

    def _build_services(self, database: Database) -> None:
        self.kept_sessions = KeptSessions(database, self.policy, self.holds)
        self.restore_keys = RestoreKeys(self.kept_sessions, self.account_data)

    def _build_jobs(self, database: Database) -> None:
        async def prune() -> None:
            await self.rooms.store.prune(self.clock.watermark - DAY_OF_POSITIONS)
            await self.uia.prune()
            await self.media.prune()
            await self.keys.prune()
            await self.kept_sessions.prune()
            for kept in (
                self.threepids,
                self.login_tokens,
                self.browser_sessions,
                self.providers,
                self.grants,
                self.rendezvous,
                self.second_factors,
            ):
                await kept.prune()

        self.jobs = Jobs(self.leases)
        self.jobs.add("last seen", 60, self.sessions.flush_seen, is_per_process=True)
        self.jobs.add("time", TIME_EVERY, self.time_evidence.look, is_per_process=True)
        self.jobs.add("erased", 5, self.accounts.load_erased, is_per_process=True)
        shut_down = ShutDownRoom(self.administration, self.rooms, self.membership, self.creation)
        self.room_purges = RoomPurges(database, self.writer, self.tables, self.rooms, self.holds, self.now_ms)
        self.delete_room = DeleteRoom(shut_down, self.room_purges, self.leases)
        self.jobs.add("room purges", 5, self.delete_room.resume)
        self.jobs.add("profiles", 5, self.set_profile_field.resume)
        self.jobs.add("prune", 600, self.time_evidence.required(prune))
        self.jobs.add("orphan files", 86_400, self.time_evidence.required(self.orphans.look))
        self.jobs.add("expired accounts", 10, self.time_evidence.required(self.account_states.look))
        for work in self.assembly.work():
            if isinstance(work, Job):
                run = self.time_evidence.required(work.run) if work.cannot_be_undone else work.run
                self.jobs.add(work.name, work.seconds, run, work.is_per_process)
        self.jobs.add("domains", 10, self.domains.reload, is_per_process=True)
        self.jobs.add("inbox", 60, self.inbox.resume, is_per_process=True)
        self.jobs.add("members", 60, self.completing.resume, is_per_process=True)
        self.jobs.add("federation", 5, self.federation_sender.look_at_failures, is_per_process=True)
        self.jobs.add("untold leaves", 30, self.time_evidence.required(self.elsewhere.untold.tell))
        self.jobs.add("guest access", 600, self.evict_guests.sweep)

    def _build_metrics(self, database: Database) -> None:
        self.assembly.measure()
        self.metrics.gauge("chappe_live_rooms", "Rooms in memory", lambda: len(self.rooms.live))
        self.metrics.gauge("chappe_position", "End of the log as this process knows it", lambda: self.clock.watermark)
        self.metrics.gauge(
            "chappe_clock_skew_seconds", "This machine's clock ahead of the database's", lambda: self.time.skew_ms / 1000
        )
        self.metrics.gauge(
            "chappe_clock_in_doubt", "1: nothing is erased or ended", lambda: self.time_evidence.doubt is not None
        )
        self.metrics.count("chappe_loop_blocked", "Times the event loop was held", lambda: self.watchdog.blocked)
        self.metrics.gauge("chappe_loop_blocked_longest_seconds", "Longest of them", lambda: self.watchdog.longest)
        self.metrics.gauge("chappe_unread_answer_bytes", "Large answers not taken yet", lambda: self.unread.total)
        self.metrics.gauge("chappe_disk_free_bytes", "On the fullest disk", self.upload_share.free)
        self.metrics.gauge("chappe_disk_low", "1: uploads are refused", lambda: self.upload_share.is_disk_low)
        self.metrics.count(
            "chappe_files_damaged", "Reads of files that are missing or damaged", lambda: self.media.soundness.damaged
        )
        self.metrics.count("chappe_orphan_files_removed", "Files without a row", lambda: self.orphans.removed)
        self.metrics.gauge("chappe_orphan_files_left", "So many that an operator must look", lambda: self.orphans.left)
        self.metrics.gauge("chappe_files_missing", "Rows without their file", lambda: self.orphans.missing)
        self.metrics.gauge("chappe_rate_limit_buckets", "In memory", lambda: len(self.limits))
        self.metrics.gauge("chappe_commits", "Commits of this process", lambda: self.writer.commits)
        self.metrics.gauge("chappe_loops_running", "Loops at work", self.loops.running)
        self.metrics.gauge(
            "chappe_clock_listener_failures", "Listeners of the clock that failed", lambda: self.clock.listener_failures
        )
        self.metrics.counted("chappe_loop_restarts", "Loops that ended and were started again", "loop", self._restarts)
        self.metrics.counted("chappe_events_skipped", "Events that a queue could not look at", "queue", lambda: skipped)
        self.metrics.counted("chappe_job_failures", "Jobs that failed", "job", lambda: self.jobs.failures)
        self.metrics.gauge("chappe_sql_statements", "Statements outside the writer", lambda: database.statements)

    def _restarts(self) -> dict[str, int]:
        return {name: self.loops.restarts(name) for name in self.loops.names}
