/** The search engine with what this browser keeps: entries in blocks, each sealed under a key that the browser does not give out. */

import { Scope } from "./scope";
import { SealedBlocks } from "./sealed_blocks";
import { SearchEngine } from "./search_engine";
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

const BLOCK = 256;
const WRITE_AFTER = 2000;

export class SearchStore {
  private readonly engine = new SearchEngine();
  private readonly blocks: string[][] = [];
  private readonly blockOf = new Map<string, number>();
  private readonly dirty = new Set<number>();
  private readonly values = new Map<string, unknown>();
  private readonly scope = new Scope();
  private readonly writes = this.scope.timer();
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
    return this.count();
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
    this.blockOf.delete(id);
    this.blocks[block] = this.blocks[block].filter((each) => each !== id);
    this.touch(block);
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
