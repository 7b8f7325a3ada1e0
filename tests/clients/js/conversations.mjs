// A play for matrix-js-sdk: threads, reactions, edits, search, spaces, knocking, an upgrade, polls, delayed events; and the
// same rooms seen by a client that uses sliding sync (SlidingSyncSdk).
//     node conversations.mjs http://127.0.0.1:PORT
import { base, login, register, say, until } from "./stage.mjs";
import assert from "node:assert/strict";
import * as sdk from "matrix-js-sdk";
import { SlidingSync } from "matrix-js-sdk/lib/sliding-sync.js";
import { RoomHierarchy } from "matrix-js-sdk/lib/room-hierarchy.js";

function connect(session) {
    return sdk.createClient({ baseUrl: base, userId: session.user_id, deviceId: session.device_id, accessToken: session.access_token });
}

async function start(session, options = {}) {
    const client = connect(session);
    await client.startClient({ initialSyncLimit: 20, threadSupport: true, pollTimeout: 10000, ...options });
    await until("first sync", () => ["PREPARED", "SYNCING"].includes(client.getSyncState()));
    return client;
}

const timeline = (client, room) => client.getRoom(room)?.getLiveTimeline().getEvents() ?? [];
const bodies = (client, room) => timeline(client, room).filter((e) => e.getType() === "m.room.message").map((e) => e.getContent().body);

const stamp = Date.now().toString(36);
const aliceSession = await register(`alice-${stamp}`);
const bobSession = await register(`bob-${stamp}`);
const alice = await start(aliceSession);
const bob = await start(bobSession);

// ------------------------------------------------------------------------------------- threads, reactions and edits
const { room_id: room } = await alice.createRoom({ preset: "public_chat", name: "Conversations" });
await bob.joinRoom(room);
await until("Alice sees the room", () => alice.getRoom(room));
await until("Bob sees the room", () => bob.getRoom(room)?.getMyMembership() === "join");
const { event_id: root } = await alice.sendTextMessage(room, "La réunion budgétaire est reportée");
await until("the root", () => bodies(bob, room).length === 1);
bob.getRoom(room).createThread(root, bob.getRoom(room).findEventById(root), [], true);
await bob.sendMessage(room, root, { msgtype: "m.text", body: "Dans le fil" });
const thread = await until("Alice sees the thread", () => alice.getRoom(room).getThread(root));
await until("its reply", () => thread.replyToEvent?.getContent().body === "Dans le fil");
assert.equal(thread.length, 1);
assert.ok(!bodies(alice, room).includes("Dans le fil"), "a reply in a thread is not in the main timeline");
await until("the thread's count", () => alice.getRoom(room).getThreadUnreadNotificationCount(root, "total") === 1);
await alice.sendReadReceipt(thread.replyToEvent);
await until("the thread is read", () => alice.getRoom(room).getThreadUnreadNotificationCount(root, "total") === 0);
await bob.getRoom(room).createThreadsTimelineSets();
await bob.getRoom(room).fetchRoomThreads();
assert.equal(bob.getRoom(room).getThreads().length, 1);
say("a thread, its count and its receipt");

const { event_id: reaction } = await bob.sendEvent(room, "m.reaction", { "m.relates_to": { rel_type: "m.annotation", event_id: root, key: "👍" } });
const reactions = await alice.relations(room, root, "m.annotation", "m.reaction");
assert.deepEqual(reactions.events.map((e) => e.getId()), [reaction]);
await assert.rejects(bob.sendEvent(room, "m.reaction", { "m.relates_to": { rel_type: "m.annotation", event_id: root, key: "👍" } }), (e) => e.errcode === "M_DUPLICATE_ANNOTATION");
const corrected = { msgtype: "m.text", body: "La réunion est maintenue" };
await alice.sendEvent(room, "m.room.message", { ...corrected, body: `* ${corrected.body}`, "m.new_content": corrected, "m.relates_to": { rel_type: "m.replace", event_id: root } });
await until("the edit", () => timeline(bob, room).find((e) => e.getId() === root)?.getContent().body === corrected.body);
const anew = await start(await login(bobSession.user_id, "Bob's second"));
await until("the edit, bundled", () => timeline(anew, room).find((e) => e.getId() === root)?.getContent().body === corrected.body);
anew.stopClient();
say("reactions and edits, also for who comes later");

// -------------------------------------------------------------------------------------------------------------- polls
const poll = { "org.matrix.msc3381.poll.start": { question: { "org.matrix.msc1767.text": "Quand ?" }, kind: "org.matrix.msc3381.poll.disclosed", max_selections: 1, answers: [{ id: "a", "org.matrix.msc1767.text": "Lundi" }, { id: "b", "org.matrix.msc1767.text": "Mardi" }] }, "org.matrix.msc1767.text": "Quand ?" };
const { event_id: pollId } = await alice.sendEvent(room, "org.matrix.msc3381.poll.start", poll);
await bob.sendEvent(room, "org.matrix.msc3381.poll.response", { "m.relates_to": { rel_type: "m.reference", event_id: pollId }, "org.matrix.msc3381.poll.response": { answers: ["b"] } });
await until("the poll", () => alice.getRoom(room).polls.get(pollId));
const votes = await alice.getRoom(room).polls.get(pollId).getResponses();
await until("the vote", () => votes.getRelations().length === 1);
say("a poll and a vote");

// ------------------------------------------------------------------------------------------------------------- search
const found = await until("search", async () => {
    const answer = await alice.searchRoomEvents({ term: "reunion" });
    return answer.results.length ? answer : null;
});
assert.equal(found.results[0].context.getEvent().getId(), root);
say("search without accents");

