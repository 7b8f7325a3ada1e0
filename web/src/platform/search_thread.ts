/** Asking the search, which works in a thread of its own. */

import type { SearchStore } from "./search_store";

type Verb = keyof SearchStore;

export interface Asked {
  id: number;
  what: Verb;
  given: unknown[];
}

export type Told = { id: number; result: unknown } | { id: number; failed: string };

/** What can be asked of a store that is elsewhere: everything is answered later. */
export type Search = {
  [V in Verb]: (...given: Parameters<SearchStore[V]>) => Promise<Awaited<ReturnType<SearchStore[V]>>>;
};

const VERBS: Record<Verb, true> = {
  open: true,
  count: true,
  find: true,
  get: true,
  keep: true,
  add: true,
  redact: true,
  removeBeginning: true,
  keepOnly: true,
  newest: true,
  share: true,
  opening: true,
  take: true,
  forget: true,
  unwritten: true,
  nextPart: true,
  wrote: true,
  sealValue: true,
  openValue: true,
  close: true,
};

export function asking(ask: (what: Verb, given: unknown[]) => Promise<unknown>): Search {
  const verbs = Object.keys(VERBS) as Verb[];
  return Object.fromEntries(verbs.map((what) => [what, (...given: unknown[]) => ask(what, given)])) as unknown as Search;
}

/** A store in a thread of its own, which ends when it is closed. */
export function searchThread(): Search {
  const worker = new Worker(new URL("./search_worker.ts", import.meta.url), { type: "module", name: "search" });
  const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  let last = 0;
  worker.onmessage = ({ data }: MessageEvent<Told>) => {
    const asked = waiting.get(data.id);
    waiting.delete(data.id);
    if ("failed" in data) asked?.reject(new Error(data.failed));
    else asked?.resolve(data.result);
  };
  worker.onerror = (event) => {
    for (const { reject } of waiting.values()) reject(new Error(event.message));
    waiting.clear();
  };
  const search = asking((what, given) => {
    last += 1;
    worker.postMessage({ id: last, what, given } satisfies Asked);
    return new Promise((resolve, reject) => waiting.set(last, { resolve, reject }));
  });
  return { ...search, close: () => search.close().finally(() => worker.terminate()) };
}
