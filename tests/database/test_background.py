"""What is begun beside a request, and why nothing acknowledged is lost when the process dies in the middle."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import chappe

SOURCE = Path(chappe.__file__).parent
BACKGROUND = {  # by file: how many tasks it begins, and what holds them
    "agency/antivirus/scanner.py": (1, "requests wait for it; the file is scanned again"),
    "homeserver/actions/early_receipts.py": (1, "what a receipt says passes: the next one of its reader says it anew"),
    "homeserver/actions/evict_guests.py": (1, 'requests wait for it; the job "guest access" finds whoever is left'),
    "homeserver/actions/set_profile_field.py": (1, "profile_carries: a row of the same commit"),
    "homeserver/api/federation/transactions.py": (1, "the other server waits for it, and sends again"),
    "homeserver/app/loops.py": (2, "the supervisor of all loops; each loop follows the log or a queue"),
    "homeserver/database/embedded.py": (1, "watches PostgreSQL"),
    "homeserver/database/leases.py": (1, "renews a lease; without, another process takes over"),
    "homeserver/gateway/outgoing.py": (2, "a connection's two directions"),
    "homeserver/http/server.py": (1, "the listener"),
    "homeserver/load/tasks.py": (4, "`in_background`, `Tasks` and `SharedWork` themselves: who calls them is listed here"),
    "homeserver/modules/end_to_end_encryption/remote_devices.py": (1, "requests wait for it; asked again"),
    "homeserver/modules/media/remote.py": (1, "requests wait for it; fetched again"),
    "homeserver/modules/presence/presence.py": (1, "who is online, told anew by the next request"),
    "homeserver/modules/url_previews/url_previews.py": (1, "requests wait for it; made again"),
    "homeserver/outbound/federation/keyring.py": (1, "requests wait for it; asked again"),
    "homeserver/rooms/registry.py": (1, "requests wait for it: reads a room"),
    "homeserver/rooms/remote/checks.py": (1, "a request waits for it"),
    "homeserver/rooms/remote/completing.py": (
        2,
        "partial_rooms: resumed at start and by a job; contents that came redacted: any copy that comes later takes their place",
    ),
    "homeserver/rooms/remote/history.py": (2, "requests wait for it; asked again, as what is missing is still noted"),
    "homeserver/rooms/remote/pdu_queues.py": (1, "federation_inbox: resumed at start and by a job"),
    "homeserver/rooms/remote/retelling.py": (1, "the state is written; what clients keep of it is older until the next time"),
    "homeserver/rooms/rooms.py": (1, "the request waits for it, and its repetition has the same transaction id"),
    "homeserver/senders/appservices.py": (1, "follows the log"),
    "homeserver/senders/call_evictions.py": (1, "call_participants: whoever is to be put out is found by the next look"),
    "homeserver/senders/federation/fleeting.py": (1, "typing and presence, which pass"),
    "homeserver/senders/federation/sender.py": (2, "federation_queue: taken up after a start"),
    "homeserver/senders/jobs.py": (1, "jobs run again"),
    "homeserver/senders/push/deliver.py": (1, "push_queue: taken up after a start"),
    "homeserver/sync/long_poll.py": (1, "waits for the client to go away"),
    "homeserver/sync/notifier.py": (2, "wakes waiting clients"),
}
BEGINS = re.compile(r"(^|[._])(create_task|ensure_future|in_background|tasks\.(start|keep)|SharedWork\[.*\])$")


def test_every_task_beside_a_request_says_why_it_may_die() -> None:
    found: Counter[str] = Counter()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and BEGINS.search(ast.unparse(node.func)):
                found[str(path.relative_to(SOURCE))] += 1
    assert dict(found) == {name: count for name, (count, _) in BACKGROUND.items()}, (
        "what follows an answer must be durable: write it with the answer, then list the task here with what holds it"
    )
