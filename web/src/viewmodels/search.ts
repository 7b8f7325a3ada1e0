/** Finding messages of a room, and files of all rooms, in what this browser has read. */

import type { Found } from "../matrix/message_index";
import type { SignedIn } from "../matrix/signed_in";
import { clock as browser, type Clock } from "../platform/clock";
import { ViewModel } from "./view_model";

interface State {
  term: string;
  found: Found[];
}

abstract class SearchViewModel extends ViewModel<State> {
  private readonly looking = this.scope.timer();
  private turn = 0;

  /** What is found changes with what this device has read. */
  constructor(
    { changed }: Pick<SignedIn["index"], "changed">,
    private readonly search: (term: string) => Promise<Found[]>,
    /** How long somebody rests before it is looked for, in milliseconds. */
    private readonly rest: number,
    clock: Clock,
  ) {
    super({ term: "", found: [] }, clock);
    this.scope.owns(changed.listen(() => void this.look(this.now.term)));
    this.type("");
  }

  readonly type = (term: string): void => {
    this.set({ term });
    this.looking.set(this.rest, () => void this.look(term));
  };

  private async look(term: string): Promise<void> {
    const turn = ++this.turn;
    const found = await this.search(term);
    if (turn === this.turn) this.set({ found });
  }
}

const MESSAGES = 60;
const FILES = 100;

export class RoomSearchViewModel extends SearchViewModel {
  constructor({ index }: Pick<SignedIn, "index">, roomId: string, clock: Clock = browser) {
    super(index, (term) => index.search(term, roomId, MESSAGES), 120, clock);
  }
}

/** Of every room; all of them for no term. */
export class FilesViewModel extends SearchViewModel {
  constructor(
    private readonly matrix: Pick<SignedIn, "index" | "rooms">,
    clock: Clock = browser,
  ) {
    super(matrix.index, (term) => matrix.index.files(term, FILES), 100, clock);
  }

  /** The names of the rooms that files are in. */
  get rooms(): Map<string, string> {
    return new Map(this.matrix.rooms.list().map((each) => [each.id, each.name]));
  }
}
