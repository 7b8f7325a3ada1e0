/** What is done with rooms from the list, and how it is undone. Every other device of the account hears of it. */

import { type Explanation, explain } from "../matrix/errors";
import type { SignedIn } from "../matrix/signed_in";
import type { RoomSummary } from "../matrix/types";
import { clock as browser, type Clock } from "../platform/clock";
import { type Move, movesTo, neighbourOf, type Target } from "./list_moves";
import { spotOf } from "./list_sections";
import type { Preferences } from "./preferences";
import type { RoomListViewModel } from "./room_list";
import { ViewModel } from "./view_model";

/** How long what was done can be undone with one press. */
const UNDO_FOR = 8_000;
/** How many rooms are read at the same time. */
const AT_ONCE = 4;

export type Told = RoomSummary["told"];

export interface Done {
  key: string;
  values: Record<string, string | number>;
  undo: (() => Promise<unknown>) | null;
  turn: number;
}

/** A room on its way through the list by the arrows. */
export interface Moving {
  id: string;
  name: string;
}

/** Where a room has come to stand, to be said. */
export interface Stands {
  name: string;
  section: string;
  place: number;
  of: number;
}

interface State {
  done: Done | null;
  problem: Explanation | null;
  moving: Moving | null;
  stands: Stands | null;
}

export class RoomActs extends ViewModel<State> {
  private readonly ending = this.scope.timer();
  /** What the arrows have changed and nobody has confirmed yet. */
  private shown = new Map<string, Move>();

  constructor(
    private readonly matrix: Pick<SignedIn, "order" | "reading" | "entry">,
    private readonly list: Pick<RoomListViewModel, "arrangement" | "snapshot" | "find">,
    private readonly preferences: Pick<Preferences, "snapshot">,
    private readonly left: (id: string) => void,
    clock: Clock = browser,
  ) {
    super({ done: null, problem: null, moving: null, stands: null }, clock);
  }

  // ---------------------------------------------------------------------------------------------------------- reading

  readonly markRead = (room: RoomSummary): Promise<void> => this.readAll([room], "list.done.read", { name: room.name });

  readonly markUnread = (room: RoomSummary): Promise<void> =>
    this.act(
      () => this.matrix.reading.markUnread(room.id, true),
      "list.done.unread",
      { name: room.name },
      () => this.matrix.reading.markUnread(room.id, false),
    );

  /** Reads what is unread of some rooms; what is undone is marked as unread again. */
  readonly markAllRead = (rooms: RoomSummary[]): Promise<void> => {
    const unread = rooms.filter((each) => each.isUnread && each.membership === "join");
    return unread.length ? this.readAll(unread, "list.done.allRead", { count: unread.length }) : Promise.resolve();
  };

  private readAll(rooms: RoomSummary[], key: string, values: Done["values"]): Promise<void> {
    const privately = this.preferences.snapshot().privateReceipts;
    return this.act(
      () => each(rooms, (room) => this.matrix.reading.markRead(room.id, privately)),
      key,
      values,
      () => each(rooms, (room) => this.matrix.reading.markUnread(room.id, true)),
    );
  }

  // ------------------------------------------------------------------------------------------------------------- told

  readonly tell = (room: RoomSummary, told: Told): Promise<void> => this.tellOf([room], told, { name: room.name });

  /** The same of every room of a section. */
  readonly tellOf = (rooms: RoomSummary[], told: Told, { name }: { name: string }): Promise<void> => {
    const before = rooms.filter((room) => room.told !== told);
    return this.act(
      () => each(before, (room) => this.matrix.reading.tell(room.id, told)),
      `list.told.${told}`,
      { name },
      () => each(before, (room) => this.matrix.reading.tell(room.id, room.told)),
    );
  };

  // ---------------------------------------------------------------------------------------------------- where it stands

  /** Puts a room into a section: at its end, or where it is dropped. */
  readonly put = (room: RoomSummary, section: string, title: string, at = Number.POSITIVE_INFINITY): Promise<void> => {
    const moves = this.movesTo(room, { section, at });
    if (!moves.length) return Promise.resolve();
    const back = this.before(moves);
    return this.act(
      async () => {
        if (room.archived) await this.matrix.order.archive(room.id, null);
        await this.list.arrangement.place(moves);
      },
      "list.done.put",
      { name: room.name, section: title },
      async () => {
        await this.list.arrangement.place(back);
        if (room.archived) await this.matrix.order.archive(room.id, room.ts);
      },
    );
  };

