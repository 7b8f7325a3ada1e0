/** What other clients write into orders and answers, as far as it makes sense. */

import fc from "fast-check";
import { EventType, MatrixEvent, type Room } from "matrix-js-sdk";
import { expect, test } from "vitest";
import { STEP, URGENT } from "../src/matrix/order_ladder";
import { ANSWER, isOfOrder, isUrgent, LIFTED, ORDER, orderOf, readAnswer, readOrder } from "../src/matrix/order_results";
import type { People } from "../src/matrix/people";
import { fake, ME, person } from "./fakes";

const CHIEF = "@chief:here.example";
const BOB = "@bob:here.example";
const asked = { text: "Évacuer", to: [ME, BOB], due: 1_800_000_000_000 };

let number = 0;
const event = (sender: string, content: object, more: object = {}): MatrixEvent =>
  new MatrixEvent({
    event_id: `$${++number}`,
    room_id: "!room:here.example",
    sender,
    type: EventType.RoomMessage,
    origin_server_ts: number,
    content: { msgtype: "m.text", body: "…", ...content },
    ...more,
  });

const about = (order: MatrixEvent): object => ({
  "m.relates_to": { rel_type: "m.reference", event_id: order.getId() },
});

/** A room in which only the chief may give orders. */
function room(order: MatrixEvent, replies: MatrixEvent[] = []): Room {
  return fake<Room>({
    getMember: () => null,
    findEventById: (id) => (id === order.getId() ? order : undefined),
    currentState: { mayTriggerNotifOfType: (_what: string, who: string) => who === CHIEF } as never,
    relations: { getChildEventsForEvent: () => ({ getRelations: () => replies }) } as never,
  });
}

const people = fake<People>({ of: (_member, id) => person(id) });
const shown = (order: MatrixEvent, replies: MatrixEvent[] = []) => orderOf(order, room(order, replies), people, ME);

test("an order is shown with those who have not answered first", () => {
  const order = event(CHIEF, { [ORDER]: asked });
  const reply = event(ME, { [ANSWER]: { state: "doing", text: "" }, ...about(order) });
  const card = shown(order, [reply]);
  expect(card).toMatchObject({ text: "Évacuer", due: asked.due, asksMe: true, mine: "doing", lifted: null });
  expect(card?.answers.map((each) => [each.person.id, each.state])).toEqual([[BOB, null], [ME, "doing"]]); // biome-ignore format: one line
});

test.each([
  ["no object", 1],
  ["a list", []],
  ["null", null],
  ["no text", { ...asked, text: 1 }],
  ["an empty text", { ...asked, text: " " }],
  ["too long a text", { ...asked, text: "x".repeat(501) }],
  ["nobody", { ...asked, to: [] }],
  ["one person who is no list", { ...asked, to: ME }],
  ["people who are none", { ...asked, to: [ME, 1, {}] }],
  ["a name that is no identifier", { ...asked, to: ["__proto__"] }],
  ["ten thousand people", { ...asked, to: Array.from({ length: 10_000 }, (_, at) => `@p${at}:x`) }],
])("an order with %s is a message like others", (_name, given) => {
  expect(readOrder({ [ORDER]: given })).toBe(null);
});

test.each([Number.NaN, -1, 1e300, "demain", {}])("an end that makes no sense (%s) is none", (due) => {
  expect(readOrder({ [ORDER]: { ...asked, due } })).toMatchObject({ due: null });
});

test("nothing that anybody writes there breaks anything", () => {
  fc.assert(
    fc.property(fc.anything(), fc.anything(), fc.anything(), (given, answer, lifted) => {
      const order = event(CHIEF, { [ORDER]: given });
      const whole = event(CHIEF, { [ORDER]: asked });
      const reply = event(BOB, { [ANSWER]: answer, [LIFTED]: lifted, ...about(whole) });
      shown(order);
      shown(whole, [reply]);
      isOfOrder(reply, reply.getContent(), room(whole));
      isUrgent(event(CHIEF, { "org.chappe.urgent": given }), room(whole), ME);
    }),
  );
});

test("an order is not changed by an edit, but taken back: what people have answered is what they were asked", () => {
  const order = event(CHIEF, { [ORDER]: asked });
  const changed = { [ORDER]: { ...asked, text: "Tout autre chose" }, body: "Tout autre chose", msgtype: "m.text" };
  order.makeReplaced(
    event(CHIEF, { "m.new_content": changed, "m.relates_to": { rel_type: "m.replace", event_id: order.getId() } }),
  );
  expect(shown(order)).toMatchObject({ text: "Évacuer", edited: "Tout autre chose" });
  const reply = event(ME, { [ANSWER]: { state: "doing" }, ...about(order) });
  expect(isOfOrder(reply, reply.getContent(), room(order))).toBe(true);
});

test("an order that is deleted takes what was answered with it", () => {
  const order = event(CHIEF, { [ORDER]: asked });
  const reply = event(BOB, { [ANSWER]: { state: "doing" }, ...about(order) });
  const word = event(BOB, { body: "Pourquoi ?", ...about(order) });
  order.makeRedacted(event(CHIEF, {}, { type: EventType.RoomRedaction }), room(order));
  expect([reply, word].map((each) => isOfOrder(each, each.getContent(), room(order)))).toEqual([true, false]);
});

