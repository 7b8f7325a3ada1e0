/** What was begun and not sent, by room and thread. It survives a reload. */

import { clock as browser, type Clock } from "../platform/clock";
import type { ChosenFile, PreparedFile } from "../platform/prepared_file";
import { Scope, type Timer } from "../platform/scope";
import { load, save } from "../platform/store";
import { Source, type Stream } from "../platform/stream";

const KEY = "drafts";
const WRITE_AFTER = 300;

type Texts = Readonly<Record<string, string>>;

/** A file that is to leave with what is being written. */
export interface TrayFile {
  id: number;
  given: File;
  /** Null while it is read, and where it cannot be. */
  chosen: ChosenFile | null;
  isUnreadable: boolean;
  /** The picture, smaller; null where nothing is gained, undefined where nobody has tried. */
  reduced: PreparedFile | null | undefined;
  caption: string;
}

/** Where this browser keeps them. */
export interface Keeper {
  load: () => Promise<Texts | undefined>;
  save: (texts: Texts) => Promise<void>;
}

const store: Keeper = { load: () => load<Texts>(KEY), save: (texts) => save(KEY, texts) };

export class Drafts {
  private texts: Texts = {};
  private readonly trays = new Map<string, readonly TrayFile[]>();
  private forgotten = false;
  /** Something was typed that the browser does not keep yet. */
  private isUnwritten = false;
  private readonly begun = new Source<readonly string[]>([]);
  private readonly writing: Timer;

  constructor(
    private readonly keeper: Keeper = store,
    clock: Clock = browser,
  ) {
    this.writing = new Scope(clock).timer();
  }

  async open(): Promise<void> {
    this.forgotten = false;
    this.texts = (await this.keeper.load()) ?? {};
    this.begun.set(Object.keys(this.texts));
  }

  of(room: string, thread: string | null): string {
    return this.texts[key(room, thread)] ?? "";
  }

  readonly all = (): Texts => this.texts;

  /** Where there is one: moves as one begins or ends, not with every letter. */
  get places(): Stream<readonly string[]> {
    return this.begun;
  }

  keep(room: string, thread: string | null, text: string): void {
    const name = key(room, thread);
    const had = name in this.texts;
    if (text.trim()) this.texts = { ...this.texts, [name]: text };
    else {
      const { [name]: _, ...others } = this.texts;
      this.texts = others;
    }
    this.isUnwritten = true;
    this.writing.set(WRITE_AFTER, () => void this.write());
    if (had !== name in this.texts) this.begun.set(Object.keys(this.texts));
  }

  /** What is in the tray there: until the page goes. */
  filesOf(room: string, thread: string | null): readonly TrayFile[] {
    return this.trays.get(key(room, thread)) ?? [];
  }

  keepFiles(room: string, thread: string | null, files: readonly TrayFile[]): void {
    if (files.length) this.trays.set(key(room, thread), files);
    else this.trays.delete(key(room, thread));
  }

  /**
   * At once: the page may be about to go. Where nothing was typed nothing is written: a page that goes before it has read what was kept
   * would write that there is nothing, and WebKit holds the store for ever that a page was writing to as it went.
   */
  async write(): Promise<void> {
    if (this.forgotten || !this.isUnwritten) return;
    this.isUnwritten = false;
    await this.keeper.save(this.texts).catch(() => {
      this.isUnwritten = true; // with the next word it is tried again
    });
  }

  /** Whoever signs in next in this browser finds nothing: nothing is written any more until they are opened again. */
  forget(): void {
    this.forgotten = true;
    this.isUnwritten = false;
    this.writing.clear();
    this.texts = {};
    this.trays.clear();
    this.begun.set([]);
  }
}

const key = (room: string, thread: string | null): string => (thread ? `${room} ${thread}` : room);
