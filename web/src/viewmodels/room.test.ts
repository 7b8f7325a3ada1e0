import { describe, expect, test } from "vitest";
import {
  conversation,
  details,
  encryption,
  FakeClock,
  FakeTimeline,
  item,
  person,
  refusal,
  settled,
  signal,
  signedIn,
  summary,
} from "../../tests/fakes";
import type { Farewell, RoomDetails, RoomSummary } from "../matrix/types";
import { Drafts } from "./drafts";
import { Preferences } from "./preferences";
import { type Entrance, RoomViewModel } from "./room";

interface Given {
  summary?: Partial<RoomSummary> | null;
  details?: Partial<RoomDetails>;
  trust?: "verified" | "changed" | "unknown";
  refused?: boolean;
  farewell?: Farewell;
  exists?: boolean;
  at?: Entrance;
}

function opened(given: Given = {}) {
  const roomsChanged = signal();
  const trusted = signal();
  const done: unknown[] = [];
  const gone: string[] = [];
  const world = {
    summary: given.summary === null ? null : summary(given.summary),
    trust: given.trust ?? "unknown",
    closed: 0,
    asked: 0,
  };
  const note =
    (name: string) =>
    async (...values: unknown[]): Promise<void> => {
      if (given.refused) throw refusal("M_FORBIDDEN");
      done.push([name, ...values]);
    };
  const timelines: FakeTimeline[] = [];
  const room = conversation({
    details: () => details(given.details),
    typing: () => ["Anne"],
    exists: given.exists ?? true,
    farewell: async () => {
      world.asked++;
      return given.farewell ?? null;
    },
    timeline: () => {
      timelines.push(new FakeTimeline());
      return timelines.at(-1)!;
    },
    close: () => void world.closed++,
    react: note("react"),
    redact: note("redact"),
    report: note("report"),
    retry: note("retry"),
    discard: (key) => void done.push(["discard", key]),
    copyOf: (id) => ({ content: { body: id } }),
    forward: note("forward"),
    polls: { vote: note("vote"), end: note("end poll"), start: note("poll") },
    members: {
      list: async () => [],
      invite: async (...given) => note("invite")(...given).then(() => true),
      servers: () => ["here.example"],
    },
    history: {
      whereIs: async (eventId) => ({ eventId, thread: "$root", ts: 0 }),
      versions: async () => [{ ts: 1, body: "avant" }],
    },
    settings: {
      upgrade: async () => "!new",
      closeToGuests: async () => {
        await note("close")();
        return [{ user_id: "@paul:externe.example", membership: "join", messages: 3 }];
      },
      setName: note("name"),
    },
  });
  const matrix = signedIn({
    rooms: {
      changed: roomsChanged,
      list: () => (world.summary ? [world.summary] : []),
    },
    order: { place: async (id, { tag }) => note("favourite")(id, tag) },
    reading: { markUnread: note("unread") },
    entry: {
      join: async (id) => {
        await note("join")(id);
        return id;
      },
      leave: note("leave"),
      knock: (id, reason) => note("knock")(id, reason),
    },
    encryption: encryption({ changed: trusted, trustOf: async () => world.trust, acceptIdentity: note("accept") }),
    agency: { higher: (than) => [{ ...LEVEL, name: than?.name ?? "none" }] },
    conversation: (id) =>
      id === "!room" ? room : conversation({ id, forward: note(`forward to ${id}`), close: () => void world.closed++ }),
  });
  const preferences = new Preferences({ getItem: () => null, setItem: () => {} }, "fr");
  const drafts = new Drafts({ load: async () => ({}), save: async () => {} }, new FakeClock());
  const go = {
    home: () => void gone.push("home"),
    room: (id: string) => void gone.push(id),
    thread: (root: string) => void gone.push(`thread ${root}`),
  };
  const model = new RoomViewModel(matrix, "!room", drafts, preferences, go, given.at);
  return { model, roomsChanged, trusted, done, gone, world, timelines };
}

const LEVEL = {
  name: "a", labels: {}, guests: true, retention_days: 0, forwarding: true, link_sharing: true, history_sharing: true, calls: true, files: true, file_types: [],
}; // biome-ignore format: one line

describe("what there is", () => {
  test("a room that one is in: its head, its messages, its field", () => {
    const { model } = opened();
    expect(model.snapshot()).toMatchObject({ membership: "join", typing: ["Anne"], details: { name: "Salon" } });
    expect([model.timeline === null, model.composer === null]).toEqual([false, false]);
    expect(model.nameOf("@x:b")).toBe("x");
    expect(model.higherLevels()).toMatchObject([{ name: "none" }]);
  });

  test("one that is not here, and comes", () => {
    const { model, world, roomsChanged } = opened({ summary: null });
    expect(model.snapshot()).toMatchObject({ membership: "none", details: null });
    expect(model.timeline).toBe(null);
    world.summary = summary({ membership: "invite" });
    roomsChanged.fire();
    expect(model.snapshot().membership).toBe("invite");
    expect(model.timeline).toBe(null);
    world.summary = summary();
    roomsChanged.fire();
    expect(model.timeline).not.toBe(null);
  });

  test("who had to leave is told by whom, and keeps what was open", async () => {
    const { model, world, roomsChanged } = opened({ farewell: { by: person("@anne:a"), reason: "Mutation", banned: true } });
    expect(model.snapshot().farewell).toBe(null);
    world.summary = null;
    roomsChanged.fire();
    await settled();
    expect(model.snapshot()).toMatchObject({ membership: "none", farewell: { reason: "Mutation", banned: true } });
    expect([model.timeline === null, model.lastDetails?.name]).toEqual([false, "Salon"]);
    world.summary = summary();
    roomsChanged.fire();
    await settled();
    expect(model.snapshot()).toMatchObject({ membership: "join", farewell: null });
  });

  test("of a room that is not at hand the server is asked once", async () => {
    const { model, world, roomsChanged } = opened({ summary: null, exists: false });
    for (let times = 0; times < 3; times += 1) {
      roomsChanged.fire();
      await settled();
    }
    expect(world.asked).toBe(1);
    expect(model.snapshot().farewell).toBe(null);
  });

  test("threads are the same while the room is open, and all end with it", () => {
    const { model, timelines, world } = opened();
    const thread = model.thread("$t");
    expect(model.thread("$t")).toBe(thread);
    expect(model.thread("$u")).not.toBe(thread);
    model.close();
    expect(timelines.map((each) => each.isClosed)).toEqual([true, true, true]);
    expect(world.closed).toBe(1);
  });
});

