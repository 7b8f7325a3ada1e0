/** What is read aloud of the messages that arrive: each once, when it can be read. */

import type { Item } from "../matrix/types";

/** For so long nothing is said of a message that does not open: its key may be on the way. Milliseconds. */
export const PATIENCE = 10_000;

export class Announcer {
  private known = new Set<string>();
  /** Locked messages, and since when. */
  private waiting = new Map<string, number>();

  /** What is there is not news. */
  begin(items: Item[]): void {
    this.known = new Set(items.map((each) => each.key));
    this.waiting.clear();
  }

  /** Whether something may open in a while. */
  get waits(): boolean {
    return this.waiting.size > 0;
  }

  /** What to read aloud now. `items`: oldest first; what stands before what is known has come from the past. */
  hear(items: Item[], now: number): Item[] {
    const from = items.findLastIndex((each) => this.known.has(each.key)) + 1;
    for (const each of items.slice(from)) {
      this.known.add(each.key);
      if (isNews(each)) this.waiting.set(each.key, now);
    }
    if (!this.waiting.size) return [];
    const due = items.filter(({ key, content }) => {
      const since = this.waiting.get(key);
      return since !== undefined && (content.type !== "locked" || now - since >= PATIENCE);
    });
    for (const each of due) this.waiting.delete(each.key);
    const there = new Set(items.map((each) => each.key));
    for (const key of this.waiting.keys()) if (!there.has(key)) this.waiting.delete(key);
    return due.filter(isNews);
  }
}

const isNews = ({ mine, content }: Item): boolean => !mine && content.type !== "event" && content.type !== "deleted";
