import { EventEmitter } from "node:events";
import { ClientEvent, EventStatus, type MatrixClient, MatrixEvent, RoomEvent, SyncState } from "matrix-js-sdk";
import { expect, test } from "vitest";
import { FileOutbox } from "../src/matrix/file_outbox";
import type { FileKeeper, Parcel } from "../src/matrix/kept_files";
import type { EncryptedFile, Outgoing } from "../src/matrix/types";
import type { PreparedFile } from "../src/platform/prepared_file";
import { refusal, settled } from "./fakes";

const ROOM = "!room";

const file = (name: string, thumbnail?: PreparedFile["thumbnail"]): PreparedFile => ({
  blob: new Blob([name], { type: "application/pdf" }),
  name,
  kind: "file",
  thumbnail,
});

const words = (body: string, html: string | null = null): Outgoing => ({
  body,
  html,
  mentions: ["@anne:a"],
  mentionsRoom: false,
});

const sealed = (url: string): EncryptedFile => ({ url, key: {}, iv: "", hashes: {}, v: "v2" });

interface Upload {
  size: number;
  progress?: (sent: number, of: number) => void;
  end: (source?: string | EncryptedFile) => void;
  fail: (error: object) => void;
}

function opened({ kept = [] as Parcel[], encrypted = false, rules = false, there = [] as string[] } = {}) {
  const client = new EventEmitter();
  const uploads: Upload[] = [];
  const said: Array<{ thread: string | null; content: Record<string, unknown>; txn: string }> = [];
  const held: unknown[] = [];
  const stored = new Map(kept.map((each) => [each.id, each]));
  const state = { membership: "join", isHere: true, sending: async (): Promise<unknown> => ({ event_id: "$said" }) };
  const event = (txn: string) => ({ getTxnId: () => txn, getUnsigned: () => ({}) });
  const room = {
    roomId: ROOM,
    getMyMembership: () => state.membership,
    getPendingEvents: () => there.map(event),
    getLiveTimeline: () => ({ getEvents: () => [] }),
    hasEncryptionStateEvent: () => encrypted,
    getThread: () => null,
  };
  Object.assign(client, {
    getSafeUserId: () => "@me:a",
    getRoom: () => (state.isHere ? room : null),
    sendMessage: (_room: string, thread: string | null, content: Record<string, unknown>, txn: string) => {
      said.push({ thread, content, txn });
      return state.sending();
    },
  });
  const keeper: FileKeeper = {
    load: async () => [...kept],
    put: (parcel) => void stored.set(parcel.id, parcel),
    remove: (id) => void stored.delete(id),
  };
  const upload = (blob: Blob, _encrypted: boolean, progress?: Upload["progress"], signal?: AbortSignal) =>
    new Promise<string | EncryptedFile>((resolve, reject) => {
      signal?.addEventListener("abort", () => reject(Object.assign(new Error("aborted"), { name: "AbortError" })));
      uploads.push({ size: blob.size, progress, end: (source = "mxc://a/b") => resolve(source), fail: reject });
    });
  const agency = { rules: rules ? ({} as never) : null, holds: async (...given: unknown[]) => void held.push(given) };
  const outbox = new FileOutbox(client as unknown as MatrixClient, { upload }, agency, keeper);
  const states = (thread: string | null = null): string[] =>
    outbox.list(ROOM, thread).map((each) => `${each.name} ${each.state}`);
  const sync = (how: SyncState): void => void client.emit(ClientEvent.Sync, how);
  return { client, outbox, uploads, said, held, stored, state, states, sync };
}

test("files of a room leave one after the other, each with its words, and are the timeline's from then on", async () => {
  const { outbox, uploads, said, stored, states } = opened();
  outbox.add(ROOM, null, file("a.pdf"), words("les **plans**", "les <strong>plans</strong>"));
  outbox.add(ROOM, "$thread", file("b.pdf"), null);
  await settled();
  expect([states(), states("$thread"), uploads.length]).toEqual([["a.pdf sending"], ["b.pdf waiting"], 1]);
  uploads[0].progress!(3, 5);
  expect(outbox.list(ROOM, null)[0]).toMatchObject({ sent: 3, size: 5 });
  uploads[0].end();
  await settled();
  expect([states(), states("$thread")]).toEqual([[], ["b.pdf sending"]]);
  uploads[1].end();
  await settled();
  expect(said.map(({ thread }) => thread)).toEqual([null, "$thread"]);
  expect(said[0].content).toMatchObject({
    msgtype: "m.file",
    body: "les **plans**",
    filename: "a.pdf",
    format: "org.matrix.custom.html",
    formatted_body: "les <strong>plans</strong>",
    url: "mxc://a/b",
    "m.mentions": { user_ids: ["@anne:a"] },
  });
  expect(said[1].content).toMatchObject({ body: "b.pdf", filename: "b.pdf", "m.mentions": {} });
  expect(said[1].content).not.toHaveProperty("formatted_body");
  expect(stored.size).toBe(0);
});

