import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { conversation, FakeClock, FakeTimeline, item, settled } from "../../tests/fakes";
import type { Item } from "../matrix/types";
import { TimelineViewModel } from "./timeline";

interface Given {
  items?: Item[];
  readUpTo?: string | null;
  event?: string | null;
  wasUnread?: boolean;
  older?: boolean;
  newer?: boolean;
  privately?: boolean;
}

async function opened(given: Given = {}, opens: () => Promise<void> = async () => {}) {
  const clock = new FakeClock();
  const timeline = new FakeTimeline();
  timeline.items = given.items ?? [];
  timeline.readUpTo = given.readUpTo ?? null;
  timeline.hasOlder = given.older ?? false;
  timeline.hasNewer = given.newer ?? false;
  timeline.open = async (event) => {
    timeline.opened.push(event);
    await opens();
  };
  const read: Array<[event: string, privately: boolean]> = [];
  const state = { offline: false };
  const room = conversation({
    timeline: () => timeline,
    markRead: async (event, privately) => {
      if (state.offline) throw new Error("offline");
      read.push([event, privately]);
    },
    history: {
      eventAt: async (ts) => (ts === 0 ? "$first" : null),
      whereIs: async (eventId) => {
        if (state.offline) throw new Error("offline");
        if (eventId.startsWith("$gone")) return null;
        return {
          eventId: eventId.replace("$edit of ", ""),
          thread: eventId.startsWith("$reply") ? "$root" : null,
          ts: item().ts,
        };
      },
    },
  });
  const { event = null, wasUnread = false, privately = false } = given;
  const model = new TimelineViewModel(room, null, () => privately, event, wasUnread, clock);
  await settled();
  return { clock, timeline, read, model, state };
}

const three = (): Item[] => ["$1", "$2", "$3"].map((eventId) => item({ eventId }));

describe("opening", () => {
  test("the newest are there, and read", async () => {
    const { model, read } = await opened({ items: three(), privately: true });
    expect(model.snapshot()).toMatchObject({ loading: false, failed: false, target: null });
    expect(model.items).toHaveLength(3);
    expect(read).toEqual([["$3", true]]);
  });

  test("what was asked for is brought into view", async () => {
    const { model, timeline, clock } = await opened({ items: three(), event: "$2" });
    expect(timeline.opened).toEqual(["$2"]);
    expect(model.snapshot()).toMatchObject({
      highlighted: "$2",
      target: { key: "$2", at: clock.now() },
      announcement: { items: [{ eventId: "$2" }], turn: 1 }, // whoever does not see where they came to hears it
    });
  });

  test("where that cannot be had, the newest are; where nothing can, that is said, and tried again", async () => {
    let fails = 1;
    const { model, timeline } = await opened({ event: "$far" }, async () => {
      if (fails-- > 0) throw new Error("offline");
    });
    expect(timeline.opened).toEqual(["$far", null]);
    expect(model.snapshot()).toMatchObject({ loading: false, failed: false, lost: true });
    fails = 0;
    const { model: failing } = await opened({}, () => Promise.reject(new Error("offline")));
    expect(failing.snapshot()).toMatchObject({ loading: false, failed: true });
    failing.retryOpening();
    expect(failing.snapshot()).toMatchObject({ loading: true, failed: false });
  });

  test.each([
    ["all read", "$3", true, null],
    ["two unread", "$1", true, { count: 2 }],
    ["unread from before what is loaded", "$old", true, { count: null }],
    ["read long ago, nothing new", "$old", false, null],
  ])("%s: what waits above the screen", async (_name, readUpTo, wasUnread, unreadAbove) => {
    const { model } = await opened({ items: three(), readUpTo, wasUnread, older: true });
    expect(model.snapshot().unreadAbove).toEqual(unreadAbove);
    model.sawUnread();
    expect(model.snapshot().unreadAbove).toBe(null);
  });
});

