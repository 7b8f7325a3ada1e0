"""What the console lists, as statements read it. Times are in ms."""

from __future__ import annotations

from chappe.homeserver.database.rows import Row


class ListedPerson(Row):
    user_id: str
    display_name: str | None
    avatar_url: str | None
    kind: str | None
    locked: bool
    expires_ts: int | None
    organisation: str | None
    last_seen_ts: int | None
    created_ts: int
    administers: bool
    organisation_label: str | None


class PeopleNumbers(Row):
    """Of accounts; `ending`: within a month; `leavers`: whose holders have probably left."""

    people: int
    locked: int
    ending: int
    leavers: int


class WorkNumbers(Row):
    """Reports, files that were stopped, guests whose access ends within a month, who read unusually much in a week."""

    reports: int
    files: int
    guests: int
    alerts: int


class ListedRoom(Row):
    room_nid: int
    room_id: str
    name: str | None
    topic: str | None
    joined: int
    encrypted: bool
    creator: str
    created_ts: int
    listed: bool
    blocked: bool


class ListedFile(Row):
    server_name: str
    media_id: str
    user_id: str
    file_name: str | None
    size: int | None
    created_ts: int
    quarantined_by: str | None
    reason: str | None
    info: str | None
    released_by: str | None


class ListedReport(Row):
    report_id: int
    reporter: str
    room_id: str | None
    event_id: str | None
    user_id: str | None
    reason: str | None
    received_ts: int
    room_name: str | None


class ListedAlert(Row):
    user_id: str
    organisation_label: str | None
    step: str
    what: str
    amount: float
    ts: int
    locked: bool
    administers: bool
