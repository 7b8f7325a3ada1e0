/** What a playbook becomes, whatever others write and in whatever order it arrives. */

import fc from "fast-check";
import { EventType, MatrixEvent, type Room } from "matrix-js-sdk";
import { expect, test } from "vitest";
import { type Act, type Does, inOrder, MOST_STEPS, merge, type Start } from "../src/matrix/playbook_merge";
import { ACT, cardOf, isOfPlaybook, PLAYBOOK, planOf, readAct, readStart, recordedOf } from "../src/matrix/playbook_results";
import { fake } from "./fakes";

const CHIEF = "@chief:here.example";
const BOB = "@bob:there.example";
const EVE = "@eve:evil.example";
const leads = (user: string): boolean => user === CHIEF;

const start: Start = {
  id: "$start",
  sender: CHIEF,
  ts: 1000,
  title: "Crue",
  steps: ["a", "b"].map((id) => ({ id, phase: "Alerter", text: `étape ${id}`, owner: null, due: null })),
};

let number = 0;
const act = (sender: string, does: Does, given: Partial<Act> = {}): Act => {
  number += 1;
  return { id: `$${number}`, sender, ts: 1000 + number, after: null, does, ...given };
};
const ticked = (sender: string, step = "a", given: Partial<Act> = {}): Act =>
  act(sender, { kind: "state", step, state: "done" }, given);
const state = (acts: Act[]): string[] => merge(start, acts, leads).steps.map((each) => each.state);

test("two who tick at once lose nothing: each step is done, and both stand in the log", () => {
  const plan = merge(start, [ticked(CHIEF, "a"), ticked(BOB, "b"), ticked(BOB, "a")], leads);
  expect(plan.steps.map((each) => each.state)).toEqual(["done", "done"]);
  expect(plan.log.map((each) => [each.kind, each.sender])).toEqual([["start", CHIEF], ["state", CHIEF], ["state", BOB], ["state", BOB]]); // biome-ignore format: one line
});

test("in whatever order it arrives, it is the same on every device", () => {
  const does = fc.oneof(
    fc.record({
      kind: fc.constant("state" as const),
      step: fc.constantFrom("a", "b", "$1", "no"),
      state: fc.constantFrom("todo" as const, "done" as const, "not_applicable" as const),
    }),
    fc.record({ kind: fc.constant("owner" as const), step: fc.constantFrom("a", "b"), owner: fc.constantFrom(null, BOB, EVE) }),
    fc.record({ kind: fc.constant("entry" as const), text: fc.string({ minLength: 1 }) }),
    fc.record({
      kind: fc.constant("correct" as const),
      entry: fc.constantFrom("$1", "$2", "$3"),
      text: fc.string({ minLength: 1 }),
    }),
    fc.record({ kind: fc.constant("add" as const), phase: fc.constant("x"), text: fc.constant("y") }),
    fc.record({ kind: fc.constant("close" as const), seal: fc.constant(null) }),
    fc.record({ kind: fc.constant("reopen" as const) }),
  );
  const acts = fc.array(
    fc.record({
      sender: fc.constantFrom(CHIEF, BOB, EVE),
      ts: fc.integer({ min: 900, max: 1100 }),
      after: fc.option(fc.constantFrom("$1", "$2", "$3", "$4", "$nobody")),
      does,
    }),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(acts, fc.infiniteStream(fc.nat()), (given, luck) => {
      const all: Act[] = given.map((each, at) => ({ id: `$${at}`, ...each }));
      const mixed = all
        .map((each) => ({ each, by: luck.next().value as number }))
        .sort((x, y) => x.by - y.by)
        .map(({ each }) => each);
      expect(merge(start, mixed, leads)).toEqual(merge(start, all, leads));
      expect(merge(start, [...mixed, ...all], leads)).toEqual(merge(start, all, leads)); // twice is once
    }),
  );
});

test("a clock set wrong holds nothing: whoever has seen an act comes after it", () => {
  const future = ticked(EVE, "a", { ts: 9e12 });
  const undone = act(BOB, { kind: "state", step: "a", state: "todo" }, { after: future.id, ts: 1 });
  expect(state([undone, future])).toEqual(["todo", "todo"]);
});

test("acts that name each other in a circle end", () => {
  const one = ticked(EVE, "a", { id: "$x", after: "$y" });
  const two = ticked(EVE, "b", { id: "$y", after: "$x" });
  expect(inOrder([one, two, ticked(EVE, "a", { id: "$z", after: "$z" })])).toHaveLength(3);
});

test("ten thousand steps and ten thousand acts harm nothing", () => {
  let last: string | null = null;
  const acts = Array.from({ length: 10_000 }, () => {
    const made: Act = ticked(EVE, "a", { after: last });
    last = made.id;
    return made;
  });
  expect(state(acts)).toEqual(["done", "todo"]);
  const added = Array.from({ length: 10_000 }, () => act(CHIEF, { kind: "add", phase: "", text: "x" }));
  expect(merge(start, added, leads).steps).toHaveLength(MOST_STEPS);
});

