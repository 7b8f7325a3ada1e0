/** What is about to leave with a message: files that were chosen, pasted, dropped or photographed, looked at before they are sent. */

import { allowsFile } from "../matrix/file_types";
import type { SomeConversation } from "../matrix/signed_in";
import type { Outgoing, RoomDetails } from "../matrix/types";
import type { ChosenFile, PreparedFile } from "../platform/prepared_file";
import type { Trace } from "../platform/traces";
import type { Drafts, TrayFile } from "./drafts";
import { ViewModel } from "./view_model";

/** How many files leave together. */
export const MOST = 20;

export type TrayProblem = "empty" | "unreadable" | "too-large" | "not-allowed";

/** A file of the tray, as it would leave now. */
export interface Waiting {
  id: number;
  name: string;
  mime: string;
  /** In bytes; 0 while it is read. */
  size: number;
  isReading: boolean;
  /** Why it cannot leave. */
  problem: TrayProblem | null;
  /** What is taken out of it. */
  traces: Trace[];
  /** It may say where it was taken, and cannot be cleaned. */
  keepsTraces: boolean;
  picture: Blob | null;
  caption: string;
}

interface State {
  files: Waiting[];
  /** Of all that can leave, in bytes. */
  size: number;
  /** In bytes; null where the server does not say. */
  limit: number | null;
  /** How many were not taken: there were too many. */
  leftOut: number;
  /** Some pictures could leave smaller. `isReduced`: they do. */
  isReducible: boolean;
  isReduced: boolean;
  /** Some pictures say where, when, by whom. `keepsTraces`: they leave as they were taken. */
  hasTraces: boolean;
  keepsTraces: boolean;
  /** Which file was moved last, and where to. */
  moved: { name: string; place: number } | null;
}

export interface TrayNeeds {
  conversation: Pick<SomeConversation, "id" | "outgoing" | "send">;
  details: () => RoomDetails | null;
  choose: (file: File) => Promise<ChosenFile>;
  reduce: (file: PreparedFile) => Promise<PreparedFile | null>;
  /** In bytes; null where the server does not say. */
  fileLimit: () => Promise<number | null>;
  reducesImages: () => boolean;
  reduceImages: (on: boolean) => void;
  trays: Pick<Drafts, "filesOf" | "keepFiles">;
}

/** What is said of the first file: what answers a message without a word still answers it. */
const withOwn = (message: Outgoing | null, own: Outgoing | null): Outgoing | null =>
  message && own ? { ...own, replyTo: message.replyTo } : (message ?? own);

type Compose = (typed: string) => Outgoing | null;

let numbers = 0;

export class TrayViewModel extends ViewModel<State> {
  private entries: TrayFile[];
  private reading: Promise<void> = Promise.resolve();

  constructor(
    private readonly needs: TrayNeeds,
    private readonly threadId: string | null,
  ) {
    super({
      files: [], size: 0, limit: null, leftOut: 0, isReducible: false, isReduced: needs.reducesImages(), hasTraces: false,
      keepsTraces: false, moved: null,
    }); // biome-ignore format: nothing yet
    this.entries = [...needs.trays.filesOf(needs.conversation.id, threadId)];
    if (this.entries.length) this.add([]);
    this.look();
  }

  /** How many would leave now. */
  get count(): number {
    return this.now.files.filter((each) => !each.problem).length;
  }

  /** What is said of those that would leave. */
  get captions(): string[] {
    return this.now.files.filter((each) => !each.problem).map((each) => each.caption);
  }

  readonly add = (files: File[]): void => {
    const taken = files.slice(0, MOST - this.entries.length);
    this.change(
      [
        ...this.entries,
        ...taken.map((given) => ({ id: ++numbers, given, chosen: null, isUnreadable: false, reduced: undefined, caption: "" })),
      ],
      { leftOut: files.length - taken.length, moved: null },
    );
    this.reading = this.reading.then(() => this.read());
  };

  /** One after the other, those that were not read yet. */
  private async read(): Promise<void> {
    const limit = await this.needs.fileLimit().catch(() => null);
    this.look({ limit });
    for (const { id, given, chosen, isUnreadable } of this.entries) {
      if (chosen || isUnreadable) continue;
      const found = await this.needs.choose(given).catch(() => null);
      this.alter(id, { chosen: found, isUnreadable: found === null });
    }
    await this.reduce();
  }