test("without a network they wait, and leave in their order when it is back", async () => {
  const { outbox, uploads, said, states, sync } = opened();
  outbox.add(ROOM, null, file("a"), null);
  outbox.add(ROOM, null, file("b"), null);
  await settled();
  uploads[0].fail({ name: "ConnectionError" });
  await settled();
  expect(states()).toEqual(["a waiting", "b waiting"]);
  sync(SyncState.Syncing);
  await settled();
  uploads[1].end();
  await settled();
  uploads[2].end();
  await settled();
  expect(said.map(({ content }) => content.body)).toEqual(["a", "b"]);
});

test("what the server refuses says why and holds up nobody; it can be tried again", async () => {
  const { outbox, uploads, said, states } = opened();
  outbox.add(ROOM, null, file("a"), null);
  outbox.add(ROOM, null, file("b"), null);
  await settled();
  uploads[0].fail(refusal("M_TOO_LARGE"));
  await settled();
  expect(outbox.list(ROOM, null)[0]).toMatchObject({ state: "failed", refusal: { key: "error.M_TOO_LARGE" } });
  uploads[1].end();
  await settled();
  expect([said.length, states()]).toEqual([1, ["a failed"]]);
  outbox.retry(outbox.list(ROOM, null)[0].id);
  await settled();
  uploads[2].end();
  await settled();
  expect([said.length, states()]).toEqual([2, []]);
});

test("who takes one back ends its way; nothing comes of it later, and the next one goes", async () => {
  const { outbox, uploads, said, stored, states } = opened();
  outbox.add(ROOM, null, file("a"), null);
  outbox.add(ROOM, null, file("b"), null);
  await settled();
  outbox.cancel(outbox.list(ROOM, null)[0].id);
  uploads[0].end();
  await settled();
  expect([states(), stored.size]).toEqual([["b sending"], 1]);
  uploads[1].end();
  await settled();
  expect(said.map(({ content }) => content.body)).toEqual(["b"]);
});

const earlier = (id: string): Parcel => ({ id, room: ROOM, thread: null, file: file(`${id}.pdf`), caption: words("d’hier") });

test("what an earlier visit left goes under the number that it had; what is there already does not go again", async () => {
  const { uploads, said, stored, state, states, sync } = opened({
    kept: [earlier("file-1"), earlier("file-2")],
    there: ["file-1"],
  });
  state.isHere = false; // not loaded yet
  sync(SyncState.Prepared);
  await settled();
  expect(states()).toEqual(["file-1.pdf waiting", "file-2.pdf waiting"]);
  state.isHere = true;
  sync(SyncState.Syncing);
  await settled();
  uploads[0].end();
  await settled();
  expect(said.map(({ txn, content }) => [txn, content.body])).toEqual([["file-2", "d’hier"]]);
  expect(stored.size).toBe(0);
});

test("from a room that one has left nothing leaves any more", async () => {
  const { uploads, stored, state, states, sync } = opened({ kept: [earlier("file-1")] });
  state.membership = "leave";
  sync(SyncState.Prepared);
  await settled();
  expect([states(), uploads.length, stored.size]).toEqual([[], 0, 0]);
});

test("it is kept until its message is said, or waits where messages wait", async () => {
  const { outbox, uploads, stored, state } = opened();
  let end = (_failure: object): void => {};
  state.sending = () =>
    new Promise((_, reject) => {
      end = reject;
    });
  outbox.add(ROOM, null, file("a"), null);
  await settled();
  uploads[0].end();
  await settled();
  expect(stored.size).toBe(1);
  end({ name: "ConnectionError" });
  await settled();
  expect(stored.size).toBe(0);
});

test("the public-sector layer is told once which files an encrypted message holds, the thumbnail too", async () => {
  const { client, outbox, uploads, said, held } = opened({ encrypted: true, rules: true });
  const thumbnail = { blob: new Blob(["s"]), width: 1, height: 1 };
  outbox.add(ROOM, null, file("a.pdf", thumbnail), null);
  await settled();
  uploads[0].end(sealed("mxc://a/small"));
  await settled();
  uploads[1].end(sealed("mxc://a/whole"));
  await settled();
  const event = (status: EventStatus | null, event_id: string): MatrixEvent => {
    const one = new MatrixEvent({ event_id, room_id: ROOM, type: "m.room.message", content: said[0].content });
    one.status = status;
    one.setTxnId(said[0].txn);
    return one;
  };
  client.emit(RoomEvent.LocalEchoUpdated, event(EventStatus.SENDING, "~local"));
  client.emit(RoomEvent.LocalEchoUpdated, event(EventStatus.SENT, "$said"));
  client.emit(RoomEvent.LocalEchoUpdated, event(null, "$said"));
  await settled();
  expect(held).toEqual([[ROOM, "$said", ["mxc://a/whole", "mxc://a/small"]]]);
});
