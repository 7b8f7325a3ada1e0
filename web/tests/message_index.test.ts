import { EventType, type MatrixClient, MatrixEvent, RoomEvent } from "matrix-js-sdk";
import { beforeEach, expect, test, vi } from "vitest";
import { MessageIndex } from "../src/matrix/message_index";
import type { People } from "../src/matrix/people";

/** A browser's store, as far as the index needs one: a request is answered in a later turn, and none after `close`. */
class Store {
  values = new Map<string, unknown>();
  open = 0;

  factory = { open: () => this.later(() => this.connection()) } as unknown as IDBFactory;

  private connection(): unknown {
    this.open += 1;
    let closed = false;
    const table = {
      get: (key: string) => this.later(() => this.values.get(key)),
      put: (value: unknown, key: string) => this.later(() => void this.values.set(key, value)),
    };
    return {
      transaction: () => {
        if (closed) throw new Error("the connection is closed");
        return { objectStore: () => table };
      },
      close: () => {
        if (!closed) this.open -= 1;
        closed = true;
      },
    };
  }

  private later(answer: () => unknown): IDBRequest {
    const request: { result?: unknown; onsuccess?: () => void } = {};
    setImmediate(() => {
      request.result = answer();
      request.onsuccess?.();
    });
    return request as unknown as IDBRequest;
  }
}

let store: Store;
let tell: (event: MatrixEvent) => void;

function index(): MessageIndex {
  const client = {
    getUserId: () => "@anne:here.example",
    getRooms: () => [],
    getRoom: () => null,
    on: (name: string, listener: typeof tell) => {
      if (name === RoomEvent.Timeline) tell = listener;
    },
  } as unknown as MatrixClient;
  return new MessageIndex(client, { of: (_: null, id: string) => ({ name: id }) } as unknown as People);
}

const message = (id: string, body: string): MatrixEvent =>
  new MatrixEvent({
    event_id: id, room_id: "!r", sender: "@anne:here.example", type: EventType.RoomMessage, content: { msgtype: "m.text", body }, origin_server_ts: 1,
  }); // biome-ignore format: one line

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const letGo = (): Promise<void> => vi.waitFor(() => expect(store.open).toBe(0), { timeout: 4000 });

beforeEach(() => {
  store = new Store();
  vi.stubGlobal("indexedDB", store.factory);
});

test("what is new when it stops is written, and is there the next time; the store is let go", async () => {
  const first = index();
  await first.start();
  tell(message("$1", "Rendez-vous à midi"));
  first.stop();
  await letGo();
  const second = index();
  await second.start();
  expect((await second.search("midi", null, 10)).map((each) => each.eventId)).toEqual(["$1"]);
  second.stop();
  await letGo();
});

test("a session may end at any moment of its start: nothing fails, nothing of what is kept is lost or left open", async () => {
  const kept = index();
  await kept.start();
  tell(message("$1", "Rendez-vous à midi"));
  kept.stop();
  await letGo();
  const before = new Map(store.values);
  for (let turns = 0; turns < 12; turns++) {
    const one = index();
    const started = one.start();
    for (let passed = 0; passed < turns; passed++) await turn();
    one.stop();
    await started;
    await letGo();
    expect(store.values).toEqual(before);
  }
  const never = index();
  never.stop();
  await never.start();
  expect(store.open).toBe(0);
});

test("a message that comes after the end is not written", async () => {
  const one = index();
  await one.start();
  one.stop();
  await letGo();
  vi.useFakeTimers();
  tell(message("$1", "trop tard"));
  await vi.runAllTimersAsync();
  vi.useRealTimers();
  expect([...store.values.keys()].filter((each) => each.startsWith("block"))).toEqual([]);
});