describe("going elsewhere in it", () => {
  test("what is loaded is scrolled to, what is not is loaded", async () => {
    const { model, timeline } = await opened({ items: three() });
    await model.jump("$1");
    expect([model.snapshot().highlighted, timeline.opened]).toEqual(["$1", [null]]);
    await model.jump("$far");
    expect(timeline.opened).toEqual([null, "$far"]);
    await model.jumpToDay(new Date(0));
    await model.jumpToDay(new Date(1)); // a day without any
    expect(timeline.opened).toEqual([null, "$far", "$first"]);
  });

  test("what is gone is said, and what is there stays", async () => {
    const { model, timeline } = await opened({ items: three() });
    await model.jump("$gone");
    expect([model.snapshot().lost, timeline.opened, model.items.length]).toEqual([true, [null], 3]);
    model.dismissLost();
    expect(model.snapshot().lost).toBe(false);
    const { model: other, timeline: newest } = await opened({ items: three(), event: "$gone" });
    expect([other.snapshot().lost, other.snapshot().highlighted, newest.opened]).toEqual([true, null, [null]]);
    await other.jump("$2"); // what is found is no longer lost
    expect(other.snapshot()).toMatchObject({ lost: false, highlighted: "$2" });
  });

  test("what is in a thread is looked for there; an edit where its message is; what has no row, next to it", async () => {
    const { model, timeline } = await opened({ items: three() });
    await model.jump("$reply");
    expect(model.snapshot()).toMatchObject({ inThread: { root: "$root", event: "$reply" }, loading: false });
    await model.jump("$edit of $far");
    expect(timeline.opened).toEqual([null, "$far"]);
    expect(model.snapshot().target?.key).toBe("$1");
  });

  test("without a network it is tried all the same: it may be kept here", async () => {
    const { model, timeline, state } = await opened({ items: three() });
    state.offline = true;
    await model.jump("$kept");
    expect(timeline.opened).toEqual([null, "$kept"]);
  });

  test("of two places the one that was asked for last is shown", async () => {
    const waiting: Array<() => void> = [];
    const { model, timeline } = await opened({ items: three() }, () => new Promise((done) => void waiting.push(done)));
    const [first, second] = [model.jump("$far"), model.jump("$further")];
    await settled();
    for (const each of waiting.reverse()) each();
    await Promise.all([first, second]);
    expect([timeline.opened.at(-1), model.snapshot().highlighted]).toEqual(["$further", "$further"]);
  });

  test("to what is unread, and back to the newest", async () => {
    const { model, timeline } = await opened({ items: three(), readUpTo: "$1", newer: true });
    await model.jumpToUnread();
    expect(model.snapshot()).toMatchObject({ unreadAbove: null, highlighted: "$1" });
    await model.jumpToNewest();
    expect(timeline.opened).toEqual([null, null]);
    expect(model.snapshot()).toMatchObject({ target: null, highlighted: null, unreadBelow: 0 });
  });
});

describe("what comes", () => {
  test("is announced, and counted while one is further up; one's own and what happens to the room are not", async () => {
    const { model, timeline } = await opened({ items: three() });
    const arrived = item({ eventId: "$4" });
    timeline.show(...timeline.items, arrived);
    expect(model.snapshot()).toMatchObject({ announcement: { items: [arrived], turn: 1 }, unreadBelow: 0 });
    model.scrolled(false);
    timeline.show(...timeline.items, item({ eventId: "$5" }));
    timeline.show(...timeline.items, item({ eventId: "$6", mine: true }));
    timeline.show(...timeline.items, item({ eventId: "$7", content: { type: "event", key: "event.joined", values: {} } }));
    expect(model.snapshot()).toMatchObject({ unreadBelow: 1, announcement: { items: [{ eventId: "$5" }], turn: 2 } });
    model.scrolled(true);
    expect(model.snapshot().unreadBelow).toBe(0);
  });

  test("what is fetched on the way to the end is no news", async () => {
    const { model, timeline } = await opened({ items: three(), newer: true, event: "$2" });
    timeline.grow = async () => {
      timeline.items.push(item({ eventId: "$4" }));
      return true;
    };
    await model.newer();
    const place = { items: [{ eventId: "$2" }], turn: 1 }; // to which one came: that alone was read aloud
    expect(model.snapshot()).toMatchObject({ announcement: place, unreadBelow: 0 });
    timeline.items = three();
    await model.jump("$far"); // nor is what stands at another place
    expect(model.snapshot()).toMatchObject({ announcement: place, unreadBelow: 0 });
  });

  const lines = (rows: Array<{ type: string }>): number => rows.findIndex((each) => each.type === "unread");

  test("the line stands where one stopped reading, and goes when one has read on, or answered", async () => {
    const { model, timeline, clock } = await opened({ items: three(), readUpTo: "$3" });
    const come = (eventId: string, more: Partial<Item> = {}): void =>
      timeline.show(...timeline.items, item({ eventId, ...more }));
    const line = (): number => lines(model.snapshot().rows);
    come("$4"); // while one looks at the end
    expect(line()).toBe(-1);
    model.setVisible(false);
    come("$5");
    come("$6");
    expect(model.snapshot().rows[line() + 1]).toMatchObject({ item: { eventId: "$5" } });
    await clock.pass(60_000);
    expect(line()).not.toBe(-1); // nobody has seen it
    model.setVisible(true);
    come("$7");
    expect(model.snapshot().rows[line() + 1]).toMatchObject({ item: { eventId: "$5" } });
    await clock.pass(10_000);
    expect(line()).toBe(-1);
    model.scrolled(false);
    come("$8");
    expect(model.snapshot().rows[line() + 1]).toMatchObject({ item: { eventId: "$8" } });
    come("$9", { mine: true });
    expect(line()).toBe(-1);
  });

  test("one whose key comes later is read aloud when it opens; who scrolls up is not told the past", async () => {
    const { model, timeline, clock } = await opened({ items: three() });
    const locked = item({ eventId: "$4", key: "k4", content: { type: "locked", reason: "waiting" } });
    timeline.show(...timeline.items, locked);
    await clock.pass(500);
    expect(model.snapshot().announcement).toBe(null);
    timeline.show(...timeline.items.slice(0, 3), item({ eventId: "$4", key: "k4" }));
    expect(model.snapshot().announcement).toMatchObject({ items: [{ eventId: "$4" }], turn: 1 });
    await clock.pass(60_000);
    expect(model.snapshot().announcement?.turn).toBe(1);
  });

  test("is read where it is seen; what could not be told is told again", async () => {
    const { model, timeline, read, state } = await opened({ items: three() });
    state.offline = true;
    timeline.show(...timeline.items, item({ eventId: "$4" }));
    await settled();
    state.offline = false;
    model.scrolled(true);
    await settled();
    model.scrolled(true);
    expect(read.map(([event]) => event)).toEqual(["$3", "$4"]);
  });

  test("the arrow takes what one said last and may still edit", async () => {
    const { model, timeline } = await opened();
    expect(model.lastOwn()).toBe(null);
    const own = item({ mine: true });
    timeline.show(
      own,
      item({ mine: true, state: "failed" }),
      item({ mine: true, content: { type: "deleted", by: null, reason: null } }),
      item(),
    );
    expect(model.lastOwn()).toBe(own);
  });

  test("after the end nothing is followed, and the timeline is let go", async () => {
    const { model, timeline } = await opened();
    model.close();
    timeline.show(...three());
    expect([model.items, timeline.isClosed]).toEqual([[], true]);
  });
});

