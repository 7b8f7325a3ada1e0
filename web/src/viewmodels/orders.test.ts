import { expect, test } from "vitest";
import { conversation, FakeClock, item, ME, person, refusal, settled, signedIn } from "../../tests/fakes";
import type { Member, OrderContent, OrderState } from "../matrix/types";
import { OrderDraftViewModel, OrderViewModel, type OrderWords, tally, waiting } from "./orders";

const member = (id: string, given: Partial<Member> = {}): Member => ({ ...person(id), membership: "join", level: 0, ...given });
const words: OrderWords = {
  body: (text) => `Ordre : ${text}`,
  step: (_text, { by }, name) => `${by} ${name}`.trim(),
};
const MINUTE = 60_000;

function opened(members: Member[], fails = false, { mails = true, holds = true } = {}) {
  const done: unknown[] = [];
  const loaded: string[] = [];
  const clock = new FakeClock();
  const act =
    (name: string) =>
    async (...given: unknown[]): Promise<never> => {
      if (fails) throw refusal("M_FORBIDDEN");
      done.push([name, ...given]);
      return true as never;
    };
  const room = conversation({
    members: { list: async () => members },
    orders: {
      give: async (...given) => {
        await act("give")(...given);
        return holds;
      },
      mails: async () => mails,
      answer: act("answer"),
      lift: act("lift"),
      remind: act("remind"),
      settle: act("settle"),
      load: async (id) => void loaded.push(id),
    },
  });
  return {
    done,
    loaded,
    clock,
    draft: new OrderDraftViewModel(signedIn(), room, clock),
    order: new OrderViewModel(signedIn(), room, "$o"),
  };
}

const content = (...states: Array<OrderState | null>): OrderContent => ({
  type: "order",
  text: "Évacuer",
  due: null,
  answers: states.map((state, at) => ({ person: person(`@p${at}:x`), instead: false, state, text: "", ts: state && 1 })),
  asksMe: true,
  mine: null,
  lifted: null,
  edited: null,
  ladder: [],
});

test("everybody who is in the room is asked, but oneself, until one chooses", async () => {
  const { draft, done, clock } = opened([member(ME), member("@a:x"), member("@b:x"), member("@gone:x", { membership: "ban" })]);
  await settled();
  expect([...draft.snapshot().chosen]).toEqual(["@a:x", "@b:x"]);
  draft.toggle("@b:x");
  draft.setText("  Évacuer la crèche ");
  expect(await draft.give(words)).toBe(true);
  const due = clock.now() + 30 * MINUTE;
  const ladder = [{ at: due, by: "remind", who: null, body: "remind" }];
  expect(done).toEqual([["give", { text: "Évacuer la crèche", to: ["@a:x"], due, body: "Ordre : Évacuer la crèche", ladder }]]);
});

test("an order without words or people is not given, and says what is missing", async () => {
  const { draft, done } = opened([member("@a:x")]);
  await settled();
  expect(draft.missing()).toBe("order.missing.text");
  draft.setText("Évacuer");
  draft.toggleAll(false);
  expect(draft.missing()).toBe("order.missing.people");
  expect(await draft.give(words)).toBe(false);
  expect(done).toEqual([]);
});

test("of more than fifty people it is asked once more; more than five hundred are too many", async () => {
  const many = (count: number): Member[] => Array.from({ length: count }, (_, at) => member(`@p${at}:x`));
  const { draft, done } = opened(many(51));
  await settled();
  draft.setText("Évacuer");
  expect(await draft.give(words)).toBe(false);
  expect(draft.snapshot().isAsking).toBe(true);
  expect(await draft.give(words)).toBe(true);
  expect(done).toHaveLength(1);
  const crowd = opened(many(501)).draft;
  await settled();
  expect(crowd.snapshot().chosen.size).toBe(0);
  crowd.setText("Évacuer");
  crowd.toggleAll(true);
  expect(crowd.missing()).toBe("order.missing.many");
});

test("people are found by name or organisation", async () => {
  const { draft } = opened([member("@a:x", { name: "Élise" }), member("@b:x", { name: "Bob", organisation: "DDT" })]);
  await settled();
  draft.setFilter("elise");
  expect(draft.snapshot().shown.map((each) => each.id)).toEqual(["@a:x"]);
  draft.setFilter("ddt");
  expect(draft.snapshot().shown.map((each) => each.id)).toEqual(["@b:x"]);
});

