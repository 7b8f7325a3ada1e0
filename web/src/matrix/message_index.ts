/** Finding messages, those of encrypted rooms too: an index of what this browser could read, kept here, encrypted.
 *
 * This is the side that knows the SDK: what is said is handed to the search (`platform/search_store.ts`), which works and keeps in a
 * thread of its own. New messages are added as they are opened; what other devices have read comes from them (`index_travel.ts`); the
 * rest of history is walked in the background.
 */

import { EventType, KnownMembership, type MatrixClient, type MatrixEvent, type Room, RoomEvent } from "matrix-js-sdk";
import { clock, pause } from "../platform/clock";
import { Scope } from "../platform/scope";
import { type Answer, type Entry, FILES, type Query } from "../platform/search_query";
import type { Read } from "../platform/search_store";
import { type Search, searchThread } from "../platform/search_thread";
import { Signal } from "../platform/signal";
import type { Encryption } from "./encryption";
import { roomOf } from "./event_facts";
import { gapOf, HistoryWalk, type Places, type Progress } from "./history_walk";
import { IndexTravel } from "./index_travel";
import { readOf } from "./indexed";
import { hear } from "./listening";
import { LockedEvents } from "./locked_events";
import { hearOpened, open, readApart } from "./opened";
import type { People } from "./people";
import { isOpening, OF_THE_SDK, readable } from "./readable";

/** What is found. `sender`: how they are called. */
export interface Found extends Entry {
  senderId: string;
  isFile: boolean;
}

/** Whose results are, with how many. */
export interface Named {
  id: string;
  name: string;
  count: number;
}

export interface Results extends Omit<Answer, "found" | "senders"> {
  found: Found[];
  senders: Named[];
}

const TOGETHER_MS = 50;
const DAY_MS = 86_400_000;
const LOOK_OVER_MS = 3_600_000;
const EXCHANGE_MS = 600_000;
const SETTLED_MS = 1000;
const LET_GO_MS = 2000;

export class MessageIndex {
  /** There is more or less to find than before. */
  readonly changed = new Signal(500);
  count = 0;
  private search: Search | null = null;
  private walk: HistoryWalk | null = null;
  private travel: IndexTravel | null = null;
  private readonly locked = new LockedEvents();
  private readonly progress: Progress = { places: new Map(), gaps: new Map() };
  /** By room, when the newest was said that is known. */
  private readonly newest = new Map<string, number>();
  private readonly scope = new Scope();
  private readonly sending = this.scope.timer();
  private readonly looking = this.scope.timer();
  private readonly giving = this.scope.timer();
  private waiting: Read[] = [];
  /** While others' parts come in: what is read here meanwhile says nothing of how far they have read. */
  private isHolding = false;
  private isStopped = false;

  /** `keptDays`: how long a room's messages are kept, null for ever; `begin`: makes the search. */
  constructor(
    private readonly client: MatrixClient,
    private readonly people: People,
    private readonly encryption: Pick<Encryption, "state" | "changed" | "sharedSecret">,
    private readonly keptDays: (roomId: string) => number | null,
    private readonly begin: () => Search = searchThread,
    private readonly isPaced = true,
  ) {}

  /** Whether history is still being read. */
  get isBehind(): boolean {
    return this.walk?.isBehind ?? true;
  }

  /** Opens the index and begins to follow. */
  async start(): Promise<void> {
    if (this.isStopped) return;
    const search = this.begin();
    this.search = search;
    this.told(await search.open(`chappe-search-${this.client.getUserId()}`));
    restore(this.progress.places, await search.get("crawls"));
    restore(this.progress.gaps, await search.get("gaps"));
    restore(this.newest, await search.newest(clock.now()));
    this.locked.restore(((await search.get("locked")) ?? []) as []);
    // an earlier version has kept texts of the SDK: the rooms that they are of are read again
    for (const room of await search.removeBeginning(OF_THE_SDK)) this.progress.places.delete(room);
    if (this.isStopped) return;
    this.lookOver();
    for (const room of this.client.getRooms()) this.catchUp(room, this.newest.get(room.roomId) ?? 0);
    this.follow();
    const hasKeys = (): boolean => this.encryption.state === "ready" || this.encryption.state === "no-code";
    const secret = (): Promise<Uint8Array<ArrayBuffer> | null> => this.encryption.sharedSecret();
    this.walk = new HistoryWalk(
      this.client,
      this.progress,
      hasKeys,
      (event) => this.add(event),
      () => this.keep(),
      this.isPaced,
    );
    this.travel = new IndexTravel(this.client, search, secret, this.progress.places, (places) => this.takeOver(places));
    await this.exchange(); // what others have read need not be read again
    void this.walk.run();
    for (const raw of this.locked.all) this.add(await readApart(this.client, raw));
  }

  private follow(): void {
    const over = (): void => this.looking.set(SETTLED_MS, () => this.lookOver());
    const known = (room: Room | undefined): void => room && this.catchUp(room, this.newest.get(room.roomId) ?? 0);
    this.scope.owns(clock.every(LOOK_OVER_MS, () => this.lookOver()));
    this.scope.owns(hear(this.client, RoomEvent.MyMembership, over));
    this.scope.owns(hearOpened(this.client, (event) => this.add(event)));
    this.scope.owns(hear(this.client, RoomEvent.Timeline, (event) => this.add(event)));
    this.scope.owns(hear(this.client, RoomEvent.TimelineReset, known));
    this.scope.owns(this.encryption.changed.listen(() => void this.goOn()));
  }

  /** Keys may have come. */
  private async goOn(): Promise<void> {
    if (this.travel?.isWaiting) await this.exchange();
    this.walk?.wake();
  }

