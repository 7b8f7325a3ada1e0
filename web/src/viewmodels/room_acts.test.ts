import { describe, expect, test } from "vitest";
import { settled } from "../../tests/fakes";
import { listed } from "../../tests/listed";
import type { RoomSummary } from "../matrix/types";

const ROOMS: Array<Partial<RoomSummary>> = [
  { id: "!unread", isUnread: true, unread: 3, mentions: 1 },
  { id: "!read", ts: 40 },
  { id: "!fav", favourite: true, order: 0.5, told: "mentions" },
  { id: "!a1", section: "u.a", order: 0.25 },
  { id: "!a2", section: "u.a", order: 0.5, isUnread: true },
  { id: "!asked", membership: "invite", isUnread: true },
];
const SECTIONS = [{ tag: "u.a", name: "Crise" }];
const opened = () => listed(ROOMS, SECTIONS);
type World = ReturnType<typeof opened>;

describe("what is done with a room is said, and undone", () => {
  test.each<[string, (world: World) => Promise<void>, string, unknown[][], unknown[][]]>([
    ["read", (w) => w.acts.markRead(w.room("!unread")), "read", [["read", "!unread", true]], [["unread", "!unread", true]]],
    [
      "not read",
      (w) => w.acts.markUnread(w.room("!read")),
      "unread",
      [["unread", "!read", true]],
      [["unread", "!read", false]],
    ],
    [
      "muted",
      (w) => w.acts.tell(w.room("!fav"), "none"),
      "told.none",
      [["tell", "!fav", "none"]],
      [["tell", "!fav", "mentions"]],
    ],
    [
      "a favourite",
      (w) => w.acts.put(w.room("!read"), "favourites", "Favoris"),
      "put",
      [["place", "!read", "m.favourite"]],
      [["place", "!read", null]],
    ],
    [
      "no favourite",
      (w) => w.acts.put(w.room("!fav"), "recent", "Récents"),
      "put",
      [["place", "!fav", null]],
      [["place", "!fav", "m.favourite"]],
    ],
    [
      "less important",
      (w) => w.acts.put(w.room("!read"), "low", "Moins"),
      "put",
      [["place", "!read", "m.lowpriority"]],
      [["place", "!read", null]],
    ],
    [
      "in a section",
      (w) => w.acts.put(w.room("!fav"), "u.a", "Crise", 0),
      "put",
      [["place", "!fav", "u.a"]],
      [["place", "!fav", "m.favourite"]],
    ],
    ["put away", (w) => w.acts.archive(w.room("!read")), "archived", [["archive", "!read", 40]], [["archive", "!read", null]]],
  ])("%s", async (_name, act, said, asked, undone) => {
    // biome-ignore format: a table
    const world = opened();
    await act(world);
    expect(world.said()?.key).toBe(said.startsWith("told") ? `list.${said}` : `list.done.${said}`);
    expect(world.world.asked.splice(0)).toEqual(asked);
    await world.acts.undo();
    expect(world.world.asked).toEqual(undone);
    expect(world.said()).toBeNull();
  });

  test("it can be undone for eight seconds, and once", async () => {
    const { acts, room, clock, world, said } = opened();
    await acts.markUnread(room("!read"));
    await clock.pass(7_900);
    expect(said()).not.toBeNull();
    await clock.pass(200);
    expect(said()).toBeNull();
    await acts.undo();
    expect(world.asked).toHaveLength(1);
  });

  test("what the server refuses is said, and nothing is said to be done", async () => {
    const { acts, room, world, said, shown } = opened();
    world.refuses = true;
    await acts.put(room("!read"), "favourites", "Favoris");
    await settled();
    expect(said()).toBeNull();
    expect(acts.snapshot().problem).not.toBeNull();
    expect(shown().favourites).toEqual(["!fav"]);
    acts.dismiss();
    expect(acts.snapshot().problem).toBeNull();
  });
});

