import fc from "fast-check";
import { expect, test } from "vitest";
import { seenBy } from "./readers";

const PEOPLE = ["@me:a", "@anne:a", "@bob:a", "@claire:a"];

/** A history, and how far each has read: somewhere in it, or not at all. */
const histories = fc
  .array(fc.record({ who: fc.constantFrom(...PEOPLE), isShown: fc.boolean() }), { minLength: 1, maxLength: 20 })
  .chain((events) =>
    fc.record({
      events: fc.constant(events),
      read: fc.tuple(...PEOPLE.map(() => fc.integer({ min: -1, max: events.length - 1 }))),
    }),
  );

test("each person is at one message at most: the last with a row that they have read; at none where they said it themselves", () => {
  fc.assert(
    fc.property(histories, ({ events, read }) => {
      const given = events.map(({ who, isShown }, at) => ({
        id: `$${at}`,
        sender: who,
        readers: PEOPLE.filter((_each, index) => read[index] === at),
        isShown: () => isShown,
      }));
      const found = seenBy(given, "@me:a");
      PEOPLE.forEach((person, index) => {
        const places = [...found].filter(([, readers]) => readers.includes(person)).map(([id]) => id);
        const last = events.findLastIndex((each, at) => each.isShown && at <= read[index]);
        const says = last < 0 || person === "@me:a" || events[last].who === person || events[read[index]].who === person;
        expect(places).toEqual(says ? [] : [`$${last}`]);
      });
    }),
  );
});

test("what has no row is looked at only where somebody has read it", () => {
  let looked = 0;
  const event = (id: string, readers: string[]) => ({ id, sender: "@bob:a", readers, isShown: () => ++looked > 0 });
  expect(seenBy([event("$1", []), event("$2", []), event("$3", ["@anne:a"])], null)).toEqual(new Map([["$3", ["@anne:a"]]]));
  expect(looked).toBe(1);
});
