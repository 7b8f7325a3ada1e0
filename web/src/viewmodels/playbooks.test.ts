import { expect, test } from "vitest";
import { conversation, details, FakeClock, ME, person, refusal, settled, signal, signedIn } from "../../tests/fakes";
import type { Playbook, PlaybookEntry, PlaybookStep } from "../matrix/playbooks";
import type { Member } from "../matrix/types";
import { PlaybookDraftViewModel } from "./playbook_draft";
import { counts, late, matching, OpenPlaybooks, PlaybookViewModel, phases, unowned, urgency } from "./playbooks";

const step = (id: string, given: Partial<PlaybookStep> = {}): PlaybookStep => ({
  id,
  phase: "Alerter",
  text: `étape ${id}`,
  owner: null,
  due: null,
  state: "todo",
  by: null,
  at: null,
  last: null,
  ...given,
});

const entry = (id: string, text: string): PlaybookEntry => ({
  id,
  sender: person("@anne:x", "Anne"),
  mine: false,
  ts: 1,
  kind: "entry",
  text,
  owner: null,
  was: [],
  corrected: null,
  isLate: false,
});

const book = (given: Partial<Playbook> = {}): Playbook => ({
  id: "$p",
  title: "Crue",
  steps: [step("1"), step("2")],
  log: [],
  closed: null,
  seals: [],
  locked: 0,
  mayLead: true,
  ...given,
});

function opened({ fails = false, may = true }: { fails?: boolean; may?: boolean } = {}) {
  const done: unknown[] = [];
  const clock = new FakeClock();
  const world = { book: book() as Playbook | null, open: [{ id: "$p", title: "Crue" }], fails };
  const changed = signal();
  const act =
    (name: string, answer?: unknown) =>
    async (...given: unknown[]): Promise<never> => {
      if (world.fails) throw refusal("M_FORBIDDEN");
      done.push([name, ...given]);
      return answer as never;
    };
  const members: Member[] = [{ ...person("@anne:x"), membership: "join", level: 0 }];
  const room = conversation({
    details: () => details({ may: { ...details().may, pin: may } }),
    members: { list: async () => [...members, { ...members[0], id: "@gone:x", membership: "ban" }] },
    settings: { pin: act("pin") },
    playbooks: {
      changed,
      listen: () => {},
      open: () => world.open,
      look: act("look"),
      load: async () => void done.push(["load"]),
      read: () => world.book,
      start: act("start", "$new"),
      act: act("act"),
    },
  });
  return { done, clock, world, changed, room, make: () => new PlaybookViewModel(signedIn(), room, "$p", clock) };
}

test("a model is chosen, what it says is changed, and it begins; it is pinned for whoever comes later", async () => {
  const { room, clock, done } = opened();
  const draft = new PlaybookDraftViewModel(signedIn(), room, clock);
  expect(draft.missing()).toBe("playbook.missing.model");
  expect(await draft.start(() => "")).toBe(null);
  draft.choose("flood", "Crue", "Fermer les ponts");
  draft.setTitle(" Crue de la Saône ");
  expect(await draft.start((title, steps) => `${title}: ${steps.length}`)).toBe("$new");
  const steps = [{ id: "1", phase: "", text: "Fermer les ponts", owner: null, due: null }];
  expect(done).toEqual([
    ["start", { title: "Crue de la Saône", steps, body: "Crue de la Saône: 1" }],
    ["pin", "$new", true],
  ]);
});

test("whoever may not pin begins one all the same; what is refused is said", async () => {
  const may = opened({ may: false });
  const draft = new PlaybookDraftViewModel(signedIn(), may.room, may.clock);
  draft.choose("own", "Crue", "a");
  expect(await draft.start(() => "")).toBe("$new");
  expect(may.done).toHaveLength(1);
  const refused = opened({ fails: true });
  const other = new PlaybookDraftViewModel(signedIn(), refused.room, refused.clock);
  other.choose("own", "Crue", "a");
  expect(await other.start(() => "")).toBe(null);
  expect(other.snapshot().problem).toMatchObject({ key: "error.M_FORBIDDEN" });
});

test("what is under way in a room is known, and followed", () => {
  const { room, world, changed } = opened();
  const model = new OpenPlaybooks(signedIn(), room);
  expect(model.snapshot().open).toEqual([{ id: "$p", title: "Crue" }]);
  const before = model.snapshot();
  changed.fire();
  expect(model.snapshot()).toBe(before); // nothing is drawn again for nothing
  world.open = [];
  changed.fire();
  expect(model.snapshot().open).toEqual([]);
});

test("what was said in the conversation is taken into the log of the newest plan", async () => {
  const { room, world, done, changed } = opened();
  const model = new OpenPlaybooks(signedIn(), room);
  expect(await model.enter(" Sophie : 2 cars ", (title, text) => `${title} – ${text}`)).toBe(true);
  expect(done.at(-1)).toEqual(["act", "$p", { kind: "entry", text: "Sophie : 2 cars" }, "Crue – Sophie : 2 cars"]);
  expect(await model.enter(" ", () => "")).toBe(false);
  world.fails = true;
  expect(await model.enter("x", () => "")).toBe(false);
  world.open = [];
  changed.fire();
  world.fails = false;
  expect(await model.enter("x", () => "")).toBe(false);
});

