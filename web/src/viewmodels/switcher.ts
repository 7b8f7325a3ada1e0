/** Going anywhere: rooms, people, messages, by one field (Ctrl+K). */

import type { Found } from "../matrix/message_index";
import type { SignedIn } from "../matrix/signed_in";
import type { Person, RoomSummary } from "../matrix/types";
import { clock as browser, type Clock } from "../platform/clock";
import { ANYTHING } from "../platform/search_query";
import { ViewModel } from "./view_model";
import { plainly } from "./words";

export type Result =
  | { kind: "room"; key: string; room: RoomSummary }
  | { kind: "person"; key: string; person: Person }
  | { kind: "message"; key: string; found: Found; room: string }
  | { kind: "file"; key: string; found: Found; room: string }
  /** Looking on, where there are filters. */
  | { kind: "all"; key: string; count: number };

const FEW = 20;

interface State {
  typed: string;
  results: Result[];
  /** How many of them are found, as it is said aloud. */
  found: number;
  searching: boolean;
  indexed: number;
}

export class SwitcherViewModel extends ViewModel<State> {
  private turn = 0;
  private readonly looking = this.scope.timer();

  constructor(
    private readonly matrix: Pick<SignedIn, "rooms" | "people" | "index" | "entry">,
    private readonly open: { room: (id: string, event?: string) => void; search: (term: string) => void },
    clock: Clock = browser,
  ) {
    super({ typed: "", results: [], found: 0, searching: false, indexed: matrix.index.count }, clock);
    const rooms = this.rooms("");
    this.set({ results: rooms, found: rooms.length });
  }

  readonly type = (typed: string): void => {
    this.looking.clear();
    const rooms = this.rooms(typed);
    this.set({ typed, results: rooms, found: rooms.length, searching: typed.trim().length >= 2 });
    if (typed.trim().length >= 2) this.looking.set(150, () => void this.look(typed.trim(), rooms));
  };

  private rooms(typed: string): Result[] {
    const words = plainly(typed).split(/\s+/).filter(Boolean);
    return this.matrix.rooms
      .list()
      .filter(
        (each) =>
          each.membership === "join" &&
          words.every((word) => plainly(`${each.name} ${each.other?.organisation ?? ""}`).includes(word)),
      )
      .slice(0, typed ? 8 : 12)
      .map((room) => ({ kind: "room", key: room.id, room }));
  }

  private async look(typed: string, rooms: Result[]): Promise<void> {
    const turn = ++this.turn;
    const [people, { found, count }] = await Promise.all([
      this.matrix.people.find(typed).catch(() => []),
      this.matrix.index.find({ ...ANYTHING, term: typed, limit: FEW }).catch(() => ({ found: [], count: 0 })),
    ]);
    if (turn !== this.turn) return;
    const known = new Set(rooms.flatMap((each) => (each.kind === "room" && each.room.other ? [each.room.other.id] : [])));
    const names = new Map(this.matrix.rooms.list().map((each) => [each.id, each.name]));
    const results = [
      ...rooms,
      ...people
        .filter((each) => !known.has(each.id))
        .slice(0, 6)
        .map((person): Result => ({ kind: "person", key: person.id, person })),
      ...found.map(
        (each): Result => ({
          kind: each.isFile ? "file" : "message",
          key: each.eventId,
          found: each,
          room: names.get(each.roomId) ?? "",
        }),
      ),
    ];
    this.set({
      searching: false,
      indexed: this.matrix.index.count,
      found: results.length,
      results: count ? [...results, { kind: "all", key: "all", count }] : results,
    });
  }

  readonly go = async (result: Result): Promise<void> => {
    if (result.kind === "room") this.open.room(result.room.id);
    else if (result.kind === "person") this.open.room(await this.matrix.entry.direct(result.person.id));
    else if (result.kind === "all") this.open.search(this.now.typed.trim());
    else this.open.room(result.found.roomId, result.found.eventId);
  };
}
