import type { MatrixClient } from "matrix-js-sdk";
import { beforeEach, expect, test, vi } from "vitest";
import type { Places } from "../src/matrix/history_walk";
import { IndexTravel } from "../src/matrix/index_travel";
import { inTurn } from "../src/platform/in_turn";
import { ANYTHING } from "../src/platform/search_query";
import { type Read, SearchStore } from "../src/platform/search_store";
import { asking, type Search } from "../src/platform/search_thread";
import { FakeStore } from "./fake_store";

/** What the server keeps: it sees names and bytes. */
let parts: Map<string, Uint8Array<ArrayBuffer>>;
let most: number;
let asked: string[];

const refusal = (httpStatus: number): Error => Object.assign(new Error(`${httpStatus}`), { httpStatus });

const http = {
  async authedRequest(
    method: string,
    path: string,
    _query: undefined,
    body: Blob | undefined,
    opts: { rawResponseBody?: boolean },
  ) {
    const name = path.split("/")[2];
    asked.push(`${method}${name ? " part" : ""}`);
    if (most < 0) throw refusal(404);
    if (method === "PUT") {
      if (body!.size > most) throw refusal(403);
      parts.set(name, new Uint8Array(await body!.arrayBuffer()));
    } else if (method === "DELETE") parts.delete(name);
    else if (!name) return { parts: [...parts].map(([part, { length }]) => ({ part, size: length })), most_bytes: most };
    else if (opts.rawResponseBody) return new Blob([parts.get(name)!]);
    return {};
  },
};

const SECRET = new Uint8Array(32).fill(7);
const entry = (eventId: string, text: string, given: Partial<Read> = {}) => ({
  eventId, roomId: "!a", sender: "@anne:a", ts: Number(eventId.slice(1)), text, kind: "text" as const, isEdit: false, ...given,
}); // biome-ignore format: one line

class Device {
  readonly places: Places = new Map();
  readonly taken: Places[] = [];
  secret: Uint8Array<ArrayBuffer> | null = SECRET;
  readonly search: Search;
  readonly travel: IndexTravel;

  constructor(readonly store = new FakeStore()) {
    this.search = asking(inTurn(new SearchStore()));
    const client = { http } as unknown as MatrixClient;
    const took = async (places: Places): Promise<void> => void this.taken.push(places);
    this.travel = new IndexTravel(client, this.search, async () => this.secret, this.places, took);
  }

  async open(): Promise<Device> {
    vi.stubGlobal("indexedDB", this.store.factory);
    await this.search.open("index");
    return this;
  }

  async texts(): Promise<string[]> {
    return (await this.search.find(ANYTHING)).found.map((each) => each.text);
  }
}

beforeEach(() => {
  parts = new Map();
  most = 1 << 20;
  asked = [];
});

test("a new device finds what another has read, and learns how far that was; the server reads nothing", async () => {
  const first = await new Device().open();
  await first.search.add([entry("$1", "La digue tient"), entry("$2", "plan.pdf", { kind: "document" })]);
  first.places.set("!a", null);
  await first.travel.round();
  const second = await new Device().open();
  await second.travel.round();
  expect(await second.texts()).toEqual(["plan.pdf", "La digue tient"]);
  expect((await second.search.find({ ...ANYTHING, kinds: ["document"] })).count).toBe(1);
  expect(second.taken).toEqual([new Map([["!a", null]])]);
  for (const sealed of parts.values()) {
    const text = new TextDecoder().decode(sealed);
    expect(["La digue", "plan.pdf"].filter((each) => text.includes(each))).toEqual([]); // long enough not to be there by chance
  }
  asked = [];
  await second.travel.round();
  expect(asked).toEqual(["GET", "GET part"]); // nothing is read or written twice, but how far reading has come
});

