"""The parts that a node has by name."""

from __future__ import annotations

from typing import get_type_hints

from chappe.homeserver.accounts.account_states import AccountStates
from chappe.homeserver.accounts.accounts import Accounts
from chappe.homeserver.accounts.browser_sessions import BrowserSessions
from chappe.homeserver.accounts.given_fields import GivenFields
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
from chappe.homeserver.http.application import AdminDoor
from chappe.homeserver.http.peer_budgets import PeerBudgets
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
from chappe.homeserver.senders.push.deliver import PushDeliverer
from chappe.homeserver.sync.engine import SyncEngine
from chappe.homeserver.sync.notifier import Notifier
from chappe.net.breaker import Breaker


class NamedParts:
    """What the node's own life, the command line and tests ask for."""

    account_data: AccountData
    account_states: AccountStates
    accounts: Accounts
    admin_door: AdminDoor
    administration: Administration
    admission: Admission
    authenticate_server: ServerAuthentication
    bind_threepid: BindThreepid
    blobs: BlobStore
    boundaries: Boundaries
    breaker: Breaker
    browser_sessions: BrowserSessions
    completing: Completing
    counts: UnreadCounts
    creation: RoomCreation
    critical_acts: CriticalActs
    deactivate_account: DeactivateAccount
    delayed_event_sender: DelayedEventSender
    delayed_events: DelayedEvents
    delete_room: DeleteRoom
    domains: Domains
    elsewhere: RemoteMembership
    federation_client: FederationClient
    federation_sender: FederationSender
    given_fields: GivenFields
    grants: Grants
    history: History
    kept_sessions: KeptSessions
    keyring: Keyring
    keys: DeviceKeys
    login_tokens: LoginTokens
    mail: MailQueue
    media: ContentRepository
    membership: MembershipChanges
    notifier: Notifier
    orphans: Orphans
    pagination: Pagination
    pdu_queues: PduQueues
    peer_budgets: PeerBudgets
    policy: Policy
    presence: Presence
    profiles: Profiles
    push_deliverer: PushDeliverer
    pushers: Pushers
    rendezvous: Rendezvous
    reports: Reports
    reset_password: ResetPassword
    residence: Residence
    room_purges: RoomPurges
    rooms: Rooms
    search_index: SearchIndex
    second_factors: SecondFactors
    send_delayed_event: SendDelayedEvent
    server_notices: ServerNotices
    serving: Serving
    sessions: Sessions
    set_profile_field: SetProfileField
    sign_in_upstream: SignInUpstream
    standings: Standings
    sync: SyncEngine
    third_party_invites: ThirdPartyInvites
    threepids: Threepids
    to_device: ToDevice
    typing: Typing
    upload_share: UploadShare
    vapid: Vapid
    webhooks: Webhooks

    def _name_parts(self, assembly: Assembly) -> None:
        for name, kind in get_type_hints(NamedParts).items():
            setattr(self, name, assembly.of(kind))