describe("somebody whose identity has changed", () => {
  const other = person("@anne:here.example");

  test.each([
    ["changed", { other }, other],
    ["verified", { other }, null],
    ["changed", {}, null], // a room of several
  ] as const)("%s, %j", async (trust, given, expected) => {
    const { model } = opened({ trust, details: given });
    await settled();
    expect(model.snapshot().changedIdentity).toEqual(expected);
  });

  test("is accepted, and looked at again when trust moves", async () => {
    const { model, done, world, trusted } = opened({ trust: "changed", details: { other } });
    await settled();
    await model.acceptIdentity();
    expect([model.snapshot().changedIdentity, done]).toEqual([null, [["accept", other.id]]]);
    world.trust = "changed";
    trusted.fire();
    await settled();
    expect(model.snapshot().changedIdentity).toEqual(other);
  });
});

describe("what is done there", () => {
  test("a reaction is given, and taken back", async () => {
    const { model, done } = opened();
    await model.react(item({ eventId: "$1" }), "👍");
    await model.react(item({ reactions: [{ key: "👍", name: null, count: 1, mine: "$r", people: [] }] }), "👍");
    expect(done).toEqual([
      ["react", "$1", "👍"],
      ["redact", "$r", ""],
    ]);
  });

  test("each goes to the message that it is about", async () => {
    const { model, done } = opened();
    const one = item({ eventId: "$1", key: "k" });
    await model.redact(one, "r");
    await model.report(one, "r");
    await model.vote(one, "2");
    await model.endPoll(one, "fin");
    await model.startPoll("?", ["a", "b"], true, null);
    model.retry(one);
    model.discard(one);
    model.markUnread();
    await model.setFavourite(true);
    await model.letIn("@x:b");
    await model.settings.describe({ name: "a", topic: "" }, "b", "");
    expect(done).toEqual([
      ["redact", "$1", "r"], ["report", "$1", "r"], ["vote", "$1", ["2"]], ["end poll", "$1", "fin"], ["poll", "?", ["a", "b"], true, null],
      ["retry", "k"], ["discard", "k"], ["unread", "!room", true], ["favourite", "!room", "m.favourite"], ["invite", "@x:b"], ["name", "b"],
    ]); // biome-ignore format: a table
    expect(await model.versions(one)).toEqual([{ ts: 1, body: "avant" }]);
  });

  test("what is refused is said until it is dismissed", async () => {
    const { model } = opened({ refused: true });
    expect(await model.redact(item(), "")).toBe(false);
    expect(model.snapshot()).toMatchObject({ busy: false, problem: { key: "error.M_FORBIDDEN" } });
    model.dismiss();
    expect(model.snapshot().problem).toBe(null);
    expect(await model.closeToGuests()).toBe(null);
  });

  test("what was looked for in a thread opens it, there", async () => {
    const { model, gone, timelines } = opened({ at: { event: "$reply", via: [], isThread: false } });
    await settled();
    expect(gone).toEqual(["thread $root"]);
    expect(timelines[1].opened).toContain("$reply");
    expect(model.thread("$root").timeline.threadId).toBe("$root");
  });

  test("others come to a message with this client, or with any", () => {
    const { model } = opened();
    expect(model.linkTo(item({ eventId: "$1" }), "https://chappe.example")).toEqual({
      own: "https://chappe.example/#/room/!room/%241?via=here.example",
      any: "https://matrix.to/#/!room/%241?via=here.example",
    });
  });

  test("who had to leave when a room was closed to guests is named", async () => {
    expect(await opened().model.closeToGuests()).toMatchObject([{ name: "paul", messages: 3 }]);
  });
});

describe("coming and going", () => {
  test("in, out, on to another", async () => {
    const { model, done, gone } = opened();
    await model.join();
    await model.knock("please");
    await model.leave();
    await model.decline();
    await model.upgrade("12");
    await model.goOn("!successor");
    model.goTo("!a");
    expect(done).toEqual([
      ["join", "!room"],
      ["knock", "!room", "please"],
      ["leave", "!room"],
      ["leave", "!room"],
      ["join", "!successor"],
    ]);
    expect(gone).toEqual(["home", "home", "!new", "!successor", "!a"]);
  });

  test("who may not leave stays", async () => {
    const { model, gone } = opened({ refused: true });
    expect(await model.leave()).toBe(false);
    await model.decline();
    expect(gone).toEqual([]);
  });

  test("a poll is opened and shut", () => {
    const { model } = opened();
    model.openPoll(true);
    expect(model.snapshot().poll).toBe(true);
    model.openPoll(false);
    expect(model.snapshot().poll).toBe(false);
  });
});