  readonly archive = (room: RoomSummary): Promise<void> =>
    this.act(
      () => this.matrix.order.archive(room.id, room.archived ? null : room.ts),
      room.archived ? "list.done.unarchived" : "list.done.archived",
      { name: room.name },
      () => this.matrix.order.archive(room.id, room.archived ? room.ts : null),
    );

  /** Cannot be undone: whoever comes back is invited. */
  readonly leave = (room: RoomSummary): Promise<void> =>
    this.act(
      async () => {
        await this.matrix.entry.leave(room.id);
        this.left(room.id);
      },
      "list.done.left",
      { name: room.name },
      null,
    );

  // ----------------------------------------------------------------------------------------------------- by the arrows

  /** Begins to move a room: the arrows move it, `drop` leaves it there, `giveUp` puts it back. */
  readonly begin = (room: RoomSummary): void => {
    this.giveUp();
    this.set({ moving: { id: room.id, name: room.name }, done: null });
    this.say(room.id);
  };

  /** One place up or down; at once for every device, but while a room is being moved. */
  readonly step = (id: string, by: 1 | -1): void => {
    const room = this.list.find(id);
    const target = room && neighbourOf(this.list.snapshot().sections, this.names(), room, by);
    if (!room || !target || room.archived) return;
    const moves = this.movesTo(room, target);
    if (this.now.moving) {
      for (const each of this.before(moves)) if (!this.shown.has(each.id)) this.shown.set(each.id, each);
      this.list.arrangement.show(moves);
    } else void this.attempt(() => this.list.arrangement.place(moves));
    this.say(id);
  };

  readonly drop = (): void => {
    const { moving } = this.now;
    if (!moving) return;
    const back = [...this.shown.values()];
    const moves = back.flatMap(({ id }) => this.spotNow(id));
    this.shown.clear();
    this.set({ moving: null });
    if (!moves.length) return;
    void this.act(
      () => this.list.arrangement.place(moves),
      "list.done.moved",
      { name: moving.name },
      () => this.list.arrangement.place(back),
    );
  };

  readonly giveUp = (): void => {
    if (!this.now.moving) return;
    this.list.arrangement.takeBack([...this.shown.values()]);
    this.shown.clear();
    this.set({ moving: null, stands: null });
  };

  /** Sections that a room can be put into, from the top. */
  private names(): string[] {
    const own = this.list.snapshot().sections.filter((each) => each.title !== null);
    return ["favourites", ...own.map((each) => each.name), "recent", "low"];
  }

  private say(id: string): void {
    for (const { name, rooms } of this.list.snapshot().sections) {
      const at = rooms.findIndex((each) => each.id === id);
      if (at >= 0) this.set({ stands: { name: rooms[at].name, section: name, place: at + 1, of: rooms.length } });
    }
  }

  private movesTo(room: RoomSummary, target: Target): Move[] {
    return movesTo(this.list.snapshot().sections, room, target);
  }

  private spotNow(id: string): Move[] {
    const room = this.list.find(id);
    return room ? [{ id, spot: spotOf(room) }] : [];
  }

  /** Where those that are about to be moved stand. */
  private before(moves: Move[]): Move[] {
    return moves.flatMap(({ id }) => this.spotNow(id));
  }

  // ------------------------------------------------------------------------------------------------------------- done

  /** Does something, says that it is done, and for a while how it is undone. */
  async act(action: () => Promise<unknown>, key: string, values: Done["values"], undo: Done["undo"]): Promise<void> {
    if (!(await this.attempt(action))) return;
    this.set({ done: { key, values, undo, turn: (this.now.done?.turn ?? 0) + 1 } });
    this.ending.set(UNDO_FOR, () => this.set({ done: null }));
  }

  readonly undo = async (): Promise<void> => {
    const undo = this.now.done?.undo;
    if (!undo) return;
    this.ending.clear();
    this.set({ done: null });
    await this.attempt(undo);
  };

  readonly dismiss = (): void => this.set({ done: null, problem: null });

  private async attempt(action: () => Promise<unknown>): Promise<boolean> {
    this.set({ problem: null });
    try {
      await action();
      return true;
    } catch (error) {
      this.set({ problem: explain(error) });
      return false;
    }
  }
}

/** A few at the same time. */
async function each<T>(all: T[], action: (one: T) => Promise<unknown>): Promise<void> {
  const waiting = [...all];
  const work = async (): Promise<void> => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) await action(one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}
