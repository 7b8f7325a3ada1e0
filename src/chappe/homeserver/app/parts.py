"""What a node consists of: `features.py` lists its parts, the assembly makes them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from chappe.config import Config, limits_of
from chappe.homeserver.accounts.account_states import AccountStates
from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.browser_sessions import BrowserSessions
from chappe.homeserver.accounts.login_tokens import LoginTokens
from chappe.homeserver.accounts.oauth.grants import Grants
from chappe.homeserver.accounts.profiles import Profiles
from chappe.homeserver.accounts.rendezvous import Rendezvous
from chappe.homeserver.accounts.second_factors import SecondFactors
from chappe.homeserver.accounts.sessions import Sessions
from chappe.homeserver.accounts.standings import Standings
from chappe.homeserver.accounts.threepids import Threepids
from chappe.homeserver.actions.bind_threepid import BindThreepid
from chappe.homeserver.actions.deactivate_account import DeactivateAccount
from chappe.homeserver.actions.delete_room import DeleteRoom
from chappe.homeserver.actions.reset_password import ResetPassword
from chappe.homeserver.actions.send_delayed_event import SendDelayedEvent
from chappe.homeserver.actions.server_notices import ServerNotices
from chappe.homeserver.actions.set_profile_field import SetProfileField
from chappe.homeserver.actions.sign_in_upstream import SignInUpstream
from chappe.homeserver.api.federation.authentication import ServerAuthentication
from chappe.homeserver.app.assemble import Assembly
from chappe.homeserver.app.features import HOMESERVER
from chappe.homeserver.app.loops import Loops
from chappe.homeserver.app.tables import tables_of
from chappe.homeserver.database.clock import Clock
from chappe.homeserver.database.group_writer import GroupWriter
from chappe.homeserver.database.leases import Leases
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.secrets import Secrets
from chappe.homeserver.database.server_time import NowMs, ServerTime, TimeEvidence
from chappe.homeserver.database.table import AllTables
from chappe.homeserver.http.application import AdminDoor
from chappe.homeserver.http.peer_budgets import PeerBudgets
from chappe.homeserver.http.rate_limits import RateLimits
from chappe.homeserver.http.server import Listener
from chappe.homeserver.http.unread import UnreadAnswers
from chappe.homeserver.load.watchdog import Watchdog
from chappe.homeserver.modules.account_data.account_data import AccountData
from chappe.homeserver.modules.administration.administration import Administration
from chappe.homeserver.modules.bots.webhooks import Webhooks
from chappe.homeserver.modules.critical_acts.critical_acts import CriticalActs
from chappe.homeserver.modules.delayed_events.delayed_events import DelayedEvents
from chappe.homeserver.modules.end_to_end_encryption.keys import DeviceKeys
from chappe.homeserver.modules.key_backup.kept import KeptSessions
from chappe.homeserver.modules.media.media import ContentRepository
from chappe.homeserver.modules.media.orphans import Orphans
from chappe.homeserver.modules.media.upload_share import UploadShare
from chappe.homeserver.modules.presence.presence import Presence
from chappe.homeserver.modules.push.counts import UnreadCounts
from chappe.homeserver.modules.push.pushers import Pushers
from chappe.homeserver.modules.reporting.reporting import Reports
from chappe.homeserver.modules.room_purges.room_purges import RoomPurges
from chappe.homeserver.modules.search.index import SearchIndex
from chappe.homeserver.modules.third_party_invites.third_party_invites import ThirdPartyInvites
from chappe.homeserver.modules.to_device.to_device import ToDevice
from chappe.homeserver.modules.typing.typing import Typing
from chappe.homeserver.outbound.blob_store import BlobStore
from chappe.homeserver.outbound.domains import Domains
from chappe.homeserver.outbound.federation.boundaries import Boundaries
from chappe.homeserver.outbound.federation.client import FederationClient
from chappe.homeserver.outbound.federation.keyring import Keyring
from chappe.homeserver.outbound.mail.queue import MailQueue
from chappe.homeserver.outbound.web_push import Vapid
from chappe.homeserver.part import DataFolder, Job, Part
from chappe.homeserver.policy import Policy
from chappe.homeserver.rooms.admission import Admission
from chappe.homeserver.rooms.create_room import RoomCreation
from chappe.homeserver.rooms.membership import MembershipChanges
from chappe.homeserver.rooms.pagination import Pagination
from chappe.homeserver.rooms.remote.completing import Completing
from chappe.homeserver.rooms.remote.history import History
from chappe.homeserver.rooms.remote.membership import RemoteMembership
from chappe.homeserver.rooms.remote.pdu_queues import PduQueues
from chappe.homeserver.rooms.remote.residence import Residence
from chappe.homeserver.rooms.remote.serving import Serving
from chappe.homeserver.rooms.rooms import Rooms
from chappe.homeserver.senders.delayed_events import DelayedEventSender
from chappe.homeserver.senders.federation.sender import FederationSender
from chappe.homeserver.senders.jobs import Jobs
from chappe.homeserver.senders.narrow import skipped
from chappe.homeserver.senders.push.deliver import PushDeliverer
from chappe.homeserver.sync.engine import SyncEngine
from chappe.homeserver.sync.notifier import Notifier
from chappe.net.breaker import Breaker
from chappe.telemetry import Metrics


class Parts:
    """What a node consists of. It has no life of its own: see `Homeserver`."""

    _database: Database | None = None
    secrets: Secrets

    def __init__(self, config: Config, data: Path, database_url: str) -> None:
        self.config, self._data, self._database_url = config, data, database_url
        self.parts = self.parts_of(config)
        self.time = ServerTime()
        self.now_ms = self.time.now_ms
        self.listeners: list[Listener] = []
        self.closing = asyncio.Event()
        self.loops = Loops()

    def parts_of(self, config: Config) -> Sequence[Part]:
        """What a node of this configuration is made of."""
        return HOMESERVER

    @property
    def tables(self) -> AllTables:
        """Every table of the installation, those of a layer above included."""
        return AllTables(tables_of(self.parts))

    @property
    def database(self) -> Database:
        assert self._database is not None, "the node has not been started"
        return self._database

    def _build(self) -> None:
        """Makes what the parts give. What is there before them is given to all: the database, the clocks, the configuration."""
        config, database = self.config, self.database
        self.metrics, self.limits, self.watchdog = Metrics(), RateLimits(limits_of(config)), Watchdog()
        self.unread = UnreadAnswers(config.shares.unread_mib_per_account << 20, config.shares.unread_mib << 20)
        self.clock, self.time_evidence = Clock(database), TimeEvidence(database, self.time)
        self.writer, self.leases = GroupWriter(self._database_url, self.clock), Leases(database)
        sections = (getattr(config, name) for name in config.__struct_fields__)
        given: dict[Any, object] = {
            **{type(section): section for section in sections if isinstance(section, msgspec.Struct)},
            Config: config,
            DataFolder: self._data,
            Secrets: self.secrets,
            AllTables: self.tables,
            Database: database,
            NowMs: self.now_ms,
            ServerTime: self.time,
            TimeEvidence: self.time_evidence,
            Clock: self.clock,
            GroupWriter: self.writer,
            Leases: self.leases,
            Metrics: self.metrics,
            RateLimits: self.limits,
        }
        self.assembly = Assembly(self.parts, given)
        self.assembly.make()
        self._name_parts(self.assembly)
        self.account_states.add(self.assembly.ends())
        self.account_states.require_whole(with_layer=False)
        self.jobs = Jobs(self.leases)
        self.work = self.assembly.work()
        for work in self.work:
            if isinstance(work, Job):
                run = self.time_evidence.required(work.run) if work.cannot_be_undone else work.run
                self.jobs.add(work.name, work.seconds, run, work.is_per_process)
        self._measure()

    def _name_parts(self, assembly: Assembly) -> None:
        """What the node's own life, the command line and tests ask for by name."""
        self.admin_door = assembly.of(AdminDoor)
        self.account_data = assembly.of(AccountData)
        self.account_states = assembly.of(AccountStates)
        self.accounts = assembly.of(Accounts)
        self.administration = assembly.of(Administration)
        self.admission = assembly.of(Admission)
        self.authenticate_server = assembly.of(ServerAuthentication)
        self.bind_threepid = assembly.of(BindThreepid)
        self.blobs = assembly.of(BlobStore)
        self.boundaries = assembly.of(Boundaries)
        self.breaker = assembly.of(Breaker)
        self.browser_sessions = assembly.of(BrowserSessions)
        self.completing = assembly.of(Completing)
        self.counts = assembly.of(UnreadCounts)
        self.creation = assembly.of(RoomCreation)
        self.critical_acts = assembly.of(CriticalActs)
        self.deactivate_account = assembly.of(DeactivateAccount)
        self.delayed_event_sender = assembly.of(DelayedEventSender)
        self.delayed_events = assembly.of(DelayedEvents)
        self.delete_room = assembly.of(DeleteRoom)
        self.domains = assembly.of(Domains)
        self.elsewhere = assembly.of(RemoteMembership)
        self.federation_client = assembly.of(FederationClient)
        self.federation_sender = assembly.of(FederationSender)
        self.grants = assembly.of(Grants)
        self.history = assembly.of(History)
        self.pdu_queues = assembly.of(PduQueues)
        self.kept_sessions = assembly.of(KeptSessions)
        self.keyring = assembly.of(Keyring)
        self.keys = assembly.of(DeviceKeys)
        self.login_tokens = assembly.of(LoginTokens)
        self.mail = assembly.of(MailQueue)
        self.media = assembly.of(ContentRepository)
        self.membership = assembly.of(MembershipChanges)
        self.notifier = assembly.of(Notifier)
        self.orphans = assembly.of(Orphans)
        self.pagination = assembly.of(Pagination)
        self.peer_budgets = assembly.of(PeerBudgets)
        self.policy = assembly.of(Policy)
        self.presence = assembly.of(Presence)
        self.profiles = assembly.of(Profiles)
        self.push_deliverer = assembly.of(PushDeliverer)
        self.pushers = assembly.of(Pushers)
        self.rendezvous = assembly.of(Rendezvous)
        self.reports = assembly.of(Reports)
        self.reset_password = assembly.of(ResetPassword)
        self.residence = assembly.of(Residence)
        self.room_purges = assembly.of(RoomPurges)
        self.rooms = assembly.of(Rooms)
        self.search_index = assembly.of(SearchIndex)
        self.second_factors = assembly.of(SecondFactors)
        self.send_delayed_event = assembly.of(SendDelayedEvent)
        self.server_notices = assembly.of(ServerNotices)
        self.serving = assembly.of(Serving)
        self.sessions = assembly.of(Sessions)
        self.set_profile_field = assembly.of(SetProfileField)
        self.sign_in_upstream = assembly.of(SignInUpstream)
        self.standings = assembly.of(Standings)
        self.sync = assembly.of(SyncEngine)
        self.third_party_invites = assembly.of(ThirdPartyInvites)
        self.threepids = assembly.of(Threepids)
        self.to_device = assembly.of(ToDevice)
        self.typing = assembly.of(Typing)
        self.upload_share = assembly.of(UploadShare)
        self.vapid = assembly.of(Vapid)
        self.webhooks = assembly.of(Webhooks)

    def _measure(self) -> None:
        self.assembly.measure()
        metrics = self.metrics
        metrics.count("chappe_loop_blocked", "Times the event loop was held", lambda: self.watchdog.blocked)
        metrics.gauge("chappe_loop_blocked_longest_seconds", "Longest of them", lambda: self.watchdog.longest)
        metrics.gauge("chappe_unread_answer_bytes", "Large answers not taken yet", lambda: self.unread.total)
        metrics.gauge("chappe_rate_limit_buckets", "In memory", lambda: len(self.limits))
        metrics.gauge("chappe_loops_running", "Loops at work", self.loops.running)
        metrics.counted("chappe_loop_restarts", "Loops that ended and were started again", "loop", self._restarts)
        metrics.counted("chappe_events_skipped", "Events that a queue could not look at", "queue", lambda: skipped)
        metrics.counted("chappe_job_failures", "Jobs that failed", "job", lambda: self.jobs.failures)

    def _restarts(self) -> dict[str, int]:
        return {name: self.loops.restarts(name) for name in self.loops.names}
