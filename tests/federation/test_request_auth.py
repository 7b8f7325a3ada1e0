"""The signature on requests between servers, and how its header is read."""

from __future__ import annotations

import pytest

from chappe.matrix.errors import MatrixError
from chappe.matrix.request_auth import Credentials, authorization, parse_authorization, request_object
from chappe.matrix.signing import SigningKey, verify_json

KEY = SigningKey(bytes(32), "a1")


def test_what_is_signed_is_read_back() -> None:
    header = authorization("PUT", "/_matrix/x?a=b%20c", "a.org", "b.org:1", KEY, {"é": 1})
    found = parse_authorization(header)
    assert (found.origin, found.destination, found.key_id) == ("a.org", "b.org:1", "ed25519:a1")
    signed = request_object("PUT", "/_matrix/x?a=b%20c", "a.org", "b.org:1", {"é": 1})
    assert verify_json({**signed, "signatures": {"a.org": {found.key_id: found.signature}}}, "a.org", "ed25519:a1", KEY.public)
    other = request_object("PUT", "/_matrix/x?a=b c", "a.org", "b.org:1", {"é": 1})
    assert not verify_json(
        {**other, "signatures": {"a.org": {found.key_id: found.signature}}}, "a.org", "ed25519:a1", KEY.public
    )


@pytest.mark.parametrize(
    "header",
    [
        'X-Matrix origin="a.org",destination="b.org",key="ed25519:1",sig="s"',
        "x-matrix   origin=a.org,destination=b.org,key=ed25519:1,sig=s",
        'X-Matrix sig="s" , KEY="ed25519:1"\t,\tdestination="b\\.org",Origin=a.org',
        'X-Matrix origin="a.org",unknown="x=,y",destination="b.org",key="ed25519:1",sig="s"',
    ],
)
def test_every_spelling_of_the_header(header: str) -> None:
    assert parse_authorization(header) == Credentials("a.org", "b.org", "ed25519:1", "s")


def test_old_servers_name_no_destination() -> None:
    assert parse_authorization("X-Matrix origin=a.org,key=ed25519:1,sig=s").destination is None


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer x",
        "X-Matrix",
        "X-Matrix ",
        'X-Matrix origin="a.org"',
        'X-Matrix origin="a.org,key=ed25519:1,sig=s',
        'X-Matrix origin="a b",key="ed25519:1",sig="s"',
        'X-Matrix origin="a.org",key="rsa:1",sig="s"',
        'X-Matrix origin="A.org",key="ed25519:1",sig="s"',
        'X-Matrix origin="a.org.",key="ed25519:1",sig="s"',
        'X-Matrix origin="a.org:08448",key="ed25519:1",sig="s"',
        'X-Matrix origin="127.1",key="ed25519:1",sig="s"',
        'X-Matrix origin="a.org",key="ed25519:1",sig=""',
        'X-Matrix origin="a.org";key="ed25519:1"',
        "X-Matrix =,,=",
    ],
)
def test_what_is_no_signature_is_refused(header: str | None) -> None:
    with pytest.raises(MatrixError) as refused:
        parse_authorization(header)
    assert (refused.value.status, refused.value.errcode) == (401, "M_UNAUTHORIZED")
