/** To move a room in the list is to give it, and sometimes its neighbours, other numbers. */

import type { Spot } from "../matrix/room_order";
import type { RoomSummary } from "../matrix/types";
import { type Section, sectionOf, tagOf } from "./list_sections";

/** Closer than this, numbers are given anew to all of a section. */
const LEAST = 1e-6;

export interface Move {
  id: string;
  spot: Spot;
}

export interface Target {
  section: string;
  /** Before which of the others; ignored where the last message says the order. */
  at: number;
}

/** What is to be changed so that a room stands there. Nothing where no room can be put. */
export function movesTo(sections: Section[], room: RoomSummary, { section, at: wanted }: Target): Move[] {
  const tagged = tagOf(section);
  if (!tagged) return [];
  const { tag } = tagged;
  const found = sections.find((each) => each.name === section);
  if (tag === null || tag === "m.lowpriority" || found?.byTime) return [{ id: room.id, spot: { tag, order: null } }];
  const others = (found?.rooms ?? []).filter((each) => each.id !== room.id);
  const at = Math.max(0, Math.min(wanted, others.length));
  const [before, after] = [at === 0 ? 0 : others[at - 1].order, at === others.length ? 1 : others[at].order];
  if (before !== null && after !== null && after - before > LEAST)
    return [{ id: room.id, spot: { tag, order: (before + after) / 2 } }];
  const all = [...others.slice(0, at), room, ...others.slice(at)];
  return all
    .map((each, place) => ({ id: each.id, spot: { tag, order: (place + 1) / (all.length + 1) } }))
    .filter(({ id, spot }, place) => id === room.id || all[place].order !== spot.order);
}

/** One place up or down; beyond the end of a section is the next one. Null at the ends of the list. */
export function neighbourOf(sections: Section[], names: string[], room: RoomSummary, by: 1 | -1): Target | null {
  const here = sectionOf(room);
  const found = sections.find((each) => each.name === here);
  const index = found?.rooms.findIndex((each) => each.id === room.id) ?? -1;
  const next = index + by;
  if (found && !found.byTime && next >= 0 && next < found.rooms.length) return { section: here, at: next };
  const section = names[names.indexOf(here) + by];
  if (!section || !names.includes(here)) return null;
  const there = sections.find((each) => each.name === section)?.rooms.length ?? 0;
  return { section, at: by < 0 ? there : 0 };
}
