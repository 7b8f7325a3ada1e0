/** Finding messages of a room, and files of all rooms, in what this browser has read. */

import type { Found } from "../matrix/message_index";
import type { SignedIn } from "../matrix/signed_in";
import { clock as browser, type Clock } from "../platform/clock";
import { ANYTHING, FILES, type Query } from "../platform/search_query";
import { ViewModel } from "./view_model";

interface State {
  term: string;
  found: Found[];
  /** Of all, also of those that are not shown. */
  count: number;
}

abstract class SearchViewModel extends ViewModel<State> {
  private readonly looking = this.scope.timer();
  private turn = 0;

  /** `isAll`: no term means everything, not nothing; `rest`: how long somebody rests before it is looked for, in milliseconds. */
  constructor(
    private readonly index: Pick<SignedIn["index"], "find" | "changed">,
    private readonly asked: Partial<Query>,
    private readonly isAll: boolean,
    private readonly rest: number,
    clock: Clock,
  ) {
    super({ term: "", found: [], count: 0 }, clock);
    this.scope.owns(index.changed.listen(() => void this.look(this.now.term)));
    this.type("");
  }

  readonly type = (term: string): void => {
    this.set({ term });
    this.looking.set(this.rest, () => void this.look(term));
  };

  private async look(term: string): Promise<void> {
    const turn = ++this.turn;
    const isAsked = this.isAll || term.trim() !== "";
    const { found, count } = isAsked ? await this.index.find({ ...ANYTHING, ...this.asked, term }) : { found: [], count: 0 };
    if (turn === this.turn) this.set({ found, count });
  }
}

export class RoomSearchViewModel extends SearchViewModel {
  constructor({ index }: Pick<SignedIn, "index">, roomId: string, clock: Clock = browser) {
    super(index, { room: roomId, limit: 60 }, false, 120, clock);
  }
}

/** Of every room; all of them for no term. */
export class FilesViewModel extends SearchViewModel {
  constructor(
    private readonly matrix: Pick<SignedIn, "index" | "rooms">,
    clock: Clock = browser,
  ) {
    super(matrix.index, { kinds: FILES, limit: 100 }, true, 100, clock);
  }

  /** The names of the rooms that files are in. */
  get rooms(): Map<string, string> {
    return new Map(this.matrix.rooms.list().map((each) => [each.id, each.name]));
  }
}
