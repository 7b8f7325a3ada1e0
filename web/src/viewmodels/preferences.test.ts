import { expect, test } from "vitest";
import { DEFAULTS, Preferences } from "./preferences";

function storage(text: string | null = null) {
  const kept = new Map(text === null ? [] : [["chappe.appearance", text]]);
  return {
    kept,
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
  };
}

test("without choices: the defaults, in the browser's language", () => {
  expect(new Preferences(storage(), "en").snapshot()).toEqual({ ...DEFAULTS, language: "en" });
});

test("a choice is kept for the next visit, and what was not chosen follows the defaults", () => {
  const store = storage();
  new Preferences(store, "fr").choose({ theme: "dark", textSize: 115 });
  expect(new Preferences(store, "fr").snapshot()).toMatchObject({ theme: "dark", textSize: 115, density: "comfortable" });
  expect(new Preferences(storage('{"theme":"dark"}'), "fr").snapshot()).toEqual({ ...DEFAULTS, theme: "dark" });
});

test("what cannot be read counts as nothing", () => {
  expect(new Preferences(storage("{"), "fr").snapshot()).toEqual(DEFAULTS);
});
