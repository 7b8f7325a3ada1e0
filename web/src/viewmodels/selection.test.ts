import { describe, expect, test } from "vitest";
import { conversation, details, item, refusal, signedIn } from "../../tests/fakes";
import type { RoomDetails } from "../matrix/types";
import { MOST, SelectionViewModel } from "./selection";

function opened(given: Partial<RoomDetails> = {}) {
  const done: unknown[] = [];
  const state = { refused: new Set<string>() };
  const room = conversation({
    details: () => details(given),
    copyOf: (id) => ({ content: { body: id } }),
    redact: async (id, reason) => {
      if (state.refused.has(id)) throw refusal("M_FORBIDDEN");
      done.push(["redact", id, reason]);
    },
  });
  const matrix = signedIn({
    conversation: (id) =>
      conversation({
        id,
        forward: async ({ content }) => {
          if (state.refused.has(id)) throw refusal("M_FORBIDDEN");
          done.push([id, content.body]);
        },
        close: () => void done.push(`closed ${id}`),
      }),
  });
  const model = new SelectionViewModel(matrix, room);
  return { model, done, state, chosen: () => [...(model.snapshot().chosen ?? [])] };
}

const items = [
  item({ eventId: "$1", mine: true }),
  item({ eventId: "$joined", content: { type: "event", key: "event.joined", values: {} } }),
  item({ eventId: "$2" }),
  item({ eventId: "$deleted", content: { type: "deleted", by: null, reason: null } }),
  item({ eventId: "$3", mine: true }),
  item({ eventId: "$4", content: { type: "locked", reason: "waiting" } }),
];
const [one, joined, two, , three, locked] = items;

describe("choosing", () => {
  test("one by one, and everything up to one; what was not said is left out", () => {
    const { model, chosen } = opened();
    model.begin(joined, null);
    expect(chosen()).toEqual([]);
    model.begin(one, null);
    model.toggle(three, true, items, null);
    expect(chosen()).toEqual(["$1", "$2", "$3"]);
    model.toggle(two, false, items, null);
    expect(chosen()).toEqual(["$1", "$3"]);
    model.toggle(one, false, items, null);
    model.toggle(three, false, items, null); // the last one: nothing is chosen any more
    expect(model.snapshot().chosen).toBeNull();
  });

  test("in a thread it is another choice", () => {
    const { model, chosen } = opened();
    model.toggle(one, false, items, null);
    model.toggle(two, false, items, "$root");
    expect([chosen(), model.snapshot().thread]).toEqual([["$2"], "$root"]);
  });

  test("no more than a hundred", () => {
    const many = Array.from({ length: MOST + 1 }, (_, n) => item({ eventId: `$${n}` }));
    const { model, chosen } = opened();
    model.begin(many[0], null);
    model.toggle(many[MOST], true, many, null);
    expect([chosen().length, model.snapshot().isFull]).toEqual([1, true]);
    model.toggle(many[MOST - 1], false, many, null);
    expect([chosen().length, model.snapshot().isFull]).toEqual([2, false]);
  });
});

describe("passing on", () => {
  test("in the order in which it was said, whatever the order of choosing", async () => {
    const { model, done } = opened();
    model.begin(three, null);
    model.toggle(one, false, items, null);
    expect(await model.forward(model.of(items), ["!a", "!b"])).toBe(true);
    expect(done).toEqual([["!a", "$1"], ["!a", "$3"], "closed !a", ["!b", "$1"], ["!b", "$3"], "closed !b"]);
    expect(model.snapshot().chosen).toBeNull();
  });

  test("what is refused is said, and stays chosen", async () => {
    const { model, done, state, chosen } = opened();
    state.refused.add("!a");
    model.begin(one, null);
    expect(await model.forward(model.of(items), ["!a"])).toBe(false);
    expect(model.snapshot()).toMatchObject({ busy: false, problem: { key: expect.any(String) } });
    expect([chosen(), done]).toEqual([["$1"], ["closed !a"]]);
  });

  test("not what cannot be read, nor what a marking keeps in its room", () => {
    const { model } = opened();
    model.begin(one, null);
    expect(model.mayForward(model.of(items))).toBe(true);
    model.toggle(locked, false, items, null);
    expect(model.mayForward(model.of(items))).toBe(false);
    const { model: marked } = opened({ level: { forwarding: false } as RoomDetails["level"] });
    marked.begin(one, null);
    expect(marked.mayForward(marked.of(items))).toBe(false);
  });
});

describe("deleting", () => {
  test("only what one may; the others are counted, and what the server refuses", async () => {
    const { model, done, state } = opened();
    for (const each of [one, two, three]) model.toggle(each, false, items, null);
    expect(model.deletable(model.of(items))).toBe(2);
    state.refused.add("$3");
    expect(await model.delete(model.of(items), "doublon")).toEqual({ done: 1, failed: 2 });
    expect(done).toEqual([["redact", "$1", "doublon"]]);
  });

  test("everything, where one looks after the room", async () => {
    const { model } = opened({ may: { ...details().may, redact: true } });
    for (const each of [one, two]) model.toggle(each, false, items, null);
    expect(await model.delete(model.of(items), "")).toEqual({ done: 2, failed: 0 });
  });
});
