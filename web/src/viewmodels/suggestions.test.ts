import { expect, test } from "vitest";
import { person } from "../../tests/fakes";
import { completed, suggestionsFor } from "./suggestions";

const needs = {
  people: async () => Array.from({ length: 12 }, (_, at) => person(`@${at}:a`, at < 10 ? `Anne ${at}` : `Salomé ${at}`)),
  callsAll: () => true,
  named: async (word: string) => (word === "pouce_levé" ? "👍" : null),
  emoji: async (word: string) => Array.from({ length: 12 }, (_, at) => ({ emoji: `${at}`, name: `${word} ${at}` })),
};
const keys = async (before: string): Promise<string[]> => (await suggestionsFor(before, needs)).map((each) => each.key);

test("nothing where nothing is begun", async () => {
  expect(await keys("Bonjour ")).toEqual([]);
  expect(await keys("a@b")).toEqual([]);
});

test("at most eight people, and the whole room where its word is begun", async () => {
  expect(await keys("@anne")).toHaveLength(8);
  expect(await keys("@sal")).toEqual(["@10:a", "@11:a", "@room"]);
  expect(await keys("@roo")).toEqual(["@room"]);
  expect(await keys("@")).not.toContain("@room");
});

test("who may not call the whole room is not offered to", async () => {
  const offered = await suggestionsFor("@roo", { ...needs, callsAll: () => false });
  expect(offered).toEqual([]);
});

test("an emoji whose name was written to its end, and nothing where no emoji is called so", async () => {
  expect(await keys("vu :pouce_levé:")).toEqual(["👍"]);
  expect(await keys("vu :nothing:")).toEqual([]);
  expect(await keys("à 10:30:")).toEqual([]);
});

test("at most eight pictures, and the commands that begin so", async () => {
  expect(await keys("vu :po")).toHaveLength(8);
  expect(await keys("/to")).toEqual(["topic"]);
  expect(await keys("a /to")).toEqual([]);
});

test("services are offered after people, and leave them room; of what is chosen the name is written", async () => {
  const people = async () => [
    ...(await needs.people()),
    { ...person("@p:a", "Paul"), service: "Presse" },
    { ...person("@q:a", "Anne X"), service: "Antenne" },
  ];
  const offered = async (before: string) => (await suggestionsFor(before, { ...needs, people })).map((each) => each.key);
  expect(await offered("@pre")).toEqual(["service Presse"]);
  expect((await offered("@an")).slice(-2)).toEqual(["@6:a", "service Antenne"]);
  const [service] = await suggestionsFor("@pre", { ...needs, people });
  expect(completed(service)).toBe("@Presse ");
});
