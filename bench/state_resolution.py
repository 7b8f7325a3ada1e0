"""Measures state resolution: a room of many members whose history has forked, beside Synapse (see docs/performance.md).

    python bench/state_resolution.py [--members 10000] [--forks 20] [--events 50] [--synapse .venv-synapse/bin/python]

The algorithm alone, in memory on both sides. Synapse is given the difference of the auth chains, which it else asks its
database for, and whole state maps; Chappe finds both by itself, from state trees and bitmaps. Both must come to the same state.
Room version 2 (state resolution 2), the latest whose event ids are not hashes, so that both read the same events.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
ROUNDS = 5


def forked(members: int, forks: int, events: int) -> tuple[Any, Any, list[Any]]:
    """(the room, the state where it forks, the states after each fork)."""
    from chappe.matrix.event_auth import POWER_LEVELS
    from chappe.matrix.room_versions import ROOM_VERSIONS
    from tests.matrix.test_state_resolution import ALICE, BOB, CAROL, Room, member

    room = Room(ROOM_VERSIONS["2"])
    state = dict(room.begin({BOB: 50, CAROL: 50}))
    users = [f"@member{n}:x.example" for n in range(members)]

    def grow(key: Any, sender: str, content: dict[str, Any], to: dict[Any, Any]) -> None:
        event = room._event(key, sender, content, to, ["$x"])
        room.events.append(event)
        to[key] = event

    for user in users:
        grow(member(user), user, {"membership": "join"}, state)
    ends = []
    for fork in range(forks):
        side = dict(state)
        for n in range(events):
            if n % 10 == 0:
                grow(POWER_LEVELS, ALICE, {**side[POWER_LEVELS].content, "ban": 50 - (n + fork) % 5}, side)
            elif n % 3 == 0:
                user = users[(fork * 37 + n) % members]
                grow(member(user), user, {"membership": "join", "displayname": f"{fork} {n}"}, side)
            elif n % 7 == 0:
                grow(member(users[(fork * 53 + n) % members]), BOB, {"membership": "ban"}, side)
            else:
                grow(("m.room.topic", ""), CAROL, {"topic": f"{fork} {n}"}, side)
        ends.append(side)
    return room, state, ends


async def with_chappe(room: Any, state: Any, ends: list[Any]) -> tuple[dict[str, str], list[float]]:
    from chappe.homeserver.rooms.state_conflict import StateResolver
    from chappe.homeserver.rooms.state_tree_reader import TreeReader
    from tests.rooms.test_state_conflict import HASH, Trees

    trees = Trees(room)
    start = trees.root(state)
    roots = [trees.root(end, state, start) for end in ends]
    times = []
    for _ in range(ROUNDS):
        trees.reader = TreeReader(trees._packs)
        resolver = StateResolver(trees.reader, HASH, trees.index, room.version, trees.index.nids[room.create.event_id])
        before = time.perf_counter()
        base, changes = await resolver.resolve(roots)
        times.append(time.perf_counter() - before)
    numbers, _ = await trees.reader.whole(trees.edit(base, changes))
    found = [trees.index.stored[nid] for nid in numbers]
    return {json.dumps(event.key): event.event_id for event in found}, times


def difference(ends: list[Any]) -> set[str]:
    """Of the auth chains."""
    chains = []
    for end in ends:
        seen: set[str] = set()
        queue = list(end.values())
        while queue:
            event = queue.pop()
            if event.event_id not in seen:
                seen.add(event.event_id)
                queue += event.auth
        chains.append(seen)
    return set.union(*chains) - set.intersection(*chains)


SYNAPSE = """
import json, sys, time
import synapse.event_auth
from synapse.api.room_versions import RoomVersions
from synapse.events import make_event_from_dict
from synapse.state.v2 import resolve_events_with_store
from synapse.storage.databases.main.event_federation import StateDifference
data = json.load(open(sys.argv[1]))
events = {e["event_id"]: make_event_from_dict(e, RoomVersions.V2) for e in data["events"]}
sets = [{tuple(json.loads(k)): v for k, v in s.items()} for s in data["sets"]]
class Clock:
    async def sleep(self, duration): pass
class Store:
    async def get_events(self, ids, allow_rejected=False): return {i: events[i] for i in ids if i in events}
    async def get_auth_chain_difference(self, *args): return StateDifference(auth_difference=set(data["difference"]), conflicted_subgraph=None)
def run(coroutine):
    try:
        while True: coroutine.send(None)
    except StopIteration as done: return done.value
times = []
for _ in range(int(sys.argv[2])):
    before = time.perf_counter()
    state = run(resolve_events_with_store(Clock(), "!room:a.example", RoomVersions.V2, sets, None, Store()))
    times.append(time.perf_counter() - before)
print(json.dumps({"times": times, "state": {json.dumps(list(k)): v for k, v in state.items()}}))
"""


def with_synapse(python: str, room: Any, ends: list[Any]) -> tuple[dict[str, str], list[float]]:
    events = [
        {
            **event.pdu, "event_id": event.event_id, "hashes": {}, "signatures": {},
            "auth_events": [[a.event_id, {}] for a in event.auth], "prev_events": [[p, {}] for p in event.pdu["prev_events"]],
        } for event in (room.create, *room.events)
    ]  # fmt: skip
    sets = [{json.dumps(key): event.event_id for key, event in end.items()} for end in ends]
    with tempfile.TemporaryDirectory() as folder:
        graph, script = Path(folder) / "graph.json", Path(folder) / "resolve.py"
        graph.write_text(json.dumps({"events": events, "sets": sets, "difference": sorted(difference(ends))}))
        script.write_text(SYNAPSE)
        done = subprocess.run([python, str(script), str(graph), str(ROUNDS)], check=True, stdout=subprocess.PIPE)
    answer = json.loads(done.stdout)
    return answer["state"], answer["times"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--members", type=int, default=10_000)
    parser.add_argument("--forks", type=int, default=20)
    parser.add_argument("--events", type=int, default=50)
    parser.add_argument("--synapse")
    options = parser.parse_args()
    room, state, ends = forked(options.members, options.forks, options.events)
    found, times = asyncio.run(with_chappe(room, state, ends))
    print(
        json.dumps(
            {"server": "chappe", "ms": round(statistics.median(times) * 1000, 1), "first_ms": round(times[0] * 1000, 1)}
        )
    )
    if options.synapse:
        theirs, times = with_synapse(options.synapse, room, ends)
        print(
            json.dumps(
                {
                    "server": "synapse",
                    "ms": round(statistics.median(times) * 1000, 1),
                    "first_ms": round(times[0] * 1000, 1),
                }
            )
        )
        assert theirs == found, "the two do not agree"


if __name__ == "__main__":
    main()