test("all is read at once; what was unread is marked so again", async () => {
  const { acts, list, world } = opened();
  await acts.markAllRead(list.joined());
  expect(world.asked.splice(0)).toEqual([["read", "!unread", true], ["read", "!a2", true]]); // biome-ignore format: short
  expect(acts.snapshot().done).toMatchObject({ key: "list.done.allRead", values: { count: 2 } });
  await acts.undo();
  expect(world.asked).toEqual([["unread", "!unread", true], ["unread", "!a2", true]]); // biome-ignore format: short
  await acts.undo();
  world.asked = [];
  await acts.markAllRead([]);
  expect(world.asked).toEqual([]);
});

test("a section is muted as a whole, and each of its rooms tells again what it told", async () => {
  const { acts, list, world, room } = opened();
  await acts.tell(room("!a1"), "mentions");
  await acts.tellOf(list.snapshot().sections.find((each) => each.name === "u.a")!.rooms, "none", { name: "Crise" });
  expect([room("!a1").told, room("!a2").told]).toEqual(["none", "none"]);
  await acts.undo();
  expect([room("!a1").told, room("!a2").told]).toEqual(["mentions", "all"]);
  expect(world.asked).toHaveLength(5);
});

test("what is put away comes out of it where it is put elsewhere", async () => {
  const { acts, room, shown } = opened();
  await acts.archive(room("!read"));
  expect(shown().archived).toEqual(["!read"]);
  await acts.put(room("!read"), "u.a", "Crise");
  expect(shown()["u.a"]).toEqual(["!a1", "!a2", "!read"]);
  await acts.undo();
  expect(shown().archived).toEqual(["!read"]);
});

test("to leave is not undone; whoever was in the room is elsewhere then", async () => {
  const { acts, room, world, said } = opened();
  await acts.leave(room("!read"));
  expect(world.left).toEqual(["!read"]);
  expect(said()?.undo).toBeNull();
});

describe("by the arrows", () => {
  test("a room moves at once, and it is said where it stands", async () => {
    const { acts, shown, kept } = opened();
    acts.step("!a1", 1);
    expect(shown()["u.a"]).toEqual(["!a2", "!a1"]);
    expect(acts.snapshot().stands).toEqual({ name: "a1", section: "u.a", place: 2, of: 2 });
    acts.step("!a1", 1); // beyond the end: the recent ones
    await settled();
    expect(kept()["!a1"]).toBeNull();
    acts.step("!a1", -1); // and back, at the end
    acts.step("!a1", -1);
    await settled();
    expect(shown()["u.a"]).toEqual(["!a1", "!a2"]);
    for (let turn = 0; turn < 3; turn++) acts.step("!a1", -1);
    await settled();
    expect(shown().favourites).toEqual(["!a1", "!fav"]);
    acts.step("!asked", 1);
    expect(shown().invites).toEqual(["!asked"]);
  });

  test("while it is being moved nobody else hears of it; then once, and it can be undone", async () => {
    const { acts, room, world, shown, kept } = opened();
    acts.begin(room("!read"));
    for (let turn = 0; turn < 2; turn++) acts.step("!read", -1);
    await settled();
    expect([shown()["u.a"], world.asked]).toEqual([["!a1", "!read", "!a2"], []]); // biome-ignore format: short
    acts.drop();
    await settled();
    expect([kept()["!read"], acts.snapshot().moving, world.asked]).toEqual(["u.a", null, [["place", "!read", "u.a"]]]);
    await acts.undo();
    expect([kept()["!read"], shown().recent]).toEqual([null, ["!unread", "!read"]]);
  });

  test("who gives up finds it where it was", async () => {
    const { acts, room, world, shown } = opened();
    acts.begin(room("!a1"));
    for (let turn = 0; turn < 5; turn++) acts.step("!a1", 1);
    expect(shown().low).toEqual(["!a1"]);
    acts.giveUp();
    acts.drop();
    await settled();
    expect([shown()["u.a"], world.asked, acts.snapshot().moving]).toEqual([["!a1", "!a2"], [], null]);
  });
});
