import { describe, expect, test } from "vitest";
import { item, person } from "../../tests/fakes";
import type { Item } from "../matrix/types";
import { type Fold, foldedRows, itemsOf } from "./folded_rows";
import { rowsOf } from "./timeline_rows";

const START = Date.UTC(2026, 10, 29, 12);
let turn = 0;

function happened(key: string, who: string, whom = ""): Item {
  turn += 1;
  const content: Item["content"] = { type: "event", key: `event.${key}`, values: { who, whom } };
  return item({ key: `e${turn}`, eventId: `$e${turn}`, ts: START, sender: person(`@${who}:a`), content });
}

function said(): Item {
  turn += 1;
  const content: Item["content"] = { type: "text", body: "x", html: null, emote: false, notice: false };
  return item({ key: `m${turn}`, eventId: `$m${turn}`, ts: START, content });
}

const fold = (items: Item[], read: string | null = null) => foldedRows(rowsOf(items, read));
const kinds = (items: Item[], read: string | null = null): string[] => fold(items, read).map((each) => each.type);
const parts = (items: Item[]): Array<[string, unknown]> =>
  fold(items)
    .filter((each): each is Fold => each.type === "fold")
    .flatMap((each) => each.parts.map(({ key, values }): [string, unknown] => [key, values.count ?? values.who]));

describe("what happened to a room", () => {
  test("hundreds who come and go are one line that counts people, not comings", () => {
    const items = [said()];
    for (let index = 0; index < 12; index++) items.push(happened("joined", `p${index}`));
    for (let index = 0; index < 3; index++) items.push(happened("left", `p${index}`), happened("joined", `p${index}`));
    expect(kinds(items)).toEqual(["day", "item", "fold"]);
    expect(parts(items)).toEqual([
      ["fold.joined", 12],
      ["fold.left", 3],
    ]);
    expect(itemsOf(fold(items))).toEqual(items);
  });

  test("one or two between messages stay lines; what everybody should see is never folded", () => {
    expect(kinds([said(), happened("joined", "a"), happened("left", "b"), said()])).toEqual([
      "day",
      "item",
      "item",
      "item",
      "item",
    ]);
    const opened = [said(), happened("joined", "a"), happened("joined", "b"), happened("guests", "a"), happened("left", "b")];
    expect(kinds(opened)).toEqual(["day", "item", "item", "item", "item", "item"]);
  });

  test("how a room was made is its beginning, whoever has made it is not counted; later it is no beginning", () => {
    const made = [
      happened("created", "Anne"),
      happened("joined", "Anne"),
      happened("encrypted", "Anne"),
      happened("invited", "Anne", "Karim"),
    ];
    const [, beginning] = fold([...made, said()]);
    expect(beginning).toMatchObject({ type: "fold", isBeginning: true });
    expect(parts(made)).toEqual([
      ["event.created", "Anne"],
      ["fold.invited", 1],
      ["fold.others", 1],
    ]);
    expect(parts([said(), happened("named", "a"), happened("topic", "a"), happened("pinned", "b")])).toEqual([
      ["fold.changes", 3],
    ]);
    expect(fold([happened("joined", "Karim"), said()])[1]).toMatchObject({ type: "fold", isBeginning: true });
    expect(kinds([said(), happened("joined", "Karim"), said()])).toEqual(["day", "item", "item", "item"]);
    expect(fold([said(), ...made])[2]).toMatchObject({ type: "fold", isBeginning: false });
  });

  test("days and the unread line part them", () => {
    const first = [said(), ...["a", "b", "c"].map((each) => happened("joined", each))];
    const later = ["d", "e", "f"].map((each) => ({ ...happened("joined", each), ts: START + 86_400_000 }));
    expect(kinds([...first, ...later])).toEqual(["day", "item", "fold", "day", "fold"]);
  });
});
