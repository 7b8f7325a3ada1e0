import { expect, test } from "vitest";
import { person } from "../../tests/fakes";
import type { OrderContent, OrderState, OrderStep } from "../matrix/types";
import { another, planned, shownLadder } from "./order_ladder";

const MINUTE = 60_000;
const NOW = 1_000_000_000;
const step = (minutes: number, given: Partial<OrderStep> = {}): OrderStep => ({
  at: NOW + minutes * MINUTE,
  by: "remind",
  who: null,
  done: null,
  ...given,
});

function order(states: Array<OrderState | null>, ladder: OrderStep[], given: Partial<OrderContent> = {}): OrderContent {
  const answers = states.map((state, at) => ({ person: person(`@p${at}:x`), instead: false, state, text: "", ts: null }));
  return {
    type: "order",
    text: "Évacuer",
    due: null,
    answers,
    asksMe: true,
    mine: null,
    lifted: null,
    edited: null,
    ladder,
    ...given,
  };
}

const states = (content: OrderContent): string[] => shownLadder(content, NOW).map((each) => each.state);

test("what was done, what is next, what is later, and what did not happen", () => {
  const done = step(-30, { done: { ts: NOW - 30 * MINUTE, people: [] } });
  const content = order([null], [done, step(-10), step(6), step(20)]);
  expect(states(content)).toEqual(["done", "missed", "next", "later"]);
  expect(shownLadder(content, NOW).map((each) => each.minutes)).toEqual([0, 0, 6, 20]);
  expect(states(order([null], [step(-1)]))).toEqual(["next"]); // it may be on its way
});

test("once all who were asked have answered, or it is lifted, nothing follows", () => {
  expect(states(order(["doing", "cannot"], [step(5)]))).toEqual(["off"]);
  expect(states(order(["doing", null], [step(5)]))).toEqual(["next"]);
  expect(states(order([null], [step(5)], { lifted: { reason: "x", ts: 1 } }))).toEqual(["off"]);
});

test("somebody who is asked instead holds nothing up", () => {
  const content = order(["doing", null], [step(5)]);
  const answers = content.answers.map((each, at) => ({ ...each, instead: at === 1 }));
  expect(states({ ...content, answers })).toEqual(["off"]);
});

test("steps are by time, and only who is asked instead is named", () => {
  expect(
    planned(
      [
        { minutes: 30, by: "ask", who: "@b:x" },
        { minutes: 10, by: "mail", who: "@b:x" },
      ],
      NOW,
    ),
  ).toEqual([
    { at: NOW + 10 * MINUTE, by: "mail", who: null },
    { at: NOW + 30 * MINUTE, by: "ask", who: "@b:x" },
  ]);
});

test("one more is later than the last, up to the end of the list", () => {
  expect(another([], true)).toEqual({ minutes: 5, by: "remind", who: null });
  expect(another([{ minutes: 480, by: "mail", who: null }], true)).toEqual({ minutes: 480, by: "ask", who: null });
});
