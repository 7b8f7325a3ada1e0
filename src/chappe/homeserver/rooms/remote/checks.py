"""Checks 1 to 3 of an event from another server (see `receive_pdu.py`): its format, its signatures, its hash. What fails one of the
first two is no event at all; a wrong hash leaves its redacted form.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import nacl.exceptions
import nacl.signing

from chappe.homeserver.outbound.federation.client import PeerUnreachable
from chappe.homeserver.outbound.federation.keyring import Keyring
from chappe.matrix.canonical_json import canonical_json
from chappe.matrix.errors import BadRequest, Forbidden, MatrixError
from chappe.matrix.events import Pdu, content_hash, event_id_of, parse_pdu, references, room_id_of_create
from chappe.matrix.identifiers import domain_of
from chappe.matrix.redaction import redact
from chappe.matrix.room_versions import RoomVersion
from chappe.matrix.signing import decode_base64, signed_bytes

IN_ONE_THREAD = 500  # events whose signatures are verified in one go, off the event loop
ON_THE_LOOP = 4
MOST_SIGNATURES = 8  # of one server on one event that are looked at: each may be a key to ask for
THREADS = max(2, os.cpu_count() or 2)


class KeyNotFound(Forbidden):
    """A signature cannot be checked: nobody knows the key of the server that is said to have signed. It may be gone for good."""


@dataclass(frozen=True, slots=True)
class SignedPdu:
    """A PDU whose signatures are good. `pdu` is what is kept of it: without what other servers may not set, and redacted where its
    hash is wrong. `is_unwelcome`: the room's policy server does not recommend it.

    `is_unfit`: its hash is wrong, so there may be a copy that has its content. `is_altered`: it came with another content
    than a redaction leaves, which no honest server sends. `is_confirmed`: the sender's own server has sent this copy, or was
    asked before it was believed; where the hash is wrong all the same, that server says that nothing is left.
    """

    event_id: str
    pdu: Pdu
    raw: bytes
    version: RoomVersion
    is_unwelcome: bool = False
    is_unfit: bool = False
    is_altered: bool = False
    is_confirmed: bool = False

    @property
    def room_id(self) -> str:
        if "room_id" in self.pdu:
            return str(self.pdu["room_id"])
        return "!" + self.event_id[1:]  # the create event of a room that is named after it

    @property
    def key(self) -> tuple[str, str] | None:
        return (self.pdu["type"], self.pdu["state_key"]) if "state_key" in self.pdu else None

    @property
    def awaits_content(self) -> bool:
        """Whether a copy may come that has its content: nobody who knows has said that there is none."""
        return self.is_unfit and not self.is_confirmed

    def confirmed(self) -> SignedPdu:
        """As its sender's own server gives it. One with another content than a redaction leaves says nothing."""
        return self if self.is_altered else replace(self, is_confirmed=True)

    def emptied(self) -> SignedPdu:
        """What a redaction leaves of it."""
        form = redact(self.pdu, self.version)
        return replace(self, pdu=form, raw=canonical_json(form), is_unfit=True, is_altered=False, is_confirmed=False)

    def prev_events(self) -> list[str]:
        return [str(e) for e in references(self.pdu, "prev_events", self.version)]

    def pdu_auth_events(self) -> list[str]:
        """The ids in its `auth_events`."""
        return [str(e) for e in references(self.pdu, "auth_events", self.version)]

    def auth_events(self) -> list[str]:
        """The ids of its auth events, with that of the create event, which version 12 leaves out."""
        auth_events = self.pdu_auth_events()
        if self.version.room_id_is_create_hash and self.pdu["type"] != "m.room.create":
            auth_events.append("$" + self.room_id[1:])
        return auth_events


@dataclass(frozen=True, slots=True)
class _Signature:
    key: str
    signature: str
    signed: bytes

    def is_good(self) -> bool:
        try:
            nacl.signing.VerifyKey(decode_base64(self.key)).verify(self.signed, decode_base64(self.signature))
        except (ValueError, TypeError, nacl.exceptions.BadSignatureError):
            return False
        return True


_Parsed = tuple[Pdu, str, list[list[_Signature]]]


def signers_of(pdu: Pdu, version: RoomVersion) -> set[str]:
    """The servers whose signatures an event needs. The form that is kept decides: a field that a wrong hash takes away makes no
    signature needless."""
    is_member = pdu["type"] == "m.room.member"
    if is_member and "third_party_invite" in pdu["content"]:
        pdu = check_hash(pdu, version)
    content = pdu["content"]
    signers: set[str] = set()
    if not (is_member and content.get("membership") == "invite" and _has_proof(content)):
        signers.add(domain_of(pdu["sender"]))
    if version.event_id_format == "chosen":
        signers.add(domain_of(pdu["event_id"]))
    if version.restricted_joins and is_member and content.get("membership") == "join":
        via = content.get("join_authorised_via_users_server")
        if type(via) is str:
            signers.add(domain_of(via))
    return signers


def _has_proof(content: dict[str, Any]) -> bool:
    """Whether an invitation has the signed proof of a third-party invite, by which it is authorised in place of the sender's power."""
    invite = content.get("third_party_invite")
    return type(invite) is dict and type(invite.get("signed")) is dict


