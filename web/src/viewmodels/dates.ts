/** Dates and times as people write them, in the language of the client: read into ISO's form, by the clock of where one is, and back. */

import { isoDay } from "../platform/clock";

export type When = "date" | "time" | "moment";
export type Spoken = "fr" | "en";

const DAY = 86_400_000;
const two = (value: number): string => String(value).padStart(2, "0");
const plain = (text: string): string =>
  text
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .replaceAll("’", "'")
    .replace(/\s+/g, " ")
    .replace(/ ?\/ ?/g, "/")
    .trim()
    .toLowerCase();

const NEAR = new Map([
  ["aujourd'hui", 0],
  ["today", 0],
  ["demain", 1],
  ["tomorrow", 1],
  ["apres-demain", 2],
  ["hier", -1],
  ["yesterday", -1],
]);
const WEEKDAY = /^(?:(?:lun|mar|mercre|jeu|vendre|same)di|dimanche|(?:mon|tues|wednes|thurs|fri|satur|sun)day|[a-z]{3}\.)[, ]+/;

/** The months of both languages, whatever the client's is: a name is not misunderstood. */
const MONTHS: Array<[string, number]> = ["fr", "en"].flatMap((language) =>
  Array.from({ length: 12 }, (_, month): [string, number] => [
    plain(new Intl.DateTimeFormat(language, { month: "long" }).format(new Date(2024, month, 1))),
    month + 1,
  ]),
);

/** By its name or the beginning of it, if only one begins so. */
function monthOf(word: string): number | null {
  const short = word.replace(/\.$/, "");
  const exact = MONTHS.filter(([name]) => name === short);
  const found = new Set(
    (exact.length || short.length < 3 ? exact : MONTHS.filter(([name]) => name.startsWith(short))).map(([, month]) => month),
  );
  return found.size === 1 ? ([...found][0] as number) : null;
}

/** A day that there is. Without a year it is the nearest, rather ahead than behind. */
function dayThatIs(day: number, month: number, year: number | null, now: number): string | null {
  const thisYear = new Date(now).getFullYear();
  const whole = year ?? thisYear;
  const at = new Date(whole, month - 1, day);
  if (at.getMonth() !== month - 1 || at.getDate() !== day || whole < 1900 || whole > 9999) return null;
  if (year === null && now - at.getTime() > 180 * DAY) return dayThatIs(day, month, thisYear + 1, now);
  return isoDay(at.getTime());
}

export function readDate(text: string, language: Spoken, now: number): string | null {
  const said = plain(text).replace(/^le /, "");
  return readDay(said, language, now) ?? readDay(said.replace(WEEKDAY, ""), language, now);
}

function readDay(said: string, language: Spoken, now: number): string | null {
  const near = NEAR.get(said);
  if (near !== undefined) return isoDay(new Date(now).setHours(12, 0, 0, 0) + near * DAY);
  const iso = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(said);
  if (iso) return dayThatIs(Number(iso[3]), Number(iso[2]), Number(iso[1]), now);
  const numbers = /^(\d{1,2})[/. -](\d{1,2})(?:[/. -](\d{2}|\d{4}))?$/.exec(said);
  if (numbers) {
    const [first, second] = [Number(numbers[1]), Number(numbers[2])];
    const year = numbers[3] === undefined ? null : Number(numbers[3].length === 2 ? `20${numbers[3]}` : numbers[3]);
    const [day, month] = language === "en" ? [second, first] : [first, second];
    return dayThatIs(day, month, year, now) ?? dayThatIs(month, day, year, now);
  }
  const named =
    /^(\d{1,2})(?:er|st|nd|rd|th)? (?:of )?([a-z]+\.?)(?:,? (\d{4}))?$/.exec(said) ??
    /^([a-z]+\.?) (\d{1,2})(?:st|nd|rd|th)?(?:,? (\d{4}))?$/.exec(said);
  if (!named) return null;
  const [day, word] = /^\d/.test(named[1]) ? [named[1], named[2]] : [named[2], named[1]];
  const month = monthOf(word);
  return month === null ? null : dayThatIs(Number(day), month, named[3] ? Number(named[3]) : null, now);
}

