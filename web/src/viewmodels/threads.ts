/** The threads of all rooms: those that one follows, all of them, those with something unread. */

import type { SignedIn } from "../matrix/signed_in";
import type { ThreadSummary } from "../matrix/types";
import { clock as browser, type Clock } from "../platform/clock";
import type { Preferences } from "./preferences";
import { ViewModel } from "./view_model";

export type ThreadFilter = "followed" | "all" | "unread";

/** How long "all read" can be taken back. */
const UNDO_FOR = 8_000;

interface State {
  filter: ThreadFilter;
  /** Unread ones first, each part by its last reply. */
  unread: ThreadSummary[];
  read: ThreadSummary[];
  /** Followed threads with something unread. */
  count: number;
  loading: boolean;
  /** Whether there are rooms that were not asked. */
  more: boolean;
  /** How many were marked as read and can be taken back. */
  undo: number | null;
}

const keyOf = (each: Pick<ThreadSummary, "roomId" | "id">): string => `${each.roomId} ${each.id}`;

export class ThreadsViewModel extends ViewModel<State> {
  private readonly threads: SignedIn["threads"];
  /** Marked as read here, and not yet told: the press can be taken back. */
  private marked = new Map<string, ThreadSummary>();
  /** The one that is open, and was unread then: it keeps its place while it is read. */
  private held: string | null = null;
  private open: string | null = null;
  private readonly ending = this.scope.timer();
  private hasBegun = false;

  constructor(
    matrix: Pick<SignedIn, "threads" | "connection">,
    private readonly preferences: Pick<Preferences, "snapshot">,
    clock: Clock = browser,
  ) {
    super({ filter: "followed", unread: [], read: [], count: 0, loading: false, more: false, undo: null }, clock);
    this.threads = matrix.threads;
    this.scope.owns(this.threads.changed.listen(() => this.look()));
    const begin = (): void => {
      if (this.hasBegun || matrix.connection.value !== "online") return;
      this.hasBegun = true;
      void this.threads.begin();
    };
    this.scope.owns(matrix.connection.listen(begin));
    this.scope.owns(() => this.tell());
    begin();
    this.look();
  }

  /** The screen is shown: what this device has not met is looked up. */
  readonly show = async (): Promise<void> => this.loads(() => this.threads.look());

  readonly more = async (): Promise<void> => this.loads(() => this.threads.more());

  private async loads(what: () => Promise<void>): Promise<void> {
    if (this.now.loading) return;
    this.set({ loading: true });
    await what().catch(() => {}); // what is known stays; "more" asks again
    this.set({ loading: false });
    this.look();
  }

  readonly filter = (filter: ThreadFilter): void => {
    this.set({ filter });
    this.look();
  };

  /** Which one is open; null for none. */
  readonly opened = (roomId: string | null, id: string | null): void => {
    const open = roomId && id ? `${roomId} ${id}` : null;
    if (open === this.open) return;
    this.open = open;
    this.held = this.now.unread.some((each) => keyOf(each) === open) ? open : null;
    this.look();
  };

  /** The next unread one, or the one before; null where there is none. */
  readonly next = (by: 1 | -1): ThreadSummary | null => {
    const { unread } = this.now;
    const at = unread.findIndex((each) => keyOf(each) === this.open);
    return (at >= 0 ? unread[at + by] : by === 1 ? unread[0] : unread.at(-1)) ?? null;
  };

  /** Everything that is followed, after a while in which it can be taken back. */
  readonly markAllRead = (): void => {
    this.tell();
    this.marked = new Map(
      this.threads
        .list()
        .filter((each) => each.follows && each.unread)
        .map((each) => [keyOf(each), each]),
    );
    if (!this.marked.size) return;
    this.held = null;
    this.set({ undo: this.marked.size });
    this.ending.set(UNDO_FOR, () => this.tell());
    this.look();
  };

  readonly undo = (): void => {
    this.ending.clear();
    this.marked.clear();
    this.set({ undo: null });
    this.look();
  };

  private tell(): void {
    this.ending.clear();
    const { privateReceipts } = this.preferences.snapshot();
    for (const { roomId, id } of this.marked.values()) void this.threads.markRead(roomId, id, privateReceipts).catch(() => {});
    this.set({ undo: null });
  }

  private look(): void {
    const all = this.threads.list().sort((a, b) => b.ts - a.ts);
    const isNew = (each: ThreadSummary): boolean => {
      const before = this.marked.get(keyOf(each));
      return each.unread > 0 && (!before || each.ts > before.ts);
    };
    const { filter } = this.now;
    const shown = all.filter((each) => filter === "all" || each.follows || keyOf(each) === this.open);
    const isFirst = (each: ThreadSummary): boolean => isNew(each) || keyOf(each) === this.held;
    this.set({
      unread: shown.filter(isFirst).map((each) => (isNew(each) ? each : { ...each, unread: 0, mentions: 0 })),
      read:
        filter === "unread" ? [] : shown.filter((each) => !isFirst(each)).map((each) => ({ ...each, unread: 0, mentions: 0 })),
      count: all.filter((each) => each.follows && isNew(each)).length,
      more: this.threads.hasMore,
    });
  }
}
