import { expect, test } from "vitest";
import { conversation } from "../../tests/fakes";
import { RoomSettings } from "./room_settings";

function opened(refused: string[] = []) {
  const done: unknown[] = [];
  const note =
    (name: string) =>
    async (...given: unknown[]): Promise<void> => {
      if (refused.includes(name)) throw new Error(name);
      done.push([name, ...given]);
    };
  const settings = {
    setName: note("name"),
    setTopic: note("topic"),
    setPicture: note("picture"),
    setHistory: note("history"),
    setKnocking: note("knocking"),
    setNotifications: note("notifications"),
    classify: note("classify"),
    openToGuests: note("guests"),
    pin: note("pin"),
  };
  const attempt = (action: () => Promise<unknown>): Promise<boolean> =>
    action().then(
      () => true,
      () => false,
    );
  return { done, model: new RoomSettings(conversation({ settings }), attempt) };
}

const before = { name: "Crue", topic: "de la Loire" };

test.each([
  [" Crue ", "de la Loire", []],
  ["Crues", "de la Loire", [["name", "Crues"]]],
  ["Crue", "", [["topic", ""]]],
  [
    "Crues",
    "du Rhône ",
    [
      ["name", "Crues"],
      ["topic", "du Rhône"],
    ],
  ],
])("only what has changed is set: %j, %j", async (name, topic, expected) => {
  const { done, model } = opened();
  expect(await model.describe(before, name, topic)).toBe(true);
  expect(done).toEqual(expected);
});

test("a name that is refused keeps the form open, and the description is set all the same", async () => {
  const { done, model } = opened(["name"]);
  expect(await model.describe(before, "Crues", "du Rhône")).toBe(false);
  expect(done).toEqual([["topic", "du Rhône"]]);
});

test("each thing goes to the room, and whether it went well comes back", async () => {
  const { done, model } = opened(["classify"]);
  const picture = new Blob();
  const went = [
    await model.setPicture(picture),
    await model.setHistory("joined"),
    await model.setKnocking(true),
    await model.setNotifications("none"),
    await model.openToGuests(),
    await model.pin("$a", false),
    await model.classify("restricted"),
  ];
  expect(went).toEqual([true, true, true, true, true, true, false]);
  const expected = [
    ["picture", picture],
    ["history", "joined"],
    ["knocking", true],
    ["notifications", "none"],
    ["guests"],
    ["pin", "$a", false],
  ];
  expect(done).toEqual(expected);
});
