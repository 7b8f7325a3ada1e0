/** What was read, and finding it again. It knows no browser: it works in a thread of its own, or in a test. */

import type { Answer, Entry, Query, Share } from "./search_query";
import { lexemesOf, query as words } from "./search_stems";

const SHARES = 50;

export class SearchEngine {
  private readonly entries = new Map<string, Entry>();
  private readonly lexemes = new WeakMap<Entry, string>(); // of what was looked through

  get count(): number {
    return this.entries.size;
  }

  get(id: string): Entry | undefined {
    return this.entries.get(id);
  }

  put(entry: Entry): void {
    this.entries.set(entry.eventId, entry);
  }

  remove(id: string): void {
    this.entries.delete(id);
  }

  [Symbol.iterator](): IterableIterator<Entry> {
    return this.entries.values();
  }

  /** What has all the words of the term, or words that begin so; everything for a term of nothing. */
  find(query: Query): Answer {
    const has = words(query.term);
    if (!has && query.term.trim()) return { found: [], count: 0, senders: [], rooms: [] };
    const senders = new Map<string, number>();
    const rooms = new Map<string, number>();
    const found: Entry[] = [];
    for (const entry of this.entries.values()) {
      const isHis = query.sender === null || query.sender === entry.sender;
      const isThere = query.room === null || query.room === entry.roomId;
      if ((!isHis && !isThere) || !isAsked(query, entry) || (has && !has(entry.text, this.lexemesOf(entry)))) continue;
      if (isThere) senders.set(entry.sender, (senders.get(entry.sender) ?? 0) + 1);
      if (isHis) rooms.set(entry.roomId, (rooms.get(entry.roomId) ?? 0) + 1);
      if (isHis && isThere) found.push(entry);
    }
    found.sort((a, b) => b.ts - a.ts);
    return { found: found.slice(0, query.limit), count: found.length, senders: largest(senders), rooms: largest(rooms) };
  }

  /** Looks through an entry ahead of the first question. */
  prepare(entry: Entry): void {
    this.lexemesOf(entry);
  }

  private lexemesOf(entry: Entry): string {
    let lexemes = this.lexemes.get(entry);
    if (lexemes === undefined) {
      lexemes = lexemesOf(entry.text);
      this.lexemes.set(entry, lexemes);
    }
    return lexemes;
  }
}

function isAsked({ from, until, kinds }: Query, { ts, kind }: Entry): boolean {
  return (from === null || ts >= from) && (until === null || ts < until) && (kinds === null || kinds.includes(kind));
}

function largest(counts: Map<string, number>): Share[] {
  const all = [...counts].map(([id, count]) => ({ id, count }));
  return all.sort((a, b) => b.count - a.count || (a.id < b.id ? -1 : 1)).slice(0, SHARES);
}
