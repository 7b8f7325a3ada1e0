/** Finding messages, those of encrypted rooms too: an index of what this browser could read, kept here, encrypted.
 *
 * Documents are kept in blocks, each sealed with AES-GCM under a key that the browser holds and does not give out; they are read
 * into memory at the first search. New messages are added as they are decrypted; history is walked in the background.
 */

import { EventType, type IContent, type IEvent, type MatrixClient, type MatrixEvent, RoomEvent } from "matrix-js-sdk";
import { pause } from "../platform/clock";
import { Scope } from "../platform/scope";
import { SealedBlocks } from "../platform/sealed_blocks";
import type * as Stems from "../platform/search_stems";
import { Signal } from "../platform/signal";
import type { Encryption } from "./encryption";
import { roomOf, senderOf } from "./event_facts";
import { HistoryWalk, type Places } from "./history_walk";
import { hear } from "./listening";
import { hearOpened, readApart } from "./opened";
import type { People } from "./people";
import { edited, isOfTheSdk, readable } from "./readable";

export interface Found {
  eventId: string;
  roomId: string;
  sender: string;
  ts: number;
  text: string;
  isFile: boolean;
}

/** What is found, but for how its sender is called. `sender`: a user id. */
type Document = Found;

/** As it is kept. */
type Kept = [eventId: string, roomId: string, sender: string, ts: number, text: string, isFile: 0 | 1];

const kept = ({ eventId, roomId, sender, ts, text, isFile }: Document): Kept => [
  eventId,
  roomId,
  sender,
  ts,
  text,
  isFile ? 1 : 0,
];
const read = ([eventId, roomId, sender, ts, text, isFile]: Kept): Document => ({
  eventId,
  roomId,
  sender,
  ts,
  text,
  isFile: isFile === 1,
});

const BLOCK = 256;
const LONGEST = 8000;
const WRITE_AFTER = 2000;
const LOCKED = 500; // events without a key that are kept, the newest
const AT_ONCE = 500; // documents that are looked at before others have their turn

export class MessageIndex {
  readonly changed = new Signal(500);
  private documents = new Map<string, Document>();
  private lexemes = new WeakMap<Document, string>(); // of what was looked through
  private dirty = new Set<number>();
  private blocks: string[][] = [];
  /** As the server gave them: their keys may come another day. */
  private readonly locked = new Map<string, Partial<IEvent>>();
  private store: SealedBlocks | null = null;
  private walk: HistoryWalk | null = null;
  private readonly scope = new Scope();
  private readonly writes = this.scope.timer();
  private writing: Promise<void> = Promise.resolve();
  private isLockedNew = false;
  private isStopped = false;

  constructor(
    private readonly client: MatrixClient,
    private readonly people: People,
    private readonly encryption: Pick<Encryption, "state" | "changed">,
  ) {}

  get count(): number {
    return this.documents.size;
  }

  /** Opens the index and begins to follow. */
  async start(): Promise<void> {
    if (this.isStopped) return;
    try {
      await this.open();
    } catch (error) {
      if (!this.isStopped) throw error; // let go of while it was read
    }
    if (this.isStopped) return;
    this.scope.owns(hearOpened(this.client, (event) => this.add(event)));
    this.scope.owns(hear(this.client, RoomEvent.Timeline, (event) => this.add(event)));
    this.scope.owns(this.encryption.changed.listen(() => this.walk?.wake()));
    void this.walk?.run();
    for (const raw of [...this.locked.values()]) this.add(await readApart(this.client, raw));
  }

  private async open(): Promise<void> {
    const store = await SealedBlocks.open(`chappe-search-${this.client.getUserId()}`);
    this.store = store;
    if (this.isStopped) return this.close();
    await store.unlock();
    const places: Places = new Map((await store.get<Array<[string, string | null]>>("crawls")) ?? []);
    const keep = (now: Places): Promise<void> => store.put("crawls", [...now]);
    const hasKeys = (): boolean => this.encryption.state === "ready" || this.encryption.state === "no-code";
    this.walk = new HistoryWalk(this.client, places, hasKeys, (event) => this.add(event), keep);
    for (const raw of (await store.get<Array<Partial<IEvent>>>("locked")) ?? []) this.locked.set(raw.event_id ?? "", raw);
    for (const block of await store.read<Kept>()) {
      const documents = block.map(read);
      for (const each of documents) this.documents.set(each.eventId, each);
      this.blocks.push(documents.map((each) => each.eventId));
    }
    this.repair(places);
  }

  /** An earlier version has kept texts of the SDK: the rooms that they are of are read again. */
  private repair(places: Places): void {
    for (const { eventId, roomId, text } of [...this.documents.values()]) {
      if (!isOfTheSdk(text)) continue;
      this.remove(eventId);
      places.delete(roomId);
    }
  }

  /** For good, also before it has begun: what is new is written, then the store is let go, so that it can be removed. */
  stop(): void {
    this.isStopped = true;
    this.walk?.stop();
    this.scope.end();
    void this.write().finally(() => this.close());
  }

  private close(): void {
    this.store?.close();
    this.store = null;
  }

  /** Messages with all the words, newest first. */
  async search(term: string, roomId: string | null, limit: number): Promise<Found[]> {
    const documents = [...this.documents.values()].filter((each) => !roomId || each.roomId === roomId);
    return this.shown(await this.matching(documents, term, []), limit);
  }

