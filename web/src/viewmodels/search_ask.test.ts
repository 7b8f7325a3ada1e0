import fc from "fast-check";
import { expect, test } from "vitest";
import { NOTHING, readAsk, WHATS, WHENS, writeAsk } from "./search_ask";

const day = fc.constantFrom("", "2026-11-22", "2026-02-28");
const id = fc.option(fc.string({ minLength: 1 }));

test("an address says what is asked, whatever it is", () => {
  const asks = fc.record({
    term: fc.string(),
    room: id,
    sender: id,
    when: fc.constantFrom(...WHENS),
    since: day,
    until: day,
    what: fc.constantFrom(...WHATS),
  });
  fc.assert(fc.property(asks, (ask) => void expect(readAsk(writeAsk(ask))).toEqual(ask)));
});

test("what an address says wrongly is left out", () => {
  expect(writeAsk(NOTHING)).toBe("");
  for (const query of [undefined, "", "when=soon&what=money&since=yesterday&x=1"]) expect(readAsk(query)).toEqual(NOTHING);
});
