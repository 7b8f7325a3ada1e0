import type { SignedIn } from "../matrix/signed_in";
import type { RoomSummary } from "../matrix/types";
import { Arrangement } from "./arrangement";
import type { Drafts } from "./drafts";
import { ownSections, type Section, sectionsOf } from "./list_sections";
import { ViewModel } from "./view_model";

export type Filter = "all" | "unread" | "mentions" | "direct";

interface State {
  filter: Filter;
  space: string | null;
  spaces: RoomSummary[];
  sections: Section[];
  closed: ReadonlySet<string>;
  unread: number;
  mentions: number;
  total: number;
  drafts: Readonly<Record<string, string>>;
}

export class RoomListViewModel extends ViewModel<State> {
  readonly arrangement: Arrangement;

  constructor(
    private readonly matrix: Pick<SignedIn, "rooms" | "entry" | "order">,
    private readonly drafts: Pick<Drafts, "all" | "places">,
    private readonly open: (id: string) => void,
  ) {
    super({
      filter: "all",
      space: null,
      spaces: [],
      sections: [],
      closed: new Set(),
      unread: 0,
      mentions: 0,
      total: 0,
      drafts: {},
    });
    this.arrangement = new Arrangement(matrix.order);
    this.scope.owns(matrix.rooms.changed.listen(() => this.look()));
    this.scope.owns(matrix.order.changed.listen(() => this.look()));
    this.scope.owns(this.arrangement.changed.listen(() => this.look()));
    this.scope.owns(drafts.places.listen(() => this.look()));
    this.look();
  }

  readonly setFilter = (filter: Filter): void => {
    this.set({ filter });
    this.look();
  };

  readonly setSpace = (space: string | null): void => {
    this.set({ space });
    this.look();
  };

  /** Opens a section or closes it, on every device. */
  readonly toggle = (name: string): void => {
    const others = this.arrangement.chosen.closed.filter((each) => each !== name);
    const closed = this.now.closed.has(name) ? others : [...others, name];
    this.arrangement.choose((before) => ({ ...before, closed })).catch(() => {}); // it is shown again as it was
  };

  /** Enters a room that somebody asks one into; what goes wrong is said there. */
  readonly accept = (id: string): Promise<void> =>
    this.matrix.entry.join(id).then(
      (entered) => this.open(entered),
      () => this.open(id),
    );

  readonly decline = (id: string): void => void this.matrix.entry.leave(id);

  /** Rooms that one may say something in. */
  joined(): RoomSummary[] {
    return this.matrix.rooms.list().filter((each) => each.membership === "join" && each.kind !== "space");
  }

  /** A room as the list shows it. */
  find(id: string): RoomSummary | null {
    return this.arrangement.applied(this.matrix.rooms.list()).find((each) => each.id === id) ?? null;
  }

  private look(): void {
    const all = this.arrangement.applied(this.matrix.rooms.list());
    const rooms = all.filter((each) => each.kind !== "space" || each.membership === "invite");
    const shown = rooms.filter((each) => this.passes(each));
    const { sections: chosen, closed } = this.arrangement.chosen;
    const counted = rooms.filter((each) => !each.archived);
    this.set({
      sections: sectionsOf(shown, ownSections(rooms, chosen), this.now.filter === "all" && !this.now.space),
      closed: new Set(closed),
      spaces: all.filter((each) => each.kind === "space" && each.membership === "join"),
      unread: counted.filter((each) => each.isUnread).length,
      mentions: counted.reduce((sum, each) => sum + each.mentions, 0),
      total: rooms.length,
      drafts: this.drafts.all(),
    });
  }

  private passes(room: RoomSummary): boolean {
    if (this.now.space && !room.spaces.includes(this.now.space)) return false;
    switch (this.now.filter) {
      case "unread":
        return room.isUnread;
      case "mentions":
        return room.mentions > 0;
      case "direct":
        return room.kind === "direct";
      default:
        return true;
    }
  }
}