// ----------------------------------------------------------------------------------------- spaces, knocking, upgrades
const { room_id: space } = await alice.createRoom({ preset: "public_chat", name: "Espace", creation_content: { type: "m.space" } });
await alice.sendStateEvent(space, "m.space.child", { via: ["localhost"] }, room);
await until("the space", () => alice.getRoom(space)?.isSpaceRoom());
const hierarchy = new RoomHierarchy(alice.getRoom(space));
await hierarchy.load();
assert.deepEqual(hierarchy.rooms.map((r) => r.room_id), [space, room]);
const summary = await bob.getRoomSummary(room, ["localhost"]);
assert.equal(summary.name, "Conversations");
say("a space and its rooms");

const { room_id: closed } = await alice.createRoom({ name: "Sur demande", initial_state: [{ type: "m.room.join_rules", state_key: "", content: { join_rule: "knock" } }] });
await bob.knockRoom(closed, { reason: "Bonjour" });
await until("the knock", () => alice.getRoom(closed)?.getMember(bobSession.user_id)?.membership === "knock");
await until("Bob's own view", () => bob.getRoom(closed)?.getMyMembership() === "knock");
await alice.invite(closed, bobSession.user_id);
await until("let in", () => bob.getRoom(closed)?.getMyMembership() === "invite");
await bob.joinRoom(closed);
say("knocking");

await bob.setRoomTag(closed, "m.favourite", { order: 0.25 });
const { replacement_room: replacement } = await alice.upgradeRoom(closed, "11");
await until("the tombstone", () => bob.getRoom(closed)?.currentState.getStateEvents("m.room.tombstone", "")?.getContent().replacement_room === replacement);
await until("invited to the new room", () => bob.getRoom(replacement)?.getMyMembership() === "invite");
await bob.joinRoom(replacement);
await until("the tag came along", () => bob.getRoom(replacement)?.tags["m.favourite"]?.order === 0.25);
assert.equal(bob.getRoom(replacement).findPredecessor().roomId, closed);
say("an upgrade");

// ----------------------------------------------------------------------------------------------------- delayed events
const { delay_id: later } = await alice._unstable_sendDelayedEvent(room, { delay: 400 }, null, "m.room.message", { msgtype: "m.text", body: "Plus tard" });
const { delay_id: never } = await alice._unstable_sendDelayedEvent(room, { delay: 60000 }, null, "m.room.message", { msgtype: "m.text", body: "Jamais" });
const { delay_id: state } = await alice._unstable_sendDelayedStateEvent(room, { delay: 60000 }, "m.room.topic", { topic: "Sujet" });
const scheduled = (await alice._unstable_getDelayedEvents("scheduled")).scheduled.map((e) => e.delay_id);
assert.ok(scheduled.includes(never) && scheduled.includes(state));
await alice._unstable_cancelScheduledDelayedEvent(never);
await alice._unstable_restartScheduledDelayedEvent(state);
await alice._unstable_sendScheduledDelayedEvent(state);
await until("sent at once", () => bob.getRoom(room).currentState.getStateEvents("m.room.topic", "")?.getContent().topic === "Sujet");
await until("sent later", () => bodies(bob, room).includes("Plus tard"));
assert.ok(!bodies(bob, room).includes("Jamais"));
assert.ok(later);
say("delayed events");

// ------------------------------------------------------------------------------------------------------- sliding sync
const carolSession = await register(`carol-${stamp}`);
const carol = connect(carolSession);
for (const id of [room, space]) await carol.joinRoom(id);
const lists = new Map([["all", { ranges: [[0, 19]], timeline_limit: 5, required_state: [["*", "*"]] }]]);
const sliding = new SlidingSync(base, lists, { timeline_limit: 20, required_state: [["*", "*"]] }, carol, 5000);
await carol.startClient({ slidingSync: sliding, threadSupport: true });
await until("the list", () => sliding.getListData("all")?.joinedCount === 2);
await until("the rooms", () => carol.getRoom(room)?.name === "Conversations" && carol.getRoom(space)?.isSpaceRoom());
await alice.sendTextMessage(room, "Bonjour Carol");
await until("a message", () => bodies(carol, room).includes("Bonjour Carol"));
await alice.sendTyping(room, true, 20000);
await until("typing", () => carol.getRoom(room).getMember(aliceSession.user_id)?.typing);
await until("Bob sees it, too", () => bodies(bob, room).includes("Bonjour Carol"));
await bob.sendReadReceipt(timeline(bob, room).findLast((e) => e.getType() === "m.room.message"));
await until("a receipt", () => carol.getRoom(room).getUsersReadUpTo(timeline(carol, room).findLast((e) => e.getContent().body === "Bonjour Carol")).includes(bobSession.user_id));
sliding.modifyRoomSubscriptions(new Set([room]));  // the last twenty events, not the last five
await until("more of the room", () => timeline(carol, room).length >= 15);
await carol.setAccountData("x.y", { n: 1 });
await until("account data", () => carol.getAccountData("x.y")?.getContent().n === 1);
await alice.createRoom({ name: "Invitation", invite: [carolSession.user_id] });
await until("an invitation", () => carol.getRooms().some((r) => r.getMyMembership() === "invite" && r.name === "Invitation"));
say("sliding sync");

for (const client of [alice, bob, carol]) client.stopClient();
sliding.stop();
say("THE END");
process.exit(0);
