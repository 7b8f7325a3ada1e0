/** The search engine with what this browser keeps: entries in blocks, each sealed under a key that the browser does not give out. */

import { pause } from "./clock";
import { Scope } from "./scope";
import { SealedBlocks } from "./sealed_blocks";
import { PartSeal } from "./sealed_parts";
import { SearchEngine } from "./search_engine";
import { type Part, SearchParts } from "./search_parts";
import type { Answer, Entry, Kind, Query } from "./search_query";

/** What was read of an event. `isEdit`: it takes the place of what `eventId` said, if it is of the same person. */
export type Read = Entry & { isEdit: boolean };

/** As it is kept; earlier versions had 0 for a text and 1 for a file. */
type Kept = [eventId: string, roomId: string, sender: string, ts: number, text: string, kind: Kind | 0 | 1];

const kept = ({ eventId, roomId, sender, ts, text, kind }: Entry): Kept => [eventId, roomId, sender, ts, text, kind];
const entryOf = ([eventId, roomId, sender, ts, text, kind]: Kept): Entry => ({
  eventId,
  roomId,
  sender,
  ts,
  text,
  kind: typeof kind === "string" ? kind : kind ? "document" : "text",
});

/** A part for the other devices of the person, sealed; those that go once it is written. */
export interface SealedPart {
  name: string;
  sealed: Uint8Array<ArrayBuffer>;
  replaces: string[];
}

const BLOCK = 256;
const AT_ONCE = 250; // entries that are looked through before a question has its turn
const WRITE_AFTER = 2000;
const PARTS = "parts";

export class SearchStore {
  private readonly engine = new SearchEngine();
  private readonly blocks: string[][] = [];
  private readonly blockOf = new Map<string, number>();
  private readonly dirty = new Set<number>();
  private readonly values = new Map<string, unknown>();
  private readonly scope = new Scope();
  private readonly writes = this.scope.timer();
  private parts = new SearchParts();
  private seal: PartSeal | null = null;
  /** What is being written, by the name of its part. */
  private readonly leaving = new Map<string, Part & { replaces: string[] }>();
  private store: SealedBlocks | null = null;
  private writing: Promise<void> = Promise.resolve();

  /** Resolves to how many entries there are. */
  async open(name: string): Promise<number> {
    const store = await SealedBlocks.open(name);
    this.store = store;
    await store.unlock();
    for (const block of await store.read<Kept>()) {
      const number = this.blocks.push([]) - 1;
      for (const entry of block.map(entryOf)) this.place(entry, number);
    }
    for (const [name, ids, gone] of (await store.get<Array<[string, string[], string[]]>>(PARTS)) ?? [])
      this.parts.know(name, ids, gone);
    void this.prepare();
    return this.count();
  }

  /** So that the first question is answered as fast as the others: among 100,000 entries it would wait for seconds. */
  private async prepare(): Promise<void> {
    let turn = 0;
    for (const entry of this.engine) {
      if (!this.store) return;
      this.engine.prepare(entry);
      if (++turn % AT_ONCE === 0) await pause(0);
    }
  }

  count(): number {
    return this.engine.count;
  }

  find(query: Query): Answer {
    return this.engine.find(query);
  }

  /** A value beside the entries, in the clear. */
  async get<T>(name: string): Promise<T | undefined> {
    return this.store?.get<T>(name);
  }

  /** Kept with the next writing. */
  keep(name: string, value: unknown): void {
    this.values.set(name, value);
    this.soon();
  }

  /** Resolves to how many entries there are. */
  add(all: Read[]): number {
    for (const each of all) this.merge(each);
    return this.count();
  }

  /** Takes out what was redacted, where it is of the room. */
  redact(eventId: string, roomId: string): number {
    if (this.engine.get(eventId)?.roomId === roomId) this.remove(eventId);
    return this.count();
  }

  /** Takes out what begins so. Resolves to the rooms that it was of. */
  removeBeginning(text: string): string[] {
    const found = [...this.engine].filter((each) => each.text.startsWith(text));
    for (const each of found) this.remove(each.eventId);
    return [...new Set(found.map((each) => each.roomId))];
  }

  /** Takes out what is older than each room keeps, and what is of no room that is named. */
  keepOnly(rooms: Array<[roomId: string, since: number]>): number {
    const since = new Map(rooms);
    const isOver = ({ roomId, ts }: Entry): boolean => !since.has(roomId) || ts < since.get(roomId)!;
    for (const each of [...this.engine].filter(isOver)) this.remove(each.eventId);
    return this.count();
  }

  /** When the newest entry of each room was said, not later than now. */
  newest(now: number): Array<[roomId: string, ts: number]> {
    const found = new Map<string, number>();
    for (const { roomId, ts } of this.engine) found.set(roomId, Math.max(found.get(roomId) ?? 0, Math.min(ts, now)));
    return [...found];
  }

