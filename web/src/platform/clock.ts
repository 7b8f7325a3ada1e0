/** The time, and what happens later. Nobody else asks the browser for either, so that a test moves both by hand. */

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls once, `ms` milliseconds from now. What is returned takes it back. */
  after(ms: number, call: () => void): () => void;
  /** Calls again and again, every `ms` milliseconds, until it is taken back. */
  every(ms: number, call: () => void): () => void;
}

export const clock: Clock = {
  now: () => Date.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
  every: (ms, call) => {
    const timer = setInterval(call, ms);
    return () => clearInterval(timer);
  },
};

/** Resolves after `ms` milliseconds. */
export const pause = (ms: number, by: Clock = clock): Promise<void> => new Promise((resolve) => void by.after(ms, resolve));

/** Midnight at the beginning of the day of `ts`, where this browser is. */
export const dayOf = (ts: number): number => new Date(ts).setHours(0, 0, 0, 0);

const two = (value: number): string => String(value).padStart(2, "0");

/** "2026-11-29", where this browser is. */
export const isoDay = (ts: number): string => {
  const at = new Date(ts);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
};

/** "2026-11-29T15:30", where this browser is. */
export const isoMinute = (ts: number): string => {
  const at = new Date(ts);
  return `${isoDay(ts)}T${two(at.getHours())}:${two(at.getMinutes())}`;
};
