import { describe, expect, test } from "vitest";
import { FakeClock, fake, settled, signal, signedIn, summary } from "../../tests/fakes";
import type { Account, QuietHours } from "../matrix/account";
import type { SavedMessage } from "../matrix/types";
import { SavedViewModel } from "./saved";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

function opened(entries: Array<Partial<SavedMessage>> = [], given: { quiet?: QuietHours; locked?: boolean } = {}) {
  const clock = new FakeClock();
  const changed = signal();
  const roomsChanged = signal();
  const touched = signal();
  const told: string[] = [];
  const asked: string[] = [];
  const state = {
    all: entries.map(
      (each, at): SavedMessage => ({ roomId: "!a", eventId: `$${at}`, savedAt: at, remindAt: null, doneAt: null, ...each }),
    ),
    refuses: given.locked ?? false,
    isEarly: false,
  };
  const put = (next: SavedMessage[]): void => {
    if (state.refuses) throw new Error("not confirmed");
    state.all = next;
    changed.fire();
  };
  const matrix = signedIn({
    rooms: { changed: roomsChanged, list: () => [summary({ id: "!a", name: "Salon" })] },
    saved: {
      changed,
      touched,
      isLocked: given.locked ?? false,
      list: () => state.all,
      begin: async () => {},
      put: async (entry) => put([entry, ...state.all.filter((each) => each.eventId !== entry.eventId)]),
      remove: async ({ eventId }) => put(state.all.filter((each) => each.eventId !== eventId)),
      line: async ({ eventId }) => {
        asked.push(eventId);
        if (state.isEarly) throw new Error("not yet");
        return eventId === "$gone" ? null : { sender: "Anne", mine: false, text: eventId, key: null, ts: 1 };
      },
    },
    account: () => fake<Account>({ quietHours: () => given.quiet ?? null }),
  });
  const page = {
    mayNotify: () => "yes" as const,
    notify: (title: string, body: string) => void told.push(`${title} ${body}`),
    text: (key: string) => key,
  };
  const model = new SavedViewModel(matrix, page, () => {}, clock);
  const ids = (part: "now" | "later" | "untimed" | "done"): string[] => model.snapshot()[part].map((each) => each.eventId);
  return { model, clock, state, roomsChanged, touched, told, asked, ids, now: clock.now() };
}

describe("the list", () => {
  test("what is due first, then what comes, what has no time, what was done in the last thirty days", async () => {
    const { now } = opened();
    const { model, ids } = opened([
      { eventId: "$later", remindAt: now + 2 * HOUR },
      { eventId: "$soon", remindAt: now + HOUR },
      { eventId: "$due", remindAt: now - 1 },
      { eventId: "$old" },
      { eventId: "$new" },
      { eventId: "$done", doneAt: now - DAY },
      { eventId: "$forgotten", doneAt: now - 31 * DAY },
    ]);
    expect([ids("now"), ids("later"), ids("untimed"), ids("done")]).toEqual([
      ["$due"],
      ["$soon", "$later"],
      ["$new", "$old"],
      ["$done"],
    ]);
    expect(model.snapshot().due).toBe(1);
  });

  test("what cannot be read yet is read when the rooms are there", async () => {
    const { model, asked, state, roomsChanged } = opened([{ eventId: "$1" }]);
    state.isEarly = true;
    model.show();
    await settled();
    expect(model.snapshot().untimed[0].line).toBeUndefined();
    state.isEarly = false;
    roomsChanged.fire();
    await settled();
    expect([model.snapshot().untimed[0].line?.text, asked]).toEqual(["$1", ["$1", "$1"]]);
  });

  test("what was deleted or edited meanwhile is read again", async () => {
    const { model, asked, touched } = opened([{ eventId: "$1" }]);
    model.show();
    await settled();
    touched.fire();
    await settled();
    expect(asked).toEqual(["$1", "$1"]);
  });

  test("what they say is read once the screen is shown, each once; what is gone keeps its place", async () => {
    const { model, asked } = opened([{ eventId: "$1" }, { eventId: "$gone", roomId: "!left" }]);
    expect(asked).toEqual([]);
    model.show();
    await settled();
    model.show();
    await settled();
    expect(model.snapshot().untimed.map((each) => [each.eventId, each.room, each.line?.text ?? each.line])).toEqual([
      ["$gone", null, null],
      ["$1", "Salon", "$1"],
    ]);
  });
});

describe("keeping", () => {
  test("kept, and let go of by the same press", async () => {
    const { model, state } = opened();
    expect(await model.keep("!a", "$1")).toBe(true);
    expect(model.isKept("!a", "$1")).toBe(true);
    expect(await model.keep("!a", "$1")).toBe(false);
    expect(state.all).toEqual([]);
  });

  test("a device that is not confirmed cannot; that is said", async () => {
    const { model } = opened([], { locked: true });
    expect(await model.keep("!a", "$1")).toBeNull();
    expect(model.snapshot()).toMatchObject({ isLocked: true, problem: { key: expect.any(String) } });
  });

  test("done can be taken back for eight seconds", async () => {
    const { model, clock, ids } = opened([{ eventId: "$1" }]);
    await model.done(model.snapshot().untimed[0]);
    expect([ids("done"), model.snapshot().undo?.eventId]).toEqual([["$1"], "$1"]);
    await model.undo();
    expect([ids("untimed"), model.snapshot().undo]).toEqual([["$1"], null]);
    await model.done(model.snapshot().untimed[0]);
    await clock.pass(8_000);
    expect([ids("done"), model.snapshot().undo]).toEqual([["$1"], null]);
  });

  test("what is gone is removed", async () => {
    const { model, state } = opened([{ eventId: "$gone" }]);
    await model.remove(model.snapshot().untimed[0]);
    expect(state.all).toEqual([]);
  });
});

describe("reminders", () => {
  test("rise when it is time, and are told without a word of what they say", async () => {
    const { model, clock, told, now } = opened([{ eventId: "$1" }]);
    await model.remind(model.snapshot().untimed[0], now + HOUR);
    await clock.pass(HOUR - 1);
    expect([model.snapshot().due, told]).toEqual([0, []]);
    await clock.pass(1);
    expect([model.snapshot().due, told]).toEqual([1, ["saved.isTime saved.notice"]]);
    expect(model.snapshot().risen).toEqual({ turn: 1 });
    await clock.pass(DAY);
    expect(told).toHaveLength(1); // once
  });

  test("what was due before is shown, not told again; days ahead are waited for", async () => {
    const { now } = opened();
    const { told, clock, model } = opened([
      { eventId: "$due", remindAt: now - HOUR },
      { eventId: "$far", remindAt: now + 40 * DAY },
    ]);
    expect([told, model.snapshot().due]).toEqual([[], 1]);
    await clock.pass(40 * DAY);
    expect([told.length, model.snapshot().due]).toEqual([1, 2]);
  });

  test("quiet hours move it to their end; without a time it waits with the others", async () => {
    const { model, now, ids } = opened([{ eventId: "$1" }], {
      quiet: {
        enabled: true,
        start: "00:00",
        end: "23:59",
        timezone: "Europe/Paris",
        days: [0, 1, 2, 3, 4, 5, 6],
        allow_highlights: true,
      },
    });
    const then = await model.remind(model.snapshot().untimed[0], now + HOUR);
    expect(then).toBe(new Date(now + HOUR).setHours(23, 59, 0, 0));
    await model.remind(model.snapshot().later[0], null);
    expect(ids("untimed")).toEqual(["$1"]);
  });
});