test("who cannot says why; the others need no words", async () => {
  const { order, done } = opened([]);
  expect(await order.answer("received", "Reçu")).toBe(true);
  expect(await order.answer("cannot", "Impossible")).toBe(false);
  order.write("  Pas de car ");
  expect(await order.answer("cannot", "Impossible : pas de car")).toBe(true);
  expect(order.snapshot().reason).toBe(null);
  expect(done).toEqual([
    ["answer", "$o", "received", "", "Reçu"],
    ["answer", "$o", "cannot", "Pas de car", "Impossible : pas de car"],
  ]);
});

test("lifting needs a reason; those who have not answered are reminded", async () => {
  const { order, done } = opened([]);
  expect(await order.lift("Levé")).toBe(false);
  order.writeLift("Fausse alerte");
  expect(await order.lift("Levé")).toBe(true);
  await order.remind(content("doing", null, null), "Rappel");
  expect(done).toEqual([
    ["lift", "$o", "Fausse alerte", "Levé"],
    ["remind", "$o", ["@p1:x", "@p2:x"], "Rappel"],
  ]);
});

test("once all have answered, the server reminds nobody: only whoever gave it says so", async () => {
  const { order, done } = opened([]);
  order.settle(item({ mine: true, content: content("doing", null) }));
  order.settle(item({ content: content("doing") }));
  expect(done).toEqual([]);
  order.settle(item({ mine: true, content: content("doing", "cannot") }));
  await settled();
  expect(done).toEqual([["settle", "$o"]]);
});

test("answers are counted", () => {
  expect(tally(content("received", "doing", "doing", "cannot", null))).toEqual({
    received: 1,
    doing: 2,
    cannot: 1,
    none: 1,
    all: 5,
  });
  expect(waiting(content("received", null))).toHaveLength(1);
});

test("what goes wrong is said, and what was written stays", async () => {
  const { order } = opened([], true);
  order.write("Pas de car");
  expect(await order.answer("cannot", "x")).toBe(false);
  expect(order.snapshot()).toMatchObject({ reason: "Pas de car", problem: { key: "error.M_FORBIDDEN" } });
});

test("what was answered long after is asked for", () => {
  expect(opened([]).loaded).toEqual(["$o"]);
});

test("what follows is stronger each time, and goes by its time; whoever is asked instead is not asked with the others", async () => {
  const { draft, done, clock } = opened([member("@a:x"), member("@b:x", { name: "Bruno" })]);
  await settled();
  draft.setText("Évacuer");
  draft.addStep();
  draft.addStep();
  expect(draft.snapshot().steps.map(({ minutes, by }) => [minutes, by])).toEqual([
    [30, "remind"],
    [45, "mail"],
    [60, "ask"],
  ]);
  expect(draft.missing()).toBe("order.missing.instead");
  draft.setStep(2, { who: "@b:x", minutes: 20 });
  expect([...draft.snapshot().chosen]).toEqual(["@a:x"]);
  expect(await draft.give(words)).toBe(true);
  const [, given] = done[0] as [string, { ladder: Array<{ at: number; body: string }> }];
  expect(given.ladder.map((each) => [(each.at - clock.now()) / MINUTE, each.body])).toEqual([
    [20, "ask Bruno"],
    [30, "remind"],
    [45, "mail"],
  ]);
});

test("a reminder at the hour goes with it, others stay; there are five steps at most", async () => {
  const { draft } = opened([member("@a:x")], false, { mails: false });
  await settled();
  draft.addStep();
  draft.setMinutes(60);
  expect(draft.snapshot().steps.map(({ minutes, by }) => [minutes, by])).toEqual([
    [60, "remind"],
    [45, "ask"], // this server writes no mails
  ]);
  for (let count = 0; count < 9; count += 1) draft.addStep();
  expect(draft.snapshot().steps).toHaveLength(5);
  while (draft.snapshot().steps.length) draft.removeStep(0);
  draft.setMinutes(0);
  expect(draft.snapshot().steps).toEqual([]);
});

test("where the server has not taken what is to follow, it is said, and the order is not given twice", async () => {
  const { draft, done } = opened([member("@a:x")], false, { holds: false });
  await settled();
  draft.setText("Évacuer");
  expect(await draft.give(words)).toBe(false);
  expect(draft.snapshot()).toMatchObject({ isUnheld: true, problem: null });
  await draft.give(words);
  expect(done).toHaveLength(1);
});
