/** A room's messages on the screen: what is loaded, where one is in it, what one has read. */

import type { SomeConversation, SomeTimeline } from "../matrix/signed_in";
import type { Item } from "../matrix/types";
import { clock as browser, type Clock } from "../platform/clock";
import { Announcer, PATIENCE } from "./announcer";
import { type FoldedRow, foldedRows, itemsOf } from "./folded_rows";
import { rowsOf } from "./timeline_rows";
import { ViewModel } from "./view_model";

interface State {
  rows: FoldedRow[];
  loading: boolean;
  older: boolean;
  newer: boolean;
  loadingOlder: boolean;
  /** Nothing more is asked for, for a while: the last time it failed. */
  resting: boolean;
  failed: boolean;
  /** What was looked for is not there, or not to be seen. */
  lost: boolean;
  /** What was looked for is in a thread. */
  inThread: { root: string; event: string } | null;
  /** What to bring into view: set when something was jumped to. */
  target: { key: string; at: number } | null;
  /** How many rows were put before the others by the last change. */
  prepended: boolean;
  highlighted: string | null;
  /** Messages that are read aloud now; `turn`: two that say the same are two. */
  announcement: { items: Item[]; turn: number } | null;
  unreadBelow: number;
  /** Unread messages that begin above the screen. `count` is null where they begin before what is loaded. */
  unreadAbove: { count: number | null } | null;
}

const SHORTEST_PAUSE = 2000;
const LONGEST_PAUSE = 30_000;
/** So long the line of what is new stays after one has come to the end. */
const LINE_STAYS = 8000;

export class TimelineViewModel extends ViewModel<State> {
  private readonly timeline: SomeTimeline;
  private readUpTo: string | null;
  private lastSeen = "";
  private turn = 0;
  private hasOpened = false;
  private pause = SHORTEST_PAUSE;
  private readonly rest = this.scope.timer();
  private readonly announcer = new Announcer();
  private readonly patience = this.scope.timer();
  private readonly lineGoes = this.scope.timer();

  constructor(
    private readonly conversation: Pick<SomeConversation, "timeline" | "markRead" | "history">,
    readonly threadId: string | null,
    private readonly privateReceipts: () => boolean,
    event: string | null = null,
    private readonly wasUnread = false,
    clock: Clock = browser,
  ) {
    super(
      {
        rows: [],
        loading: true,
        older: false,
        newer: false,
        loadingOlder: false,
        resting: false,
        failed: false,
        lost: false,
        inThread: null,
        target: null,
        prepended: false,
        highlighted: event,
        announcement: null,
        unreadBelow: 0,
        unreadAbove: null,
      },
      clock,
    );
    this.timeline = conversation.timeline(threadId);
    this.readUpTo = this.timeline.readUpTo;
    this.scope.owns(this.timeline.changed.listen(() => this.look()));
    this.scope.owns(() => this.timeline.close());
    void (event ? this.find(event) : this.open(null));
  }

  private async open(event: string | null, near: number | null = null): Promise<void> {
    const turn = ++this.turn;
    this.timeline.follows = event === null;
    this.set({ loading: true, failed: false });
    try {
      await this.timeline.open(event);
      if (turn !== this.turn) return;
      if (!this.hasOpened) this.readUpTo = this.timeline.readUpTo;
      this.hasOpened = true;
      // the rows and where one is in them at once: in between the list would go to its end
      this.look(false, (rows) => {
        const target = event ? (this.targetOf(event, rows) ?? this.nearest(near, rows)) : null;
        return { loading: false, target, highlighted: target ? event : null, ...(event && this.aloud(itemsOf(rows), event)) };
      });
      if (!event) {
        this.set({ unreadAbove: this.missed() });
        void this.read();
      }
    } catch {
      if (turn !== this.turn) return;
      if (event) return this.miss();
      this.set({ loading: false, failed: true });
    }
  }

  readonly retryOpening = (): void => void this.open(null);

  readonly jump = async (event: string): Promise<void> => {
    this.timeline.follows = false; // until the screen says that this is at the end
    const target = this.now.loading ? null : this.targetOf(event);
    if (target) this.set({ target, highlighted: event, lost: false, ...this.aloud(this.timeline.list(), event) });
    else await this.find(event);
  };

  /** Goes to what is not loaded: to where its row is, if it has one. */
  private async find(event: string): Promise<void> {
    const turn = ++this.turn;
    this.set({ loading: true, lost: false });
    const found = await this.conversation.history.whereIs(event).catch(() => undefined);
    if (turn !== this.turn) return;
    if (found === null) return this.miss();
    if (found?.thread && found.thread !== this.threadId) {
      if (this.now.rows.length) this.set({ loading: false });
      else await this.open(null);
      return this.set({ inThread: { root: found.thread, event: found.eventId } });
    }
    await this.open(found?.eventId ?? event, found?.ts);
  }

  /** It cannot be had: what is there stays. */
  private async miss(): Promise<void> {
    if (this.now.rows.length) this.set({ loading: false });
    else await this.open(null);
    this.set({ lost: true, highlighted: null });
  }

  readonly dismissLost = (): void => this.set({ lost: false });

  readonly jumpToDay = async (day: Date): Promise<void> => {
    const event = await this.conversation.history.eventAt(day.getTime());
    if (event) await this.jump(event);
  };

  readonly jumpToUnread = async (): Promise<void> => {
    this.set({ unreadAbove: null });
    if (this.readUpTo) await this.jump(this.readUpTo);
  };

  /** The line above the unread messages has been on the screen. */
  readonly sawUnread = (): void => {
    if (!this.now.unreadAbove) return;
    this.set({ unreadAbove: null });
    void this.read();
  };

