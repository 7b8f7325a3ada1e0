/** Emoji by their names and words, in both languages. They are read when somebody first looks for one. */

export const GROUPS = ["smileys", "people", "nature", "food", "travel", "activities", "objects", "symbols", "flags"] as const;
export type Group = (typeof GROUPS)[number];
type Language = "fr" | "en";

export interface Emoji {
  emoji: string;
  name: string;
}

/** `names`: of both languages, as they are found. `tags`: words that find it when nothing is called so. */
export interface Entry {
  group: Group;
  emoji: string;
  called: Record<Language, string>;
  names: string[];
  tags: string[];
}

let entries: Promise<readonly Entry[]> | null = null;

export const allEmoji = (): Promise<readonly Entry[]> => {
  entries ??= import("./emoji.tsv?raw").then((each) => readEmoji(each.default));
  return entries;
};

const plain = (text: string): string => text.normalize("NFD").replace(/\p{M}/gu, "").replaceAll("’", "'").toLowerCase();

/** Of a table whose columns are its group, the emoji, and for each language its names and, after |, the words that find it. */
export function readEmoji(table: string): Entry[] {
  const lines = table.split("\n").filter((each) => each && !each.startsWith("#"));
  return lines.map((line) => {
    const [group, emoji, ...columns] = line.split("\t");
    const [french, english] = columns.map((each) => each.split("|").map((part) => part.split(",").filter(Boolean)));
    const shortest = ([name, ...ours]: string[]): string => ours[0] ?? name;
    return {
      group: group as Group,
      emoji,
      called: { fr: shortest(french[0]), en: shortest(english[0]) },
      names: [...french[0], ...english[0]].map(plain),
      tags: [...french[1], ...english[1]].map(plain),
    };
  });
}

/** How well one answers to a word: 0 best, null not at all. */
function rank({ names, tags }: Entry, word: string): number | null {
  const words = (all: string[]): string[] => all.flatMap((each) => each.split(/[\s-]+/));
  if (names.includes(word)) return 0;
  if (words(names).includes(word)) return 1;
  if (words(names).some((each) => each.startsWith(word))) return 2;
  if (words(tags).includes(word)) return 3;
  return words(tags).some((each) => each.startsWith(word)) ? 4 : null;
}

/** Those that answer to every word that was asked, the best first. */
export function search(all: readonly Entry[], asked: string): Entry[] {
  const whole = plain(asked.trim());
  const words = whole.split(/[\s_]+/);
  return all
    .flatMap((entry) => {
      const ranks = entry.names.includes(whole) ? [0] : words.map((each) => rank(entry, each));
      return ranks.includes(null) ? [] : [{ entry, rank: Math.max(...(ranks as number[])) }];
    })
    .sort((one, other) => one.rank - other.rank)
    .map((each) => each.entry);
}

const spoken = (): Language => (document.documentElement.lang === "en" ? "en" : "fr");

export async function findEmoji(word: string): Promise<Emoji[]> {
  return search(await allEmoji(), word).map(({ emoji, called }) => ({ emoji, name: called[spoken()] }));
}

/** The emoji of ":its_name:"; the names of both languages, with a line for a space. */
export async function emojiNamed(word: string): Promise<string | null> {
  const asked = plain(word).replaceAll("_", " ");
  return (await allEmoji()).find(({ names }) => names.includes(asked))?.emoji ?? null;
}
