/** When one may be reminded of a message. */

import type { QuietHours } from "../matrix/account";
import { clock as browser, type Clock } from "../platform/clock";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

export interface ReminderTime {
  key: "hour" | "afternoon" | "tomorrow" | "monday";
  at: number;
}

const atHour = (ts: number, hour: number): number => new Date(ts).setHours(hour, 0, 0, 0);

/** What is offered depends on the hour: no afternoon after lunch, no Monday where that is tomorrow. */
export function reminderTimes(clock: Clock = browser): ReminderTime[] {
  const now = clock.now();
  const tomorrow = new Date(now + DAY);
  const days = (8 - new Date(now).getDay()) % 7 || 7;
  return [
    { key: "hour", at: now + HOUR },
    ...(new Date(now).getHours() < 13 ? [{ key: "afternoon" as const, at: atHour(now, 14) }] : []),
    { key: "tomorrow", at: atHour(tomorrow.getTime(), 9) },
    ...(days > 1 ? [{ key: "monday" as const, at: atHour(now + days * DAY, 9) }] : []),
  ];
}

const minutes = (text: string): number => {
  const [hours, rest] = text.split(":").map(Number);
  return (hours || 0) * 60 + (rest || 0);
};

/** The same moment, or the end of the quiet hours that it falls into. */
export function afterQuiet(at: number, hours: QuietHours | null): number {
  if (!hours?.enabled) return at;
  const [start, end] = [minutes(hours.start), minutes(hours.end)];
  const when = new Date(at);
  const minute = when.getHours() * 60 + when.getMinutes();
  const overNight = start > end;
  const isQuiet = overNight ? minute >= start || minute < end : minute >= start && minute < end;
  if (start === end || !isQuiet) return at;
  // the day on which these hours began counts
  const began = overNight && minute < end ? new Date(at - DAY) : when;
  if (!hours.days.includes((began.getDay() + 6) % 7)) return at;
  const day = overNight && minute >= start ? at + DAY : at;
  return new Date(day).setHours(Math.floor(end / 60), end % 60, 0, 0);
}
