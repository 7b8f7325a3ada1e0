"""The bodies of requests for tokens, in all dialects (MSC4195)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from chappe.matrix.errors import BadRequest

Name = Annotated[str, Meta(min_length=1, max_length=255)]
Address = Annotated[str, Meta(max_length=1024)]


class OpenIdToken(msgspec.Struct):
    """What somebody got from their own server, to prove to this service who they are."""

    access_token: Annotated[str, Meta(max_length=4096)]
    matrix_server_name: Name


class Delegation(msgspec.Struct, kw_only=True):
    """What a request for a token may bring along: a leave that is left with us. Its delay is known here, whatever `delay_timeout`
    says.
    """

    delay_id: Name | None = None
    delay_timeout: Annotated[int, Meta(ge=1)] | None = None


class SfuGet(Delegation):
    """Of `/sfu/get`."""

    room: Name
    openid_token: OpenIdToken
    device_id: Name


class ClaimedMember(msgspec.Struct):
    """`member` of an `m.rtc.member` event; who and which device it is, is claimed."""

    id: Name
    claimed_device_id: Name | None = None
    claimed_user_id: Name | None = None


class GetToken(Delegation):
    """Of `/get_token`."""

    room_id: Name
    slot_id: Name
    openid_token: OpenIdToken
    member: ClaimedMember


class SlotToken(msgspec.Struct):
    """Of the client-server API: with `member_id` and `url` as deployed, with `member` and no `url` in the text of July 2026."""

    room_id: Name
    slot_id: Name
    member_id: Name | None = None
    member: ClaimedMember | None = None
    url: Address | None = None
    server_name: Name | None = None


class DelegateByToken(msgspec.Struct):
    """Of the token service's `/delegate_delayed_leave`."""

    room_id: Name
    slot_id: Name
    openid_token: OpenIdToken
    member: ClaimedMember
    delay_id: Name
    delay_timeout: Annotated[int, Meta(ge=1)]


class DelegateLeaveOf(SlotToken, kw_only=True):
    """Of the client-server API's."""

    delay_id: Name


class ServerToken(msgspec.Struct):
    """Of the server-server API, in both forms."""

    room_id: Name
    slot_id: Name
    user_id: Name | None = None
    member_id: Name | None = None
    member: ClaimedMember | None = None
    url: Address | None = None


def member_of(body: SlotToken | ServerToken) -> tuple[str, str | None]:
    """(member id, device id in the form that names one). Raises M_MISSING_PARAM."""
    if body.member_id is not None:
        return body.member_id, None
    if body.member is None or body.member.claimed_device_id is None:
        raise BadRequest("`member_id` is missing", "M_MISSING_PARAM")
    return body.member.id, body.member.claimed_device_id
