/** A room's messages as rows: days, the line of unread ones, messages grouped by author within five minutes. */

import type { Item, Person } from "../matrix/types";
import { dayOf } from "../platform/clock";

export type Row =
  | { type: "day"; key: string; ts: number }
  | { type: "unread"; key: string; count: number }
  /** Here begins what somebody has opened, of what was said before one came. */
  | { type: "given"; key: string; by: Person }
  | { type: "item"; key: string; item: Item; continues: boolean; again: boolean };

const TOGETHER = 5 * 60_000;

/** `items`: oldest first. `readUpTo`: the event that one had read when the room was opened. */
export function rowsOf(items: Item[], readUpTo: string | null): Row[] {
  const rows: Row[] = [];
  const days = new Map<number, number>();
  const unreadAt = firstUnread(items, readUpTo);
  let giver: string | null = null;
  items.forEach((item, index) => {
    const before = index > 0 ? items[index - 1] : null;
    const day = dayOf(item.ts);
    const newDay = before === null || dayOf(before.ts) !== day;
    if (newDay) {
      const turn = days.get(day) ?? 0; // a server whose clock is wrong brings a day back
      days.set(day, turn + 1);
      rows.push({ type: "day", key: `day ${day}${turn ? ` ${turn}` : ""}`, ts: item.ts });
    }
    const unread = index === unreadAt;
    if (unread) rows.push({ type: "unread", key: "unread", count: items.slice(index).filter(isNews).length });
    const isGiven = item.givenBy !== null && item.givenBy.id !== giver;
    if (item.givenBy && isGiven) rows.push({ type: "given", key: `given ${item.key}`, by: item.givenBy });
    if (isSaid(item)) giver = item.givenBy?.id ?? null;
    const goesOn = !newDay && !unread && !isGiven && continues(before, item);
    rows.push({ type: "item", key: item.key, item, continues: goesOn, again: lockedAgain(before, item) });
  });
  return rows;
}

/** Where the unread messages begin; -1 where there are none, or where they begin before what is loaded. */
function firstUnread(items: Item[], readUpTo: string | null): number {
  const read = readUpTo ? items.findIndex((each) => each.eventId === readUpTo) : -1;
  return read < 0 ? -1 : items.findIndex((each, index) => index > read && isNews(each));
}

/** What counts as unread: what others say, not what happens to the room. */
const isNews = (item: Item): boolean => !item.mine && item.content.type !== "event";

/** Of what happened, and of what cannot be opened, nobody says who has opened it. */
const isSaid = ({ content }: Item): boolean => !["event", "deleted", "locked"].includes(content.type);

/** Whether a message stands under the name that is above it already. */
function continues(previous: Item | null, item: Item): boolean {
  if (!previous || previous.content.type === "event" || item.content.type === "event") return false;
  return (
    previous.sender.id === item.sender.id && item.ts - previous.ts < TOGETHER && !item.reply && previous.seenBy.length === 0
  );
}

/** Locked like the message before it: why, and what helps, is said once. */
const lockedAgain = (previous: Item | null, item: Item): boolean =>
  item.content.type === "locked" && previous?.content.type === "locked" && previous.content.reason === item.content.reason;
