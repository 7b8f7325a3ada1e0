import { expect, test } from "vitest";
import { settled, signedIn } from "../../tests/fakes";
import { readEmoji } from "../platform/emoji";
import { EmojiPickerViewModel } from "./emoji_picker";
import { Preferences } from "./preferences";

const ALL = readEmoji(`# a table
smileys\t😀\tvisage rieur,sourire|dents\tgrinning face,grin|teeth
smileys\t😂\tvisage riant|larmes,dents\tface with tears|tears
people\t👍\tpouce vers le haut,pouce levé,oui|bien\tthumbs up,yes|good
flags\t🇫🇷\tdrapeau : France|fr\tflag: France|fr
`);

async function opened(used: Record<string, number> = {}, language: "fr" | "en" = "fr") {
  const preferences = new Preferences({ getItem: () => null, setItem: () => {} }, language);
  preferences.choose({ emojiUsed: used });
  const model = new EmojiPickerViewModel(signedIn({}), preferences, async () => ALL);
  await settled();
  return { model, preferences, shown: () => model.snapshot().shown.map((each) => each.emoji) };
}

test("it opens on the faces, and on those that one uses, the most used first", async () => {
  const { model, shown } = await opened();
  expect([model.snapshot().shelf, shown()]).toEqual(["smileys", ["😀", "😂"]]);
  expect(model.snapshot().shelves).not.toContain("used");
  const second = await opened({ "😂": 1, "👍": 5 });
  expect([second.model.snapshot().shelf, second.shown()]).toEqual(["used", ["👍", "😂"]]);
});

test("a group is opened, and ends a search", async () => {
  const { model, shown } = await opened();
  model.ask("pouce");
  model.open("flags");
  expect([model.snapshot().asked, shown()]).toEqual(["", ["🇫🇷"]]);
});

test.each([
  ["pouce", ["👍"]],
  ["POUCE LEVE", ["👍"]],
  ["thumb", ["👍"]],
  ["dents", ["😀", "😂"]],
  ["teeth", ["😀"]],
  ["haut pou", ["👍"]],
  ["drapeau", ["🇫🇷"]],
  ["licorne", []],
  ["  ", ["😀", "😂"]],
])("%j finds them by words of either language", async (asked, expected) => {
  const { model, shown } = await opened();
  model.ask(asked);
  expect(shown()).toEqual(expected);
});

test("they are called as the person's language says; those that one uses are found first", async () => {
  const english = await opened({ "😂": 1 }, "en");
  english.model.ask("dents");
  expect(english.model.snapshot().shown).toEqual([
    { emoji: "😂", name: "face with tears" },
    { emoji: "😀", name: "grin" },
  ]);
});

test("what was chosen is noted; there are as many as are shown, and habits change", async () => {
  const { model, preferences } = await opened(Object.fromEntries(Array.from({ length: 32 }, (_, at) => [`e${at}`, 60])));
  model.note("👍");
  expect(Object.keys(preferences.snapshot().emojiUsed)).toHaveLength(32);
  expect(preferences.snapshot().emojiUsed["👍"]).toBe(1);
  for (let turn = 0; turn < 4; turn++) model.note("e0");
  expect(preferences.snapshot().emojiUsed).toMatchObject({ e0: 32, e1: 30 });
});

test("without the data nothing is shown, and that is said", async () => {
  const preferences = new Preferences({ getItem: () => null, setItem: () => {} }, "fr");
  const model = new EmojiPickerViewModel(signedIn({}), preferences, () => Promise.reject(new Error("offline")));
  await settled();
  expect(model.snapshot()).toMatchObject({ isLoaded: true, shown: [] });
});
