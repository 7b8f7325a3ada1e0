import { EventType, type IEvent, type MatrixClient, MatrixEvent, MatrixEventEvent, RoomEvent } from "matrix-js-sdk";
import { DecryptionError } from "matrix-js-sdk/lib/common-crypto/CryptoBackend";
import { DecryptionFailureCode } from "matrix-js-sdk/lib/crypto-api";
import { beforeEach, expect, test, vi } from "vitest";
import type { Encryption, EncryptionState } from "../src/matrix/encryption";
import { MessageIndex } from "../src/matrix/message_index";
import type { People } from "../src/matrix/people";
import { inTurn } from "../src/platform/in_turn";
import { ANYTHING } from "../src/platform/search_query";
import { SearchStore } from "../src/platform/search_store";
import { asking, type Search } from "../src/platform/search_thread";
import { Signal } from "../src/platform/signal";
import { FakeStore } from "./fake_store";

let store: FakeStore;
let tell: (event: MatrixEvent) => void;
let tellOpened: (event: MatrixEvent) => void;
/** What the server gives of a room's history. */
let history: Array<Partial<IEvent>>;
let encryption: Pick<Encryption, "changed" | "sharedSecret"> & { state: EncryptionState };
/** The keys that are here, and what they open. */
let keys: Map<string, object>;
const asked: string[] = [];
/** How long the room keeps what is said. */
let days: number | null;

const live = { getEvents: () => [] as MatrixEvent[], getPaginationToken: (): string | null => null };
const room = { roomId: "!r", getMyMembership: () => "join", hasEncryptionStateEvent: () => true, getLiveTimeline: () => live };

/** As the SDK opens events: in the place of what it cannot open stands a text of its own. */
async function open(event: MatrixEvent): Promise<void> {
  if (event.getWireType() !== EventType.RoomMessageEncrypted || (event.getClearContent() && !event.isDecryptionFailure()))
    return;
  const decryptEvent = async (): Promise<{ clearEvent: object }> => {
    const content = keys.get(event.getWireContent().session_id);
    if (!content)
      throw new DecryptionError(DecryptionFailureCode.HISTORICAL_MESSAGE_NO_KEY_BACKUP, "key backup is not working");
    return { clearEvent: { type: EventType.RoomMessage, content } };
  };
  await event.attemptDecryption({ decryptEvent } as never, { isRetry: true });
}

function index(): MessageIndex {
  const client = {
    getUserId: () => "@anne:here.example",
    getRooms: () => [room],
    createMessagesRequest: async (roomId: string) => {
      asked.push(roomId);
      return { chunk: history };
    },
    http: { authedRequest: async () => ({ pause_ms: 0 }) },
    getRoom: () => null,
    on: (name: string, listener: typeof tell) => {
      if (name === RoomEvent.Timeline) tell = listener;
      if (name === MatrixEventEvent.Decrypted) tellOpened = listener;
    },
    off: () => {},
    decryptEventIfNeeded: open,
    reEmitter: { reEmit: () => {} },
  } as unknown as MatrixClient;
  const people = { of: (_: null, id: string) => ({ name: id }) } as unknown as People;
  const here = (): Search => asking(inTurn(new SearchStore()));
  return new MessageIndex(client, people, encryption, () => days, here);
}

const message = (id: string, body: string): MatrixEvent =>
  new MatrixEvent({
    event_id: id, room_id: "!r", sender: "@anne:here.example", type: EventType.RoomMessage, content: { msgtype: "m.text", body }, origin_server_ts: 1,
  }); // biome-ignore format: one line

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const letGo = (): Promise<void> => vi.waitFor(() => expect(store.open).toBe(0), { timeout: 4000 });

const sealed = (id: string, session: string): MatrixEvent =>
  new MatrixEvent({
    event_id: id, room_id: "!r", sender: "@anne:here.example", type: "m.room.encrypted", content: { session_id: session }, origin_server_ts: 1,
  }); // biome-ignore format: one line

const texts = async (one: MessageIndex): Promise<string[]> => (await one.find(ANYTHING)).found.map((each) => each.text);

