/** When a message may leave later. */

import { clock as browser, type Clock } from "../platform/clock";

const HOUR = 3_600_000;
/** The server keeps a message for a day at most. */
const MOST = 24 * HOUR;

/** What is offered: in an hour, tomorrow morning at eight, in half a day. Milliseconds since 1970. */
export function choices(clock: Clock = browser): number[] {
  const now = clock.now();
  const tomorrow = new Date(now + MOST).setHours(8, 0, 0, 0);
  return [now + HOUR, ...(tomorrow - now < MOST ? [tomorrow] : []), now + 12 * HOUR];
}

/** Whether a message may leave then. */
export function isPossible(at: number, clock: Clock = browser): boolean {
  return at > clock.now() && at - clock.now() <= MOST;
}
