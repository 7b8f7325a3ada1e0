import { expect, test } from "vitest";
import { FakeClock } from "../../tests/fakes";
import { choices, isPossible } from "./schedule";

const at = (hours: number, minutes = 0): FakeClock => new FakeClock(new Date(2026, 10, 28, hours, minutes).getTime());
const HOUR = 3_600_000;

test.each([
  ["in the evening", at(18), 3],
  ["a minute after eight", at(8, 1), 3],
  ["before eight: tomorrow morning is too far", at(7), 2],
])("%s: what is offered may be chosen", (_name, clock, count) => {
  const offered = choices(clock);
  expect(offered).toHaveLength(count);
  expect(offered.every((each) => isPossible(each, clock))).toBe(true);
  if (count === 3) expect(new Date(offered[1]).getHours()).toBe(8);
});

test("neither the past, nor now, nor more than a day ahead, nor nothing", () => {
  const clock = at(18);
  const possible = [-1, 0, 1, 24 * HOUR, 24 * HOUR + 1, Number.NaN].map((later) => isPossible(clock.now() + later, clock));
  expect(possible).toEqual([false, false, true, true, false, false]);
});
