/** The table of emoji: whole, and found by the words that one writes. */

import { expect, test } from "vitest";
import { allEmoji, emojiNamed, findEmoji, GROUPS } from "../src/platform/emoji";

test("every group has its emoji, each with a name in both languages, none twice", async () => {
  const all = await allEmoji();
  expect(new Set(all.map((each) => each.group))).toEqual(new Set(GROUPS));
  expect(new Set(all.map((each) => each.emoji)).size).toBe(all.length);
  expect(all.length).toBeGreaterThan(1800);
  expect(all.filter(({ called }) => !called.fr || !called.en)).toEqual([]);
  expect(all.every(({ emoji }) => /\p{Emoji}/u.test(emoji))).toBe(true);
});

test.each([
  ["pouce", "👍"],
  ["thumbs", "👍"],
  ["fusée", "🚀"],
  ["fusee", "🚀"],
  ["rocket", "🚀"],
  ["train", "🚆"],
])("%s finds %s among the first", async (word, emoji) => {
  (globalThis as { document?: unknown }).document ??= { documentElement: { lang: "fr" } };
  expect((await findEmoji(word)).slice(0, 5).map((each) => each.emoji)).toContain(emoji);
});

test("they are called as people at work call them", async () => {
  const called = new Map((await allEmoji()).map((each) => [each.emoji, each.called]));
  expect([called.get("🚀"), called.get("👍")]).toEqual([
    { fr: "fusée", en: "rocket" },
    { fr: "pouce levé", en: "thumbs up" },
  ]);
});

test.each(["pouce_levé", "pouce_leve", "thumbs_up"])("%s is a name", async (name) => {
  expect(await emojiNamed(name)).toBe("👍");
});
