/** Whom a text names: it remembers their names, and not who they are. */

import type { Item, Person } from "../matrix/types";
import { servicesBy } from "./services";
import type { Mention } from "./words";

const LINK = /<a href="https:\/\/matrix\.to\/#\/([^"/?]+)"[^>]*>@?([^<]*)<\/a>/g;
const SIGNS: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };

/** Whom a message of ours names, as it was sent. */
export function namedByLinks(html: string): Mention[] {
  return [...html.matchAll(LINK)].flatMap(([, target, written]) => {
    const id = decoded(target);
    const name = written.replace(/&(amp|lt|gt|quot|#39);/g, (_, sign: string) => SIGNS[sign]);
    return id?.startsWith("@") && name ? [{ id, name }] : [];
  });
}

export const toldBy = (item: Item): string[] =>
  item.content.type === "text"
    ? [...namedByLinks(item.content.html ?? "").map((each) => each.id), ...servicesBy(item).flatMap((each) => each.ids)]
    : [];

/** Whom a text names of several people. A name that two of them have says nobody; of "@Anne Martin" Anne is not meant. */
export function namedIn(text: string, people: Person[]): Mention[] {
  const named: Mention[] = [];
  let rest = text;
  for (const { id, name } of [...people].sort((a, b) => b.name.length - a.name.length)) {
    if (!name || !rest.includes(`@${name}`)) continue;
    if (people.some((each) => each.name === name && each.id !== id)) continue;
    named.push({ id, name });
    rest = rest.replaceAll(`@${name}`, "\n");
  }
  return named;
}

function decoded(target: string): string | null {
  try {
    return decodeURIComponent(target);
  } catch {
    return null;
  }
}
