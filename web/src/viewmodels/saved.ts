/** What one keeps for later: what is due, what comes, what is without a time, what is done. */

import { type Explanation, explain } from "../matrix/errors";
import type { SignedIn } from "../matrix/signed_in";
import type { Line, SavedMessage } from "../matrix/types";
import { clock as browser, type Clock } from "../platform/clock";
import type { Surroundings } from "./notifier";
import { afterQuiet } from "./reminder_times";
import { ViewModel } from "./view_model";

/** How long "done" can be taken back. */
const UNDO_FOR = 8_000;
/** How long what is done is kept. */
const KEPT = 30 * 86_400_000;
/** What a timer of a browser can wait for. */
const LONGEST = 24 * 3_600_000;

export interface Kept extends SavedMessage {
  room: string | null;
  /** Undefined while it is read; null for what is gone. */
  line: Line | null | undefined;
}

interface State {
  now: Kept[];
  later: Kept[];
  untimed: Kept[];
  done: Kept[];
  /** How many are due. */
  due: number;
  isLocked: boolean;
  /** What was done last and can be taken back. */
  undo: SavedMessage | null;
  problem: Explanation | null;
  /** What has become due, to be said once. */
  risen: { turn: number } | null;
}

const keyOf = (each: Pick<SavedMessage, "roomId" | "eventId">): string => `${each.roomId} ${each.eventId}`;

export class SavedViewModel extends ViewModel<State> {
  private readonly lines = new Map<string, Line | null>();
  private readonly ringing = this.scope.timer();
  private readonly ending = this.scope.timer();
  private rung: number;
  private isShown = false;

  constructor(
    private readonly matrix: Pick<SignedIn, "saved" | "rooms" | "connection" | "account">,
    private readonly page: Pick<Surroundings, "notify" | "mayNotify" | "text">,
    private readonly go: () => void,
    clock: Clock = browser,
  ) {
    super(
      { now: [], later: [], untimed: [], done: [], due: 0, isLocked: false, undo: null, problem: null, risen: null },
      clock,
    );
    this.rung = clock.now();
    this.scope.owns(matrix.saved.changed.listen(() => this.look()));
    const again = (): void => {
      this.reading.clear();
      if (this.isShown) this.look();
    };
    this.scope.owns(matrix.saved.touched.listen(again));
    this.scope.owns(matrix.rooms.changed.listen(() => this.isShown && this.look()));
    let hasBegun = false;
    const begin = (): void => {
      if (hasBegun || matrix.connection.value === "starting") return;
      hasBegun = true;
      void matrix.saved.begin();
    };
    this.scope.owns(matrix.connection.listen(begin));
    begin();
    this.look();
  }

  /** The screen is shown: what is kept is read. */
  readonly show = (): (() => void) => {
    this.isShown = true;
    this.reading.clear();
    this.look();
    return () => {
      this.isShown = false;
    };
  };

  private async read(entry: SavedMessage): Promise<void> {
    const key = keyOf(entry);
    const line = await this.matrix.saved.line(entry).catch(() => undefined);
    if (line === undefined)
      this.reading.delete(key); // not now: the rooms are not read yet, or there is no network
    else this.lines.set(key, line);
    if (line !== undefined) this.look();
  }

  isKept(roomId: string, eventId: string): boolean {
    return this.matrix.saved.list().some((each) => each.roomId === roomId && each.eventId === eventId && each.doneAt === null);
  }

  /** Keeps a message for later, or lets go of it. Resolves whether it is kept now; null where that went wrong. */
  readonly keep = async (roomId: string, eventId: string): Promise<boolean | null> => {
    const isKept = this.isKept(roomId, eventId);
    const went = await this.act(() =>
      isKept
        ? this.matrix.saved.remove({ roomId, eventId })
        : this.matrix.saved.put({ roomId, eventId, savedAt: this.scope.clock.now(), remindAt: null, doneAt: null }),
    );
    return went ? !isKept : null;
  };

  /** At a time, or at none. Quiet hours move it to their end: resolves to when it will be. */
  readonly remind = async (entry: SavedMessage, at: number | null): Promise<number | null> => {
    const then = at === null ? null : afterQuiet(at, this.matrix.account().quietHours());
    await this.act(() => this.matrix.saved.put({ ...plain(entry), remindAt: then, doneAt: null }));
    return then;
  };

  readonly done = async (entry: SavedMessage): Promise<void> => {
    if (!(await this.act(() => this.matrix.saved.put({ ...plain(entry), doneAt: this.scope.clock.now() })))) return;
    this.set({ undo: plain(entry) });
    this.ending.set(UNDO_FOR, () => this.set({ undo: null }));
  };

  readonly undo = async (): Promise<void> => {
    const { undo } = this.now;
    this.ending.clear();
    this.set({ undo: null });
    if (undo) await this.act(() => this.matrix.saved.put({ ...undo, doneAt: null }));
  };

  readonly remove = async (entry: SavedMessage): Promise<void> => {
    await this.act(() => this.matrix.saved.remove(entry));
  };

  private async act(what: () => Promise<void>): Promise<boolean> {
    this.set({ problem: null });
    try {
      await what();
      return true;
    } catch (error) {
      this.set({ problem: explain(error) });
      return false;
    }
  }

  private look(): void {
    const now = this.scope.clock.now();
    const names = new Map(this.matrix.rooms.list().map((each) => [each.id, each.name]));
    const all = this.matrix.saved.list().map((each) => ({
      ...each,
      room: names.get(each.roomId) ?? null,
      line: this.lines.get(keyOf(each)),
    }));
    if (this.isShown) for (const each of all) this.readOnce(each);
    const open = all.filter((each) => each.doneAt === null);
    const timed = open.filter((each) => each.remindAt !== null).sort((a, b) => a.remindAt! - b.remindAt!);
    const due = timed.filter((each) => each.remindAt! <= now);
    this.set({
      now: due,
      later: timed.filter((each) => each.remindAt! > now),
      untimed: open.filter((each) => each.remindAt === null).sort((a, b) => b.savedAt - a.savedAt),
      done: all.filter((each) => each.doneAt !== null && each.doneAt > now - KEPT).sort((a, b) => b.doneAt! - a.doneAt!),
      due: due.length,
      isLocked: this.matrix.saved.isLocked,
    });
    this.ring(due, now);
    const next = timed.find((each) => each.remindAt! > now)?.remindAt;
    if (next) this.ringing.set(Math.min(next - now, LONGEST), () => this.look());
    else this.ringing.clear();
  }

  private readonly reading = new Set<string>();

  private readOnce(entry: SavedMessage): void {
    const key = keyOf(entry);
    if (this.reading.has(key)) return;
    this.reading.add(key);
    void this.read(plain(entry));
  }

  /** Tells what has become due while this was open, without a word of what it says. */
  private ring(due: Kept[], now: number): void {
    const fresh = due.filter((each) => each.remindAt! > this.rung);
    this.rung = now;
    if (!fresh.length) return;
    this.set({ risen: { turn: (this.now.risen?.turn ?? 0) + 1 } });
    if (this.page.mayNotify() === "yes")
      this.page.notify(this.page.text("saved.isTime"), this.page.text("saved.notice"), "saved", null, this.go);
  }
}

const plain = ({ roomId, eventId, savedAt, remindAt, doneAt }: SavedMessage): SavedMessage => ({
  roomId,
  eventId,
  savedAt,
  remindAt,
  doneAt,
});
