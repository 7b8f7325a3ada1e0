"""Second factors of local accounts: one-time codes (TOTP, RFC 6238), passkeys (WebAuthn), recovery codes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import webauthn
from webauthn.helpers import structs
from webauthn.helpers.exceptions import WebAuthnException

from chappe.homeserver.accounts.fresh_proof import FreshProof, Notice, OwnerMail
from chappe.homeserver.database.pool import Database
from chappe.homeserver.database.rows import Row, find, read
from chappe.homeserver.database.server_time import NowMs
from chappe.matrix.errors import BadRequest, Forbidden, LimitExceeded

STEP_SECONDS, DIGITS, DRIFT = 30, 6, 1
CODES = 10
WRONG_AT_MOST, WRONG_FOR_MS = 5, 900_000
CHALLENGE_MS = 300_000
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def totp(secret: bytes, step: int) -> str:
    """The code of a time step."""
    digest = hmac.new(secret, struct.pack(">Q", step), hashlib.sha1).digest()
    at = digest[-1] & 15
    return str((struct.unpack(">I", digest[at : at + 4])[0] & 0x7FFFFFFF) % 10**DIGITS).zfill(DIGITS)


def _step_of(secret: bytes, code: str, now_ms: int, last_step: int) -> int | None:
    """The time step that a code is of; None: of none that counts now and was not used."""
    now = now_ms // 1000 // STEP_SECONDS
    steps = range(now - DRIFT, now + DRIFT + 1)
    return next((s for s in steps if s > last_step and secrets.compare_digest(totp(secret, s), code)), None)


@dataclass(frozen=True, slots=True)
class Factors:
    """What an account has. Recovery codes alone are no factor."""

    totp: bool
    passkeys: int
    recovery_codes: int

    @property
    def any(self) -> bool:
        return self.totp or self.passkeys > 0


class FactorsRow(Row):
    totp: bool
    passkeys: int
    codes: int


class TotpRow(Row):
    secret: bytes
    last_step: int
    wrong: list[int]


class Passkey(Row):
    credential_id: bytes
    name: str
    created_ts: int
    last_used_ts: int | None


class PasskeyKey(Row):
    public_key: bytes
    sign_count: int


class SecondFactors:
    """`required_domains`, `required_for_admins`: who must have one."""

    def __init__(
        self,
        database: Database,
        now_ms: NowMs,
        required_domains: Sequence[str],
        required_for_admins: bool,
        tell_owner: OwnerMail,
    ) -> None:
        self._database, self._now_ms, self._tell_owner = database, now_ms, tell_owner
        self._required_domains, self._required_for_admins = frozenset(required_domains), required_for_admins

    async def of(self, user_id: str) -> Factors:
        row = await find(
            self._database,
            FactorsRow,
            """SELECT EXISTS (SELECT 1 FROM totp_secrets WHERE user_id = $1 AND confirmed) AS totp,
                      (SELECT count(*) FROM passkeys WHERE user_id = $1) AS passkeys,
                      (SELECT count(*) FROM recovery_codes WHERE user_id = $1) AS codes""",
            user_id,
        )
        assert row is not None
        return Factors(row.totp, row.passkeys, row.codes)

    def are_required(self, server_name: str, is_admin: bool) -> bool:
        return server_name in self._required_domains or (is_admin and self._required_for_admins)

    # ------------------------------------------------------------------------------------------------ one-time codes

    async def begin_totp(self, proof: FreshProof, issuer: str) -> tuple[str, str]:
        """A secret that counts once it is confirmed, the same until then: (base32, otpauth:// address)."""
        secret, user_id = secrets.token_bytes(20), proof.user_id
        await self._database.execute(
            "INSERT INTO totp_secrets (user_id, secret) VALUES ($1, $2) ON CONFLICT DO NOTHING", user_id, secret
        )
        stored = await self._database.fetchval("SELECT secret FROM totp_secrets WHERE user_id = $1 AND NOT confirmed", user_id)
        if stored is None:
            raise BadRequest("One-time codes are set up already", "M_INVALID_PARAM")
        text = base64.b32encode(stored).decode()
        label = quote(f"{issuer}:{user_id}")
        return text, f"otpauth://totp/{label}?{urlencode({'secret': text, 'issuer': issuer})}"

    async def confirm_totp(self, proof: FreshProof, code: str) -> bool:
        return await self._use_totp(proof.user_id, code, await self._tell_owner.notice(proof.user_id, "factor_added"))

    async def check_totp(self, user_id: str, code: str) -> bool:
        """A code counts once. Raises M_LIMIT_EXCEEDED after some wrong ones, whichever door, process or start they were tried at.

        A code has six digits: they are counted beside the secret, and forgotten with the next right one.
        """
        return await self._use_totp(user_id, code)

    async def _use_totp(self, user_id: str, code: str, confirming: Notice | None = None) -> bool:
        """`confirming`: the code makes a secret count that does not yet, which its owner is told."""
        code, now = code.replace(" ", ""), self._now_ms()
        if len(code) != DIGITS or not code.isascii():
            return False
        async with self._database.transaction() as connection:
            row = await find(
                connection,
                TotpRow,
                """SELECT secret, last_step, array(SELECT t FROM unnest(wrong_ts) t WHERE t > $3 ORDER BY t) AS wrong
                     FROM totp_secrets WHERE user_id = $1 AND confirmed = $2 FOR UPDATE""",
                user_id,
                confirming is None,
                now - WRONG_FOR_MS,
            )
            if row is None:
                return False
            if len(row.wrong) >= WRONG_AT_MOST and confirming is None:
                wait = row.wrong[0] + WRONG_FOR_MS - now
                raise LimitExceeded(wait, "Too many wrong codes: wait, or prove who you are in another way")
            step = _step_of(row.secret, code, now, row.last_step)
            if step is None:
                wrong = [*row.wrong, now][-WRONG_AT_MOST:]
                await connection.execute("UPDATE totp_secrets SET wrong_ts = $2 WHERE user_id = $1", user_id, wrong)
                return False
            await connection.execute(
                """UPDATE totp_secrets SET last_step = $2, confirmed = true, wrong_ts = '{}',
                          confirmed_ts = CASE WHEN confirmed THEN confirmed_ts ELSE $3 END WHERE user_id = $1""",
                user_id,
                step,
                now,
            )
            if confirming is not None:
                await confirming.put(connection)
        return True

    async def codes_since(self, user_id: str) -> int | None:
        """Since when (ms) somebody has one-time codes; None: they have none."""
        since: int | None = await self._database.fetchval(
            "SELECT confirmed_ts FROM totp_secrets WHERE user_id = $1 AND confirmed", user_id
        )
        return since

    async def remove_totp(self, proof: FreshProof) -> None:
        await self._remove(proof.user_id, "DELETE FROM totp_secrets WHERE user_id = $1")

    async def _remove(self, user_id: str, statement: str, *more: Any) -> None:
        """A factor, and with the last one the recovery codes."""
        notice = await self._tell_owner.notice(user_id, "factor_removed")
        async with self._database.transaction() as connection:
            if (await connection.execute(statement, user_id, *more)).endswith(" 0"):
                return
            await connection.execute(
                """DELETE FROM recovery_codes WHERE user_id = $1
                    AND NOT EXISTS (SELECT 1 FROM totp_secrets t WHERE t.user_id = $1 AND t.confirmed)
                    AND NOT EXISTS (SELECT 1 FROM passkeys p WHERE p.user_id = $1)""",
                user_id,
            )
            await notice.put(connection)

    # ----------------------------------------------------------------------------------------------- recovery codes

    async def new_recovery_codes(self, proof: FreshProof) -> list[str]:
        """Replaces the old ones. Shown once; stored hashed."""
        user_id = proof.user_id
        codes = ["-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(3)) for _ in range(CODES)]
        async with self._database.transaction() as connection:
            await connection.execute("DELETE FROM recovery_codes WHERE user_id = $1", user_id)
            await connection.execute(
                "INSERT INTO recovery_codes SELECT $1, unnest($2::bytea[])", user_id, [_code_hash(c) for c in codes]
            )
        return codes

    async def use_recovery_code(self, user_id: str, code: str) -> bool:
        result = await self._database.execute(
            "DELETE FROM recovery_codes WHERE user_id = $1 AND code_hash = $2", user_id, _code_hash(code)
        )
        return result.endswith(" 1")

    # ----------------------------------------------------------------------------------------------------- passkeys

    async def passkeys(self, user_id: str) -> list[Passkey]:
        return await read(
            self._database,
            Passkey,
            "SELECT credential_id, name, created_ts, last_used_ts FROM passkeys WHERE user_id = $1 ORDER BY created_ts",
            user_id,
        )

    async def begin_passkey(self, browser: bytes, proof: FreshProof, host: str, name: str) -> str:
        """Options for `navigator.credentials.create`, as JSON."""
        user_id = proof.user_id
        known = [structs.PublicKeyCredentialDescriptor(id=r.credential_id) for r in await self.passkeys(user_id)]
        options = webauthn.generate_registration_options(
            rp_id=host,
            rp_name=name,
            user_name=user_id,
            user_id=hashlib.sha256(user_id.encode()).digest(),
            exclude_credentials=known,
        )
        await self._remember(browser, options.challenge, user_id)
        return webauthn.options_to_json(options)

    async def add_passkey(self, browser: bytes, proof: FreshProof, credential: str, host: str, origin: str, name: str) -> None:
        """Raises M_FORBIDDEN for an answer that does not fit its question."""
        user_id = proof.user_id
        challenge = await self._recall(browser, user_id)
        try:
            done = webauthn.verify_registration_response(
                credential=credential, expected_challenge=challenge, expected_rp_id=host, expected_origin=origin
            )
        except (WebAuthnException, ValueError, KeyError, TypeError):
            raise Forbidden("This passkey could not be added: please try again") from None
        notice = await self._tell_owner.notice(user_id, "factor_added")
        async with self._database.transaction() as connection:
            result = await connection.execute(
                """INSERT INTO passkeys (credential_id, user_id, public_key, sign_count, name, created_ts)
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING""",
                done.credential_id,
                user_id,
                done.credential_public_key,
                done.sign_count,
                name[:60] or "passkey",
                self._now_ms(),
            )
            if result.endswith(" 1"):
                await notice.put(connection)

    async def ask_for_passkey(self, browser: bytes, user_id: str, host: str) -> str:
        """Options for `navigator.credentials.get`, as JSON."""
        known = [structs.PublicKeyCredentialDescriptor(id=r.credential_id) for r in await self.passkeys(user_id)]
        options = webauthn.generate_authentication_options(rp_id=host, allow_credentials=known)
        await self._remember(browser, options.challenge, user_id)
        return webauthn.options_to_json(options)

    async def check_passkey(self, browser: bytes, user_id: str, credential: str, host: str, origin: str) -> bool:
        try:
            challenge = await self._recall(browser, user_id)
            raw_id = webauthn.helpers.parse_authentication_credential_json(credential).raw_id
            row = await find(
                self._database,
                PasskeyKey,
                "SELECT public_key, sign_count FROM passkeys WHERE credential_id = $1 AND user_id = $2",
                raw_id,
                user_id,
            )
            if row is None:
                return False
            done = webauthn.verify_authentication_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=host,
                expected_origin=origin,
                credential_public_key=row.public_key,
                credential_current_sign_count=row.sign_count,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError, Forbidden):
            return False
        await self._database.execute(
            "UPDATE passkeys SET sign_count = $2, last_used_ts = $3 WHERE credential_id = $1",
            raw_id,
            done.new_sign_count,
            self._now_ms(),
        )
        return True

    async def remove_passkey(self, proof: FreshProof, credential_id: bytes) -> None:
        statement = "DELETE FROM passkeys WHERE user_id = $1 AND credential_id = $2"
        await self._remove(proof.user_id, statement, credential_id)

    async def _remember(self, browser: bytes, challenge: bytes, user_id: str) -> None:
        await self._database.execute(
            """INSERT INTO passkey_challenges VALUES ($1, $2, $3, $4) ON CONFLICT (id_hash) DO UPDATE SET
               challenge = excluded.challenge, user_id = excluded.user_id, expires_ts = excluded.expires_ts""",
            browser,
            challenge,
            user_id,
            self._now_ms() + CHALLENGE_MS,
        )

    async def _recall(self, browser: bytes, user_id: str) -> bytes:
        challenge: bytes | None = await self._database.fetchval(
            "DELETE FROM passkey_challenges WHERE id_hash = $1 AND user_id = $2 AND expires_ts > $3 RETURNING challenge",
            browser,
            user_id,
            self._now_ms(),
        )
        if challenge is None:
            raise Forbidden("This took too long: please try again")
        return challenge

    async def reset(self, user_id: str) -> None:
        """An administrator's help for somebody who lost everything."""
        had_one, notice = (await self.of(user_id)).any, await self._tell_owner.notice(user_id, "factor_removed")
        async with self._database.transaction() as connection:
            for table in ("totp_secrets", "passkeys", "recovery_codes"):
                await connection.execute(f"DELETE FROM {table} WHERE user_id = $1", user_id)
            if had_one:
                await notice.put(connection)

    async def forget_challenges(self, user_id: str) -> None:
        """No browser signs in by the passkey that it was asked for."""
        await self._database.execute("DELETE FROM passkey_challenges WHERE user_id = $1", user_id)

    async def prune(self) -> None:
        await self._database.execute("DELETE FROM passkey_challenges WHERE expires_ts < $1", self._now_ms())


def _code_hash(code: str) -> bytes:
    return hashlib.sha256(code.strip().upper().replace("-", "").replace(" ", "").encode()).digest()


def summary(factors: Factors) -> dict[str, Any]:
    return {"totp": factors.totp, "passkeys": factors.passkeys, "recovery_codes": factors.recovery_codes}