  private async reduce(): Promise<void> {
    if (!this.now.isReduced) return;
    for (const { id, chosen, reduced } of this.entries) {
      if (chosen?.isReducible && reduced === undefined)
        this.alter(id, { reduced: await this.needs.reduce(chosen.file).catch(() => null) });
    }
  }

  readonly caption = (id: number, caption: string): void => this.alter(id, { caption });

  readonly remove = (id: number): void => {
    this.change(
      this.entries.filter((each) => each.id !== id),
      { leftOut: 0, moved: null },
    );
  };

  readonly clear = (): void => this.change([], { leftOut: 0, moved: null });

  /** `place`: among the others, from 0. */
  readonly move = (id: number, place: number): void => {
    const entry = this.entries.find((each) => each.id === id);
    const others = this.entries.filter((each) => each.id !== id);
    if (!entry || place < 0 || place > others.length || this.entries[place] === entry) return;
    this.change(others.toSpliced(place, 0, entry), { moved: { name: entry.given.name, place } });
  };

  /** Remembered for the next time. */
  readonly setReduced = (isReduced: boolean): void => {
    this.needs.reduceImages(isReduced);
    this.look({ isReduced });
    this.reading = this.reading.then(() => this.reduce());
  };

  /** Not remembered: it is decided each time. */
  readonly setKeepsTraces = (keepsTraces: boolean): void => this.look({ keepsTraces });

  /** Sends what can leave. What is being written goes with the first file, or before it where that has words of its own. */
  readonly send = async (message: Outgoing | null, compose: Compose): Promise<void> => {
    await this.reading;
    const { conversation } = this.needs;
    const entries = this.entries.filter((each) => !this.problemOf(each));
    const leaving = entries.map((each) => ({ file: this.leaving(each)!, own: compose(each.caption) }));
    this.change(
      this.entries.filter((each) => !entries.includes(each)),
      { leftOut: 0, moved: null, keepsTraces: false },
    );
    const goesBefore = message !== null && message.body !== "" && leaving[0]?.own !== null;
    if (goesBefore) conversation.send(message, this.threadId).catch(() => {}); // refused, it stays in the timeline
    for (const [index, { file, own }] of leaving.entries())
      conversation.outgoing.add(this.threadId, file, index === 0 && !goesBefore ? withOwn(message, own) : own);
  };

  // --------------------------------------------------------------------------------------------------------- what leaves

  private leaving({ chosen, reduced }: TrayFile): PreparedFile | null {
    if (!chosen) return null;
    if (this.now.isReduced && reduced) return reduced;
    return this.now.keepsTraces ? { ...chosen.file, blob: chosen.original } : chosen.file;
  }

  private problemOf(entry: TrayFile): TrayProblem | null {
    const blob = this.leaving(entry)?.blob ?? entry.given;
    if (entry.isUnreadable) return "unreadable";
    if (entry.given.size === 0) return "empty";
    if (!allowsFile(this.needs.details()?.level ?? null, blob.type || "application/octet-stream")) return "not-allowed";
    return this.now.limit && blob.size > this.now.limit ? "too-large" : null;
  }

  private alter(id: number, change: Partial<TrayFile>): void {
    this.change(this.entries.map((each) => (each.id === id ? { ...each, ...change } : each)));
  }

  private change(entries: TrayFile[], told: Partial<State> = {}): void {
    this.entries = entries;
    this.needs.trays.keepFiles(this.needs.conversation.id, this.threadId, entries);
    this.look(told);
  }

  private look(told: Partial<State> = {}): void {
    this.set(told);
    const { isReduced } = this.now;
    const files = this.entries.map((entry): Waiting => {
      const { id, given, chosen, caption, reduced } = entry;
      const file = this.leaving(entry);
      return {
        id, caption,
        name: file?.name ?? given.name,
        mime: file?.blob.type ?? given.type,
        size: file?.blob.size ?? given.size,
        isReading: !chosen && !entry.isUnreadable,
        problem: this.problemOf(entry),
        traces: chosen?.traces ?? [],
        keepsTraces: (chosen?.keepsTraces ?? false) && !(isReduced && reduced),
        picture: chosen?.picture ?? null,
      }; // biome-ignore format: as it is shown
    });
    this.set({
      files,
      size: files.reduce((sum, each) => sum + (each.problem ? 0 : each.size), 0),
      isReducible: this.entries.some((each) => each.chosen?.isReducible && each.reduced !== null),
      hasTraces: this.entries.some(({ chosen, reduced }) => chosen?.traces.length && !(isReduced && reduced)),
    });
  }
}
