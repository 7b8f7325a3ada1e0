import type { MatrixClient } from "matrix-js-sdk";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { HistoryWalk, type Progress } from "../src/matrix/history_walk";

/** By room: how long the server lets a device wait there, in milliseconds. */
let waits: Map<string, number>;
let read: Array<[room: string, from: string | null]>;
let asked: Array<[path: string, from: string | undefined]>;
let progress: Progress;

const room = (roomId: string) => ({ roomId, getMyMembership: () => "join", hasEncryptionStateEvent: () => false });

function walk(): HistoryWalk {
  const client = {
    getRooms: () => [room("!forum"), room("!own")],
    createMessagesRequest: async (roomId: string, from: string | null) => {
      read.push([roomId, from]);
      return { chunk: [], end: undefined };
    },
    http: {
      authedRequest: async (_: string, path: string, { from }: { from?: string }) => {
        asked.push([decodeURIComponent(path), from]);
        return { pause_ms: waits.get(decodeURIComponent(path).split("/").at(-1) ?? "") ?? 0 };
      },
    },
  } as unknown as MatrixClient;
  return new HistoryWalk(
    client,
    progress,
    () => true,
    vi.fn(),
    async () => {},
  );
}

beforeEach(() => {
  vi.useFakeTimers();
  waits = new Map([["!forum", 900_000]]);
  read = [];
  asked = [];
  progress = { places: new Map([["!forum", "t9"]]), gaps: new Map() };
});

afterEach(() => vi.useRealTimers());

test("where a device must wait in one room it reads on in the others, and comes back", async () => {
  const one = walk();
  void one.run();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(read).toEqual([["!own", null]]);
  expect(asked).toEqual([["/reading_pace/!forum", "t9"], ["/reading_pace/!own", undefined]]); // biome-ignore format: one line
  waits.clear();
  await vi.advanceTimersByTimeAsync(900_000);
  expect(read).toEqual([["!own", null], ["!forum", "t9"]]); // biome-ignore format: one line
  one.stop();
});
