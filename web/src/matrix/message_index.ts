/** Finding messages, those of encrypted rooms too: an index of what this browser could read, kept here, encrypted.
 *
 * This is the side that knows the SDK: what is said is handed to the search (`platform/search_store.ts`), which works and keeps in a
 * thread of its own. New messages are added as they are opened; history is walked in the background.
 */

import {
  EventType,
  type IContent,
  type IEvent,
  KnownMembership,
  M_POLL_START,
  type MatrixClient,
  type MatrixEvent,
  MsgType,
  RoomEvent,
} from "matrix-js-sdk";
import { clock } from "../platform/clock";
import { Scope } from "../platform/scope";
import { type Answer, type Entry, FILES, type Kind, type Query } from "../platform/search_query";
import type { Read } from "../platform/search_store";
import { type Search, searchThread } from "../platform/search_thread";
import { Signal } from "../platform/signal";
import type { Encryption } from "./encryption";
import { roomOf, senderOf } from "./event_facts";
import { textOf } from "./event_text";
import { HistoryWalk, type Places } from "./history_walk";
import { hear } from "./listening";
import { hearOpened, readApart } from "./opened";
import type { People } from "./people";
import { edited, OF_THE_SDK, readable } from "./readable";

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

const LONGEST = 8000;
const LOCKED = 500; // events without a key that are kept, the newest
const TOGETHER_MS = 50;
const DAY_MS = 86_400_000;
const LOOK_OVER_MS = 3_600_000;
const SETTLED_MS = 1000;

const KINDS: Record<string, Kind> = {
  [MsgType.Text]: "text",
  [MsgType.Notice]: "text",
  [MsgType.Emote]: "text",
  [MsgType.Location]: "text",
  [MsgType.Image]: "image",
  [MsgType.Video]: "video",
  [MsgType.Audio]: "sound",
  [MsgType.File]: "document",
};

export class MessageIndex {
  /** There is more or less to find than before. */
  readonly changed = new Signal(500);
  count = 0;
  private search: Search | null = null;
  /** As the server gave them: their keys may come another day. */
  private readonly locked = new Map<string, Partial<IEvent>>();
  private walk: HistoryWalk | null = null;
  private places: Places = new Map();
  private readonly scope = new Scope();
  private readonly sending = this.scope.timer();
  private readonly looking = this.scope.timer();
  private waiting: Read[] = [];
  private isLockedNew = false;
  private isStopped = false;

  /** `keptDays`: how long a room's messages are kept, null for ever; `begin`: makes the search. */
  constructor(
    private readonly client: MatrixClient,
    private readonly people: People,
    private readonly encryption: Pick<Encryption, "state" | "changed">,
    private readonly keptDays: (roomId: string) => number | null,
    private readonly begin: () => Search = searchThread,
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
    this.places = new Map((await search.get("crawls")) as Array<[string, string | null]> | undefined);
    const locked = ((await search.get("locked")) ?? []) as Array<Partial<IEvent>>;
    if (this.isStopped) return;
    for (const raw of locked) this.locked.set(raw.event_id ?? "", raw);
    // an earlier version has kept texts of the SDK: the rooms that they are of are read again
    for (const room of await search.removeBeginning(OF_THE_SDK)) this.places.delete(room);
    if (this.isStopped) return;
    this.lookOver();
    this.scope.owns(clock.every(LOOK_OVER_MS, () => this.lookOver()));
    this.scope.owns(hear(this.client, RoomEvent.MyMembership, () => this.looking.set(SETTLED_MS, () => this.lookOver())));
    this.scope.owns(hearOpened(this.client, (event) => this.add(event)));
    this.scope.owns(hear(this.client, RoomEvent.Timeline, (event) => this.add(event)));
    this.scope.owns(this.encryption.changed.listen(() => this.walk?.wake()));
    const hasKeys = (): boolean => this.encryption.state === "ready" || this.encryption.state === "no-code";
    const keep = async (): Promise<void> => {
      this.hand();
      await this.search?.keep("crawls", [...this.places]);
    };
    this.walk = new HistoryWalk(this.client, this.places, hasKeys, (event) => this.add(event), keep);
    void this.walk.run();
    for (const raw of locked) this.add(await readApart(this.client, raw));
  }

  /** For good, also before it has begun: what is new is written, then the store is let go, so that it can be removed. */
  stop(): void {
    this.isStopped = true;
    this.walk?.stop();
    this.hand();
    this.scope.end();
    void this.search?.close();
    this.search = null;
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
    const redacts = event.getType() === EventType.RoomRedaction ? event.getAssociatedId() : null;
    if (redacts) return this.redact(redacts, roomOf(event));
    if (event.isRedacted() || event.isState()) return;
    const { locked, content } = readable(event);
    if (locked) return this.keepLocked(event);
    this.unlock(id);
    const isEdit = event.isRelation("m.replace");
    const said = isEdit ? edited(event) : content;
    const eventId = isEdit ? event.getRelation()?.event_id : id;
    const read = said && kindAndText(event, said);
    if (!read?.text || !eventId) return;
    this.waiting.push({ eventId, roomId: roomOf(event), sender: senderOf(event), ts: event.getTs(), ...read, isEdit });
    this.soon();
  }

  private soon(): void {
    if (!this.sending.isSet) this.sending.set(TOGETHER_MS, () => this.hand());
  }

  /** Hands over what has gathered. */
  private hand(): void {
    this.sending.clear();
    if (!this.search) return;
    if (this.isLockedNew) void this.search.keep("locked", [...this.locked.values()]);
    if (this.waiting.length) void this.search.add(this.waiting).then(this.told, () => {});
    this.waiting = [];
    this.isLockedNew = false;
  }

  private redact(id: string, roomId: string): void {
    this.hand();
    void this.search?.redact(id, roomId).then(this.told, () => {});
    if (this.locked.get(id)?.room_id === roomId) this.unlock(id);
  }

  private readonly told = (count: number): void => {
    this.count = count;
    this.changed.fire();
  };

  private keepLocked(event: MatrixEvent): void {
    const { event_id, room_id, sender, type, content, origin_server_ts } = event.event;
    if (!event_id || this.locked.has(event_id)) return;
    this.locked.set(event_id, { event_id, room_id: room_id ?? roomOf(event), sender, type, content, origin_server_ts });
    if (this.locked.size > LOCKED) {
      const age = (raw: Partial<IEvent>): number => raw.origin_server_ts ?? 0;
      const oldest = [...this.locked.values()].reduce((a, b) => (age(a) <= age(b) ? a : b));
      this.locked.delete(oldest.event_id!);
    }
    this.isLockedNew = true;
    this.soon();
  }

  private unlock(id: string): void {
    if (!this.locked.delete(id)) return;
    this.isLockedNew = true;
    this.soon();
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
    for (const id of this.places.keys()) if (!ids.has(id)) this.places.delete(id);
    void this.search?.keepOnly(known).then(this.told, () => {});
  }
}

/** Null for what is not looked for. */
function kindAndText(event: MatrixEvent, content: IContent): { kind: Kind; text: string } | null {
  if (M_POLL_START.matches(event.getType())) return { kind: "text", text: textOf(event) ?? "" };
  const kind = event.getType() === EventType.RoomMessage ? KINDS[String(content.msgtype)] : undefined;
  const { body, filename } = content;
  if (!kind || typeof body !== "string") return null;
  const hasName = FILES.includes(kind) && typeof filename === "string" && filename && filename !== body;
  return { kind, text: (hasName ? `${filename} ${body}` : body).slice(0, LONGEST) };
}
