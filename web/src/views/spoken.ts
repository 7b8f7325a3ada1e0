/** What a message says, as one colleague tells another: without signs of formatting, without pictures. */

import type { TFunction } from "i18next";
import type { Item } from "../matrix/types";
import { plain } from "../platform/plain";
import { textFor } from "./content";

const SIGN = /^\p{Extended_Pictographic}\ufe0f?\s+/u;
/** So many at once are counted, not read. */
const MANY = 3;

function spoken(item: Item, t: TFunction): string {
  const { content } = item;
  if (content.type === "text" && content.html) return plain(content.html);
  if (content.type === "poll") return t("spoken.poll", { question: content.question });
  if (content.type === "locked") return t("spoken.locked");
  if (!("file" in content)) return textFor(item, t);
  const kind = t(`line.${content.type}`).replace(SIGN, "");
  const { caption, name } = content.file;
  return caption ? `${kind}. ${caption}` : content.type === "file" ? `${kind} ${name}` : kind;
}

/** Messages that have arrived. */
export function spokenAll(items: Item[], t: TFunction): string {
  const names = [...new Set(items.map((each) => each.sender.name))];
  if (items.length > MANY) return t("spoken.many", { count: items.length, names: names.slice(0, MANY).join(", ") });
  return items
    .map((each) => t(each.mentionsMe ? "spoken.mention" : "spoken.message", { name: each.sender.name, text: spoken(each, t) }))
    .join(" ");
}
