/** How the list is arranged: what the server says of it, and what was just done here, which the server is about to hear. */

import type { ListOrder, Spot } from "../matrix/room_order";
import type { SignedIn } from "../matrix/signed_in";
import type { RoomSummary } from "../matrix/types";
import { Source, type Stream } from "../platform/stream";
import type { Move } from "./list_moves";
import { NOTHING_CHOSEN, placed, spotOf } from "./list_sections";

const isSame = (a: Spot, b: Spot): boolean => a.tag === b.tag && a.order === b.order;

export class Arrangement {
  private readonly awaited = new Map<string, Spot>();
  private local: ListOrder | null = null;
  private last: Promise<unknown> = Promise.resolve();
  private readonly turns = new Source(0);

  constructor(private readonly order: SignedIn["order"]) {}

  /** Moves with what was done here. */
  get changed(): Stream<number> {
    return this.turns;
  }

  get chosen(): ListOrder {
    return this.local ?? this.order.chosen() ?? NOTHING_CHOSEN;
  }

  /** Rooms where they are about to stand. */
  applied(rooms: RoomSummary[]): RoomSummary[] {
    if (!this.awaited.size) return rooms;
    return rooms.map((room) => {
      const spot = this.awaited.get(room.id);
      if (!spot) return room;
      if (!isSame(spot, spotOf(room))) return placed(room, spot);
      this.awaited.delete(room.id); // the server has it
      return room;
    });
  }

  /** Shows rooms where they would stand. */
  show(moves: Move[]): void {
    for (const { id, spot } of moves) this.awaited.set(id, spot);
    this.tell();
  }

  /** Shows them again where they stand. */
  takeBack(moves: Move[]): void {
    for (const { id } of moves) this.awaited.delete(id);
    this.tell();
  }

  /** Has the server put them there, one after the other. What is refused is shown as it is. */
  place(moves: Move[]): Promise<void> {
    this.show(moves);
    const done = this.last.then(async () => {
      for (const { id, spot } of moves) {
        const wanted = this.awaited.get(id);
        if (!wanted || isSame(wanted, spot)) await this.order.place(id, spot); // else it has been moved on meanwhile
      }
    });
    this.last = done.catch(() => this.takeBack(moves));
    return done;
  }

  /** Sections, and which are closed. */
  choose(change: (before: ListOrder) => ListOrder): Promise<void> {
    const wanted = change(this.chosen);
    this.local = wanted;
    this.tell();
    const done = this.last.then(() => (this.local === wanted ? this.order.choose(wanted) : undefined));
    const forget = (): void => {
      if (this.local === wanted) this.local = null;
      this.tell();
    };
    this.last = done.then(forget, forget);
    return done;
  }

  private tell(): void {
    this.turns.set(this.turns.value + 1);
  }
}
