/** What is offered while somebody types: people, pictures, commands. */

import type { Member, Person } from "../matrix/types";
import { type Called, type Service, servicesFor } from "./services";
import { COMMANDS, matching, wanted } from "./words";

export type Suggestion =
  | { kind: "person"; key: string; person: Person }
  | { kind: "service"; key: string; service: Service }
  | { kind: "room"; key: string }
  | { kind: "emoji"; key: string; emoji: string; name: string }
  /** Written to its end, ":so:": it takes the place of its name by itself. */
  | { kind: "named"; key: string; emoji: string }
  | { kind: "command"; key: string; name: string };

/** Where they come from. */
export interface Sources {
  people: () => Promise<Called[]>;
  /** Whether the room lets one call all of it: from others it would reach nobody. */
  callsAll: () => boolean;
  emoji: (word: string) => Promise<Array<{ emoji: string; name: string }>>;
  /** The emoji of ":its_name:". */
  named: (word: string) => Promise<string | null>;
}

const MOST = 8;

/** Those of a room who may be called: who is there, and is somebody else. */
export const othersOf = (members: Member[], me: string): Member[] =>
  members.filter((each) => each.membership === "join" && each.id !== me);

/** What the word before the caret may become. */
export async function suggestionsFor(before: string, needs: Sources): Promise<Suggestion[]> {
  const word = wanted(before);
  if (!word) return [];
  if (word.kind === "command")
    return COMMANDS.filter((each) => each.startsWith(word.word)).map((name) => ({ kind: "command", key: name, name }));
  if (word.kind === "named") {
    const emoji = await needs.named(word.word);
    return emoji ? [{ kind: "named", key: emoji, emoji }] : [];
  }
  if (word.kind === "emoji")
    return (await needs.emoji(word.word)).slice(0, MOST).map((each) => ({ kind: "emoji", key: each.emoji, ...each }));
  const called = await needs.people();
  const services = servicesFor(called, word.word).map(
    (service): Suggestion => ({ kind: "service", key: `service ${service.name}`, service }),
  );
  const people = matching(called, word.word).map((person): Suggestion => ({ kind: "person", key: person.id, person }));
  const whole: Suggestion[] =
    word.word && needs.callsAll() && "salon room".split(" ").some((each) => each.startsWith(word.word.toLowerCase()))
      ? [{ kind: "room", key: "@room" }]
      : [];
  return [...people.slice(0, MOST - services.length), ...services, ...whole].slice(0, MOST);
}

/** What a suggestion puts into the text. */
export function completed(suggestion: Suggestion): string {
  if (suggestion.kind === "room") return "@salon ";
  if (suggestion.kind === "named") return suggestion.emoji;
  if (suggestion.kind === "emoji") return `${suggestion.emoji} `;
  if (suggestion.kind === "service") return `@${suggestion.service.name} `;
  return suggestion.kind === "command" ? `/${suggestion.name} ` : `@${suggestion.person.name} `;
}
