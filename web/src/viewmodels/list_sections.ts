/** The sections of the list, and which rooms stand in each. */

import type { ListOrder, OwnSection, Spot } from "../matrix/room_order";
import type { RoomSummary } from "../matrix/types";

export interface Section {
  /** Of one's own: its tag. */
  name: string;
  /** What one has called it; null: the client has a word for it. */
  title: string | null;
  rooms: RoomSummary[];
  /** In the order of the last message; else in a chosen one. */
  byTime: boolean;
  unread: number;
  mentions: number;
}

export const NOTHING_CHOSEN: ListOrder = { sections: [], closed: ["low", "archived"] };

const isOwn = (name: string): boolean => name.startsWith("u.");

/** The section where a room stands. */
export function sectionOf(room: RoomSummary): string {
  if (room.membership === "invite") return "invites";
  if (room.archived) return "archived";
  if (room.favourite) return "favourites";
  return room.section ?? (room.low ? "low" : "recent");
}

/** What makes a room stand in a section; null where nobody can put one there. */
export function tagOf(section: string): { tag: string | null } | null {
  if (isOwn(section)) return { tag: section };
  switch (section) {
    case "favourites":
      return { tag: "m.favourite" };
    case "recent":
      return { tag: null };
    case "low":
      return { tag: "m.lowpriority" };
    default:
      return null;
  }
}

/** Where a room stands now, or would if it had not been put away. */
export const spotOf = (room: RoomSummary): Spot => ({
  tag: room.favourite ? "m.favourite" : (room.section ?? (room.low ? "m.lowpriority" : null)),
  order: room.order,
});

/** A room where it is about to stand. */
export const placed = (room: RoomSummary, { tag, order }: Spot): RoomSummary => ({
  ...room,
  favourite: tag === "m.favourite",
  low: tag === "m.lowpriority",
  section: tag !== null && isOwn(tag) ? tag : null,
  order,
});

/** Those of one's own: the chosen ones, then those that another client has made. */
export function ownSections(rooms: RoomSummary[], chosen: OwnSection[]): OwnSection[] {
  const known = new Set(chosen.map((each) => each.tag));
  const others = new Set(rooms.flatMap((each) => (each.section && !known.has(each.section) ? [each.section] : [])));
  return [...chosen, ...[...others].sort().map((tag) => ({ tag, name: tag.slice(2) }))];
}

/** `rooms`: newest first. `all`: whether the rooms are all of them, so that an empty section is to be seen. */
export function sectionsOf(rooms: RoomSummary[], own: OwnSection[], all: boolean): Section[] {
  const inside = new Map<string, RoomSummary[]>();
  for (const room of rooms) {
    const name = sectionOf(room);
    const others = inside.get(name);
    if (others) others.push(room);
    else inside.set(name, [room]);
  }
  const make = (name: string, title: string | null, byTime: boolean): Section => {
    const there = inside.get(name) ?? [];
    const ordered = byTime ? there : [...there].sort((a, b) => (a.order ?? 2) - (b.order ?? 2));
    return {
      name,
      title,
      rooms: ordered,
      byTime,
      unread: there.filter((each) => each.isUnread).length,
      mentions: there.reduce((sum, each) => sum + each.mentions, 0),
    };
  };
  const sections = [
    make("invites", null, true),
    make("favourites", null, false),
    ...own.map((each) => make(each.tag, each.name, each.byTime ?? false)),
    make("recent", null, true),
    make("low", null, true),
    make("archived", null, true),
  ];
  return sections.filter((each) => each.rooms.length > 0 || (all && each.title !== null));
}
