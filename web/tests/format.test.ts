import i18next from "i18next";
import { beforeAll, expect, test } from "vitest";
import { TEXTS as EN } from "../src/i18n/en";
import { TEXTS as FR } from "../src/i18n/fr";
import { lasting } from "../src/i18n/lasting";
import { count, monthOf } from "../src/views/format";

beforeAll(async () => void (await i18next.init({ lng: "fr", resources: {} })));

test("numbers are written in the language that was chosen, not in the browser's", async () => {
  expect(count(1234567.4)).toBe("1\u202f234\u202f567");
  await i18next.changeLanguage("en");
  expect(count(1234567.4)).toBe("1,234,567");
});

test.each<[number, string, string, string]>([
  [0, "0 seconde", "0 s", "0 seconds"],
  [30, "30 secondes", "30 s", "30 seconds"],
  [60, "1 minute", "1 min", "1 minute"],
  [3600, "1 heure", "1 h", "1 hour"],
  [5400, "1 heure et 30 minutes", "1 h 30 min", "1 hour, 30 minutes"],
  [14_400, "4 heures", "4 h", "4 hours"],
  [86_400, "1 jour", "1 j", "1 day"],
  [91_900, "1 jour et 2 heures", "1 j 2 h", "1 day, 2 hours"], // and half an hour
])("%i seconds last as long as people say", (seconds, long, brief, english) => {
  const plain = (text: string): string => text.replace(/\s/g, " ");
  expect([lasting(seconds, "fr"), lasting(seconds, "fr", true)].map(plain)).toEqual([long, brief]);
  expect(plain(lasting(seconds, "en"))).toBe(english);
});

test("how long something lasts is written in one place: no sentence brings a unit of its own", () => {
  const units = /\}\}\s*(?:min|h|hrs?|s|heures?|hours?|minutes?|seconde?s?)\b/;
  const wrong = Object.entries({ ...FR, ...EN }).filter(([, text]) => units.test(text));
  expect(wrong).toEqual([]);
});

test.each([
  ["fr", "2026-11", "novembre 2026"],
  ["fr", "2026-01", "janvier 2026"],
  ["en", "2026-12", "December 2026"],
  ["fr", "2026-13", "2026-13"],
  ["fr", "", ""],
])("in %s the month %s is %s", async (language, month, said) => {
  await i18next.changeLanguage(language);
  expect(monthOf(month)).toBe(said);
});
