// Makes src/platform/emoji.tsv of emojibase-data (https://emojibase.dev, MIT): `node emoji.mjs its/folder`.
// The words of our own, which stand there already after the names of Unicode, are kept.
import { readFileSync, writeFileSync } from "node:fs";

const FILE = new URL("src/platform/emoji.tsv", import.meta.url);
/** What the systems of an administration can draw. */
const NEWEST = 15;
const GROUPS = ["smileys", "people", null, "nature", "food", "travel", "activities", "objects", "symbols", "flags"];
const folder = process.argv[2];
const read = (language) => JSON.parse(readFileSync(`${folder}/${language}/data.json`, "utf8"));
const { version } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));

const before = readFileSync(FILE, "utf8")
  .split("\n")
  .filter((each) => each && !each.startsWith("#"));
const own = new Map(before.map((line) => line.split("\t")).map(([, emoji, french, english]) => [emoji, [french, english]]));
const wordsOf = (column) => (column ?? "").split("|")[0].split(",").slice(1).filter(Boolean);

const english = new Map(read("en").map((each) => [each.hexcode, each]));
const column = ({ label, tags = [] }, ours) => {
  const name = label.replaceAll(/[,|]/g, "").replaceAll(/\s+/g, " ");
  const words = [...new Set(ours)]; // the first of them is what it is called here, be it the same
  const others = tags
    .map((each) => each.replaceAll(/[,|]/g, " ").trim())
    .filter((each) => each !== name && !words.includes(each));
  return `${[name, ...words].join(",")}|${[...new Set(others)].join(",")}`;
};
/** Without the sign that asks for a picture where that is what is drawn anyway: as everybody else reacts. */
const plain = (emoji) => (/^\p{Emoji_Presentation}\uFE0F$/u.test(emoji) ? emoji.slice(0, -1) : emoji);
const lines = read("fr")
  .map((each) => ({ ...each, emoji: plain(each.emoji) }))
  .filter(({ group, version: since }) => group !== undefined && GROUPS[group] && since <= NEWEST)
  .sort((one, other) => one.order - other.order)
  .map((each) => {
    const [french, ours] = own.get(each.emoji) ?? [];
    return [
      GROUPS[each.group],
      each.emoji,
      column(each, wordsOf(french)),
      column(english.get(each.hexcode), wordsOf(ours)),
    ].join("\t");
  });
const head = `# Made by web/emoji.mjs of emojibase-data ${version}, MIT License, Copyright (c) 2017-2019 Miles Johnson; names and words: Unicode CLDR.
# Group, emoji, French and English: its name, then words of our own, then after | the words of Unicode that find it.`;
writeFileSync(FILE, `${head}\n${lines.join("\n")}\n`);
