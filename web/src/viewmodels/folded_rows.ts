/** What happened to a room, several lines in a row, as one that opens: "12 people have arrived, 3 have left". */

import type { Item } from "../matrix/types";
import type { Row } from "./timeline_rows";

/** A part of the sentence. */
export interface Part {
  key: string;
  values: Record<string, string | number>;
}

export interface Fold {
  type: "fold";
  key: string;
  items: Item[];
  parts: Part[];
  /** Nothing was said before it, and all of it belongs to how the room was made. */
  isBeginning: boolean;
}

export type FoldedRow = Row | Fold;

/** So many are called by their names. */
const NAMED = 2;
/** So many in a row are one. */
const MANY = 3;
/** What everybody should see. */
const ALONE = new Set([
  "event.moved",
  "event.guests",
  "event.closedToGuests",
  "event.level",
  "event.knocked",
  "event.pastAll",
  "event.pastSince",
]);
const MAKING = new Set([
  "event.created",
  "event.joined",
  "event.invited",
  "event.encrypted",
  "event.roles",
  "event.named",
  "event.picture",
]);
const ARRIVED = new Set(["event.joined"]);
const LEFT = new Set(["event.left"]);
const INVITED = new Set(["event.invited"]);
const REMOVED = new Set(["event.removed", "event.banned"]);

type State = Extract<Item["content"], { type: "event" }>;
const stateOf = ({ content }: Item): State | null => (content.type === "event" ? content : null);

export function foldedRows(rows: Row[]): FoldedRow[] {
  const folded: FoldedRow[] = [];
  let run: Extract<Row, { type: "item" }>[] = [];
  let isSaid = false;
  const end = (): void => {
    const items = run.map((each) => each.item);
    const isBeginning = !isSaid && items.length > 0 && items.every((each) => MAKING.has(stateOf(each)!.key));
    if (items.length >= MANY || isBeginning)
      folded.push({ type: "fold", key: `fold ${items[0].key}`, items, parts: partsOf(items), isBeginning });
    else folded.push(...run);
    run = [];
  };
  for (const row of rows) {
    const state = row.type === "item" ? stateOf(row.item) : null;
    if (row.type === "item" && state && !ALONE.has(state.key)) {
      run.push(row);
      continue;
    }
    end();
    if (row.type === "item") isSaid = true;
    folded.push(row);
  }
  end();
  return folded;
}

/** The items that rows show, folded or not. */
export const itemsOf = (rows: FoldedRow[]): Item[] =>
  rows.flatMap((row) => (row.type === "item" ? [row.item] : row.type === "fold" ? row.items : []));

function partsOf(items: Item[]): Part[] {
  const states = items.flatMap((each) => stateOf(each) ?? []);
  const created = states.find((each) => each.key === "event.created");
  const parts: Part[] = created ? [{ key: created.key, values: created.values }] : [];
  const done = new Set<State>(created ? [created] : []);
  const people = (keys: Set<string>, who: "who" | "whom", key: string): void => {
    const those = states.filter((each) => keys.has(each.key));
    for (const each of those) done.add(each);
    const names = new Map(those.map((each) => [each.values[who], each]));
    if (key === "fold.joined" && created) names.delete(created.values.who); // whoever has made it is in it
    if (names.size <= NAMED && who === "who")
      for (const each of names.values()) parts.push({ key: each.key, values: each.values });
    else if (names.size) parts.push({ key, values: { count: names.size } });
  };
  people(ARRIVED, "who", "fold.joined");
  people(INVITED, "whom", "fold.invited");
  people(LEFT, "who", "fold.left");
  people(REMOVED, "whom", "fold.removed");
  const others = states.filter((each) => !done.has(each));
  if (others.length) parts.push({ key: parts.length ? "fold.others" : "fold.changes", values: { count: others.length } });
  return parts;
}
