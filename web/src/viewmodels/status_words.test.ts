import { expect, test } from "vitest";
import { endWords } from "./status_words";

const NOW = new Date(2026, 10, 29, 12, 0).getTime();
const at = (day: number, hour: number, minute = 0): number => new Date(2026, 10, day, hour, minute).getTime();

test.each([
  [null, "", ""],
  [at(29, 15), "jusqu’à 15\u00a0h", "until 3\u202fPM"],
  [at(29, 9, 5), "jusqu’à 9\u00a0h\u00a005", "until 9:05\u202fAM"],
  [at(30, 8), "jusqu’à demain 8\u00a0h", "until tomorrow 8\u202fAM"],
  [at(33, 8, 30), "jusqu’au jeudi 3 décembre, 8\u00a0h\u00a030", "until Thursday, December 3, 8:30\u202fAM"],
])("%s is said", (until, french, english) => {
  expect(endWords(until, NOW, "fr")).toBe(french);
  expect(endWords(until, NOW, "en").replace(/(\d) (?=[AP]M)/, "$1\u202f")).toBe(english);
});