test("everybody ticks and takes; only who leads gives, adds, sets a time, closes", () => {
  const owner = (sender: string, to: string | null): Act => act(sender, { kind: "owner", step: "a", owner: to });
  const of = (...acts: Act[]) => merge(start, acts, leads).steps[0].owner;
  expect(of(owner(BOB, BOB))).toBe(BOB);
  expect(of(owner(CHIEF, BOB))).toBe(BOB);
  expect(of(owner(EVE, BOB))).toBe(null);
  expect(of(owner(BOB, BOB), owner(EVE, null))).toBe(BOB);
  expect(of(owner(BOB, BOB), owner(BOB, null))).toBe(null);
  const denied = merge(
    start,
    [
      act(EVE, { kind: "add", phase: "", text: "x" }),
      act(EVE, { kind: "due", step: "a", due: 5 }),
      act(EVE, { kind: "close", seal: null }),
    ],
    leads,
  );
  expect(denied).toMatchObject({ closed: null, steps: [{ due: null }, {}] });
  expect(denied.log).toHaveLength(1);
});

test("only its author corrects a line; what it said before stays", () => {
  const line = act(BOB, { kind: "entry", text: "3 cars" });
  const mine = act(BOB, { kind: "correct", entry: line.id, text: "2 cars" });
  const theirs = act(EVE, { kind: "correct", entry: line.id, text: "rien" });
  const { log } = merge(start, [line, mine, theirs], leads);
  expect(log[1]).toMatchObject({ text: "2 cars", was: ["3 cars"], corrected: mine.ts });
});

test("what comes after the end is in the log, and changes nothing; opened again, it counts", () => {
  const close = act(CHIEF, { kind: "close", seal: null });
  const tooLate = ticked(BOB);
  const plan = merge(start, [close, tooLate], leads);
  expect(plan.closed?.by).toBe(CHIEF);
  expect(plan.steps[0].state).toBe("todo");
  expect(plan.log.at(-1)).toMatchObject({ kind: "state", isLate: true });
  const reopen = act(CHIEF, { kind: "reopen" }, { after: close.id });
  const again = merge(start, [close, tooLate, reopen, ticked(BOB)], leads);
  expect(again.closed).toBe(null);
  expect(again.steps[0].state).toBe("done");
});

// ------------------------------------------------------------------------------------------------ as events say it

const given = { title: "Crue", steps: [{ id: "1", text: "Fermer", due: 5, owner: BOB, phase: "P" }] };

const event = (sender: string, content: object): MatrixEvent => {
  number += 1;
  return new MatrixEvent({
    event_id: `$${number}`,
    room_id: "!room:here.example",
    sender,
    type: EventType.RoomMessage,
    origin_server_ts: number,
    content: { msgtype: "m.text", body: "…", ...content },
  });
};
const about = (begun: MatrixEvent): object => ({ "m.relates_to": { rel_type: "m.reference", event_id: begun.getId() } });

const room = (begun: MatrixEvent, replies: MatrixEvent[] = []): Room =>
  fake<Room>({
    findEventById: (id) => (id === begun.getId() ? begun : undefined),
    currentState: { mayTriggerNotifOfType: (_what: string, who: string) => who === CHIEF, getStateEvents: () => null } as never,
    relations: { getChildEventsForEvent: () => ({ getRelations: () => replies }) } as never,
  });

test("a playbook is read with its steps; its card counts what is done", () => {
  const begun = event(CHIEF, { [PLAYBOOK]: given });
  expect(readStart(begun)).toMatchObject({
    title: "Crue",
    steps: [{ id: "1", text: "Fermer", due: 5, owner: BOB, phase: "P" }],
  });
  expect(cardOf(begun, room(begun))).toEqual({ type: "playbook", title: "Crue", done: 0, all: 1, dues: [5], isClosed: false });
  const tick = event(BOB, { [ACT]: { kind: "state", step: "1", state: "done" }, ...about(begun) });
  expect(cardOf(begun, room(begun, [tick]))).toMatchObject({ done: 1, dues: [] });
  expect(isOfPlaybook(tick, room(begun))).toBe(true);
});

test.each([
  ["no object", 1],
  ["a list", []],
  ["no title", { ...given, title: " " }],
  ["too long a title", { ...given, title: "x".repeat(141) }],
  ["no steps", { title: "x", steps: "1" }],
  ["steps that are none", { title: "x", steps: [1, null, {}] }],
  ["a step without words", { title: "x", steps: [{ id: "1", text: " " }] }],
  ["two steps of one name", { title: "x", steps: [given.steps[0], given.steps[0]] }],
  ["ten thousand steps", { title: "x", steps: Array.from({ length: 10_000 }, (_, at) => ({ id: `${at}`, text: "x" })) }],
])("%s: a message like others", (_what, content) => {
  const begun = event(CHIEF, { [PLAYBOOK]: content });
  expect(readStart(begun)).toBe(null);
  expect(cardOf(begun, room(begun))).toBe(null);
});