describe("more of it", () => {
  test.each(["older", "newer"] as const)("without a network a page does not ask for %s messages in a loop", async (end) => {
    for (const failure of [() => Promise.reject(new Error("offline")), async () => false]) {
      let asked = 0;
      const { model, timeline, clock } = await opened({ older: true, newer: true });
      timeline.grow = () => {
        asked++;
        return asked < 1000 ? failure() : new Promise(() => {}); // a loop ends here
      };
      model.subscribe(() => void model[end]());
      void model[end]();
      await clock.pass(10 * 60_000);
      expect(asked).toBeGreaterThan(10); // it goes on by itself when the network is back
      expect(asked).toBeLessThan(30);
      model.close();
      const before = asked;
      await clock.pass(10 * 60_000);
      expect(asked).toBe(before);
    }
  });

  test("what comes is asked for at once, and after a failure again", async () => {
    let asked = 0;
    const { model, timeline, clock } = await opened({ older: true });
    timeline.grow = async () => ++asked !== 3;
    model.subscribe(() => asked < 6 && void model.older());
    void model.older();
    await settled();
    expect(asked).toBe(3);
    await clock.pass(2000);
    expect(asked).toBe(6);
  });

  test("nothing is asked for where there is no more, and older messages are put before the others", async () => {
    const { model, timeline } = await opened({ items: three() });
    timeline.grow = () => Promise.reject(new Error("nobody should ask"));
    await model.older();
    timeline.hasOlder = true;
    timeline.changed.fire();
    timeline.grow = async () => {
      timeline.items.unshift(item({ eventId: "$0" }));
      timeline.hasOlder = false;
      return true;
    };
    await model.older();
    expect(model.snapshot()).toMatchObject({ prepended: true, loadingOlder: false, resting: false, announcement: null });
    expect(model.items[0].eventId).toBe("$0");
  });
});

/** What may happen to a timeline on the screen. */
const happenings = fc.array(
  fc.oneof(
    fc.constant({ type: "arrives" as const }),
    fc.constant({ type: "says" as const }),
    fc.constant({ type: "is sent" as const }),
    fc.constant({ type: "is edited" as const }),
    fc.constant({ type: "is deleted" as const }),
    fc.record({ type: fc.constant("scrolls" as const), atBottom: fc.boolean() }),
    fc.record({ type: fc.constant("shows" as const), visible: fc.boolean() }),
    fc.record({ type: fc.constant("network" as const), offline: fc.boolean() }),
  ),
  { maxLength: 30 },
);
type Happening = (typeof happenings extends fc.Arbitrary<infer T> ? T : never)[number];

