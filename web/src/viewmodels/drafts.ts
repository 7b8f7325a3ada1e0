/** What was begun and not sent, by room and thread. It survives a reload. */

import { load, save } from "../platform/store";

const KEY = "drafts";

export class Drafts {
  private texts: Record<string, string> = {};
  private readonly listeners = new Set<() => void>();
  private timer: ReturnType<typeof setTimeout> | null = null;

  async open(): Promise<void> {
    this.texts = (await load<Record<string, string>>(KEY)) ?? {};
  }

  of(room: string, thread: string | null): string {
    return this.texts[key(room, thread)] ?? "";
  }

  /** Drafts of rooms themselves, for the list. */
  readonly all = (): Record<string, string> => this.texts;

  readonly listen = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  keep(room: string, thread: string | null, text: string): void {
    const name = key(room, thread);
    const had = name in this.texts;
    if (text.trim()) this.texts = { ...this.texts, [name]: text };
    else {
      const { [name]: _, ...others } = this.texts;
      this.texts = others;
    }
    if (this.timer) clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.write(), 300);
    if (had !== name in this.texts) for (const listener of this.listeners) listener();
  }

  /** At once: the page may be about to go. */
  async write(): Promise<void> {
    await save(KEY, this.texts);
  }
}

const key = (room: string, thread: string | null): string => (thread ? `${room} ${thread}` : room);