  private missed(): State["unreadAbove"] {
    const line = this.now.rows.find((each) => each.type === "unread");
    if (line) return { count: line.count };
    const beyond = this.wasUnread && this.readUpTo && this.now.older;
    return beyond && !this.items.some((each) => each.eventId === this.readUpTo) ? { count: null } : null;
  }

  readonly jumpToNewest = async (): Promise<void> => {
    if (this.now.newer) await this.open(null);
    this.timeline.follows = true;
    this.set({ target: null, highlighted: null, unreadBelow: 0 });
    void this.read();
  };

  readonly older = (): Promise<void> => this.grow("older");

  readonly newer = (): Promise<void> => this.grow("newer");

  /** Asks for more at an end. What fails, or brings nothing, is not asked for again before a while: views ask whenever there is room. */
  private async grow(end: "older" | "newer"): Promise<void> {
    if (this.now.loadingOlder || this.now.resting || !this.now[end]) return;
    this.set({ loadingOlder: true });
    const grew = await this.timeline[end]().catch(() => false);
    this.look(end === "older");
    const resting = !grew && this.now[end];
    if (resting) this.rest.set(this.pause, () => this.set({ resting: false }));
    this.pause = resting ? Math.min(2 * this.pause, LONGEST_PAUSE) : SHORTEST_PAUSE;
    this.set({ loadingOlder: false, resting });
  }

  readonly scrolled = (atBottom: boolean): void => {
    this.timeline.follows = atBottom && !this.now.newer;
    if (this.timeline.follows && this.now.unreadBelow) this.set({ unreadBelow: 0 });
    if (this.timeline.follows) void this.read();
  };

  get items(): Item[] {
    return itemsOf(this.now.rows);
  }

  /** What somebody sent last and may still edit: for "arrow up". */
  lastOwn(): Item | null {
    return this.items.findLast((each) => each.mine && each.state === "sent" && each.content.type === "text") ?? null;
  }

  private readonly read = async (): Promise<void> => {
    if (!this.visible || !this.timeline.follows) return;
    if (this.hasLine && !this.now.unreadAbove) this.lineGoes.set(LINE_STAYS, () => this.takeLineAway());
    const newest = this.timeline.newest();
    if (!newest || newest === this.lastSeen) return;
    this.lastSeen = newest;
    await this.conversation.markRead(newest, this.privateReceipts(), this.threadId).catch(() => {
      this.lastSeen = "";
    });
  };

  private visible = true;

  readonly setVisible = (visible: boolean): void => {
    this.visible = visible;
    if (visible) void this.read();
    else this.lineGoes.clear();
  };

  private get hasLine(): boolean {
    return this.now.rows.some((each) => each.type === "unread");
  }

  /** Everything is read: where one stops reading next is below it. */
  private takeLineAway(): void {
    this.readUpTo = this.items.at(-1)?.eventId ?? null;
    this.look();
  }

  /** The line stands where one stopped reading: nowhere while one reads on, and not above one's own answer. */
  private moveLine(items: Item[], before: Item | null): void {
    const fresh = before ? items.slice(items.findLastIndex((each) => each.key === before.key) + 1) : [];
    if (!fresh.length || this.now.newer) return;
    const isRead = this.visible && this.timeline.follows;
    if (fresh.some((each) => each.mine) || (!this.hasLine && isRead)) this.readUpTo = fresh.at(-1)!.eventId;
    else if (!this.hasLine) this.readUpTo = before!.eventId;
  }

  private look(prepended = false, then: (rows: FoldedRow[]) => Partial<State> = () => ({})): void {
    const items = this.timeline.list();
    const isFetched = this.now.loading || this.now.newer; // what is fetched on the way to the end was said before
    const newest = items.at(-1) ?? null;
    const before = this.items.at(-1) ?? null;
    if (this.hasOpened && !this.now.loading && !prepended) this.moveLine(items, before);
    const rows = foldedRows(rowsOf(items, this.readUpTo));
    const fresh =
      newest &&
      before &&
      newest.key !== before.key &&
      !newest.mine &&
      newest.content.type !== "event" &&
      !prepended &&
      !isFetched;
    this.set({
      rows,
      prepended,
      older: this.timeline.hasOlder,
      newer: this.timeline.hasNewer,
      unreadBelow: fresh && !this.timeline.follows ? this.now.unreadBelow + 1 : this.now.unreadBelow,
      ...then(rows),
    });
    if (isFetched) this.announcer.begin(items);
    else this.announce(items);
    if (this.timeline.follows) void this.read();
  }

  private announce(items: Item[]): void {
    const heard = this.announcer.hear(items, this.scope.clock.now());
    if (heard.length) this.set(this.aloud(heard));
    if (this.announcer.waits) this.patience.set(PATIENCE, () => this.announce(this.timeline.list()));
  }

  /** What is read aloud of messages: of those that have come, and of the one that somebody came to. */
  private aloud(items: Item[], event?: string): Partial<State> {
    const told = event ? items.filter((each) => each.eventId === event && each.content.type !== "event") : items;
    return told.length ? { announcement: { items: told, turn: (this.now.announcement?.turn ?? 0) + 1 } } : {};
  }

  /** What was said at a time, or next after it: some events have no row. */
  private nearest(ts: number | null, rows: FoldedRow[]): State["target"] {
    const row = ts === null ? undefined : rows.find((each) => itemsOf([each]).some((item) => item.ts >= ts));
    return row ? { key: row.key, at: this.scope.clock.now() } : null;
  }

  private targetOf(event: string, rows = this.now.rows): State["target"] {
    const row = rows.find((each) => itemsOf([each]).some((item) => item.eventId === event));
    return row ? { key: row.key, at: this.scope.clock.now() } : null;
  }
}
