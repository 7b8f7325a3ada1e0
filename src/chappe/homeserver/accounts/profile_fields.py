"""What a profile may say."""

from __future__ import annotations

from typing import Any

from chappe.matrix.errors import BadRequest
from chappe.matrix.identifiers import is_picture_url


def check_shown(name: str, value: Any) -> None:
    """What a person is shown by: raises BadRequest for what is no name, or no picture."""
    if value is not None and type(value) is not str:
        raise BadRequest(f"{name} must be a string", "M_BAD_JSON")
    if type(value) is str and len(value) > (256 if name == "displayname" else 1000):
        raise BadRequest(f"{name} is too long", "M_INVALID_PARAM")
    if name == "avatar_url" and type(value) is str and not is_picture_url(value):
        raise BadRequest("avatar_url must be an mxc:// address", "M_INVALID_PARAM")