test("who may not notify the room gives no orders: what they write is a message", () => {
  expect(shown(event(BOB, { [ORDER]: asked }))).toBe(null);
  expect(isUrgent(event(BOB, { "org.chappe.urgent": { users: [ME] } }), room(event(CHIEF, {})), ME)).toBe(false);
  expect(isUrgent(event(CHIEF, { "org.chappe.urgent": { users: [ME] } }), room(event(CHIEF, {})), ME)).toBe(true);
});

test("an answer of somebody who was not asked counts for nothing, and stays a message", () => {
  const order = event(CHIEF, { [ORDER]: asked });
  const stranger = event("@eve:x", { [ANSWER]: { state: "doing" }, ...about(order) });
  expect(shown(order, [stranger])?.answers.every((each) => each.state === null)).toBe(true);
  expect(isOfOrder(stranger, stranger.getContent(), room(order))).toBe(false);
  const bob = event(BOB, { [ANSWER]: { state: "doing" }, ...about(order) });
  expect(isOfOrder(bob, bob.getContent(), room(order))).toBe(true);
  const elsewhere = event(BOB, {
    [ANSWER]: { state: "doing" },
    "m.relates_to": { rel_type: "m.reference", event_id: "$else" },
  });
  expect(isOfOrder(elsewhere, elsewhere.getContent(), room(order))).toBe(false);
});

test("the last answer counts; only who gave the order lifts it; words have an end", () => {
  const order = event(CHIEF, { [ORDER]: asked });
  const first = event(BOB, { [ANSWER]: { state: "received" }, ...about(order) });
  const last = event(BOB, { [ANSWER]: { state: "cannot", text: "y".repeat(9_000) }, ...about(order) });
  const mutiny = event(BOB, { [LIFTED]: { reason: "Non" }, ...about(order) });
  const card = shown(order, [last, first, mutiny]);
  expect(card?.answers.at(-1)).toMatchObject({ state: "cannot", text: "y".repeat(140) });
  expect(card?.lifted).toBe(null);
  const lifted = event(CHIEF, { [LIFTED]: { reason: "Fausse alerte" }, ...about(order) });
  expect(shown(order, [lifted])?.lifted).toMatchObject({ reason: "Fausse alerte" });
});

test.each([null, 1, {}, { state: "dancing" }, { state: ["doing"] }])("%s is no answer", (given) => {
  expect(readAnswer({ [ANSWER]: given })).toBe(null);
});

const step = (at: number, by: string, who?: unknown) => ({ at, by, ...(who !== undefined && { who }) });
const CARLA = "@carla:there.example";

test("steps that were taken say to whom; only then may whoever is asked instead answer", () => {
  const order = event(CHIEF, { [ORDER]: { ...asked, ladder: [step(30, "ask", CARLA), step(20, "mail")] } });
  const mail = event(CHIEF, { [STEP]: step(20, "mail"), [URGENT]: { users: [BOB, 1, "x"] }, ...about(order) });
  const answer = event(CARLA, { [ANSWER]: { state: "doing", text: "" }, ...about(order) });
  const before = shown(order, [mail, answer]);
  expect(before?.ladder.map((each) => [each.by, each.who?.id, each.done?.people.map((who) => who.id)])).toEqual([
    ["mail", undefined, [BOB]],
    ["ask", CARLA, undefined],
  ]);
  expect(before?.answers.map((each) => each.person.id)).toEqual([ME, BOB]);
  const ask = event(CHIEF, { [STEP]: step(30, "ask", CARLA), [URGENT]: { users: [CARLA] }, ...about(order) });
  const after = shown(order, [mail, ask, answer]);
  expect(after?.answers.map((each) => [each.person.id, each.state, each.instead])).toEqual([
    [ME, null, false],
    [BOB, null, false],
    [CARLA, "doing", true],
  ]);
  expect(orderOf(order, room(order, [ask]), people, CARLA)?.asksMe).toBe(true);
  expect(orderOf(order, room(order, []), people, CARLA)?.asksMe).toBe(false);
});

test("a step that somebody else claims to have taken was not", () => {
  const order = event(CHIEF, { [ORDER]: { ...asked, ladder: [step(30, "ask", CARLA)] } });
  const claimed = event(BOB, { [STEP]: step(30, "ask", CARLA), [URGENT]: { users: [CARLA] }, ...about(order) });
  expect(shown(order, [claimed])?.ladder).toMatchObject([{ done: null }]);
});

test.each([
  ["no list", { length: 5 }],
  ["what is no step", [1, null, "x", []]],
  ["a time that is none", [step(Number.NaN, "mail"), step(-1, "mail"), step(1e300, "mail")]],
  ["a kind that is none", [step(20, "call"), step(20, "__proto__")]],
  ["nobody to be asked", [step(20, "ask"), step(20, "ask", "carla")]],
])("of a ladder with %s nothing is shown", (_name, ladder) => {
  expect(readOrder({ [ORDER]: { ...asked, ladder } })?.ladder).toEqual([]);
});

test("a ladder of a thousand steps has five", () => {
  const ladder = Array.from({ length: 1000 }, (_, at) => step(at + 1, "mail"));
  expect(readOrder({ [ORDER]: { ...asked, ladder } })?.ladder).toHaveLength(5);
});
