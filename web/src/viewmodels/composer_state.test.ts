import { expect, test } from "vitest";
import { beginning, lookOf } from "./composer_state";

test("of a text the composer knows whether there is any, and whether there is anything to send", () => {
  expect(["", "  ", "a"].map(lookOf)).toEqual([
    { isBlank: true, isEmpty: true },
    { isBlank: true, isEmpty: false },
    { isBlank: false, isEmpty: false },
  ]);
});

test("a composer begins with its draft, and with nothing else", () => {
  expect(beginning("Bonj")).toMatchObject({ isBlank: false, reply: null, editing: null, suggestions: [], problem: null });
});