test("what is deleted or changed on one is so on the others, and does not come back", async () => {
  const first = await new Device().open();
  await first.search.add([entry("$1", "La digue tient"), entry("$2", "Le pont est fermé")]);
  await first.travel.round();
  const second = await new Device().open();
  await second.travel.round();
  await first.search.redact("$1", "!a");
  await first.search.add([entry("$2", "Le pont est ouvert", { isEdit: true })]);
  await first.travel.round();
  await second.travel.round(); // it has not heard of the redaction
  expect(await second.texts()).toEqual(["Le pont est fermé"]); // of an edit it hears itself
  const third = await new Device().open();
  await third.travel.round();
  expect(await third.texts()).toEqual(["Le pont est ouvert"]);
});

test("two devices that write give each other what they have, each message once", async () => {
  const [first, second] = [await new Device().open(), await new Device().open()];
  await first.search.add([entry("$1", "un"), entry("$3", "trois")]);
  await second.search.add([entry("$2", "deux"), entry("$3", "trois")]);
  for (const each of [first, second, first]) await each.travel.round();
  expect([await first.texts(), await second.texts()]).toEqual([
    ["trois", "deux", "un"],
    ["trois", "deux", "un"],
  ]);
  expect(parts.size).toBe(2); // one that is not full is written on; and how far reading has come
});

test("after a restart nothing is sent again", async () => {
  const first = await new Device().open();
  await first.search.add([entry("$1", "un")]);
  await first.travel.round();
  await first.search.close();
  asked = [];
  const again = await new Device(first.store).open();
  await again.travel.round();
  expect([await again.texts(), asked]).toEqual([["un"], ["GET", "GET part"]]);
});

test("without the key nothing is asked; under a new key what was sealed with the old one goes, and is sealed anew", async () => {
  const first = await new Device().open();
  await first.search.add([entry("$1", "un")]);
  first.secret = null;
  await first.travel.round();
  expect([asked, first.travel.isWaiting]).toEqual([[], true]);
  first.secret = SECRET;
  await first.travel.round();
  const old = [...parts.keys()];
  first.secret = new Uint8Array(32).fill(8);
  await first.travel.round();
  expect([...parts.keys()].filter((each) => old.includes(each))).toEqual([]);
  const second = await new Device().open();
  second.secret = new Uint8Array(32).fill(8);
  await second.travel.round();
  expect(await second.texts()).toEqual(["un"]);
});

test("a part that somebody has changed, or put under another name, is not taken in", async () => {
  const first = await new Device().open();
  await first.search.add([entry("$1", "un")]);
  await first.travel.round();
  for (const [name, sealed] of [...parts]) {
    parts.set(
      name,
      sealed.map((byte, at) => (at === 20 ? byte ^ 1 : byte)),
    );
    parts.set(`${name.slice(0, -1)}${name.endsWith("0") ? "1" : "0"}`, sealed);
  }
  const second = await new Device().open();
  await second.travel.round();
  expect([await second.texts(), second.taken]).toEqual([[], [new Map()]]);
});

test("a server that keeps none, or has no room left, is no fault of the search", async () => {
  const first = await new Device().open();
  await first.search.add([entry("$1", "un")]);
  for (const [bytes, status] of [
    [10, 403],
    [-1, 404],
  ]) {
    most = bytes;
    await expect(first.travel.round()).rejects.toMatchObject({ httpStatus: status });
  }
  asked = [];
  await first.travel.round();
  expect([asked, await first.texts()]).toEqual([[], ["un"]]); // it was told that there is nowhere
});

test("thousands of messages are several parts", async () => {
  const first = await new Device().open();
  await first.search.add(Array.from({ length: 4500 }, (_, at) => entry(`$${at}`, `message ${at} ${"x".repeat(at % 50)}`)));
  await first.travel.round();
  expect(parts.size).toBe(4); // of two thousand at most; and how far reading has come
  const second = await new Device().open();
  await second.travel.round();
  expect((await second.search.find(ANYTHING)).count).toBe(4500);
});