test("two steps that are ticked one after the other are two acts, even where the first is still on its way", async () => {
  const { make, done } = opened();
  const model = make();
  await settled();
  await Promise.all([model.tick(step("1"), "done", "a"), model.tick(step("2"), "done", "b")]);
  expect(done.slice(1)).toEqual([
    ["act", "$p", { kind: "state", step: "1", state: "done" }, "a", []],
    ["act", "$p", { kind: "state", step: "2", state: "done" }, "b", []],
  ]);
});

test("whoever is given something hears of it; whoever takes it does not", async () => {
  const { make, done } = opened();
  const model = make();
  await settled();
  await model.give(step("1"), "@anne:x", "a");
  await model.give(step("1"), ME, "b");
  await model.give(step("1"), null, "c");
  expect(done.slice(1).map((each) => (each as unknown[]).at(-1))).toEqual([["@anne:x"], [], []]);
  expect(model.snapshot().members.map((each) => each.id)).toEqual(["@anne:x"]);
});

test("a line of the log leaves its field when it leaves, and is there again where it could not", async () => {
  const { make, done, world } = opened();
  const model = make();
  await settled();
  expect(await model.enter("")).toBe(false);
  model.write(" Appel du maire ");
  expect(await model.enter("x")).toBe(true);
  expect(model.snapshot().entry).toBe("");
  world.fails = true;
  model.write("Perdu ?");
  expect(await model.enter("x")).toBe(false);
  expect(model.snapshot()).toMatchObject({ entry: "Perdu ?", problem: { key: "error.M_FORBIDDEN" } });
  expect(done.slice(1)).toEqual([["act", "$p", { kind: "entry", text: "Appel du maire" }, "x", []]]);
});

test("one's own line is corrected; a step is added to its phase; a time limit is set", async () => {
  const { make, done, clock } = opened();
  const model = make();
  await settled();
  expect(await model.enterCorrection("")).toBe(false);
  model.correct({ id: "$e", text: " 2 cars " });
  expect(await model.enterCorrection("x")).toBe(true);
  expect(await model.addStep("")).toBe(false);
  model.add({ phase: "Alerter", text: "Sonner" });
  expect(await model.addStep("y")).toBe(true);
  await model.setDue(step("1"), model.dueIn(10), "z");
  expect(model.snapshot()).toMatchObject({ correcting: null, adding: null });
  expect(done.slice(1).map((each) => (each as unknown[])[2])).toEqual([
    { kind: "correct", entry: "$e", text: "2 cars" },
    { kind: "add", phase: "Alerter", text: "Sonner" },
    { kind: "due", step: "1", due: clock.now() + 600_000 },
  ]);
});

test("what others do is shown, and time goes on by itself", async () => {
  const { make, world, changed, clock } = opened();
  const model = make();
  await settled();
  expect(model.snapshot().loading).toBe(false);
  world.book = book({ steps: [step("1", { state: "done" })] });
  changed.fire();
  expect(model.snapshot().book?.steps[0].state).toBe("done");
  const before = model.snapshot().now;
  await clock.pass(60_000);
  expect(model.snapshot().now).toBe(before + 60_000);
  model.close();
  expect(clock.waiting).toBe(0);
});

test("what is late, what nobody does, how far it is", () => {
  const now = 10_000_000;
  const steps = [
    step("1", { due: now - 1, phase: "A" }),
    step("2", { due: now - 1, state: "done", phase: "B" }),
    step("3", { owner: person("@anne:x"), phase: "A" }),
    step("4", { state: "not_applicable", phase: "A" }),
  ];
  expect(late(steps, now).map((each) => each.id)).toEqual(["1"]);
  expect(unowned(steps).map((each) => each.id)).toEqual(["1"]);
  expect(counts(steps)).toEqual({ done: 1, all: 3 });
  expect(phases(steps).map(({ phase, done, all }) => [phase, done, all])).toEqual([["A", 0, 2], ["B", 1, 1]]); // biome-ignore format: one line
  expect([urgency(null, now), urgency(now, now), urgency(now + 600_000, now), urgency(now + 600_001, now)]).toEqual([
    null,
    "late",
    "soon",
    "later",
  ]);
});

test("a log is searched by what it says and by who says it", () => {
  const log = [entry("1", "Évacuer la crèche"), entry("2", "Cote à 4,20 m")];
  const words = (each: PlaybookEntry): string => each.text;
  expect(matching(log, "evacuer", words).map((each) => each.id)).toEqual(["1"]);
  expect(matching(log, "anne", words)).toHaveLength(2);
  expect(matching(log, " ", words)).toBe(log);
});

test("more of a long log is drawn when it is asked for", async () => {
  const model = opened().make();
  const before = model.snapshot().shown;
  model.showMore();
  expect(model.snapshot().shown).toBe(before * 2);
  model.setFilter("x");
  expect(model.snapshot().filter).toBe("x");
});
