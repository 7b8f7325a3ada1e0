import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { item, person } from "../../tests/fakes";
import type { Item } from "../matrix/types";
import { dayOf } from "../platform/clock";
import { type Row, rowsOf } from "./timeline_rows";

const START = Date.UTC(2026, 10, 29, 12);
const MINUTE = 60_000;

const contents: fc.Arbitrary<Item["content"]> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Item["content"]>({ type: "text", body: "x", html: null, emote: false, notice: false }) },
  { weight: 2, arbitrary: fc.constant<Item["content"]>({ type: "event", key: "event.joined", values: {} }) },
  { weight: 1, arbitrary: fc.constant<Item["content"]>({ type: "deleted", by: null, reason: null }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Item["content"]>({ type: "locked", reason: "waiting" }, { type: "locked", reason: "verify" }),
  },
);

/** Histories as servers bring them: mostly forward in time, sometimes back (a server whose clock is wrong), a day now and then. */
const histories: fc.Arbitrary<Item[]> = fc
  .array(
    fc.record({
      who: fc.integer({ min: 0, max: 2 }),
      content: contents,
      passes: fc.oneof(
        fc.integer({ min: 0, max: 4 * MINUTE }),
        fc.integer({ min: 4 * MINUTE, max: 30 * MINUTE }),
        fc.integer({ min: -1500 * MINUTE, max: 3000 * MINUTE }),
      ),
      reply: fc.boolean(),
      seen: fc.integer({ min: 0, max: 9 }),
    }),
    { maxLength: 40 },
  )
  .map((drawn) => {
    let ts = START;
    return drawn.map(({ who, content, passes, reply, seen }, at) => {
      ts += passes;
      return item({
        key: `k${at}`,
        eventId: `$${at}`,
        sender: person(`@${who}:a`),
        mine: who === 0,
        ts,
        content,
        reply: reply ? { eventId: "$q", sender: null, text: null } : null,
        seenBy: seen === 0 ? [person("@reader:a")] : [],
      });
    });
  });

/** With the event that had been read: one of them, one from before, none. */
const readHistories = histories.chain((items) =>
  fc.record({ items: fc.constant(items), read: fc.constantFrom(null, "$before", ...items.map((each) => each.eventId)) }),
);

const itemRows = (rows: Row[]) => rows.filter((each) => each.type === "item");
const isNews = (each: Item): boolean => !each.mine && each.content.type !== "event";

describe("whatever was said, by whom and when", () => {
  test("every message has its row, in its order, and no two rows the same key", () => {
    fc.assert(
      fc.property(readHistories, ({ items, read }) => {
        const rows = rowsOf(items, read);
        expect(itemRows(rows).map((each) => each.item)).toEqual(items);
        expect(new Set(rows.map((each) => each.key)).size).toBe(rows.length);
      }),
    );
  });

  test("a day has its line where it begins, and only there", () => {
    fc.assert(
      fc.property(readHistories, ({ items, read }) => {
        const rows = rowsOf(items, read);
        let day: number | null = null;
        rows.forEach((row, at) => {
          if (row.type === "day") {
            expect(dayOf(row.ts)).not.toBe(day);
            expect(rows[at + 1]?.type).not.toBe("day"); // an empty day has no line
            day = dayOf(row.ts);
          }
          if (row.type === "item") expect(dayOf(row.item.ts)).toBe(day);
        });
        expect(rows.at(-1)?.type ?? "item").toBe("item");
      }),
    );
  });

  test("unread begins once, above the first that somebody else said after what was read, and counts what follows", () => {
    fc.assert(
      fc.property(readHistories, ({ items, read }) => {
        const rows = rowsOf(items, read);
        const lines = rows.flatMap((each, at) => (each.type === "unread" ? [{ at, count: each.count }] : []));
        const readAt = items.findIndex((each) => each.eventId === read);
        const news = readAt < 0 ? [] : items.slice(readAt + 1).filter(isNews);
        expect(lines.map((each) => each.count)).toEqual(news.length ? [news.length] : []);
        if (!lines.length) return;
        expect(rows[lines[0].at + 1]).toMatchObject({ type: "item", item: news[0], continues: false });
      }),
    );
  });

  test("a message stands under another's name only where nothing is between them", () => {
    fc.assert(
      fc.property(readHistories, ({ items, read }) => {
        const rows = rowsOf(items, read);
        rows.forEach((row, at) => {
          if (row.type !== "item") return;
          const before = rows[at - 1];
          const previous = before?.type === "item" ? before.item : null;
          const together =
            previous !== null &&
            previous.sender.id === row.item.sender.id &&
            previous.content.type !== "event" &&
            row.item.content.type !== "event" &&
            row.item.ts - previous.ts < 5 * MINUTE &&
            row.item.reply === null &&
            previous.seenBy.length === 0;
          expect(row.continues).toBe(together);
        });
      }),
    );
  });

  test("the reason for a locked message is said again only after something else", () => {
    fc.assert(
      fc.property(histories, (items) => {
        itemRows(rowsOf(items, null)).forEach((row, at) => {
          const reason = (each: Item | undefined) => (each?.content.type === "locked" ? each.content.reason : null);
          expect(row.again).toBe(reason(row.item) !== null && reason(row.item) === reason(items[at - 1]));
        });
      }),
    );
  });

  test("older messages that come change nothing of those below, but the first day and the first name", () => {
    fc.assert(
      fc.property(histories, fc.nat(40), (items, cut) => {
        const newer = items.slice(Math.min(cut, items.length));
        const known = itemRows(rowsOf(newer, null)).slice(1);
        const whole = itemRows(rowsOf(items, null));
        expect(whole.slice(whole.length - known.length)).toEqual(known);
      }),
    );
  });

  test("a message that arrives changes no row above it", () => {
    fc.assert(
      fc.property(histories, (items) => {
        const before = rowsOf(items.slice(0, -1), null);
        expect(rowsOf(items, null).slice(0, before.length)).toEqual(before);
      }),
    );
  });
});

test("nothing is no rows", () => {
  expect(rowsOf([], "$x")).toEqual([]);
});

test.each([
  ["five minutes later", { ts: START + 5 * MINUTE }, false],
  ["a moment before five minutes", { ts: START + 5 * MINUTE - 1 }, true],
  ["an answer", { reply: { eventId: "$", sender: null, text: null } }, false],
  ["somebody else", { sender: person("@other:a") }, false],
])("%s: whether it stands under the same name", (_name, given, together) => {
  const first = item({ ts: START });
  const rows = itemRows(rowsOf([first, item({ ts: START + 1, sender: first.sender, ...given })], null));
  expect(rows[1].continues).toBe(together);
});

test("where what somebody has opened begins, it is said who; what happened in between changes nothing", () => {
  const [anne, bea] = [person("@anne:x", "Anne"), person("@bea:x", "Béa")];
  const at = (number: number, givenBy: Item["givenBy"], content?: Item["content"]): Item =>
    item({ key: `${number}`, eventId: `$${number}`, ts: START + number, givenBy, ...(content && { content }) });
  const rows = rowsOf(
    [
      at(0, null, { type: "locked", reason: "before-join" }),
      at(1, anne),
      at(2, null, { type: "event", key: "event.joined", values: {} }),
      at(3, anne),
      at(4, bea),
      at(5, null),
      at(6, anne),
    ],
    null,
  );
  const said = rows.flatMap((each) => (each.type === "given" ? `by ${each.by.name}` : each.type === "item" ? each.key : []));
  expect(said).toEqual(["0", "by Anne", "1", "2", "3", "by Béa", "4", "5", "by Anne", "6"]);
});
