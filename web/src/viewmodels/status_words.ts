/** An end as people say it: "jusqu’à 15 h", "until tomorrow, 8:00 AM". */

import { dayOf } from "../platform/clock";

const NO_BREAK = "\u00a0";
const DAY = 86_400_000;

/** "15 h", "9 h 05"; "3 PM", "9:05 AM". */
export function hourWords(ts: number, language: string): string {
  const at = new Date(ts);
  if (language !== "fr") {
    const minute = at.getMinutes() ? ({ minute: "2-digit" } as const) : {};
    return new Intl.DateTimeFormat(language, { hour: "numeric", ...minute }).format(ts);
  }
  const minutes = at.getMinutes() ? `${NO_BREAK}${String(at.getMinutes()).padStart(2, "0")}` : "";
  return `${at.getHours()}${NO_BREAK}h${minutes}`;
}

/** Nothing of what has no end. */
export function endWords(until: number | null, now: number, language: string): string {
  if (until === null) return "";
  const isFrench = language === "fr";
  const days = Math.round((dayOf(until) - dayOf(now)) / DAY);
  const hour = hourWords(until, language);
  if (days <= 0) return isFrench ? `jusqu’à ${hour}` : `until ${hour}`;
  if (days === 1) return isFrench ? `jusqu’à demain ${hour}` : `until tomorrow ${hour}`;
  const day = new Intl.DateTimeFormat(language, { weekday: "long", day: "numeric", month: "long" }).format(until);
  return isFrench ? `jusqu’au ${day}, ${hour}` : `until ${day}, ${hour}`;
}
