import fc from "fast-check";
import { expect, test } from "vitest";
import { summary } from "../../tests/fakes";
import type { RoomSummary } from "../matrix/types";
import { type Move, movesTo, neighbourOf } from "./list_moves";
import { placed, sectionsOf } from "./list_sections";

const OWN = [
  { tag: "u.a", name: "A" },
  { tag: "u.b", name: "B", byTime: true },
];
const NAMES = ["favourites", "u.a", "u.b", "recent", "low"];

const sections = (rooms: RoomSummary[]) => sectionsOf(rooms, OWN, true);
const done = (rooms: RoomSummary[], moves: Move[]): RoomSummary[] =>
  rooms.map((each) => {
    const move = moves.find(({ id }) => id === each.id);
    return move ? placed(each, move.spot) : each;
  });
const inside = (rooms: RoomSummary[], name: string): string[] =>
  sections(rooms)
    .find((each) => each.name === name)
    ?.rooms.map((each) => each.id) ?? [];

test("one room is written where there is a gap, all where there is none", () => {
  const rooms = [
    summary({ id: "!1", section: "u.a", order: 0.25 }),
    summary({ id: "!2", section: "u.a", order: 0.5 }),
    summary({ id: "!new" }),
  ];
  expect(movesTo(sections(rooms), rooms[2], { section: "u.a", at: 1 })).toEqual([
    { id: "!new", spot: { tag: "u.a", order: 0.375 } },
  ]);
  const equal = rooms.map((each) => ({ ...each, order: each.order && 0.5 }));
  const moves = movesTo(sections(equal), equal[2], { section: "u.a", at: 1 });
  expect(moves.map((each) => each.id)).toEqual(["!1", "!new", "!2"].filter((id) => moves.some((each) => each.id === id)));
  expect(inside(done(equal, moves), "u.a")).toEqual(["!1", "!new", "!2"]);
});

test("where the last message says the order, no number is given", () => {
  const room = summary({ id: "!new", favourite: true, order: 0.5 });
  for (const [section, tag] of [
    ["u.b", "u.b"],
    ["recent", null],
    ["low", "m.lowpriority"],
  ] as const)
    expect(movesTo(sections([room]), room, { section, at: 7 })).toEqual([{ id: "!new", spot: { tag, order: null } }]);
  expect(movesTo(sections([room]), room, { section: "archived", at: 0 })).toEqual([]);
});

test("wherever a room is put, however often, it stands there, and every other stays in its order", () => {
  const step = fc.record({ who: fc.nat(9), section: fc.constantFrom("favourites", "u.a"), at: fc.nat(11) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let rooms = Array.from({ length: 10 }, (_, number) =>
        summary({ id: `!${number}`, ts: number, section: "u.a", order: 0.5 }),
      );
      for (const { who, section, at } of steps) {
        const room = rooms.find((each) => each.id === `!${who}`)!;
        const others = inside(rooms, section).filter((id) => id !== room.id);
        const place = Math.min(at, others.length);
        rooms = done(rooms, movesTo(sections(rooms), room, { section, at }));
        expect(inside(rooms, section)).toEqual([...others.slice(0, place), room.id, ...others.slice(place)]);
        for (const each of rooms) expect(each.order === null || (each.order > 0 && each.order < 1)).toBe(true);
      }
    }),
  );
});

test("the arrows lead through a section, then into the next one", () => {
  const rooms = [
    summary({ id: "!1", section: "u.a", order: 0.2 }),
    summary({ id: "!2", section: "u.a", order: 0.4 }),
    summary({ id: "!b", section: "u.b" }),
    summary({ id: "!r" }),
  ];
  const next = (id: string, by: 1 | -1) => neighbourOf(sections(rooms), NAMES, rooms.find((each) => each.id === id)!, by);
  expect(next("!1", 1)).toEqual({ section: "u.a", at: 1 });
  expect(next("!2", 1)).toEqual({ section: "u.b", at: 0 });
  expect(next("!1", -1)).toEqual({ section: "favourites", at: 0 });
  expect(next("!b", -1)).toEqual({ section: "u.a", at: 2 });
  expect(next("!r", 1)).toEqual({ section: "low", at: 0 });
  const low = summary({ id: "!low", low: true });
  expect(neighbourOf(sections([low]), NAMES, low, 1)).toBeNull();
  const asked = summary({ id: "!i", membership: "invite" });
  expect(neighbourOf(sections([asked]), NAMES, asked, 1)).toBeNull();
});