test("a record holds what was done up to the end, in its order, and nothing of what makes no sense", () => {
  const begun = event(CHIEF, { [PLAYBOOK]: given });
  const tick = event(BOB, { [ACT]: { kind: "state", step: "1", state: "done", more: "x".repeat(9) }, ...about(begun) });
  const bad = event(EVE, { [ACT]: { kind: "explode" }, ...about(begun) });
  const seal = { count: 2, head: "a".repeat(64), digest: "b".repeat(64) };
  const close = event(CHIEF, { [ACT]: { kind: "close", seal }, ...about(begun) });
  const tooLate = event(BOB, { [ACT]: { kind: "entry", text: "Trop tard" }, ...about(begun) });
  const read = planOf(begun, room(begun, [tooLate, close, bad, tick]))!;
  expect(read.plan.seals).toEqual([seal]);
  const events = recordedOf(read, []);
  expect(events.map((each) => each.id)).toEqual([begun.getId(), tick.getId()]);
  expect(events[1].what).toEqual({ kind: "state", step: "1", state: "done" });
  expect(recordedOf(read, [event(BOB, {})]).at(-1)?.id).toBe(tick.getId()); // locked, and later than the end
  expect(isOfPlaybook(close, room(begun))).toBe(false); // the conversation says it too
});

test.each([null, {}, { count: -1, head: "a".repeat(64), digest: "b".repeat(64) }, { count: 1, head: "a", digest: "b" }])(
  "%j seals nothing, and closes all the same",
  (seal) => {
    expect(readAct(event(CHIEF, { [ACT]: { kind: "close", seal } }))?.does).toEqual({ kind: "close", seal: null });
  },
);

test("who may not lead begins no playbook: what they write is a message, and what is said of it too", () => {
  const begun = event(EVE, { [PLAYBOOK]: given });
  const tick = event(BOB, { [ACT]: { kind: "state", step: "1", state: "done" }, ...about(begun) });
  expect(planOf(begun, room(begun))).toBe(null);
  expect(isOfPlaybook(tick, room(begun))).toBe(false);
});

test("what neither the plan nor its log says is not hidden in the conversation", () => {
  const begun = event(CHIEF, { [PLAYBOOK]: given });
  const hides = (sender: string, does: object): boolean =>
    isOfPlaybook(event(sender, { [ACT]: does, ...about(begun) }), room(begun));
  expect(hides(EVE, { kind: "state", step: "no such step", state: "done" })).toBe(false);
  expect(hides(EVE, { kind: "owner", step: "1", owner: BOB })).toBe(false);
  expect(hides(EVE, { kind: "due", step: "1", due: 5 })).toBe(false);
  expect(hides(EVE, { kind: "add", text: "x" })).toBe(false);
  expect(hides(EVE, { kind: "close" })).toBe(false);
  expect(hides(EVE, { kind: "correct", entry: begun.getId(), text: "x" })).toBe(false);
  expect(hides(EVE, { kind: "owner", step: "1", owner: EVE })).toBe(true);
  expect(hides(EVE, { kind: "entry", text: "x" })).toBe(true);
  expect(hides(CHIEF, { kind: "due", step: "1", due: 5 })).toBe(true);
  expect(hides(CHIEF, { kind: "due", step: "no such step", due: 5 })).toBe(false);
});

test("nothing that anybody writes there breaks anything", () => {
  fc.assert(
    fc.property(fc.anything(), fc.anything(), (plan, done) => {
      const bad = event(CHIEF, { [PLAYBOOK]: plan });
      cardOf(bad, room(bad));
      const begun = event(CHIEF, { [PLAYBOOK]: given });
      const reply = event(BOB, { [ACT]: done, ...about(begun) });
      readAct(reply);
      expect(planOf(begun, room(begun, [reply]))?.plan.title).toBe("Crue");
      isOfPlaybook(reply, room(begun));
    }),
  );
});

test.each([
  { kind: "state", step: "1", state: "dancing" },
  { kind: "state", step: 1, state: "done" },
  { kind: "owner", step: "1", owner: "bob" },
  { kind: "due", step: "1", due: "hier" },
  { kind: "due", step: "1", due: 1e300 },
  { kind: "entry", text: "" },
  { kind: "entry", text: "x".repeat(2001) },
  { kind: "correct", text: "x" },
  { kind: "explode" },
  {},
])("%j is no act", (does) => {
  expect(readAct(event(BOB, { [ACT]: does }))).toBe(null);
});

test("an edit changes neither a playbook nor what was done", () => {
  const begun = event(CHIEF, { [PLAYBOOK]: given });
  const other = { [PLAYBOOK]: { ...given, title: "Autre" }, body: "x", msgtype: "m.text" };
  begun.makeReplaced(
    event(CHIEF, { "m.new_content": other, "m.relates_to": { rel_type: "m.replace", event_id: begun.getId() } }),
  );
  expect(readStart(begun)?.title).toBe("Crue");
});
