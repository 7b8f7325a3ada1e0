import { expect, test } from "vitest";
import { settled } from "../../tests/fakes";
import { listed } from "../../tests/listed";

const opened = () =>
  listed(
    [
      { id: "!r" },
      { id: "!a1", section: "u.a", order: 0.25 },
      { id: "!a2", section: "u.a", order: 0.5 },
      { id: "!other", section: "u.Ailleurs" },
    ],
    [
      { tag: "u.a", name: "Crise" },
      { tag: "u.b", name: "Cabinet" },
    ],
  );
const titles = ({ list }: ReturnType<typeof opened>): Array<string | null> =>
  list.snapshot().sections.flatMap((each) => (each.title === null ? [] : [each.title]));

test("a section is made with a room in it, under a tag that says its name", async () => {
  const world = opened();
  await world.own.add("  Projets ", world.room("!r"));
  expect(titles(world)).toEqual(["Crise", "Cabinet", "Ailleurs", "Projets"]);
  expect(world.kept()["!r"]).toBe("u.Projets");
  await world.own.rename("u.Projets", "Chantiers");
  await world.own.add("Projets", null); // the name is free, the tag is not
  expect(world.list.snapshot().sections.map((each) => each.name)).toContain("u.Projets 2");
});

test.each([
  ["", null, "empty"],
  ["  ", null, "empty"],
  ["CRISE", null, "taken"],
  ["cabinét", null, "taken"],
  ["Crise", "u.a", null],
  ["Autre", null, null],
] as const)("the name “%s” for %s: %s", (name, tag, expected) => {
  expect(opened().own.problemOf(name, tag)).toBe(expected);
});

test("it is renamed, sorted and moved, and each is undone; its tag stays", async () => {
  const world = opened();
  const { own, acts, list } = world;
  await own.rename("u.a", "Crue de la Saône");
  expect([titles(world)[0], world.kept()["!a1"]]).toEqual(["Crue de la Saône", "u.a"]);
  await acts.undo();
  expect(titles(world)[0]).toBe("Crise");
  await own.sort("u.a", true);
  expect(list.snapshot().sections[0].byTime).toBe(true);
  await acts.undo();
  expect(list.snapshot().sections[0].byTime).toBe(false);
  await own.move("u.b", -1);
  expect(titles(world)).toEqual(["Cabinet", "Crise", "Ailleurs"]);
  await acts.undo();
  expect(titles(world)).toEqual(["Crise", "Cabinet", "Ailleurs"]);
  await own.move("u.a", -1); // the first one stays
  expect(titles(world)).toEqual(["Crise", "Cabinet", "Ailleurs"]);
});

test("taken away, its rooms are among the recent ones; undone, they are back in their order", async () => {
  const world = opened();
  await world.own.remove("u.a");
  await settled();
  expect([titles(world), world.shown().recent]).toEqual([["Cabinet", "Ailleurs"], ["!r", "!a1", "!a2"]]); // biome-ignore format: short
  expect(world.kept()).toMatchObject({ "!a1": null, "!a2": null });
  await world.acts.undo();
  expect([titles(world), world.shown()["u.a"]]).toEqual([["Crise", "Cabinet", "Ailleurs"], ["!a1", "!a2"]]); // biome-ignore format: short
  expect(world.kept()).toMatchObject({ "!a1": "u.a", "!a2": "u.a" });
});

test("one that another client has made can be renamed too", async () => {
  const world = opened();
  await world.own.rename("u.Ailleurs", "Là-bas");
  expect(titles(world)).toEqual(["Crise", "Cabinet", "Là-bas"]);
  expect(world.kept()["!other"]).toBe("u.Ailleurs");
});

test("closed or open, on every device", async () => {
  const { list, world } = opened();
  list.toggle("u.a");
  expect([...list.snapshot().closed]).toEqual(["u.a"]);
  await settled();
  expect(world.chosen).toMatchObject({ closed: ["u.a"], sections: [{ name: "Crise" }, { name: "Cabinet" }] });
  list.toggle("u.a");
  await settled();
  expect(world.chosen.closed).toEqual([]);
});
