import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { lexemesOf, query } from "../src/platform/search_stems";
import { fold, placeOf } from "../src/platform/search_words";

// what people say and what they type to find it again, whether they do: the server is held to the same table
const SEARCHES: Record<string, Array<[said: string, typed: string, isFound: boolean]>> = JSON.parse(
  readFileSync(new URL("../../tests/searches.json", import.meta.url), "utf8"),
);

test.each(Object.entries(SEARCHES))("searches in %s find what people type", (_, rows) => {
  const wrong = rows.filter(([said, typed, isFound]) => (query(typed)?.(said, lexemesOf(said)) ?? false) !== isFound);
  expect(wrong).toEqual([]);
});

test("the words that say nothing are the server's", () => {
  const server = readFileSync(new URL("../../src/chappe/matrix/search_lexemes.py", import.meta.url), "utf8");
  const words = /_SAYS_NOTHING = """([^"]+)"""/.exec(server)![1].split(/\s+/);
  for (const word of words.filter(Boolean))
    expect([word, query(`${word} préfecture`)?.("préfecture", " prefecture ")]).toEqual([word, true]);
});

test("a word that is being typed finds what begins so", () => {
  const said = "Réunion à la préfecture";
  for (const typed of ["r", "réu", "pref", "réunion préf"]) expect(query(typed)!(said, lexemesOf(said))).toBe(true);
  expect(query("…")).toBeNull();
});

test.each([
  ["Les réunions d’été", "réunion", "réunions"],
  ["À l’école", "l'ecole", "école"],
  ["明天的会议取消了", "会议", "会议"],
  ["Le cœur du sujet", "coeur", "cœur"],
  ["rien de tel", "xyz", null],
])("in “%s”, %s is %s", (text, term, shown) => {
  const place = placeOf(text, term);
  expect(place && text.slice(...place)).toBe(shown);
});

test("letters are folded as on the server", () => {
  expect(fold("Łódź, Œuvre, İstanbul, Straße, ΣΊΣΥΦΟΣ, n°42")).toBe("lodz, oeuvre, istanbul, strasse, σισυφοσ, no 42");
});
