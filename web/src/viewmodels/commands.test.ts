import { expect, test } from "vitest";
import { conversation } from "../../tests/fakes";
import { commandOf } from "./commands";

const done: unknown[] = [];
const note =
  (name: string) =>
  async (...given: unknown[]): Promise<void> =>
    void done.push([name, ...given]);
const needs = {
  conversation: conversation({
    members: { invite: async (...given) => note("invite")(...given).then(() => true), kick: note("kick"), ban: note("ban") },
    settings: { setTopic: note("topic"), setName: note("name") },
  }),
  openPoll: () => void done.push(["poll"]),
  left: () => void done.push(["leave"]),
};

test.each([
  ["invite", "@anne:here.example", ["invite", "@anne:here.example"]],
  ["kick", "@Anne Martin trop de bruit", ["kick", "@anne:here.example", "trop de bruit"]],
  ["ban", "@eve:else.example", ["ban", "@eve:else.example", ""]],
  ["topic", "les ponts", ["topic", "les ponts"]],
  ["name", "Cellule de crise", ["name", "Cellule de crise"]],
  ["poll", "", ["poll"]],
  ["leave", "", ["leave"]],
])("/%s %s", async (name, rest, expected) => {
  await commandOf(name, rest, [{ id: "@anne:here.example", name: "Anne Martin" }], needs)!();
  expect(done.pop()).toEqual(expected);
});

test("there is no other, whatever it is called", () => {
  for (const name of ["dance", "constructor", "toString"]) expect(commandOf(name, "", [], needs)).toBe(null);
});
