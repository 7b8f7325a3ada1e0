"""Every endpoint of a node: the objects that serve them, with the parts that they need."""

from __future__ import annotations

from importlib.metadata import version

from chappe.homeserver.actions.dehydrate_device import DehydrateDevice
from chappe.homeserver.actions.purge_history import PurgeHistory
from chappe.homeserver.actions.shut_down_room import MakeRoomAdmin
from chappe.homeserver.api.admin.critical_requests import CriticalRequestsApi
from chappe.homeserver.api.admin.media import AdminMedia
from chappe.homeserver.api.admin.register import SharedSecretRegistration
from chappe.homeserver.api.admin.rooms import AdminRest, AdminRooms
from chappe.homeserver.api.admin.users import AdminUserChanges, AdminUsers
from chappe.homeserver.api.client.account import Account
from chappe.homeserver.api.client.admin import Admin
from chappe.homeserver.api.client.administrative_contact import AdministrativeContact
from chappe.homeserver.api.client.create_room import CreateRoom
from chappe.homeserver.api.client.dehydrated_device import DehydratedDevice
from chappe.homeserver.api.client.device_management import DeviceManagement
from chappe.homeserver.api.client.directory import Directory
from chappe.homeserver.api.client.identity_keys import IdentityKeys
from chappe.homeserver.api.client.key_backup import KeyBackupApi
from chappe.homeserver.api.client.keys import Keys
from chappe.homeserver.api.client.login import Login
from chappe.homeserver.api.client.membership import Membership
from chappe.homeserver.api.client.old_sync import OldSync
from chappe.homeserver.api.client.profile import Profile
from chappe.homeserver.api.client.registration import Registration
from chappe.homeserver.api.client.rendezvous import RendezvousApi
from chappe.homeserver.api.client.room_send import RoomSend
from chappe.homeserver.api.client.room_upgrades import RoomUpgrades
from chappe.homeserver.api.client.rooms import RoomReads
from chappe.homeserver.api.client.versions import Versions
from chappe.homeserver.api.federation.keys_query import KeysQuery
from chappe.homeserver.api.federation.keys_server import KeysServer
from chappe.homeserver.api.federation.media import FederationMedia
from chappe.homeserver.api.federation.query import Query
from chappe.homeserver.api.federation.room_events import RoomEvents
from chappe.homeserver.api.federation.room_handshakes import RoomHandshakes
from chappe.homeserver.api.federation.third_party_invite import ThirdPartyInvite
from chappe.homeserver.api.federation.transactions import Transactions
from chappe.homeserver.api.federation.user_keys import UserKeys
from chappe.homeserver.api.federation.version import Version
from chappe.homeserver.api.media.content_repo import ContentRepo
from chappe.homeserver.api.oauth.oauth import OAuthApi
from chappe.homeserver.api.pages.account import AccountPages, AddressPages, SecondFactorPages
from chappe.homeserver.api.pages.consent import ConsentPages
from chappe.homeserver.api.pages.legacy_sso import LegacySsoPages
from chappe.homeserver.api.pages.page import Pages
from chappe.homeserver.api.pages.register import MailLinkPages, RegisterPages
from chappe.homeserver.api.pages.sign_in import BackChannelLogout, SignInPages
from chappe.homeserver.api.web.web_client import SignInMeans, WebClient
from chappe.homeserver.api.well_known.wellknown import WellKnown
from chappe.homeserver.app.parts import Parts
from chappe.homeserver.http.router import Route, routes_of
from chappe.homeserver.modules.critical_acts.proofs import OPEN
from chappe.homeserver.modules.key_backup.key_backup import KeyBackup
from chappe.homeserver.sync.device_lists import DeviceLists


def routes_of_node(parts: Parts) -> list[Route]:
    """Every endpoint of this node."""
    delays = parts.config.delayed_events
    versions = Versions(
        parts.config.default_room_version,
        delays.max_delay_hours * 3_600_000,
        delays.max_scheduled,
        parts.config.url_previews.enabled,
        parts.mail.is_on,
        parts.vapid.public,
        parts.policy.fixed_fields,
    )
    rest = AdminRest(parts.administration, parts.accounts, parts.server_notices, f"Chappe {version('chappe')}")
    owners = (
        versions,
        rest,
        *_admin_parts(parts),
        *_federation_parts(parts),
        *_account_parts(parts),
        *_sign_in_parts(parts),
        *_page_parts(parts),
        *_room_parts(parts),
        *_data_parts(parts),
        *parts.assembly.endpoints(),
        *parts.layer_parts(),
    )
    routes = routes_of(*owners)
    versions.learn([route.endpoint for route in routes])
    rest.learn([route.endpoint for route in routes])
    return routes


def _account_parts(parts: Parts) -> list[object]:
    config, store = parts.config, parts.accounts.store
    return [
        WellKnown(
            parts.database,
            parts.domains,
            parts.metrics,
            parts.public_url,
            config.support,
            parts.voip,
            config.federation,
            parts.upload_share,
        ),
        SharedSecretRegistration(
            config.registration.shared_secret,
            parts.accounts,
            parts.sessions,
            parts.domains,
            parts.critical_acts.proofs.level == OPEN,
            parts.guesses,
        ),
        Account(parts.accounts, parts.uia, parts.deactivate_account, parts.domains, parts.reset_password),
        Admin(parts.accounts, parts.sessions, parts.critical_acts.proofs.level != OPEN),
        DeviceManagement(store, parts.sessions, parts.uia, parts.keys),
        Profile(parts.accounts, parts.set_profile_field, parts.rooms.sight),
        IdentityKeys(parts.third_party_invites),
        _web_client(parts),
    ]