  /**
   * For good, also before it has begun: what is new is written, then the store is let go, so that it can be removed. Resolves once it is,
   * or once that has lasted too long to wait for.
   */
  stop(): Promise<void> {
    this.isStopped = true;
    this.isHolding = false;
    this.walk?.stop();
    this.hand();
    this.scope.end();
    const closed = this.search?.close().catch(() => {}) ?? Promise.resolve();
    this.search = null;
    return Promise.race([closed, pause(LET_GO_MS)]);
  }

  async find(query: Query): Promise<Results> {
    this.hand();
    const answer = (await this.search?.find(query)) ?? { found: [], count: 0, senders: [], rooms: [] };
    const found = answer.found.map((each) => this.shown(each));
    return { ...answer, found, senders: answer.senders.map((each) => ({ ...each, name: this.nameOf(query.room, each.id) })) };
  }

  private shown(entry: Entry): Found {
    const { roomId, sender, kind } = entry;
    return { ...entry, senderId: sender, sender: this.nameOf(roomId, sender), isFile: FILES.includes(kind) };
  }

  private nameOf(roomId: string | null, sender: string): string {
    return this.people.of(this.client.getRoom(roomId ?? "")?.getMember(sender), sender).name;
  }

  // ------------------------------------------------------------------------------------------------------ what is read

  private add(event: MatrixEvent): void {
    const id = event.getId();
    if (!id || id.startsWith("~")) return;
    // where it stands depends on the version of the room
    const redacts = event.getType() === EventType.RoomRedaction && (event.event.redacts ?? event.getWireContent().redacts);
    if (typeof redacts === "string" && redacts) return this.redact(redacts, roomOf(event));
    if (event.isRedacted() || event.isState()) return;
    const { locked, content } = readable(event);
    if (locked) this.locked.add(event);
    else this.locked.remove(id, roomOf(event));
    const read = content && readOf(event, content);
    if (read) {
      this.newest.set(read.roomId, Math.max(this.newest.get(read.roomId) ?? 0, Math.min(read.ts, clock.now())));
      this.waiting.push(read);
    }
    if ((read || this.locked.isChanged) && !this.sending.isSet) this.sending.set(TOGETHER_MS, () => this.hand());
  }

  /** Hands over what has gathered. */
  private hand(): void {
    this.sending.clear();
    if (!this.search || this.isHolding) return;
    if (this.locked.isChanged) void this.search.keep("locked", this.locked.all);
    this.locked.isChanged = false;
    if (this.waiting.length) void this.search.add(this.waiting).then(this.told, () => {});
    this.waiting = [];
  }

  private redact(id: string, roomId: string): void {
    this.hand();
    this.waiting = this.waiting.filter((each) => each.eventId !== id || each.roomId !== roomId);
    void this.search?.redact(id, roomId).then(this.told, () => {});
    this.locked.remove(id, roomId);
  }

  private readonly told = (count: number): void => {
    if (count !== this.count && !this.giving.isSet) this.giving.set(EXCHANGE_MS, () => void this.exchange());
    this.count = count;
    this.changed.fire();
  };

  private async keep(): Promise<void> {
    this.hand();
    await this.search?.keep("crawls", [...this.progress.places]);
    await this.search?.keep("gaps", [...this.progress.gaps]);
  }

  // ------------------------------------------------------------------------------------------ what others have read

  /** Takes what other devices have read, and gives what they lack. */
  private async exchange(): Promise<void> {
    this.hand();
    this.isHolding = true;
    await this.travel?.round().catch(() => {}); // the next time
    this.isHolding = false;
    this.hand();
  }

  /** How far another device has read what came from it. */
  private async takeOver(places: Places): Promise<void> {
    if (!this.search) return;
    const newest = new Map(await this.search.newest(clock.now()));
    for (const [roomId, place] of places) {
      const known = this.progress.places.get(roomId);
      if (known === null || (known !== undefined && place !== null)) continue;
      this.progress.places.set(roomId, place);
      const room = this.client.getRoom(roomId);
      if (room) this.catchUp(room, newest.get(roomId) ?? 0);
    }
    this.told(await this.search.count());
    this.lookOver();
    await this.keep();
  }

  /** Reads on where reading has ended: what is at hand is added, what lies between is walked. `newest`: when the last of it was said. */
  private catchUp(room: Room, newest: number): void {
    const { places, gaps } = this.progress;
    if (!places.has(room.roomId)) return; // all of it is still to be read
    for (const event of room
      .getLiveTimeline()
      .getEvents()
      .filter((each) => each.getTs() > newest)) {
      if (isOpening(event)) open(this.client, [event]);
      else this.add(event);
    }
    const gap = gapOf(room, newest);
    const before = gaps.get(room.roomId);
    if (gap) gaps.set(room.roomId, { ...gap, until: Math.min(gap.until, before?.until ?? gap.until) });
    this.walk?.wake();
  }

  /** What a room keeps no longer, and rooms that one is no longer in, leave the index too. */
  private lookOver(): void {
    const rooms = this.client.getRooms().filter((each) => each.getMyMembership() === KnownMembership.Join);
    const since = (id: string): number => {
      const days = this.keptDays(id);
      return days === null ? 0 : clock.now() - days * DAY_MS;
    };
    const known = rooms.map(({ roomId }): [string, number] => [roomId, since(roomId)]);
    const ids = new Set(known.map(([id]) => id));
    for (const each of [this.progress.places, this.progress.gaps])
      for (const id of each.keys()) if (!ids.has(id)) each.delete(id);
    void this.search?.keepOnly(known).then(this.told, () => {});
  }
}

/** Fills a map with what was kept of it. */
function restore<V>(map: Map<string, V>, kept: unknown): void {
  for (const [key, value] of (kept ?? []) as Array<[string, V]>) map.set(key, value);
}
