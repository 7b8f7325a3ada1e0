import type { TFunction } from "i18next";

const KNOWN: Array<[RegExp, string]> = [
  [/^Threat found: (.+)$/, "scan.threat"],
  [/^Files of type (.+) are not allowed$/, "scan.type"],
];

/** What the antivirus says of a file, in the reader's language where the words are known. */
export function verdictOf(said: string, t: TFunction): string {
  for (const [pattern, key] of KNOWN) {
    const what = pattern.exec(said)?.[1];
    if (what !== undefined) return t(key, { what });
  }
  return said;
}