  /** Files whose name has all the words (all files for none), newest first. */
  async files(term: string, limit: number): Promise<Found[]> {
    const files = [...this.documents.values()].filter((each) => each.isFile);
    return this.shown(await this.matching(files, term, files), limit);
  }

  /** Those that have the words of a term, or words that begin so. `all`: what is meant by a term without words. */
  private async matching(documents: Document[], term: string, all: Document[]): Promise<Document[]> {
    const stems: typeof Stems = await import("../platform/search_stems");
    const asked = stems.query(term);
    if (!asked) return term.trim() ? [] : all;
    const found: Document[] = [];
    for (let at = 0; at < documents.length; at += AT_ONCE) {
      if (at) await pause(0);
      for (const each of documents.slice(at, at + AT_ONCE)) {
        let lexemes = this.lexemes.get(each);
        if (lexemes === undefined) {
          lexemes = stems.lexemesOf(each.text);
          this.lexemes.set(each, lexemes);
        }
        if (asked(each.text, lexemes)) found.push(each);
      }
    }
    return found;
  }

  private shown(found: Document[], limit: number): Found[] {
    found.sort((a, b) => b.ts - a.ts);
    return found.slice(0, limit).map((each) => ({ ...each, sender: this.nameOf(each) }));
  }

  private nameOf({ roomId, sender }: Document): string {
    return this.people.of(this.client.getRoom(roomId)?.getMember(sender), sender).name;
  }

  private add(event: MatrixEvent): void {
    const id = event.getId();
    if (!id || id.startsWith("~")) return;
    const redacts = event.getType() === EventType.RoomRedaction ? event.getAssociatedId() : null;
    if (redacts) return this.redact(redacts, roomOf(event));
    if (event.isRedacted() || event.isState()) return;
    const { locked, content } = readable(event);
    if (locked) return this.keepLocked(event);
    this.unlock(id);
    if (event.getType() !== EventType.RoomMessage) return;
    const edits = event.isRelation("m.replace") ? event.getRelation()?.event_id : undefined;
    const said = edits ? edited(event) : content;
    if (said) this.put(edits ?? id, event, said, edits !== undefined);
  }

  private put(id: string, event: MatrixEvent, content: IContent, isEdit: boolean): void {
    const text = textOf(content);
    if (!text) return;
    const known = this.documents.get(id);
    const [roomId, sender, ts] = [roomOf(event), senderOf(event), event.getTs()];
    let document: Document = { eventId: id, roomId, sender, ts, text, isFile: isFile(content) };
    if (known?.sender === sender && known.roomId === roomId) {
      document = isEdit ? { ...document, ts: known.ts } : { ...known, ts }; // what is read backwards begins with its edits
      if (document.text === known.text && document.ts === known.ts) return;
    } else if (known && isEdit) return; // an edit is its author's; one that came before what it edits may have been anybody's
    this.documents.set(id, document);
    this.place(id, known !== undefined);
  }

  private redact(id: string, roomId: string): void {
    if (this.documents.get(id)?.roomId === roomId) this.remove(id);
    if (this.locked.get(id)?.room_id === roomId) this.unlock(id);
  }

  private unlock(id: string): void {
    if (!this.locked.delete(id)) return;
    this.isLockedNew = true;
    this.soon();
  }

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

  private place(id: string, known: boolean): void {
    if (known) {
      const block = this.blocks.findIndex((each) => each.includes(id));
      if (block >= 0) this.dirty.add(block);
    } else {
      const last = this.blocks.at(-1);
      if (last && last.length < BLOCK) last.push(id);
      else this.blocks.push([id]);
      this.dirty.add(this.blocks.length - 1);
    }
    this.soon();
    this.changed.fire();
  }

  private remove(id: string): void {
    this.documents.delete(id);
    const block = this.blocks.findIndex((each) => each.includes(id));
    if (block < 0) return;
    this.blocks[block] = this.blocks[block].filter((each) => each !== id);
    this.dirty.add(block);
    this.soon();
    this.changed.fire();
  }

  // ------------------------------------------------------------------------------------------------------------- storage

  private soon(): void {
    if (!this.writes.isSet) this.writes.set(WRITE_AFTER, () => void this.write());
  }

  /** One after the other. */
  private write(): Promise<void> {
    this.writes.clear();
    const next = (): Promise<void> => this.writeBlocks();
    this.writing = this.writing.then(next, next);
    return this.writing;
  }

  private async writeBlocks(): Promise<void> {
    const { store } = this;
    if (!store) return; // nothing was read yet
    if (this.isLockedNew) await store.put("locked", [...this.locked.values()]);
    this.isLockedNew = false;
    if (!this.dirty.size) return;
    const dirty = [...this.dirty];
    this.dirty.clear();
    for (const index of dirty) {
      const documents = this.blocks[index].flatMap((id) => this.documents.get(id) ?? []);
      await store.write(index, documents.map(kept));
    }
    await store.setCount(this.blocks.length);
  }
}

function textOf(content: IContent): string {
  const { body, filename } = content;
  if (typeof body !== "string") return "";
  const hasName = isFile(content) && typeof filename === "string" && filename && filename !== body;
  return (hasName ? `${filename} ${body}` : body).slice(0, LONGEST);
}

const isFile = ({ msgtype }: IContent): boolean => msgtype !== "m.text" && msgtype !== "m.notice" && msgtype !== "m.emote";
