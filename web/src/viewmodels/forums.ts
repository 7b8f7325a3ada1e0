import { explain } from "../matrix/errors";
import type { PublicRoom } from "../matrix/room_directory";
import type { SignedIn } from "../matrix/signed_in";
import { clock as browser, type Clock } from "../platform/clock";
import { ActingViewModel, type Doing, IDLE } from "./view_model";

interface State extends Doing {
  term: string;
  rooms: PublicRoom[];
  next: string | null;
  total: number;
  loading: boolean;
  order: "members" | "name";
}

export class ForumsViewModel extends ActingViewModel<State> {
  private readonly looking = this.scope.timer();
  private turn = 0;

  constructor(
    private readonly matrix: Pick<SignedIn, "directory" | "entry">,
    private readonly open: (id: string) => void,
    clock: Clock = browser,
  ) {
    super({ ...IDLE, term: "", rooms: [], next: null, total: 0, loading: true, order: "members" }, clock);
    void this.look();
  }

  readonly type = (term: string): void => {
    this.set({ term });
    this.looking.set(250, () => void this.look());
  };

  readonly setOrder = (order: State["order"]): void => this.set({ order, rooms: sorted(this.now.rooms, order) });

  readonly retry = (): void => void this.look();

  /** No action: it keeps nobody from joining what is shown, and what was typed last counts. */
  private async look(): Promise<void> {
    const turn = ++this.turn;
    this.set({ loading: true, problem: null });
    try {
      const found = await this.matrix.directory.forums(this.now.term.trim());
      if (turn === this.turn) this.set({ ...found, rooms: sorted(found.rooms, this.now.order), loading: false });
    } catch (error) {
      if (turn === this.turn) this.set({ problem: explain(error), loading: false });
    }
  }

  readonly more = (): Promise<boolean> =>
    this.act(async () => {
      const found = await this.matrix.directory.forums(this.now.term.trim(), this.now.next ?? undefined);
      this.set({ rooms: sorted([...this.now.rooms, ...found.rooms], this.now.order), next: found.next });
    });

  readonly enter = (room: PublicRoom): Promise<boolean> =>
    this.act(async () => {
      if (room.knock && !room.joined) await this.matrix.entry.knock(room.id, "");
      else this.open(room.joined ? room.id : await this.matrix.entry.join(room.alias ?? room.id));
    });
}

const sorted = (rooms: PublicRoom[], order: State["order"]): PublicRoom[] =>
  [...rooms].sort((a, b) => (order === "name" ? a.name.localeCompare(b.name) : b.members - a.members));