export function readTime(text: string): string | null {
  const said = plain(text).replace(/^(?:a|at) /, "");
  if (said === "midi" || said === "noon") return "12:00";
  if (said === "minuit" || said === "midnight") return "00:00";
  const found =
    /^(\d{1,2})(?: ?(?:h|:|\.|heures?) ?(\d{2})?(?: ?min(?:utes)?)?)?(?::\d{2}(?:\.\d+)?)? ?([ap])?\.?(?:m\.?)?$/.exec(said);
  if (!found || (/[ap]$/.test(said) && !found[3])) return null;
  const [, hours, minutes = "0", half] = found;
  if (half && (Number(hours) < 1 || Number(hours) > 12)) return null;
  const hour = half ? (Number(hours) % 12) + (half === "p" ? 12 : 0) : Number(hours);
  return hour > 23 || Number(minutes) > 59 ? null : `${two(hour)}:${two(Number(minutes))}`;
}

/** A date, then a time. */
export function readMoment(text: string, language: Spoken, now: number): string | null {
  const said = text.trim();
  const iso = /^(\d{4}-\d{1,2}-\d{1,2})[T ](.+)$/.exec(said);
  const cuts = iso
    ? [[iso[1], iso[2]]]
    : [...said.matchAll(/\s+(?:à\s+|at\s+)?/giu)].map((cut) => [
        said.slice(0, cut.index),
        said.slice(cut.index + cut[0].length),
      ]);
  for (const [before, after] of cuts) {
    const date = readDate(before.replace(/[,;]$/, ""), language, now);
    const time = readTime(after);
    if (date && time) return `${date}T${time}`;
  }
  return null;
}

/** In ISO's form; null for what makes no sense. */
export function readWhen(what: When, text: string, language: Spoken, now: number): string | null {
  if (what === "time") return readTime(text);
  return what === "date" ? readDate(text, language, now) : readMoment(text, language, now);
}

/** As the field shows it, and reads it again: "30/11/2026 15:30"; "11/30/2026 3:30 PM". Empty for what is no time. */
export function writeWhen(what: When, iso: string, language: Spoken): string {
  const at = new Date(what === "time" ? `2024-01-01T${iso}` : what === "date" ? `${iso}T12:00` : iso);
  if (!iso || Number.isNaN(at.getTime())) return "";
  const date = new Intl.DateTimeFormat(language, { day: "2-digit", month: "2-digit", year: "numeric" }).format(at);
  const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" }).format(at);
  const time = (language === "fr" ? clock.replace(":", " h ") : clock).replace(/\s/g, " ");
  return what === "date" ? date : what === "time" ? time : `${date} ${time}`;
}

/** As it is said back, so that one sees what was understood. */
export function sayWhen(what: When, iso: string, language: Spoken): string {
  const at = new Date(what === "date" ? `${iso}T12:00` : iso);
  if (what === "time" || Number.isNaN(at.getTime())) return "";
  return new Intl.DateTimeFormat(language, { dateStyle: "full", ...(what === "moment" && { timeStyle: "short" }) }).format(at);
}

/** What keeps a value from being taken, by the name of its sentence. ISO's forms stand in the order of time. */
export function wrongWhen(iso: string | null, min = "", max = ""): "unread" | "early" | "late" | null {
  if (iso === null) return "unread";
  if (min && iso < min) return "early";
  return max && iso > max ? "late" : null;
}

/** An example of what a field takes: tomorrow, in the middle of the afternoon. */
export function tomorrowAt(what: When, now: number): string {
  const date = isoDay(new Date(now).setHours(12, 0, 0, 0) + DAY);
  return what === "date" ? date : what === "time" ? "15:30" : `${date}T15:30`;
}
