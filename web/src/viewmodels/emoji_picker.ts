/** Choosing an emoji: by its group, by a word of either language; those that one uses most stand first. */

import type { SignedIn } from "../matrix/signed_in";
import { allEmoji, type Entry, GROUPS, type Group, search } from "../platform/emoji";
import type { Preferences } from "./preferences";
import { ViewModel } from "./view_model";

export type Shelf = Group | "used";
/** So many are shown of those that a word finds. */
const MOST = 120;
/** So many of those that one uses are kept, and shown. */
const MOST_USED = 32;
/** Whoever has used one so often may have other habits by now: all are halved. */
const OFTEN = 64;

interface State {
  shelves: Shelf[];
  shelf: Shelf;
  asked: string;
  shown: Array<{ emoji: string; name: string }>;
  isLoaded: boolean;
}

export class EmojiPickerViewModel extends ViewModel<State> {
  private all: readonly Entry[] = [];
  private readonly used: string[];

  constructor(
    _matrix: Pick<SignedIn, "userId">,
    private readonly preferences: Pick<Preferences, "snapshot" | "choose">,
    load: () => Promise<readonly Entry[]> = allEmoji,
  ) {
    super({ shelves: [...GROUPS], shelf: "smileys", asked: "", shown: [], isLoaded: false });
    const counts = preferences.snapshot().emojiUsed;
    this.used = Object.keys(counts).sort((one, other) => counts[other] - counts[one]);
    if (this.used.length) this.set({ shelves: ["used", ...GROUPS], shelf: "used" });
    void load().then(
      (all) => {
        this.all = all;
        this.set({ isLoaded: true });
        this.look();
      },
      () => this.set({ isLoaded: true }), // without the network there are none
    );
  }

  readonly open = (shelf: Shelf): void => {
    this.set({ shelf, asked: "" });
    this.look();
  };

  readonly ask = (asked: string): void => {
    this.set({ asked });
    this.look();
  };

  /** That one was chosen. */
  readonly note = (emoji: string): void => {
    const counts = { ...this.preferences.snapshot().emojiUsed };
    counts[emoji] = (counts[emoji] ?? 0) + 1;
    const isOften = counts[emoji] >= OFTEN;
    const kept = Object.entries(counts)
      .map(([each, count]): [string, number] => [each, isOften ? Math.ceil(count / 2) : count])
      .sort(([one, a], [other, b]) => b - a || Number(other === emoji) - Number(one === emoji))
      .slice(0, MOST_USED);
    if (!kept.some(([each]) => each === emoji)) kept.splice(-1, 1, [emoji, 1]); // what is new has its chance
    this.preferences.choose({ emojiUsed: Object.fromEntries(kept) });
  };

  private look(): void {
    const { asked, shelf } = this.now;
    const { language } = this.preferences.snapshot();
    const byEmoji = (emoji: string): Entry[] => this.all.filter((each) => each.emoji === emoji);
    const found = asked.trim()
      ? this.usedFirst(search(this.all, asked)).slice(0, MOST)
      : shelf === "used"
        ? this.used.flatMap(byEmoji)
        : this.all.filter((each) => each.group === shelf);
    this.set({ shown: found.map(({ emoji, called }) => ({ emoji, name: called[language] })) });
  }

  /** Of those that are found, the ones that one uses come first. */
  private usedFirst(found: Entry[]): Entry[] {
    const isUsed = (each: Entry): boolean => this.used.includes(each.emoji);
    return [...found.filter(isUsed), ...found.filter((each) => !isUsed(each))];
  }
}
