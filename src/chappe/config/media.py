"""Files that people send, and links that the server opens for them."""

from __future__ import annotations

from typing import Annotated

import msgspec

from chappe.config.values import Positive, says

_STORE = "Uploads and downloads fail; the log says why."


class Media(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where the files that people send are kept. `chappe media migrate s3://bucket/prefix` moves them."""

    location: Annotated[
        str | None,
        says(
            "A folder, or a bucket of an object store. Left out: `media` in the data folder.",
            example="s3://bucket/prefix",
            wrong="At another place than the files are, all of them seem to be missing (404). A folder that is not there is made.",
        ),
    ] = None
    max_upload_mib: Annotated[Positive, says("A larger file is refused (413).")] = 100
    s3_endpoint: Annotated[
        str | None, says("The address of the object store. Left out: Amazon's.", example="https://s3.example.org", wrong=_STORE)
    ] = None
    s3_region: Annotated[str, says("The region in which the object store has the bucket.", wrong=_STORE)] = "us-east-1"
    s3_access_key: Annotated[
        str | None, says("The name of the key to the object store. Left out: the environment's.", example="…", wrong=_STORE)
    ] = None
    s3_secret_key: Annotated[
        str | None, says("The secret of that key. Left out: that of the environment.", example="…", wrong=_STORE)
    ] = None
    presigned: Annotated[
        bool,
        says(
            "Clients that allow a redirect download straight from the object store, by an address that is good for a short time."
        ),
    ] = False


class UrlPreviews(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Pictures and titles of the links that people send in rooms that are not encrypted."""

    enabled: Annotated[bool, says("The server opens links to show what is there.")] = True
    blocked_hosts: Annotated[
        list[str],
        says(
            "Hosts that are never opened: names or patterns.",
            example=["intranet.example.org", "*.example.org"],
            wrong="A host that does not exist blocks nothing.",
        ),
    ] = []
    allowed_private_hosts: Annotated[
        list[str],
        says(
            "Hosts that may be opened although their addresses are private.",
            example=["wiki.example.org"],
            wrong="Links to a private host that is not named show nothing.",
        ),
    ] = []
    cache_hours: Annotated[Positive, says("How long what was found behind a link is kept and shown to all.")] = 24
