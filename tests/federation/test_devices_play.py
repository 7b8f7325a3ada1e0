"""A play: ten people of three servers get and lose devices, come, leave, come back, invite and are invited, in random order.

After each step everybody's client knows the devices of everybody with whom it is in a room, or of whom one has invited the
other, as their own server does. A client asks only for whom it does not know yet, and for whom `/sync` says has changed (client-
server API, "Tracking the device list for a user"). And what one device encrypts for another's devices reaches each of them.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.federation.conftest import Peer
from tests.federation.synapse import Synapse
from tests.federation.test_device_lists import with_keys
from tests.federation.test_rooms import enter, until
from tests.federation.test_synapse import name
from tests.support import Person, Refused, segment

NAMES = ("ada", "ben", "chloe", "dan", "eva", "farid", "gil", "hugo", "ines", "jo")
MOST_DEVICES = 3
Keys = dict[str, Any]


class Actor:
    """Somebody: `devices`, the first of which never signs out, and what its client knows of others."""

    def __init__(self, first: Person, is_ours: bool) -> None:
        self.first, self.devices, self.is_ours = first, [first], is_ours
        self.known: dict[str, Keys] = {}

    @property
    def id(self) -> str:
        return self.first.id

    async def ask(self, *people: str) -> dict[str, Keys]:
        """By person: the keys of each device."""
        answer = await self.first.call("POST", "/keys/query", {"device_keys": {user: [] for user in people}})
        return {user: {device: keys["keys"] for device, keys in answer["device_keys"].get(user, {}).items()} for user in people}

    async def follow(self, people: set[str]) -> None:
        """What a client does: it takes the news, and asks for whom it must."""
        lists = (await self.first.sync(filter={"room": {"timeline": {"limit": 1}}})).get("device_lists", {})
        for user in (*lists.get("changed", ()), *lists.get("left", ())):
            self.known.pop(user, None)
        if missing := sorted(people - self.known.keys()):
            self.known.update(await self.ask(*missing))


class Play:
    def __init__(self, chance: random.Random, actors: list[Actor]) -> None:
        self.chance, self.actors = chance, actors
        self.rooms: dict[str, dict[str, str]] = {}  # room: person: membership
        self.invited_by: dict[tuple[str, str], str] = {}
        self.count = 0
        self.told: list[str] = []  # the story, for whom it fails

    def by_id(self, user: str) -> Actor:
        return next(a for a in self.actors if a.id == user)

    def of(self, room: str, membership: str) -> list[Actor]:
        return [self.by_id(u) for u, how in self.rooms[room].items() if how == membership]

    def met(self, actor: Actor) -> Iterator[tuple[Actor, bool]]:
        """(whom, whether only by an invitation), of all whom somebody meets."""
        for other in self.actors:
            together = any(m.get(actor.id) == m.get(other.id) == "join" for m in self.rooms.values())
            invited = any(
                m.get(a.id) == "invite" and self.invited_by[room, a.id] == b.id and m.get(b.id) == "join"
                for room, m in self.rooms.items()
                for a, b in ((actor, other), (other, actor))
            )
            if other is not actor and (together or invited):
                yield other, not together

    # ------------------------------------------------------------------------------------------------------ the acts

    async def step(self) -> None:
        acts = [
            self.opens,
            self.comes,
            self.comes,
            self.comes,
            self.leaves,
            self.leaves,
            self.invites,
            self.invites,
            self.answers,
            self.removes,
            self.gets_a_device,
            self.gets_a_device,
            self.gets_a_device,
            self.loses_one,
        ]
        while not await self.chance.choice(acts)():
            pass

    def _tell(self, *words: object) -> bool:
        self.told.append(" ".join(w.id if isinstance(w, Actor) else str(w) for w in words))
        return True

    async def opens(self) -> bool:
        actor = self.chance.choice(self.actors)
        if len(self.rooms) >= 5:
            return False
        levels = {"invite": 0}
        room = await actor.first.create_room(
            preset="public_chat", room_version=self.chance.choice(["10", "11"]), power_level_content_override=levels
        )
        self.rooms[room] = {actor.id: "join"}
        return self._tell(actor, "opens", room)

    async def comes(self) -> bool:
        if not self.rooms:
            return False
        room, actor = self.chance.choice(sorted(self.rooms)), self.chance.choice(self.actors)
        inside = self.of(room, "join")
        if not inside or actor in inside:
            return False
        through = self.chance.choice(inside)
        await enter(actor.first, room, through.first.server)
        self.rooms[room][actor.id] = "join"
        return self._tell(actor, "comes into", room, "through", through)

    async def leaves(self) -> bool:
        places = [(room, a) for room in sorted(self.rooms) for a in self.of(room, "join")]
        if not places:
            return False
        room, actor = self.chance.choice(places)
        await actor.first.leave(room)
        self.rooms[room][actor.id] = "leave"
        return self._tell(actor, "leaves", room)

    async def invites(self) -> bool:
        places = [(room, a) for room in sorted(self.rooms) for a in self.of(room, "join")]
        if not places:
            return False
        room, actor = self.chance.choice(places)
        target = self.chance.choice(self.actors)
        if self.rooms[room].get(target.id, "leave") != "leave":
            return False
        await actor.first.invite(room, target.first)
        self.rooms[room][target.id], self.invited_by[room, target.id] = "invite", actor.id
        return self._tell(actor, "invites", target, "to", room)

    async def answers(self) -> bool:
        places = [(room, a) for room in sorted(self.rooms) for a in self.of(room, "invite")]
        places = [(room, a) for room, a in places if self.of(room, "join")]
        if not places:
            return False
        room, actor = self.chance.choice(places)
        says = self.chance.choice(["join", "leave"])
        await (actor.first.join(room) if says == "join" else actor.first.leave(room))
        self.rooms[room][actor.id] = says
        return self._tell(actor, "answers an invitation to", room, "with", says)

    async def removes(self) -> bool:
        """Who opened a room, somebody else."""
        for room in self.chance.sample(sorted(self.rooms), len(self.rooms)):
            owner = self.by_id(next(iter(self.rooms[room])))
            others = [a for a in self.of(room, "join") if a is not owner]
            if self.rooms[room][owner.id] == "join" and others:
                target = self.chance.choice(others)
                await owner.first.act("kick", room, target.first)
                self.rooms[room][target.id] = "leave"
                return self._tell(owner, "removes", target, "from", room)
        return False

    async def gets_a_device(self) -> bool:
        actor = self.chance.choice(self.actors)
        if len(actor.devices) >= MOST_DEVICES:
            return False
        self.count += 1
        actor.devices.append(await with_keys(await actor.first.another_device(f"DEVICE{self.count}")))
        return self._tell(actor, "gets", actor.devices[-1].device)

    async def loses_one(self) -> bool:
        actor = self.chance.choice(self.actors)
        if len(actor.devices) < 2:
            return False
        gone = actor.devices.pop(self.chance.randrange(1, len(actor.devices)))
        await gone.call("POST", "/logout", {})
        return self._tell(actor, "loses", gone.device)

    # ---------------------------------------------------------------------------------------------- what must be true

    async def memberships_are_known(self) -> None:
        """Every server that is in a room knows who else is."""
        for room, expected in self.rooms.items():
            readers = {a.first.server.config.server_name: a for a in self.of(room, "join")}
            for reader in readers.values():

                async def look(reader: Actor = reader, room: str = room, expected: dict[str, str] = expected) -> bool:
                    answer = await reader.first.call("GET", f"/rooms/{segment(room)}/members")
                    found = {e["state_key"]: e["content"]["membership"] for e in answer["chunk"]}
                    return {u: m for u, m in found.items() if m != "leave"} == {
                        u: m for u, m in expected.items() if m != "leave"
                    }

                await until(look)

    async def lists_are_true(self) -> None:
        truth = {a.id: (await a.ask(a.id))[a.id] for a in self.actors}
        for actor in self.actors:
            assert set(truth[actor.id]) == {d.device for d in actor.devices}
        await asyncio.gather(*(self._knows_the_truth(actor, truth) for actor in self.actors))

    async def _knows_the_truth(self, actor: Actor, truth: dict[str, Keys]) -> None:
        met = list(self.met(actor))
        # who is only invited is not told by every other software: of these the answers are looked at
        sure = {o.id for o, only_invited in met if not only_invited or (o.is_ours and actor.is_ours)}
        unsure = {o.id for o, _ in met} - sure

        async def look() -> bool:
            await actor.follow(sure)
            known = {**{u: actor.known[u] for u in sure}, **(await actor.ask(*unsure) if unsure else {})}
            return known == {user: truth[user] for user in sure | unsure}

        try:
            await until(look)
        except AssertionError:
            wrong = {u: (set(actor.known.get(u, ())), set(truth[u])) for u in sure if actor.known.get(u) != truth[u]}
            raise AssertionError(f"{actor.id} believes, and true is: {wrong}\n" + "\n".join(self.told)) from None

    async def messages_arrive(self) -> None:
        """What one encrypts for each device that the client knows reaches each device that there is."""
        pairs = [(a, o) for a in self.actors for o, _ in self.met(a) if o.id in a.known]
        if not pairs:
            return
        sender, to = self.chance.choice(pairs)
        self.count += 1
        content = {"algorithm": "m.olm.v1.curve25519-aes-sha2", "n": self.count}
        messages = {to.id: dict.fromkeys(sender.known[to.id], content)}
        await sender.first.call("PUT", f"/sendToDevice/m.room.encrypted/{name('t')}", {"messages": messages})
        for device in to.devices[1:]:  # the first one's inbox is read with its news

            async def look(device: Person = device, n: int = self.count) -> bool:
                events = (await device.sync()).get("to_device", {}).get("events", [])
                return any(e["content"].get("n") == n for e in events)

            await until(look)


async def play(seed: int, steps: int, actors: list[Actor]) -> None:
    chance = random.Random(seed)
    story = Play(chance, actors)
    for actor in actors:
        await with_keys(actor.first)
    for _ in range(steps):
        try:
            await story.step()
        except Refused as refused:
            raise AssertionError(f"{refused}\n" + "\n".join(story.told)) from None
        await story.memberships_are_known()
        await story.lists_are_true()
        await story.messages_arrive()


@pytest.mark.parametrize("seed", [1, 2])
async def test_ten_people_of_three_servers(peer: Peer, seed: int) -> None:
    servers = [await peer() for _ in range(3)]
    people = [await servers[n % 3].person(who) for n, who in enumerate(NAMES)]
    await play(seed, 30, [Actor(person, True) for person in people])


@pytest.mark.xdist_group("synapse")
async def test_with_a_synapse_among_them(peer: Peer, synapse: Synapse) -> None:
    servers = [await peer() for _ in range(2)]
    people = [Actor(await servers[n % 2].person(who), True) for n, who in enumerate(NAMES[:4])]
    people += [Actor(await synapse.person(name(who)), False) for who in NAMES[4:6]]
    await play(3, 25, people)