  private merge({ isEdit, ...read }: Read): void {
    const known = this.engine.get(read.eventId);
    let entry: Entry = read;
    if (known?.sender === read.sender && known.roomId === read.roomId) {
      entry = isEdit ? { ...read, ts: known.ts } : { ...known, ts: read.ts }; // what is read backwards begins with its edits
      if (entry.text === known.text && entry.ts === known.ts) return;
    } else if (known && isEdit) return; // an edit is its author's; one that came before what it edits may have been anybody's
    const last = this.blocks.at(-1);
    const block =
      this.blockOf.get(read.eventId) ?? (last && last.length < BLOCK ? this.blocks.length : this.blocks.push([])) - 1;
    this.place(entry, block);
    this.parts.changed(entry.eventId);
    this.touch(block);
  }

  private place(entry: Entry, block: number): void {
    if (!this.blockOf.has(entry.eventId)) this.blocks[block].push(entry.eventId);
    this.blockOf.set(entry.eventId, block);
    this.engine.put(entry);
  }

  private remove(id: string): void {
    const block = this.blockOf.get(id)!;
    this.engine.remove(id);
    this.parts.removed(id);
    this.blockOf.delete(id);
    this.blocks[block] = this.blocks[block].filter((each) => each !== id);
    this.touch(block);
  }

  // ------------------------------------------------------------------------------- what goes to other devices and comes

  /** `secret`: what all confirmed devices of the person hold. Resolves to the parts that are known. */
  async share(secret: Uint8Array<ArrayBuffer>): Promise<string[]> {
    this.seal = await PartSeal.of(secret);
    for (const name of this.parts.names) if (!this.seal.opens(name)) this.forget([name]);
    return this.parts.names;
  }

  /** Which of these are sealed under the key in use. */
  opening(names: string[]): string[] {
    return names.filter((each) => this.seal?.opens(each));
  }

  /** Takes in what another device has read. Resolves whether it could be opened. */
  async take(name: string, sealed: Uint8Array<ArrayBuffer>): Promise<boolean> {
    const part = (await this.seal?.open(name, sealed).catch(() => null)) as { entries: Kept[]; gone: string[] } | null;
    if (!part) return false;
    const entries = part.entries.map(entryOf);
    for (const each of entries) if (!this.engine.get(each.eventId)) this.merge({ ...each, isEdit: false });
    for (const id of part.gone) if (this.engine.get(id)) this.remove(id);
    const there = entries.map((each) => each.eventId).filter((id) => this.engine.get(id));
    this.parts.know(name, there, part.gone);
    this.keep(PARTS, this.parts.kept());
    return true;
  }

  /** Parts that are no more. */
  forget(names: string[]): void {
    for (const name of names) this.parts.forget(name);
    this.keep(PARTS, this.parts.kept());
  }

  /** How much no other device can know from here. */
  unwritten(): number {
    return this.parts.unwritten(this.engine);
  }

  /** What other devices should have next; null: nothing. */
  async nextPart(): Promise<SealedPart | null> {
    const next = this.seal && this.parts.next(this.engine, (id) => this.engine.get(id));
    if (!this.seal || !next) return null;
    const name = this.seal.newName();
    this.leaving.clear(); // what was to be written before has not arrived
    this.leaving.set(name, next);
    const sealed = await this.seal.seal(name, { entries: next.entries.map(kept), gone: next.gone });
    return { name, sealed, replaces: next.replaces };
  }

  /** It has arrived. */
  wrote(name: string): void {
    const part = this.leaving.get(name);
    if (!part) return;
    this.leaving.delete(name);
    for (const each of part.replaces) this.parts.forget(each);
    const ids = part.entries.map((each) => each.eventId).filter((id) => this.engine.get(id));
    this.parts.know(name, ids, part.gone);
    this.keep(PARTS, this.parts.kept());
  }

  /** Something small that is not of the entries, under a name of its own. */
  async sealValue(what: string, value: unknown): Promise<SealedPart | null> {
    if (!this.seal) return null;
    const name = `${this.seal.mark}-${what}`;
    return { name, sealed: await this.seal.seal(name, value), replaces: [] };
  }

  /** Null for what cannot be opened. */
  async openValue(name: string, sealed: Uint8Array<ArrayBuffer>): Promise<unknown> {
    return (await this.seal?.open(name, sealed).catch(() => null)) ?? null;
  }

  // ------------------------------------------------------------------------------------------------------------- keeping

  private touch(block: number): void {
    this.dirty.add(block);
    this.soon();
  }

  private soon(): void {
    if (!this.writes.isSet) this.writes.set(WRITE_AFTER, () => void this.write());
  }

  /** What is new is written, then the store is let go, so that it can be removed. */
  async close(): Promise<void> {
    this.scope.end();
    await this.write().catch(() => {});
    this.store?.close();
    this.store = null;
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
    if (!store) return;
    const [values, dirty] = [[...this.values], [...this.dirty]];
    this.values.clear();
    this.dirty.clear();
    for (const [name, value] of values) await store.put(name, value);
    for (const block of dirty) {
      const entries = this.blocks[block].flatMap((id) => this.engine.get(id) ?? []);
      await store.write(block, entries.map(kept));
    }
    if (dirty.length) await store.setCount(this.blocks.length);
  }
}