/** Plays what happens, one after the other. */
async function played(
  all: Happening[],
  after: (each: Happening, world: Awaited<ReturnType<typeof opened>>) => void | Promise<void>,
) {
  const world = await opened({ items: [item({ eventId: "$0" })] });
  const { timeline, model, state } = world;
  let number = 0;
  const change = (at: number, given: Partial<Item>): void =>
    timeline.show(...timeline.items.map((each, index) => (index === at ? { ...each, ...given } : each)));
  for (const each of all) {
    const { items } = timeline;
    if (each.type === "arrives") timeline.show(...items, item({ eventId: `$${++number}` }));
    else if (each.type === "says")
      timeline.show(...items, item({ key: `txn${++number}`, eventId: `~${number}`, mine: true, state: "sending" }));
    else if (each.type === "is sent") {
      const at = items.findIndex((one) => one.state === "sending");
      if (at >= 0) change(at, { eventId: `$${items[at].key}`, state: "sent" }); // the server's copy, under the same number
    } else if (each.type === "is edited") change(items.length - 1, { edited: true });
    else if (each.type === "is deleted") change(items.length - 1, { content: { type: "deleted", by: null, reason: null } });
    else if (each.type === "scrolls") model.scrolled(each.atBottom);
    else if (each.type === "shows") model.setVisible(each.visible);
    else state.offline = each.offline;
    await settled();
    await after(each, world);
  }
  return world;
}

describe("whatever happens, in any order", () => {
  test("a message keeps its row from its first moment to the server's copy, edited or deleted", async () => {
    await fc.assert(
      fc.asyncProperty(happenings, async (all) => {
        const keys: string[] = [];
        await played(all, (_each, { model, timeline }) => {
          const now = model.items.map((each) => each.key);
          expect(now).toEqual(timeline.items.map((each) => each.key));
          expect(now.slice(0, keys.length)).toEqual(keys); // none has gone, none has moved
          keys.splice(0, keys.length, ...now);
        });
      }),
      { numRuns: 40 },
    );
  });

  test("only what is seen is read: once each, and again after a failure", async () => {
    await fc.assert(
      fc.asyncProperty(happenings, async (all) => {
        const seen = { visible: true, atBottom: true };
        let told = 1;
        const { read } = await played(all, (each, { read: so, timeline, state }) => {
          if (each.type === "shows") seen.visible = each.visible;
          if (each.type === "scrolls") seen.atBottom = each.atBottom;
          if (so.length > told) expect(seen).toEqual({ visible: true, atBottom: true });
          told = so.length;
          const looks = each.type !== "network" && each.type !== "is sent" && seen.visible && seen.atBottom && !state.offline;
          if (looks) expect(so.at(-1)?.[0]).toBe(timeline.newest());
        });
        const events = read.map(([event]) => event);
        expect(new Set(events).size).toBe(events.length);
        expect(events.filter((each) => each.startsWith("~"))).toEqual([]); // a receipt names what the server knows
      }),
      { numRuns: 60 },
    );
  });

  test("what is counted below is what others said while one was further up", async () => {
    await fc.assert(
      fc.asyncProperty(happenings, async (all) => {
        let below = 0;
        let atBottom = true;
        await played(all, (each, { model }) => {
          if (each.type === "scrolls") atBottom = each.atBottom;
          if (each.type === "scrolls" && atBottom) below = 0;
          if (each.type === "arrives" && !atBottom) below++;
          expect(model.snapshot().unreadBelow).toBe(below);
        });
      }),
      { numRuns: 40 },
    );
  });
});

test("the newest are followed from the end alone: whoever reads elsewhere stays there when there was a gap", async () => {
  const { timeline, model } = await opened({ items: three() });
  const followed = [timeline.follows];
  await model.jump("$1");
  followed.push(timeline.follows);
  model.scrolled(true);
  followed.push(timeline.follows);
  model.scrolled(false);
  followed.push(timeline.follows);
  await model.jumpToNewest();
  followed.push(timeline.follows);
  expect(followed).toEqual([true, false, true, false, true]);
  expect((await opened({ items: three(), event: "$1" })).timeline.follows).toBe(false);
  expect((await opened({ event: "$gone" })).timeline.follows).toBe(true);
});
