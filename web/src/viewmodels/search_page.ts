/** Looking for messages and files of all rooms, with filters: who, where, when, what kind. */

import type { Found, Named } from "../matrix/message_index";
import type { SignedIn } from "../matrix/signed_in";
import { clock as browser, type Clock, dayOf } from "../platform/clock";
import { ANYTHING, type Kind, type Query } from "../platform/search_query";
import { type Ask, NOTHING, type When } from "./search_ask";
import { ViewModel } from "./view_model";

export interface Hit extends Found {
  room: string;
}

interface State extends Ask {
  /** Null until it was looked for. */
  found: Hit[] | null;
  count: number;
  senders: Named[];
  rooms: Named[];
  /** How much this device has read, and whether it still reads. */
  indexed: number;
  isBehind: boolean;
  isUnconfirmed: boolean;
}

const REST_MS = 150;
const AT_ONCE = 50;
const DAY_MS = 86_400_000;
const DAYS: Partial<Record<When, number>> = { week: 7, month: 30, year: 365 };

export class SearchPageViewModel extends ViewModel<State> {
  private readonly looking = this.scope.timer();
  private readonly clock: Clock;
  private turn = 0;
  private limit = AT_ONCE;

  /** `moved`: what is asked has changed. */
  constructor(
    private readonly matrix: Pick<SignedIn, "index" | "rooms" | "encryption">,
    asked: Ask,
    private readonly moved: (asked: Ask) => void,
    clock: Clock = browser,
  ) {
    super(
      { ...asked, found: null, count: 0, senders: [], rooms: [], indexed: 0, isBehind: false, isUnconfirmed: false },
      clock,
    );
    this.clock = clock;
    this.scope.owns(matrix.index.changed.listen(() => void this.look()));
    this.scope.owns(matrix.encryption.changed.listen(() => this.standing()));
    this.standing();
    void this.look();
  }

  private standing(): void {
    const { index, encryption } = this.matrix;
    this.set({ indexed: index.count, isBehind: index.isBehind, isUnconfirmed: encryption.state === "unconfirmed" });
  }

  /** Whether anything is asked. */
  get isAsked(): boolean {
    return this.now.term.trim() !== "" || this.isFiltered;
  }

  get isFiltered(): boolean {
    const { room, sender, when, what } = this.now;
    return room !== null || sender !== null || what !== "all" || when !== "ever";
  }

  readonly type = (term: string): void => this.ask({ term }, REST_MS);
  readonly choose = (change: Partial<Ask>): void => this.ask(change, 0);
  readonly clearFilters = (): void => this.ask({ ...NOTHING, term: this.now.term }, 0);

  private ask(change: Partial<Ask>, rest: number): void {
    this.limit = AT_ONCE;
    this.set(change);
    this.looking.set(rest, () => {
      const { term, room, sender, when, since, until, what } = this.now;
      this.moved({ term, room, sender, when, since, until, what });
      void this.look();
    });
  }

  readonly more = (): void => {
    this.limit += AT_ONCE;
    void this.look();
  };

  private async look(): Promise<void> {
    const turn = ++this.turn;
    this.standing();
    if (!this.isAsked) return this.set({ found: null, count: 0, senders: [], rooms: [] });
    const { found, count, senders, rooms } = await this.matrix.index.find(this.query());
    if (turn !== this.turn) return;
    const names = new Map(this.matrix.rooms.list().map((each) => [each.id, each.name]));
    const named = rooms.flatMap(({ id, count: of }) => (names.has(id) ? [{ id, name: names.get(id)!, count: of }] : []));
    const hits = found.map((each) => ({ ...each, room: names.get(each.roomId) ?? "" }));
    this.set({ found: hits, count, senders, rooms: named });
  }

  private query(): Query {
    const { term, room, sender, what } = this.now;
    const kinds: Kind[] | null = what === "all" ? null : [what];
    return { ...ANYTHING, term, room, sender, kinds, ...this.time(), limit: this.limit };
  }

  private time(): Pick<Query, "from" | "until"> {
    const { when, since, until } = this.now;
    if (when === "between") return { from: midnight(since, 0), until: midnight(until, 1) };
    const days = DAYS[when];
    return { from: days === undefined ? null : dayOf(this.clock.now()) - days * DAY_MS, until: null };
  }
}

/** The beginning of a day where this browser is, or of one after it. Null for what is no day. */
function midnight(day: string, after: number): number | null {
  const ts = new Date(`${day}T00:00`);
  if (Number.isNaN(ts.getTime())) return null;
  return ts.setDate(ts.getDate() + after);
}
