/** Times, sizes and markings as people read them. */

import i18next from "i18next";
import { clock, dayOf } from "../platform/clock";

const language = (): string => i18next.language || "fr";

const formats = new Map<string, Intl.DateTimeFormat>();

/** A format of a list's line: to make one takes as long as to draw the line. */
function formatted(ts: number, options: Intl.DateTimeFormatOptions): string {
  const name = `${language()} ${JSON.stringify(options)}`;
  const known = formats.get(name) ?? new Intl.DateTimeFormat(language(), options);
  formats.set(name, known);
  return known.format(ts);
}

export const time = (ts: number): string => formatted(ts, { hour: "2-digit", minute: "2-digit" });

/** "14:03:12". */
export const seconds = (ts: number): string => formatted(ts, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const full = (ts: number): string =>
  new Intl.DateTimeFormat(language(), { dateStyle: "full", timeStyle: "short" }).format(ts);

/** "25 nov. 2026, 14:03:12". */
export const moment = (ts: number): string =>
  new Intl.DateTimeFormat(language(), { dateStyle: "medium", timeStyle: "medium" }).format(ts);

export const date = (ts: number): string =>
  new Intl.DateTimeFormat(language(), { day: "numeric", month: "long", year: "numeric" }).format(ts);

/** "novembre 2026", of "2026-11": a month has no hour, so that no clock's zone makes another of it. */
export function monthOf(text: string): string {
  const found = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(text);
  if (!found) return text;
  const format = new Intl.DateTimeFormat(language(), { month: "long", year: "numeric", timeZone: "UTC" });
  return format.format(Date.UTC(Number(found[1]), Number(found[2]) - 1));
}

const days = (ts: number): number => Math.round((dayOf(clock.now()) - dayOf(ts)) / 86_400_000);

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** "Aujourd'hui", "Hier", "Vendredi 20 novembre". */
export function day(ts: number): string {
  const ago = days(ts);
  if (ago < 2 && ago >= 0) return capital(new Intl.RelativeTimeFormat(language(), { numeric: "auto" }).format(-ago, "day"));
  const sameYear = new Date(ts).getFullYear() === new Date(clock.now()).getFullYear();
  return capital(
    new Intl.DateTimeFormat(language(), {
      weekday: "long",
      day: "numeric",
      month: "long",
      ...(sameYear ? {} : { year: "numeric" }),
    }).format(ts),
  );
}

/** For lists: the time today, then the day, then the date. */
export function short(ts: number): string {
  if (!ts) return "";
  const ago = days(ts);
  if (ago <= 0) return time(ts);
  if (ago === 1) return day(ts);
  if (ago < 7) return capital(formatted(ts, { weekday: "short" }));
  return formatted(ts, { day: "numeric", month: "short", ...(ago > 300 ? { year: "2-digit" } : {}) });
}

/** "il y a 12 minutes". */
export function ago(ts: number): string {
  const seconds = Math.round((ts - clock.now()) / 1000);
  const format = new Intl.RelativeTimeFormat(language(), { numeric: "auto" });
  if (seconds > -60) return format.format(0, "second");
  if (seconds > -3600) return format.format(Math.round(seconds / 60), "minute");
  if (seconds > -86_400) return format.format(Math.round(seconds / 3600), "hour");
  return format.format(Math.round(seconds / 86_400), "day");
}

export function size(bytes: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;
  let index = 0;
  let value = bytes;
  while (value >= 1000 && index < units.length - 1) {
    value /= 1000;
    index++;
  }
  return new Intl.NumberFormat(language(), {
    style: "unit",
    unit: units[index],
    unitDisplay: index ? "short" : "long", // English has no plural of the short one: "70 byte"
    maximumFractionDigits: value < 10 && index > 0 ? 1 : 0,
  }).format(value);
}

/** A number as a language writes it. */
export const count = (value: number): string => new Intl.NumberFormat(language()).format(Math.round(value));

export function length(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** A marking by its name in a language, else in any, else as the configuration calls it. */
export const levelName = (level: { name: string; labels: Record<string, string> }, spoken: string): string =>
  level.labels[spoken] ?? Object.values(level.labels)[0] ?? level.name.charAt(0).toUpperCase() + level.name.slice(1);

/** Where an account is, for people of no organisation: an identifier is shown to nobody. */
export const serverOf = (userId: string): string => userId.slice(userId.indexOf(":") + 1);
