"""Files that people send, and links that the server opens for them."""

from __future__ import annotations

import msgspec

from chappe.config.values import Positive


class Media(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    location: str | None = None
    max_upload_mib: Positive = 100
    s3_endpoint: str | None = None
    s3_region: str = "us-east-1"
    s3_access_key: str | None = None
    s3_secret_key: str | None = None
    presigned: bool = False  # downloads straight from the object store, for clients that allow a redirect


MEDIA = """\
[media]
# location = "…"                     # a folder, or s3://bucket/prefix; default: media/ beside this file
# max_upload_mib = 100
# s3_endpoint = "https://s3.example.org"  # with location = "s3://…"; without it, Amazon's
# s3_region = "us-east-1"
# s3_access_key = "…"
# s3_secret_key = "…"
# presigned = false                  # clients that allow it download straight from the object store
# To move what is stored: chappe media migrate s3://bucket/prefix; then change location and start again.
"""


class UrlPreviews(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    enabled: bool = True
    blocked_hosts: list[str] = []
    allowed_private_hosts: list[str] = []
    cache_hours: Positive = 24


URL_PREVIEWS = """\
[url_previews]
# enabled = true                     # the server opens links that people send in unencrypted rooms
# blocked_hosts = []                 # "intranet.example.org", "*.example.org"
# allowed_private_hosts = []         # hosts with private addresses that may be opened nevertheless
# cache_hours = 24
"""
