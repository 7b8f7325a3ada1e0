/** A list of rooms whose server does what it is asked, for the tests of what is done there. */

import type { ListOrder } from "../src/matrix/room_order";
import type { RoomSummary } from "../src/matrix/types";
import { Drafts } from "../src/viewmodels/drafts";
import { placed, spotOf } from "../src/viewmodels/list_sections";
import { OwnSections } from "../src/viewmodels/own_sections";
import { RoomActs } from "../src/viewmodels/room_acts";
import { RoomListViewModel } from "../src/viewmodels/room_list";
import { FakeClock, refusal, signal, signedIn, summary } from "./fakes";

export function listed(given: Array<Partial<RoomSummary>>, sections: ListOrder["sections"] = []) {
  const changed = signal();
  const ordered = signal();
  const clock = new FakeClock();
  const world = {
    rooms: given.map((each) => summary({ name: each.id?.slice(1), ...each })),
    chosen: { sections, closed: [] } as ListOrder,
    refuses: false,
    asked: [] as unknown[],
    left: [] as string[],
  };
  const answer = (what: unknown[], id: string, change: (room: RoomSummary) => Partial<RoomSummary>): void => {
    if (world.refuses) throw refusal("M_FORBIDDEN");
    world.asked.push(what);
    world.rooms = world.rooms.map((each) => (each.id === id ? { ...each, ...change(each) } : each));
    changed.fire();
  };
  const matrix = signedIn({
    rooms: { changed, list: () => world.rooms },
    order: {
      changed: ordered,
      chosen: () => world.chosen,
      choose: async (wanted) => {
        if (world.refuses) throw refusal("M_FORBIDDEN");
        world.asked.push(["choose", wanted.sections.map((each) => each.name)]);
        world.chosen = wanted;
        ordered.fire();
      },
      place: async (id, spot) => answer(["place", id, spot.tag], id, (room) => placed(room, spot)),
      archive: async (id, upTo) => answer(["archive", id, upTo], id, () => ({ archived: upTo !== null })),
    },
    reading: {
      markRead: async (id, privately) =>
        answer(["read", id, privately], id, () => ({ isUnread: false, unread: 0, mentions: 0 })),
      markUnread: async (id, isUnread) => answer(["unread", id, isUnread], id, () => ({ isUnread })),
      tell: async (id, told) => answer(["tell", id, told], id, () => ({ told, muted: told === "none" })),
    },
    entry: { leave: async (id) => answer(["leave", id], id, () => ({})) },
  });
  const drafts = new Drafts({ load: async () => ({}), save: async () => {} }, clock);
  const list = new RoomListViewModel(matrix, drafts, () => {});
  const preferences = { snapshot: () => ({ privateReceipts: true }) as never };
  const acts = new RoomActs(matrix, list, preferences, (id) => void world.left.push(id), clock);
  const own = new OwnSections(list, acts);
  const room = (id: string): RoomSummary => list.find(id)!;
  /** The list as it is shown: ids by section. */
  const shown = (): Record<string, string[]> =>
    Object.fromEntries(list.snapshot().sections.map(({ name, rooms }) => [name, rooms.map((each) => each.id)]));
  /** As the server has it. */
  const kept = (): Record<string, string | null> => Object.fromEntries(world.rooms.map((each) => [each.id, spotOf(each).tag]));
  return { world, clock, list, acts, own, room, shown, kept, said: () => acts.snapshot().done };
}
