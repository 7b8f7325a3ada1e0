/** Finding messages, those of encrypted rooms too: an index of what this browser could read, kept here, encrypted.
 *
 * Documents are kept in blocks, each sealed with AES-GCM under a key that the browser holds and does not give out; they are read
 * into memory at the first search. New messages are added as they are decrypted; history is walked in the background.
 */

import {
  Direction,
  EventType,
  type MatrixClient,
  MatrixEvent,
  MatrixEventEvent,
  Method,
  type Room,
  RoomEvent,
} from "matrix-js-sdk";
import { pause } from "../platform/clock";
import { Scope } from "../platform/scope";
import type * as Stems from "../platform/search_stems";
import { roomOf, senderOf } from "./event_facts";
import type { People } from "./people";

export interface Found {
  eventId: string;
  roomId: string;
  sender: string;
  ts: number;
  text: string;
  isFile: boolean;
}

type Document = [eventId: string, roomId: string, sender: string, ts: number, text: string, isFile: 0 | 1];

const BLOCK = 256;
const WRITE_AFTER = 2000;
const CRAWL_PAUSE = 1500;
const PER_CRAWL = 100;
const AT_ONCE = 500; // documents that are looked at before others have their turn
const PREFIX = "/_chappe/client/v1";

export class MessageIndex {
  private documents = new Map<string, Document>();
  private lexemes = new WeakMap<Document, string>(); // of what was looked through
  private dirty = new Set<number>();
  private blocks: string[][] = [];
  private key: CryptoKey | null = null;
  private database: IDBDatabase | null = null;
  private readonly scope = new Scope();
  private readonly writes = this.scope.timer();
  private crawls = new Map<string, string | null>();
  private writing: Promise<void> = Promise.resolve();
  private isStopped = false;
  private isPaced = true;

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
    void this.crawl();
  }

  private async open(): Promise<void> {
    this.database = await openDatabase(`chappe-search-${this.client.getUserId()}`);
    if (this.isStopped) return this.close();
    this.key = (await this.get<CryptoKey>("key")) ?? null;
    if (!this.key) {
      this.key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
      await this.put("key", this.key);
    }
    this.crawls = new Map((await this.get<Array<[string, string | null]>>("crawls")) ?? []);
    await this.read();
  }

  /** For good, also before it has begun: what is new is written, then the store is let go, so that it can be removed. */
  stop(): void {
    this.isStopped = true;
    void this.write().finally(() => this.close());
  }

  private close(): void {
    this.database?.close();
    this.database = null;
  }

  /** Messages with all the words, newest first. */
  async search(term: string, roomId: string | null, limit: number): Promise<Found[]> {
    const documents = [...this.documents.values()].filter((each) => !roomId || each[1] === roomId);
    return this.shown(await this.matching(documents, term, []), limit);
  }

  /** Files whose name has all the words (all files for none), newest first. */
  async files(term: string, limit: number): Promise<Found[]> {
    const files = [...this.documents.values()].filter((each) => each[5] === 1);
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
          lexemes = stems.lexemesOf(each[4]);
          this.lexemes.set(each, lexemes);
        }
        if (asked(each[4], lexemes)) found.push(each);
      }
    }
    return found;
  }

  private shown(found: Document[], limit: number): Found[] {
    found.sort((a, b) => b[3] - a[3]);
    return found.slice(0, limit).map(([eventId, roomId, sender, ts, text, isFile]) => ({
      eventId,
      roomId,
      ts,
      text,
      isFile: isFile === 1,
      sender: this.people.of(this.client.getRoom(roomId)?.getMember(sender), sender).name,
    }));
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
    if (known && (!edited || known[4] === body)) return;
    const isFile = content.msgtype !== "m.text" && content.msgtype !== "m.notice" && content.msgtype !== "m.emote";
    const text = isFile && content.filename && content.filename !== body ? `${content.filename} ${body}` : body;
    this.documents.set(id, [
      id,
      roomOf(event),
      senderOf(event),
      known?.[3] ?? event.getTs(),
      text.slice(0, 8000),
      isFile ? 1 : 0,
    ]);
    this.place(id, known !== undefined);
  }

  private place(id: string, known: boolean): void {
    if (known) {
      const block = this.blocks.findIndex((each) => each.includes(id));
      if (block >= 0) this.dirty.add(block);
    } else {
      if (!this.blocks.length || this.blocks.at(-1)!.length >= BLOCK) this.blocks.push([]);
      this.blocks.at(-1)!.push(id);
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

  // ------------------------------------------------------------------------------------------------------------ the past

  private async crawl(): Promise<void> {
    while (!this.isStopped) {
      const next = this.client
        .getRooms()
        .find((room) => room.getMyMembership() === "join" && this.crawls.get(room.roomId) !== null);
      if (!next) {
        await pause(30_000);
        continue;
      }
      await this.step(next).catch(() => pause(10_000));
      await pause(CRAWL_PAUSE);
    }
  }

  /** The server says how fast history may be read for the index: a guard against stolen accounts would stop us otherwise. */
  private async pace(room: Room): Promise<void> {
    while (!this.isStopped && this.isPaced) {
      const path = `/reading_pace/${encodeURIComponent(room.roomId)}`;
      const wait = await this.client.http
        .authedRequest<{ pause_ms: number }>(Method.Get, path, { events: `${PER_CRAWL}` }, undefined, { prefix: PREFIX })
        .catch((error) => {
          if (error?.httpStatus === 404)
            this.isPaced = false; // no guard here
          else throw error;
        });
      if (!wait?.pause_ms) return;
      await pause(wait.pause_ms);
    }
  }

  private async step(room: Room): Promise<void> {
    await this.pace(room);
    if (this.isStopped) return;
    const from = this.crawls.get(room.roomId) ?? null;
    const answer = await this.client.createMessagesRequest(room.roomId, from, PER_CRAWL, Direction.Backward);
    const events = answer.chunk.map((each) => new MatrixEvent(each));
    for (const event of events) {
      await this.client.decryptEventIfNeeded(event);
      this.add(event);
    }
    this.crawls.set(room.roomId, answer.end && answer.chunk.length ? answer.end : null);
    await this.put("crawls", [...this.crawls]);
  }

  // ------------------------------------------------------------------------------------------------------------- storage

  private async read(): Promise<void> {
    const count = (await this.get<number>("count")) ?? 0;
    for (let index = 0; index < count; index++) {
      const sealed = await this.get<{ iv: Uint8Array<ArrayBuffer>; bytes: ArrayBuffer }>(`block ${index}`);
      const documents = sealed ? await this.unseal(sealed).catch(() => [] as Document[]) : [];
      for (const each of documents) this.documents.set(each[0], each);
      this.blocks.push(documents.map((each) => each[0]));
    }
  }

  /** One after the other. */
  private write(): Promise<void> {
    this.writes.clear();
    const next = (): Promise<void> => this.writeBlocks();
    this.writing = this.writing.then(next, next);
    return this.writing;
  }

  private async writeBlocks(): Promise<void> {
    if (!this.database || !this.dirty.size) return; // nothing was read yet, or nothing is new
    const dirty = [...this.dirty];
    this.dirty.clear();
    for (const index of dirty) {
      const documents = this.blocks[index].map((id) => this.documents.get(id)!);
      const iv = crypto.getRandomValues(new Uint8Array(12));
      const bytes = await crypto.subtle.encrypt(
        { name: "AES-GCM", iv },
        this.key!,
        new TextEncoder().encode(JSON.stringify(documents)),
      );
      await this.put(`block ${index}`, { iv, bytes });
    }
    await this.put("count", this.blocks.length);
  }

  private async unseal(sealed: { iv: Uint8Array<ArrayBuffer>; bytes: ArrayBuffer }): Promise<Document[]> {
    const bytes = await crypto.subtle.decrypt({ name: "AES-GCM", iv: sealed.iv }, this.key!, sealed.bytes);
    return JSON.parse(new TextDecoder().decode(bytes));
  }

  private get<T>(key: string): Promise<T | undefined> {
    return settled(this.database!.transaction("values").objectStore("values").get(key)) as Promise<T | undefined>;
  }

  private put(key: string, value: unknown): Promise<unknown> {
    return settled(this.database!.transaction("values", "readwrite").objectStore("values").put(value, key));
  }
}

function openDatabase(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => request.result.createObjectStore("values");
  return settled(request);
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
