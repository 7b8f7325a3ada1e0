import { describe, expect, test } from "vitest";
import { FakeClock } from "../../tests/fakes";
import { afterQuiet, reminderTimes } from "./reminder_times";

/** November 2026; the 30th is a Monday. Times of this machine. */
const at = (day: number, hour: number, minute = 0): number => new Date(2026, 10, day, hour, minute).getTime();
const offered = (now: number): Array<[string, number]> =>
  reminderTimes(new FakeClock(now)).map(({ key, at: when }) => [key, when]);

describe("what is offered depends on the hour", () => {
  test("in the morning of a Tuesday", () => {
    expect(offered(at(24, 11, 50))).toEqual([
      ["hour", at(24, 12, 50)],
      ["afternoon", at(24, 14)],
      ["tomorrow", at(25, 9)],
      ["monday", at(30, 9)],
    ]);
  });

  test("no afternoon after lunch; on a Sunday Monday is tomorrow; on a Monday it is the next one", () => {
    expect(offered(at(29, 15)).map(([key]) => key)).toEqual(["hour", "tomorrow"]);
    expect(offered(at(30, 15))).toContainEqual(["monday", new Date(2026, 11, 7, 9).getTime()]);
  });
});

describe("quiet hours move a reminder to their end", () => {
  const hours = (start: string, end: string, days = [0, 1, 2, 3, 4, 5, 6], enabled = true) => ({
    enabled,
    start,
    end,
    days,
    timezone: "Europe/Paris",
    allow_highlights: true,
  });

  test.each([
    ["none", null, at(24, 23), at(24, 23)],
    ["switched off", hours("20:00", "08:00", undefined, false), at(24, 23), at(24, 23)],
    ["in the evening", hours("20:00", "08:00"), at(24, 23), at(25, 8)],
    ["in the morning", hours("20:00", "08:00"), at(25, 7, 59), at(25, 8)],
    ["at their end", hours("20:00", "08:00"), at(25, 8), at(25, 8)],
    ["at noon", hours("12:00", "14:30"), at(24, 13), at(24, 14, 30)],
    ["not on that day", hours("20:00", "08:00", [0]), at(24, 23), at(24, 23)],
    ["begun the day before", hours("20:00", "08:00", [1]), at(25, 3), at(25, 8)],
    ["without a length", hours("08:00", "08:00"), at(25, 8), at(25, 8)],
  ])("%s", (_name, quiet, when, then) => expect(afterQuiet(when, quiet)).toBe(then));
});