def _federation_parts(parts: Parts) -> list[object]:
    own = KeysServer(parts.domains, parts.now_ms)
    return [
        own,
        KeysQuery(parts.domains, parts.keyring, own, parts.boundaries, parts.now_ms),
        Version(),
        Query(parts.accounts, parts.aliases, parts.rooms.sight),
        Transactions(parts.inbox, parts.receive_edus),
        UserKeys(parts.keys, parts.rooms.sight, parts.config.federation.device_names),
        FederationMedia(parts.media, parts.rooms.sight, parts.limits),
        RoomHandshakes(parts.residence, parts.serving, parts.elsewhere, parts.limits),
        RoomEvents(parts.serving, parts.rooms),
        ThirdPartyInvite(parts.exchange_invites),
    ]


def _web_client(parts: Parts) -> WebClient:
    registration = parts.config.registration

    def provider_of(server_name: str) -> str | None:
        return next((provider.name for provider in parts.providers.of(server_name)), None)

    means = SignInMeans(registration.open or registration.by_token or registration.email_required, provider_of)
    return WebClient(parts.config, parts.domains, parts.public_url, means, parts.accounts)


def _sign_in_parts(parts: Parts) -> list[object]:
    config = parts.config
    return [
        Registration(
            config.registration,
            parts.accounts,
            parts.sessions,
            parts.uia,
            parts.domains,
            parts.rooms.sight,
            parts.threepids,
            parts.bind_threepid,
            parts.guesses,
            parts.now_ms,
        ),
        Login(
            parts.accounts,
            parts.sessions,
            parts.domains,
            parts.guesses,
            parts.login_tokens,
            parts.second_factors,
            parts.providers,
            parts.uia,
            parts.check_password,
        ),
        AdministrativeContact(
            parts.accounts.store,
            parts.threepids,
            parts.uia,
            parts.bind_threepid,
            parts.domains,
            parts.public_url,
            parts.limits,
            parts.now_ms,
        ),
        OAuthApi(parts.grants, parts.public_url, config.registration, parts.mail.names),
        RendezvousApi(parts.rendezvous, parts.public_url),
    ]


def _admin_parts(parts: Parts) -> list[object]:
    rooms, accounts = parts.rooms, parts.accounts
    make_admin = MakeRoomAdmin(rooms, parts.membership)
    return [
        AdminUsers(parts.administration, accounts, parts.sessions, parts.second_factors, rooms, parts.pushers),
        AdminUserChanges(
            parts.administration,
            accounts,
            parts.sessions,
            parts.reset_password,
            parts.deactivate_account,
            parts.set_profile_field,
            parts.bind_threepid,
            parts.server_notices,
        ),
        CriticalRequestsApi(parts.critical_acts),
        AdminRooms(
            parts.administration,
            rooms,
            parts.aliases,
            parts.delete_room,
            make_admin,
            parts.join_room,
            PurgeHistory(rooms, parts.writer, parts.room_purges),
        ),
        AdminMedia(parts.media, rooms, parts.domains),
    ]


def _page_parts(parts: Parts) -> list[object]:
    config, limits = parts.config, parts.limits
    pages = Pages(
        parts.browser_sessions, parts.second_factors, parts.domains, parts.mail, parts.public_url, parts.guesses, parts.now_ms
    )
    return [
        SignInPages(pages, parts.providers, parts.check_password, parts.sign_in_upstream, config.registration),
        BackChannelLogout(pages, parts.providers, parts.sessions, parts.grants, parts.login_tokens),
        RegisterPages(pages, parts.accounts, config.registration, parts.threepids, parts.bind_threepid, limits),
        MailLinkPages(pages, parts.accounts, parts.threepids, parts.reset_password, limits),
        ConsentPages(pages, parts.grants),
        SecondFactorPages(pages),
        AccountPages(
            pages,
            parts.accounts,
            parts.sessions,
            parts.set_profile_field,
            parts.deactivate_account,
            parts.reset_password,
            parts.uia,
        ),
        AddressPages(pages, parts.accounts, parts.threepids, parts.bind_threepid, limits),
        LegacySsoPages(pages, parts.providers, parts.login_tokens, parts.uia),
    ]


def _room_parts(parts: Parts) -> list[object]:
    rooms = parts.rooms
    return [
        CreateRoom(parts.creation),
        Membership(rooms, parts.membership, parts.aliases, parts.join_room, parts.third_party_invites),
        RoomSend(rooms, parts.relations, parts.membership, parts.delayed_events),
        RoomUpgrades(parts.upgrade_room, parts.join_room),
        RoomReads(rooms, parts.relations, parts.pagination, parts.completing),
        Directory(parts.aliases, rooms),
        OldSync(rooms, parts.pagination, parts.relations, parts.account_data, parts.receipts, parts.presence, parts.notifier),
    ]


def _data_parts(parts: Parts) -> list[object]:
    rooms, store = parts.rooms, parts.accounts.store
    dehydrate = DehydrateDevice(parts.database, store, parts.sessions, parts.keys, parts.to_device)
    return [
        KeyBackupApi(KeyBackup(parts.database, parts.kept_sessions)),
        DehydratedDevice(dehydrate),
        Keys(
            parts.keys,
            parts.to_device,
            parts.uia,
            rooms,
            DeviceLists(rooms, parts.keys),
            parts.appservices,
            parts.remote_devices,
            parts.limits,
        ),
        ContentRepo(parts.media, parts.url_previews, parts.config.media.presigned),
    ]
