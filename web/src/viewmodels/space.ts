/** A space: which rooms are kept in it, which could be. */

import type { PublicRoom } from "../matrix/room_directory";
import type { SignedIn } from "../matrix/signed_in";
import type { RoomSummary } from "../matrix/types";
import { ActingViewModel, type Doing, IDLE } from "./view_model";

interface State extends Doing {
  rooms: PublicRoom[];
  loading: boolean;
  may: boolean;
}

export class SpaceViewModel extends ActingViewModel<State> {
  constructor(
    private readonly matrix: Pick<SignedIn, "directory" | "rooms" | "entry">,
    readonly id: string,
    private readonly open: (id: string) => void,
  ) {
    super({ ...IDLE, rooms: [], loading: true, may: matrix.directory.mayArrange(id) });
    void this.look();
  }

  readonly look = async (): Promise<void> => {
    await this.act(async () => this.set({ rooms: await this.matrix.directory.inSpace(this.id) }));
    this.set({ loading: false, may: this.matrix.directory.mayArrange(this.id) });
  };

  /** Rooms of this account that are not in the space yet. */
  candidates(): RoomSummary[] {
    const inside = new Set(this.now.rooms.map((each) => each.id));
    return this.matrix.rooms
      .list()
      .filter((each) => each.membership === "join" && !inside.has(each.id))
      .filter((each) => each.kind !== "space" && each.kind !== "direct");
  }

  readonly add = (ids: string[]): Promise<boolean> =>
    this.act(async () => {
      for (const id of ids) await this.matrix.directory.arrange(this.id, id, true);
      this.set({ rooms: await this.matrix.directory.inSpace(this.id) });
    });

  readonly remove = (id: string): Promise<boolean> =>
    this.act(async () => {
      await this.matrix.directory.arrange(this.id, id, false);
      this.set({ rooms: this.now.rooms.filter((each) => each.id !== id) });
    });

  readonly enter = (room: PublicRoom): Promise<boolean> =>
    this.act(async () => {
      if (room.knock && !room.joined) await this.matrix.entry.knock(room.id, "");
      else this.open(room.joined ? room.id : await this.matrix.entry.join(room.alias ?? room.id));
    });
}