beforeEach(() => {
  store = new FakeStore();
  keys = new Map();
  history = [];
  asked.length = 0;
  days = null;
  encryption = { state: "unconfirmed", changed: new Signal(), sharedSecret: async () => null };
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
  expect((await second.find({ ...ANYTHING, term: "midi" })).found.map((each) => each.eventId)).toEqual(["$1"]);
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

test("what is locked is found once its key is here, whenever that is, and never under a text of the SDK", async () => {
  const one = index();
  await one.start();
  const early = sealed("$1", "s1");
  await open(early);
  tell(early);
  const file = sealed("$2", "s2");
  await open(file);
  tell(file);
  expect(await texts(one)).toEqual([]);
  keys.set("s1", { msgtype: "m.text", body: "Rendez-vous à midi" });
  await open(early);
  tellOpened(early);
  expect(await texts(one)).toEqual(["Rendez-vous à midi"]);
  one.stop();
  await letGo();
  keys.set("s2", { msgtype: "m.file", body: "plan.pdf" }); // while nobody is here
  const second = index();
  await second.start();
  expect(await texts(second)).toEqual(["Rendez-vous à midi", "plan.pdf"]);
  second.stop();
  await letGo();
});

test("history that is sealed is read once this device has its keys", async () => {
  history = [sealed("$1", "s1").event];
  keys.set("s1", { msgtype: "m.text", body: "Rendez-vous à midi" });
  const one = index();
  await one.start();
  await turn();
  expect([asked, await texts(one)]).toEqual([[], []]);
  encryption.state = "ready";
  encryption.changed.fire();
  await vi.waitFor(async () => expect(await texts(one)).toEqual(["Rendez-vous à midi"]), { timeout: 4000 });
  one.stop();
  await letGo();
});

test("what an earlier version has kept of locked messages goes, and their room is read again", async () => {
  const old = index();
  await old.start();
  tell(message("$1", "** Unable to decrypt: DecryptionError: key backup is not working. **"));
  tell(message("$2", "Rendez-vous lundi"));
  old.stop();
  await letGo();
  store.values.set("crawls", [["!r", null]]);
  encryption.state = "ready";
  history = [sealed("$1", "s1").event];
  keys.set("s1", { msgtype: "m.text", body: "Rendez-vous à midi" });
  const one = index();
  await one.start();
  await vi.waitFor(async () => expect((await texts(one)).sort()).toEqual(["Rendez-vous lundi", "Rendez-vous à midi"]), {
    timeout: 4000,
  });
  one.stop();
  await letGo();
});

test("an edit is its author's, a redaction is its room's", async () => {
  const one = index();
  await one.start();
  const edit = (sender: string, body: string, room_id = "!r"): MatrixEvent => {
    const content = { msgtype: "m.text", body: `* ${body}`, "m.new_content": { msgtype: "m.text", body } };
    const relation = { "m.relates_to": { rel_type: "m.replace", event_id: "$1" } };
    const event_id = `$${sender}${body}`;
    return new MatrixEvent({
      event_id,
      room_id,
      sender,
      type: EventType.RoomMessage,
      content: { ...content, ...relation },
      origin_server_ts: 2,
    });
  };
  tell(edit("@eve:here.example", "Rendez-vous chez Eve"));
  tell(message("$1", "Rendez-vous à midi"));
  expect(await texts(one)).toEqual(["Rendez-vous à midi"]);
  tell(edit("@eve:here.example", "Rendez-vous ailleurs"));
  tell(edit("@anne:here.example", "Rendez-vous nulle part", "!other"));
  tell(
    new MatrixEvent({
      event_id: "$gone",
      room_id: "!other",
      sender: "@eve:here.example",
      type: "m.room.redaction",
      redacts: "$1",
    }),
  );
  expect(await texts(one)).toEqual(["Rendez-vous à midi"]);
  tell(edit("@anne:here.example", "Rendez-vous à une heure"));
  expect(await texts(one)).toEqual(["Rendez-vous à une heure"]);
  tell(
    new MatrixEvent({
      event_id: "$gone",
      room_id: "!r",
      sender: "@anne:here.example",
      type: "m.room.redaction",
      redacts: "$1",
    }),
  );
  expect(await texts(one)).toEqual([]);
  one.stop();
  await letGo();
});

test("what the room no longer keeps, and what is of a room that one is no longer in, is not found", async () => {
  const one = index();
  await one.start();
  tell(message("$1", "Rendez-vous à midi")); // in January 1970
  expect(await texts(one)).toEqual(["Rendez-vous à midi"]);
  one.stop();
  await letGo();
  days = 365;
  const second = index();
  await second.start();
  await vi.waitFor(async () => expect(await texts(second)).toEqual([]));
  second.stop();
  await letGo();
});

test("polls are found by their question, verifications and reactions are not messages", async () => {
  const one = index();
  await one.start();
  const start = { question: { "org.matrix.msc1767.text": "Quel pont ?" }, answers: [] };
  const given = { room_id: "!r", sender: "@anne:here.example", origin_server_ts: 1 };
  tell(
    new MatrixEvent({
      ...given,
      event_id: "$1",
      type: "org.matrix.msc3381.poll.start",
      content: { "org.matrix.msc3381.poll.start": start },
    }),
  );
  tell(
    new MatrixEvent({
      ...given,
      event_id: "$2",
      type: EventType.RoomMessage,
      content: { msgtype: "m.key.verification.request", body: "?" },
    }),
  );
  tell(new MatrixEvent({ ...given, event_id: "$3", type: "m.reaction", content: { body: "?" } }));
  expect(await texts(one)).toEqual(["Quel pont ?"]);
  one.stop();
  await letGo();
});

test("what was said while nobody was here is read when somebody is back, as far as what was read before", async () => {
  const at = (id: string, ts: number): MatrixEvent => {
    const event = message(id, `Rendez-vous ${id}`);
    event.event.origin_server_ts = ts;
    return event;
  };
  encryption.state = "ready";
  history = [at("$1", 1).event];
  const before = index();
  await before.start();
  await vi.waitFor(async () => expect(await texts(before)).toEqual(["Rendez-vous $1"]), { timeout: 4000 });
  before.stop();
  await letGo();
  history = [at("$5", 5).event, at("$1", 1).event, at("$0", 0).event];
  vi.spyOn(live, "getEvents").mockReturnValue([at("$9", 9)]);
  vi.spyOn(live, "getPaginationToken").mockReturnValue("before $9");
  asked.length = 0;
  const back = index();
  await back.start();
  const all = ["Rendez-vous $9", "Rendez-vous $5", "Rendez-vous $1", "Rendez-vous $0"];
  await vi.waitFor(async () => expect(await texts(back)).toEqual(all), { timeout: 4000 });
  expect(asked).toEqual(["!r"]); // the beginning of the room has been read
  back.stop();
  await letGo();
  vi.restoreAllMocks();
});
