/** Emoji by their names, in both languages. */

export interface Emoji {
  emoji: string;
  name: string;
}

type Entry = readonly [emoji: string, french: string, english: string];

let entries: Promise<readonly Entry[]> | null = null;

const loaded = (): Promise<readonly Entry[]> => {
  entries ??= import("./emoji_data").then((each) => each.EMOJI);
  return entries;
};

const plain = (text: string): string => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

export async function findEmoji(word: string): Promise<Emoji[]> {
  const asked = plain(word);
  const all = await loaded();
  const scored = all.flatMap(([emoji, french, english]) => {
    const names = plain(`${french} ${english}`).split(/[\s,]+/);
    const exact = names.some((each) => each === asked) ? 0 : names.some((each) => each.startsWith(asked)) ? 1 : 2;
    return exact < 2 ? [{ emoji, name: french.split(",")[0], exact }] : [];
  });
  return scored.sort((a, b) => a.exact - b.exact);
}

/** The emoji of ":its_name:"; the names of both languages, with a line for a space. */
export async function emojiNamed(word: string): Promise<string | null> {
  const asked = plain(word);
  const names = ([, french, english]: Entry): string[] =>
    plain(`${french},${english}`)
      .split(",")
      .map((each) => each.trim().replace(/\s+/g, "_"));
  return (await loaded()).find((entry) => names(entry).includes(asked))?.[0] ?? null;
}

export async function allEmoji(): Promise<readonly Entry[]> {
  return loaded();
}
