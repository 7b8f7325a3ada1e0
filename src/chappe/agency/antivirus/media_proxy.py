"""The content scanner's routes, as Element's and Tchap's clients speak them (base path `/_matrix/media_proxy/unstable`).

Clients that are built for a scanner show no file without these routes, so they are there without an antivirus as well.
Errors are `{reason, info}`, with `errcode` and `error` beside them. Who may see a file is asked on every call, cached or not.
"""

from __future__ import annotations

from typing import Any

from chappe.agency.antivirus.attachments import EncryptedFile, Envelope, Malformed, NotDecrypted, parse_file
from chappe.agency.antivirus.engines import ScanFailed
from chappe.agency.antivirus.scanner import Scanner, ScanVerdict, Unscanned
from chappe.homeserver.http.request import Request
from chappe.homeserver.http.router import ADMIN_AUTH, GUEST_AUTH, NO_AUTH, SMALL_LIMIT, Answer, endpoint
from chappe.homeserver.modules.media.api.content_repo import file_response, thumbnail_response
from chappe.homeserver.modules.media.media import ContentRepository, Media
from chappe.matrix.errors import MatrixError, NotFound

BASE = "/_matrix/media_proxy/unstable"
_ADMIN = "/_chappe/admin/v1/antivirus"
WAIT_MS = 20_000


def _error_body(error: MatrixError) -> dict[str, Any]:
    """Failures in the scanner's own form, which is the Matrix form as well."""
    reason = "MCS_MALFORMED_JSON" if error.errcode in ("M_NOT_JSON", "M_BAD_JSON") else error.errcode
    return {**error.extra, "reason": reason, "info": error.message, "errcode": reason, "error": error.message}


_MEDIA: dict[str, Any] = {"auth": GUEST_AUTH, "api": "media", "error_body": _error_body}


class MediaProxy:
    def __init__(self, scanner: Scanner | Unscanned, repository: ContentRepository, envelope: Envelope) -> None:
        self._scanner, self._repository, self._envelope = scanner, repository, envelope

    @endpoint("GET", BASE + "/public_key", auth=NO_AUTH, api="media")
    async def public_key(self, request: Request) -> Answer:
        return {"public_key": self._envelope.public_key}

    @endpoint("GET", BASE + "/scan/{serverName}/{mediaId}", **_MEDIA)
    async def scan(self, request: Request) -> Answer:
        return await self._scan(request, None)

    @endpoint("POST", BASE + "/scan_encrypted", body_limit=SMALL_LIMIT, **_MEDIA)
    async def scan_encrypted(self, request: Request) -> Answer:
        return await self._scan(request, await self._file(request))

    @endpoint("GET", BASE + "/download/{serverName}/{mediaId}", **_MEDIA)
    @endpoint("GET", BASE + "/download/{serverName}/{mediaId}/{fileName}", **_MEDIA)
    async def download(self, request: Request) -> Answer:
        media = await self._clean(request, None, is_read=True)
        return file_response(self._repository, media, request)

    @endpoint("POST", BASE + "/download_encrypted", body_limit=SMALL_LIMIT, **_MEDIA)
    async def download_encrypted(self, request: Request) -> Answer:
        """The bytes as they are stored: the client decrypts them itself."""
        media = await self._clean(request, await self._file(request), is_read=True)
        return file_response(self._repository, media, request)

    @endpoint("GET", BASE + "/thumbnail/{serverName}/{mediaId}", **_MEDIA)
    async def thumbnail(self, request: Request) -> Answer:
        return await thumbnail_response(self._repository, await self._clean(request, None), request)

    # ------------------------------------------------------------------------------------------------------- verdicts

    async def _scan(self, request: Request, file: EncryptedFile | None) -> Answer:
        verdict = await self._verdict(await self._media(request, file), file)
        if verdict.reason == "MCS_MIME_TYPE_FORBIDDEN":
            raise MatrixError(403, verdict.reason, verdict.info)
        return {"clean": verdict.is_clean, "info": verdict.info}

    async def _clean(self, request: Request, file: EncryptedFile | None, is_read: bool = False) -> Media:
        media = await self._media(request, file)
        if is_read:
            await self._repository.read_by(request.user_id, media)
        verdict = await self._verdict(media, file)
        if verdict.reason is not None:
            raise MatrixError(403, verdict.reason, verdict.info)
        return media

    async def _verdict(self, media: Media, file: EncryptedFile | None) -> ScanVerdict:
        try:
            return await self._scanner.verdict(media, self._repository.whole_content, file)
        except NotDecrypted as error:
            raise MatrixError(400, "MCS_MEDIA_FAILED_TO_DECRYPT", f"The file could not be decrypted: {error}") from None
        except ScanFailed as error:
            raise MatrixError(502, "MCS_MEDIA_REQUEST_FAILED", f"The file could not be scanned: {error}") from None

    async def _media(self, request: Request, file: EncryptedFile | None) -> Media:
        """The file, if who asks may see it. Files that are scanned here are found without the question that asks for it."""
        names = (request.params["serverName"], request.params["mediaId"]) if file is None else (file.server_name, file.media_id)
        return await self._repository.find(request.user_id, *names, WAIT_MS, False, is_scanned=True)

    async def _file(self, request: Request) -> EncryptedFile:
        try:
            body: Any = await request.json_object()
            if (sealed := body.get("encrypted_body")) is not None:
                body = self._envelope.open(sealed)
            return parse_file(body["file"])
        except (Malformed, KeyError, TypeError) as error:
            raise MatrixError(
                400, "MCS_MALFORMED_JSON", str(error) if isinstance(error, Malformed) else "`file` is missing"
            ) from None
        except NotDecrypted as error:
            raise MatrixError(403, "MCS_BAD_DECRYPTION", f"Ask for the public key again: {error}") from None


class AntivirusAdmin:
    """What was stopped, and false alarms."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner

    @endpoint("GET", _ADMIN + "/stopped", auth=ADMIN_AUTH, api="admin")
    async def stopped(self, request: Request) -> Answer:
        return {"files": await self._scanner.stopped(request.query_int("limit", 100, 1, 1000))}

    @endpoint(
        "POST",
        _ADMIN + "/release/{serverName}/{mediaId}",
        auth=ADMIN_AUTH,
        does="release_file",
        body_limit=SMALL_LIMIT,
        api="admin",
    )
    async def release(self, request: Request) -> Answer:
        lifted = await self._scanner.release(request.params["serverName"], request.params["mediaId"], request.user_id)
        if not lifted:
            raise NotFound("Nothing was stopped under this address")
        return {"released": lifted}
