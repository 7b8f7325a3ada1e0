import type { SignedIn } from "../matrix/signed_in";
import type { RoomSummary } from "../matrix/types";
import type { Drafts } from "./drafts";
import { ViewModel } from "./view_model";

export type Filter = "all" | "unread" | "mentions" | "direct";

export interface Section {
  name: "invites" | "favourites" | "recent" | "low";
  rooms: RoomSummary[];
}

interface State {
  filter: Filter;
  space: string | null;
  spaces: RoomSummary[];
  sections: Section[];
  closed: ReadonlySet<Section["name"]>;
  unread: number;
  mentions: number;
  total: number;
  drafts: Readonly<Record<string, string>>;
}

export class RoomListViewModel extends ViewModel<State> {
  constructor(
    private readonly matrix: Pick<SignedIn, "rooms" | "entry">,
    private readonly drafts: Pick<Drafts, "all" | "places">,
    private readonly open: (id: string) => void,
  ) {
    super({
      filter: "all",
      space: null,
      spaces: [],
      sections: [],
      closed: new Set(["low"]),
      unread: 0,
      mentions: 0,
      total: 0,
      drafts: {},
    });
    this.scope.owns(matrix.rooms.changed.listen(() => this.look()));
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

  readonly toggle = (name: Section["name"]): void => {
    const closed = new Set(this.now.closed);
    if (!closed.delete(name)) closed.add(name);
    this.set({ closed });
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

  private look(): void {
    const all = this.matrix.rooms.list();
    const rooms = all.filter((each) => each.kind !== "space" || each.membership === "invite");
    const shown = rooms.filter((each) => this.passes(each));
    const sections: Section[] = [
      { name: "invites", rooms: shown.filter((each) => each.membership === "invite") },
      { name: "favourites", rooms: shown.filter((each) => each.membership !== "invite" && each.favourite) },
      { name: "recent", rooms: shown.filter((each) => each.membership !== "invite" && !each.favourite && !each.low) },
      { name: "low", rooms: shown.filter((each) => each.membership !== "invite" && !each.favourite && each.low) },
    ];
    this.set({
      sections: sections.filter((each) => each.rooms.length),
      spaces: all.filter((each) => each.kind === "space" && each.membership === "join"),
      unread: rooms.filter((each) => each.isUnread).length,
      mentions: rooms.reduce((sum, each) => sum + each.mentions, 0),
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
