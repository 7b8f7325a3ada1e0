/** What is pinned in a room: the newest in its head, one after the other, all of them beside it. */

import type { SignedIn, SomeConversation } from "../matrix/signed_in";
import type { Line } from "../matrix/types";
import { ViewModel } from "./view_model";

/** A pinned message; null for one that is gone. */
export interface Pinned {
  id: string;
  event: Line | null;
}

interface State {
  /** Newest first; null while they are read. */
  pins: Pinned[] | null;
  /** Which of them the head shows. */
  at: number;
}

/** Anybody who may pin may pin thousands. */
const MOST = 50;

export class PinsViewModel extends ViewModel<State> {
  private ids: string[] = [];
  private turn = 0;

  constructor(
    _matrix: SignedIn,
    private readonly conversation: Pick<SomeConversation, "changed" | "details" | "history">,
  ) {
    super({ pins: null, at: 0 });
    this.scope.owns(conversation.changed.listen(() => this.look()));
    this.scope.owns(conversation.history.touched.listen(() => void this.read()));
    this.look(true);
  }

  private look(first = false): void {
    const pinned = this.conversation.details().pinned;
    const ids = [...new Set(pinned)].slice(-MOST).reverse();
    if (!first && ids.join(" ") === this.ids.join(" ")) return;
    this.ids = ids;
    this.set({ at: 0 });
    void this.read();
  }

  private async read(): Promise<void> {
    const turn = ++this.turn;
    const { ids } = this;
    const pins = await Promise.all(ids.map(async (id) => ({ id, event: await this.conversation.history.event(id) })));
    if (turn === this.turn) this.set({ pins });
  }

  /** Those that can be shown. */
  get there(): Array<Pinned & { event: Line }> {
    return (this.now.pins ?? []).filter((each): each is Pinned & { event: Line } => each.event !== null);
  }

  /** The one that the head shows; the head goes on to the next, and after the oldest to the newest. */
  readonly next = (): string | null => {
    const { there } = this;
    const shown = there[this.now.at % there.length];
    if (!shown) return null;
    this.set({ at: (this.now.at + 1) % there.length });
    return shown.id;
  };
}
