import { expect, test } from "vitest";
import { FakeClock, refusal, settled, signal, signedIn, summary } from "../../tests/fakes";
import type { RoomSummary } from "../matrix/types";
import { Drafts } from "./drafts";
import { RoomListViewModel } from "./room_list";

function opened(rooms: RoomSummary[], refused = false) {
  const changed = signal();
  const drafts = new Drafts({ load: async () => ({}), save: async () => {} }, new FakeClock());
  const gone: string[] = [];
  const matrix = signedIn({
    rooms: { changed, list: () => rooms },
    order: { choose: () => new Promise(() => {}) },
    entry: {
      join: async (id) => {
        if (refused) throw refusal("M_FORBIDDEN");
        return `joined ${id}`;
      },
      leave: async (id) => void gone.push(`left ${id}`),
    },
  });
  const model = new RoomListViewModel(matrix, drafts, (id) => gone.push(id));
  const shown = (): Record<string, string[]> =>
    Object.fromEntries(model.snapshot().sections.map(({ name, rooms: inside }) => [name, inside.map((each) => each.id)]));
  return { model, changed, drafts, gone, shown };
}

const ROOMS = [
  summary({ id: "!asked", membership: "invite", isUnread: true }),
  summary({ id: "!fav", favourite: true, mentions: 2, unread: 3, isUnread: true }),
  summary({ id: "!recent", spaces: ["!space"], isUnread: true, unread: 1 }),
  summary({ id: "!anne", kind: "direct" }),
  summary({ id: "!low", low: true }),
  summary({ id: "!space", kind: "space", name: "Espace" }),
];

test("invitations first, then favourites, then what is recent, then the rest, which is closed", () => {
  const { model, shown } = opened(ROOMS);
  expect(shown()).toEqual({ invites: ["!asked"], favourites: ["!fav"], recent: ["!recent", "!anne"], low: ["!low"] });
  expect(Object.keys(shown())).toEqual(["invites", "favourites", "recent", "low"]);
  const { closed, unread, mentions, total, spaces } = model.snapshot();
  expect([[...closed], unread, mentions, total, spaces.map((each) => each.id)]).toEqual([
    ["low", "archived"],
    3,
    2,
    5,
    ["!space"],
  ]);
  model.toggle("low");
  model.toggle("recent");
  expect([...model.snapshot().closed]).toEqual(["archived", "recent"]);
});

test.each([
  ["unread", { invites: ["!asked"], favourites: ["!fav"], recent: ["!recent"] }],
  ["mentions", { favourites: ["!fav"] }],
  ["direct", { recent: ["!anne"] }],
] as const)("filtered by %s: a section without rooms is none", (filter, expected) => {
  const { model, shown } = opened(ROOMS);
  model.setFilter(filter);
  expect(shown()).toEqual(expected);
  expect(model.snapshot().unread).toBe(3); // the numbers are of all
});

test("a space shows its own rooms", () => {
  const { model, shown } = opened(ROOMS);
  model.setSpace("!space");
  expect(shown()).toEqual({ recent: ["!recent"] });
  model.setSpace(null);
  expect(Object.keys(shown())).toHaveLength(4);
});

test("what is put away asks for nothing", () => {
  const { model, shown } = opened([
    ...ROOMS,
    summary({ id: "!away", archived: true, muted: true, isUnread: true, mentions: 1 }),
  ]);
  expect([shown().archived, model.snapshot().unread, model.snapshot().mentions]).toEqual([["!away"], 3, 2]);
});

test("no room at all is no section", () => {
  const { model } = opened([]);
  expect(model.snapshot()).toMatchObject({ sections: [], total: 0, unread: 0 });
});

test("what comes and what is begun is followed, until the end", () => {
  const rooms = [summary({ id: "!a" })];
  const { model, changed, drafts } = opened(rooms);
  rooms.push(summary({ id: "!b" }));
  changed.fire();
  expect(model.snapshot().total).toBe(2);
  drafts.keep("!a", null, "Bonj");
  expect(model.snapshot().drafts).toEqual({ "!a": "Bonj" });
  model.close();
  rooms.pop();
  changed.fire();
  expect(model.snapshot().total).toBe(2);
});

test("an invitation is taken up, or not; one that is refused opens the room, which says why", async () => {
  const { model, gone } = opened([]);
  await model.accept("!a");
  model.decline("!b");
  await settled();
  expect(gone).toEqual(["joined !a", "left !b"]);
  const { model: refused, gone: there } = opened([], true);
  await refused.accept("!a");
  expect(there).toEqual(["!a"]);
});

test("something may be sent on to rooms that one is in", () => {
  expect(
    opened(ROOMS)
      .model.joined()
      .map((each) => each.id),
  ).toEqual(["!fav", "!recent", "!anne", "!low"]);
});
