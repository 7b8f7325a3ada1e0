/** Which entries are in which part that the devices of a person hand to each other, and which parts are to be written. */

import type { Entry } from "./search_query";

/** What a part holds. `gone`: what was deleted, so that no device brings it back. */
export interface Part {
  entries: Entry[];
  gone: string[];
}

/** A part to be written, and those that go once it is. */
export interface Next {
  entries: Entry[];
  gone: string[];
  replaces: string[];
}

const FULL = 2000; // entries
const MOST_TEXT = 1_000_000; // characters of a part: what it is sealed to stays below what the server takes
const MOST_GONE = 2000;

export class SearchParts {
  private readonly parts = new Map<string, { ids: Set<string>; gone: string[]; isStale: boolean }>();
  private readonly partOf = new Map<string, string>();

  get names(): string[] {
    return [...this.parts.keys()];
  }

  /** A part that was read or written. */
  know(name: string, ids: Iterable<string>, gone: string[]): void {
    const part = { ids: new Set<string>(), gone, isStale: false };
    this.parts.set(name, part);
    for (const id of ids) {
      if (this.partOf.has(id)) continue; // two devices have written it
      this.partOf.set(id, name);
      part.ids.add(id);
    }
  }

  /** A part that is no more: what was in it is to be written again, unless another part has it. */
  forget(name: string): void {
    for (const id of this.parts.get(name)?.ids ?? []) this.partOf.delete(id);
    this.parts.delete(name);
  }

  /** An entry that was changed. */
  changed(id: string): void {
    const part = this.parts.get(this.partOf.get(id) ?? "");
    if (part) part.isStale = true;
  }

  removed(id: string): void {
    const part = this.parts.get(this.partOf.get(id) ?? "");
    this.partOf.delete(id);
    if (!part) return;
    part.ids.delete(id);
    part.gone = [...part.gone, id].slice(-MOST_GONE);
    part.isStale = true;
  }

  /** How many of these are in no part. */
  unwritten(all: Iterable<Entry>): number {
    let count = 0;
    for (const { eventId } of all) if (!this.partOf.has(eventId)) count++;
    return count;
  }

  /** What is to be written next: a part that is not right any more, or what is in none, with a part that is not full. Null: nothing. */
  next(all: Iterable<Entry>, get: (id: string) => Entry | undefined): Next | null {
    const stale = [...this.parts].find(([, part]) => part.isStale);
    if (stale) return this.anew([stale[0]], get);
    const fresh = [...all].filter((each) => !this.partOf.has(each.eventId)).sort((a, b) => b.ts - a.ts);
    if (!fresh.length) return null;
    const open = [...this.parts].find(([, { ids }]) => ids.size < FULL / 2);
    const { entries, gone, replaces } = this.anew(open ? [open[0]] : [], get);
    return { entries: within([...entries, ...fresh]), gone, replaces };
  }

  private anew(replaces: string[], get: (id: string) => Entry | undefined): Next {
    const parts = replaces.flatMap((name) => this.parts.get(name) ?? []);
    const entries = parts.flatMap((part) => [...part.ids].flatMap((id) => get(id) ?? []));
    return { entries, gone: parts.flatMap((part) => part.gone), replaces };
  }

  /** As it is kept by this browser. */
  kept(): Array<[name: string, ids: string[], gone: string[]]> {
    return [...this.parts].map(([name, { ids, gone }]) => [name, [...ids], gone]);
  }
}

/** As many as one part takes. */
function within(entries: Entry[]): Entry[] {
  let text = 0;
  const end = entries.slice(0, FULL).findIndex((each) => {
    text += each.text.length;
    return text > MOST_TEXT;
  });
  return entries.slice(0, end < 1 ? FULL : end);
}