class PduChecks:
    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    async def check(self, raw: Any, version: RoomVersion) -> SignedPdu:
        """Makes checks 1 to 3. Raises BadRequest for a wrong format, Forbidden for a bad signature."""
        pdu, event_id = check_format(raw, version)
        check_signatures(await self._signatures(pdu, version))
        return kept(pdu, event_id, version)

    async def check_many(self, raws: Sequence[Any], version: RoomVersion) -> dict[str, SignedPdu]:
        """By event id: those that are good, in the order given. Signatures are verified off the event loop."""
        found: list[asyncio.Future[list[SignedPdu]] | list[SignedPdu]] = []
        gate = asyncio.Semaphore(THREADS)  # what waits to be verified stays as it was sent: small

        async def off_the_loop(parsed: Sequence[_Parsed]) -> list[SignedPdu]:
            try:
                return await asyncio.to_thread(_verified, parsed, version)
            finally:
                gate.release()

        for start in range(0, len(raws), IN_ONE_THREAD):
            parsed: list[_Parsed] = []
            for raw in raws[start : start + IN_ONE_THREAD]:
                try:
                    pdu, event_id = check_format(raw, version)
                    parsed.append((pdu, event_id, await self._signatures(pdu, version)))
                except MatrixError:
                    continue
            if len(parsed) <= ON_THE_LOOP:
                found.append(_verified(parsed, version))
            else:
                await gate.acquire()
                found.append(asyncio.ensure_future(off_the_loop(parsed)))
        lists = [part if isinstance(part, list) else await part for part in found]
        return best_copies(checked for part in lists for checked in part)

    async def _signatures(self, pdu: Pdu, version: RoomVersion) -> list[list[_Signature]]:
        """For each server that must have signed, the signatures of which one must be good. Raises Forbidden."""
        redacted = redact(pdu, version)
        signed = signed_bytes(redacted)
        result = []
        for server in signers_of(pdu, version):
            given = pdu["signatures"].get(server)
            choices, is_signed = [], False
            for key_id, signature in islice((given if type(given) is dict else {}).items(), MOST_SIGNATURES):
                if not str(key_id).startswith("ed25519:") or "\0" in key_id or type(signature) is not str:
                    continue
                is_signed = True
                key = await self._keyring.for_event(server, key_id, pdu["origin_server_ts"], version.enforces_key_validity)
                if key is not None:
                    choices.append(_Signature(key, signature, signed))
            if not choices and is_signed:
                raise KeyNotFound(f"The key of {server} that signed the event could not be found")
            if not choices:
                raise Forbidden(f"The event is not signed by {server}")
            result.append(choices)
        return result


def check_format(raw: Any, version: RoomVersion) -> tuple[Pdu, str]:
    """Check 1: returns a valid event and its id. Raises BadRequest for what does not comply with the room version's event format."""
    pdu = parse_pdu(raw, version)
    event_id = event_id_of(pdu, version)
    if pdu["type"] == "m.room.create" and version.room_id_is_create_hash and "room_id" not in pdu:
        room_id_of_create(pdu, version)
    if len(event_id.encode()) > 255 or not event_id.startswith("$"):
        raise BadRequest("The event's id is malformed")
    return pdu, event_id


def check_signatures(needed: Sequence[Sequence[_Signature]]) -> None:
    """Check 2: raises Forbidden where one of the servers that must have signed an event has no good signature. `needed`: for each,
    its signatures, as `PduChecks._signatures` finds them with their keys."""
    for choices in needed:
        if not any(choice.is_good() for choice in choices):
            raise Forbidden("The signature of the event is not valid")


def _verified(parsed: Sequence[_Parsed], version: RoomVersion) -> list[SignedPdu]:
    found = []
    for pdu, event_id, needed in parsed:
        with contextlib.suppress(Forbidden):
            check_signatures(needed)
            found.append(kept(pdu, event_id, version))
    return found


def kept(pdu: Pdu, event_id: str, version: RoomVersion) -> SignedPdu:
    """An event whose signatures were looked at, as it is kept."""
    form = check_hash(pdu, version)
    if form is pdu:
        return SignedPdu(event_id, pdu, canonical_json(pdu), version)
    # before version 6 servers write some numbers in several ways: there a wrong hash proves nothing
    is_altered = version.strict_canonical_json and form["content"] != pdu["content"]
    return SignedPdu(event_id, form, canonical_json(form), version, is_unfit=True, is_altered=is_altered)


def check_hash(pdu: Pdu, version: RoomVersion) -> Pdu:
    """Check 3: returns the event itself where its hash is right, else its redacted form, which is processed further."""
    return pdu if pdu["hashes"].get("sha256") == content_hash(pdu) else redact(pdu, version)


def best_copies(events: Iterable[SignedPdu]) -> dict[str, SignedPdu]:
    """By event id: a copy whose hash fits where there is one, else the last one."""
    found: dict[str, SignedPdu] = {}
    for event in events:
        if not event.is_unfit or (before := found.get(event.event_id)) is None or before.is_unfit:
            found[event.event_id] = event
    return found


def require_unaltered(events: Mapping[str, SignedPdu], server: str) -> None:
    """Raises PeerUnreachable where a server that was asked for a state, or an auth chain, has changed what is in it."""
    if any(event.is_altered for event in events.values()):
        raise PeerUnreachable(server, "it showed events with another content than they were signed with")
