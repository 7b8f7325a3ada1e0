/** Finding messages, those of encrypted rooms too: an index of what this browser could read, kept here, encrypted.
 *
 * Documents are kept in blocks, each sealed with AES-GCM under a key that the browser holds and does not give out; they are read
 * into memory at the first search. New messages are added as they are decrypted; history is walked in the background.
 */

import { EventType, type MatrixClient, type MatrixEvent, MatrixEventEvent, RoomEvent } from "matrix-js-sdk";
import { pause } from "../platform/clock";
import { Scope } from "../platform/scope";
import { SealedBlocks } from "../platform/sealed_blocks";
import type * as Stems from "../platform/search_stems";
import { roomOf, senderOf } from "./event_facts";
import { HistoryWalk, type Places } from "./history_walk";
import type { People } from "./people";

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
const AT_ONCE = 500; // documents that are looked at before others have their turn

export class MessageIndex {
  private documents = new Map<string, Document>();
  private lexemes = new WeakMap<Document, string>(); // of what was looked through
  private dirty = new Set<number>();
  private blocks: string[][] = [];
  private store: SealedBlocks | null = null;
  private walk: HistoryWalk | null = null;
  private readonly scope = new Scope();
  private readonly writes = this.scope.timer();
  private writing: Promise<void> = Promise.resolve();
  private isStopped = false;

  constructor(
    private readonly client: MatrixClient,
    private readonly people: People,
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
    this.client.on(MatrixEventEvent.Decrypted, (event) => this.add(event));
    this.client.on(RoomEvent.Timeline, (event) => this.add(event));
    void this.walk?.run();
  }

  private async open(): Promise<void> {
    const store = await SealedBlocks.open(`chappe-search-${this.client.getUserId()}`);
    this.store = store;
    if (this.isStopped) return this.close();
    await store.unlock();
    const places: Places = new Map((await store.get<Array<[string, string | null]>>("crawls")) ?? []);
    const keep = (now: Places): Promise<void> => store.put("crawls", [...now]);
    this.walk = new HistoryWalk(this.client, places, (event) => this.add(event), keep);
    for (const block of await store.read<Kept>()) {
      const documents = block.map(read);
      for (const each of documents) this.documents.set(each.eventId, each);
      this.blocks.push(documents.map((each) => each.eventId));
    }
  }

  /** For good, also before it has begun: what is new is written, then the store is let go, so that it can be removed. */
  stop(): void {
    this.isStopped = true;
    this.walk?.stop();
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
    const redacts = event.getType() === EventType.RoomRedaction ? event.getAssociatedId() : null;
    if (redacts && this.documents.has(redacts)) return this.remove(redacts);
    const edited = event.isRelation("m.replace") ? event.getRelation()?.event_id : null;
    const id = edited ?? event.getId();
    if (!id || id.startsWith("~") || event.getType() !== EventType.RoomMessage || event.isRedacted()) return;
    const content = edited ? event.getContent()["m.new_content"] : event.getContent();
    const body = content?.body;
    if (typeof body !== "string" || !body) return;
    const known = this.documents.get(id);
    if (known && (!edited || known.text === body)) return;
    const isFile = content.msgtype !== "m.text" && content.msgtype !== "m.notice" && content.msgtype !== "m.emote";
    const text = isFile && content.filename && content.filename !== body ? `${content.filename} ${body}` : body;
    this.documents.set(id, {
      eventId: id,
      roomId: roomOf(event),
      sender: senderOf(event),
      ts: known?.ts ?? event.getTs(),
      text: text.slice(0, LONGEST),
      isFile,
    });
    this.place(id, known !== undefined);
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
    if (!this.writes.isSet) this.writes.set(WRITE_AFTER, () => void this.write());
  }

  private remove(id: string): void {
    this.documents.delete(id);
    const block = this.blocks.findIndex((each) => each.includes(id));
    if (block < 0) return;
    this.blocks[block] = this.blocks[block].filter((each) => each !== id);
    this.dirty.add(block);
    if (!this.writes.isSet) this.writes.set(WRITE_AFTER, () => void this.write());
  }

  // ------------------------------------------------------------------------------------------------------------- storage

  /** One after the other. */
  private write(): Promise<void> {
    this.writes.clear();
    const next = (): Promise<void> => this.writeBlocks();
    this.writing = this.writing.then(next, next);
    return this.writing;
  }

  private async writeBlocks(): Promise<void> {
    const { store } = this;
    if (!store || !this.dirty.size) return; // nothing was read yet, or nothing is new
    const dirty = [...this.dirty];
    this.dirty.clear();
    for (const index of dirty) {
      const documents = this.blocks[index].flatMap((id) => this.documents.get(id) ?? []);
      await store.write(index, documents.map(kept));
    }
    await store.setCount(this.blocks.length);
  }
}
