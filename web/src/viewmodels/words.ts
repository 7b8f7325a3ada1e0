/** What people type, looked at as they type it: commands, completion, and what should perhaps not leave. */

import type { Person } from "../matrix/types";
import { fold } from "../platform/search_words";

export interface Mention {
  id: string;
  name: string;
}

export interface Command {
  name: string;
  rest: string;
}

/** "/name the rest". "//" begins a message that starts with a slash. */
export function readCommand(typed: string): Command | null {
  const match = /^\/([a-z]+)(?:\s+([\s\S]*))?$/i.exec(typed.trim());
  return match ? { name: match[1].toLowerCase(), rest: match[2] ?? "" } : null;
}

export const COMMANDS = ["me", "plain", "invite", "kick", "ban", "topic", "name", "poll", "leave"] as const;

export type Worry = "secret" | "marking";

const SECRETS = [
  /-----BEGIN (?:RSA |EC |OPENSSH |ENCRYPTED )?PRIVATE KEY-----/,
  /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/,
  /\bgh[pousr]_[A-Za-z0-9]{36,}\b/,
  /\bxox[abprs]-[A-Za-z0-9-]{10,}\b/,
  /\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\b/,
  /\b(?:mot de passe|mdp|password|passwd|pwd)\s*[:=]\s*\S{4,}/i,
  /\b(?:FR\d{2}(?:\s?\d{4}){2}\s?\d{2}[0-9A-Z]{2}(?:\s?[0-9A-Z]{4}){2}\s?[0-9A-Z]\d{2})\b/,
  /\b[12]\s?\d{2}\s?(?:0[1-9]|1[0-2])\s?(?:\d{2}|2[AB])\s?\d{3}\s?\d{3}(?:\s?\d{2})?\b/,
];
const MARKINGS =
  /\b(?:diffusion\s+restreinte|confidentiel[\s-]d[ée]fense|secret[\s-]d[ée]fense|tr[èe]s\s+secret|secret\s+m[ée]dical|restricted|confidential|EU\s+(?:restricted|confidential|secret))\b/i;

/** What looks as if it should not leave: a password, a key, a number of social security or of an account, a marking. */
export function worryAbout(text: string): Worry | null {
  if (SECRETS.some((each) => each.test(text))) return "secret";
  return MARKINGS.test(text) ? "marking" : null;
}

/** The word that wants completing, from the text before the caret. */
export function wanted(before: string): { kind: "person" | "emoji" | "named" | "command"; word: string; from: number } | null {
  const named = /(?:^|\s):([\p{L}\p{N}_+-]{2,40}):$/u.exec(before);
  if (named) return { kind: "named", word: named[1], from: before.length - named[1].length - 2 };
  const match = /(?:^|\s)([@:/])([^\s@:/]{0,40}(?: [^\s@:/]{1,20})?)$/u.exec(before);
  if (!match) return null;
  const from = before.length - match[2].length - 1;
  if (match[1] === "/") return from === 0 && !match[2].includes(" ") ? { kind: "command", word: match[2], from } : null;
  if (match[1] === ":") return match[2].length >= 2 && !match[2].includes(" ") ? { kind: "emoji", word: match[2], from } : null;
  return { kind: "person", word: match[2], from };
}

export function matching(people: Person[], word: string): Person[] {
  const asked = plainly(word);
  const starts = people.filter(
    (each) =>
      plainly(each.name)
        .split(/[\s'-]/)
        .some((part) => part.startsWith(asked)) || plainly(each.name).startsWith(asked),
  );
  return starts.slice(0, 8);
}

/** Without accents and case, for finding. */
export const plainly = fold;

/** A text with signs around a part of it, or without them where they were there; and where the caret is then. */
export function wrapped(text: string, mark: string, from: number, to: number): { text: string; caret: number } {
  const [before, inside, after] = [text.slice(0, from), text.slice(from, to), text.slice(to)];
  if (before.endsWith(mark) && after.startsWith(mark))
    return { text: before.slice(0, -mark.length) + inside + after.slice(mark.length), caret: to - mark.length };
  return { text: before + mark + inside + mark + after, caret: inside ? to + 2 * mark.length : from + mark.length };
}
