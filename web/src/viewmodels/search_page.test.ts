import { expect, test } from "vitest";
import { FakeClock, encryption as fakeEncryption, settled, signedIn, summary } from "../../tests/fakes";
import type { Found, Results } from "../matrix/message_index";
import { ANYTHING, type Query } from "../platform/search_query";
import { Signal } from "../platform/signal";
import { type Ask, NOTHING } from "./search_ask";
import { SearchPageViewModel } from "./search_page";

const NOW = new Date("2026-11-29T15:00").getTime();
const midnight = (day: string): number => new Date(`${day}T00:00`).getTime();
const found = (eventId: string, roomId = "!a"): Found => ({
  eventId, roomId, sender: "Anne", senderId: "@anne:a", ts: 1, text: "crue", kind: "text", isFile: false,
}); // biome-ignore format: one line

function opened(asked: Partial<Ask> = {}) {
  const clock = new FakeClock(NOW);
  const queries: Query[] = [];
  const moved: Ask[] = [];
  const answer: Results = {
    found: [found("$1"), found("$2", "!left")],
    count: 70,
    senders: [{ id: "@anne:a", name: "Anne", count: 70 }],
    rooms: [
      { id: "!a", count: 69 },
      { id: "!left", count: 1 },
    ],
  };
  const find = async (query: Query): Promise<Results> => {
    queries.push(query);
    return answer;
  };
  const index = { changed: new Signal(0, clock), count: 42, isBehind: true, find };
  const encryption = fakeEncryption({ changed: new Signal(0, clock), state: "unconfirmed" });
  const matrix = signedIn({ index, encryption, rooms: { list: () => [summary({ id: "!a", name: "Crue" })] } });
  const model = new SearchPageViewModel(matrix, { ...NOTHING, ...asked }, (ask) => moved.push(ask), clock);
  return { clock, queries, moved, model, index, encryption };
}

test("without a word and a filter nothing is looked for; what is missing is said", async () => {
  const { model, queries, clock, encryption } = opened();
  await settled();
  expect([queries, model.snapshot().found, model.isAsked]).toEqual([[], null, false]);
  expect(model.snapshot()).toMatchObject({ indexed: 42, isBehind: true, isUnconfirmed: true });
  encryption.state = "ready";
  encryption.changed.fire();
  await clock.pass(1);
  expect(model.snapshot()).toMatchObject({ indexed: 42, isUnconfirmed: false });
});

test("an address is looked for at once; results say where they are, and rooms that one is in are offered", async () => {
  const { model, queries } = opened({ term: "crue", what: "document" });
  await settled();
  expect(queries).toEqual([{ ...ANYTHING, term: "crue", kinds: ["document"] }]);
  expect(model.snapshot()).toMatchObject({
    count: 70,
    found: [{ eventId: "$1", room: "Crue" }, { eventId: "$2", room: "" }],
    senders: [{ name: "Anne" }],
    rooms: [{ id: "!a", name: "Crue", count: 69 }],
  }); // biome-ignore format: a table
});

test("a filter alone is a question; the address follows what is asked", async () => {
  const { model, queries, moved, clock } = opened();
  model.choose({ sender: "@anne:a" });
  await clock.pass(0);
  model.type("cru");
  await clock.pass(149);
  expect(queries).toHaveLength(1);
  await clock.pass(1);
  expect(queries[1]).toEqual({ ...ANYTHING, sender: "@anne:a", term: "cru" });
  expect(moved.at(-1)).toEqual({ ...NOTHING, sender: "@anne:a", term: "cru" });
  model.clearFilters();
  await clock.pass(0);
  expect([queries[2], model.isFiltered]).toEqual([{ ...ANYTHING, term: "cru" }, false]);
});

test("times are days where one is, the last one included", async () => {
  const { model, queries, clock } = opened({ term: "crue" });
  for (const change of [
    { when: "week" },
    { when: "between", since: "2026-11-01", until: "2026-11-30" },
    { when: "between", since: "", until: "2026-10-24" },
  ] as const) {
    model.choose(change);
    await clock.pass(0);
  }
  expect(queries.slice(1).map(({ from, until }) => [from, until])).toEqual([
    [midnight("2026-11-29") - 7 * 86_400_000, null],
    [midnight("2026-11-01"), midnight("2026-12-01")],
    [null, midnight("2026-10-25")],
  ]);
});

test("there is more on demand, and what is read meanwhile shows up", async () => {
  const { model, queries, index, clock } = opened({ term: "crue" });
  await settled();
  model.more();
  index.changed.fire();
  await clock.pass(1);
  expect(queries.map((each) => each.limit)).toEqual([50, 100, 100]);
  model.choose({ what: "text" });
  await clock.pass(0);
  expect(queries.at(-1)?.limit).toBe(50);
});
