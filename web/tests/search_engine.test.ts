import { expect, test } from "vitest";
import { SearchEngine } from "../src/platform/search_engine";
import { ANYTHING, type Entry, FILES } from "../src/platform/search_query";

const entry = (eventId: string, given: Partial<Entry> = {}): Entry => ({
  eventId,
  roomId: "!a",
  sender: "@anne:a",
  ts: Number(eventId.slice(1)),
  text: "La crue monte",
  kind: "text",
  ...given,
});

function engine(): SearchEngine {
  const one = new SearchEngine();
  one.put(entry("$1"));
  one.put(entry("$2", { roomId: "!b" }));
  one.put(entry("$3", { sender: "@bob:b", kind: "document", text: "crues-2026.pdf" }));
  one.put(entry("$4", { sender: "@bob:b", roomId: "!b", text: "Le pont est fermé" }));
  return one;
}
const ids = (one: SearchEngine, asked: object): string[] =>
  one.find({ ...ANYTHING, ...asked }).found.map((each) => each.eventId);

test("who, where, when, what: each alone and together, newest first", () => {
  const one = engine();
  expect(ids(one, {})).toEqual(["$4", "$3", "$2", "$1"]);
  expect(ids(one, { term: "crue" })).toEqual(["$3", "$2", "$1"]);
  expect(ids(one, { term: "crue", sender: "@anne:a" })).toEqual(["$2", "$1"]);
  expect(ids(one, { term: "crue", room: "!a" })).toEqual(["$3", "$1"]);
  expect(ids(one, { kinds: FILES })).toEqual(["$3"]);
  expect(ids(one, { from: 2, until: 4 })).toEqual(["$3", "$2"]);
  expect(ids(one, { term: "crue", room: "!a", sender: "@bob:b", kinds: ["document"], from: 3, until: 4 })).toEqual(["$3"]);
  expect(ids(one, { term: "?!" })).toEqual([]); // signs are no words
});

test("all are counted, and said whose and where, so that a filter can be chosen or changed", () => {
  const answer = engine().find({ ...ANYTHING, term: "crue", room: "!a", limit: 1 });
  expect([answer.found.length, answer.count]).toEqual([1, 2]);
  expect(answer.senders).toEqual([
    { id: "@anne:a", count: 1 },
    { id: "@bob:b", count: 1 },
  ]);
  expect(answer.rooms).toEqual([
    { id: "!a", count: 2 },
    { id: "!b", count: 1 },
  ]);
});

test("what takes the place of an entry is found in its place", () => {
  const one = engine();
  expect(ids(one, { term: "fermé" })).toEqual(["$4"]);
  one.put(entry("$4", { text: "Le pont est ouvert" }));
  expect([ids(one, { term: "fermé" }), ids(one, { term: "ouvert" })]).toEqual([[], ["$4"]]);
  one.remove("$4");
  expect(ids(one, { term: "ouvert" })).toEqual([]);
});
