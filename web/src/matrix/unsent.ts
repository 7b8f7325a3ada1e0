/**
 * What was said and has not left, over a reload, sealed under a key that this browser does not give out. The SDK would keep what is
 * encrypted already, and cannot open it again; what is not encrypted yet it drops.
 */

import type { IndexedDBStore } from "matrix-js-sdk";
import { type Sealed, seal, unseal } from "../platform/seal";
import { load, save } from "../platform/store";

export interface Unsent {
  /** The number of the message: the server takes the same one once. */
  txn: string;
  room: string;
  thread: string | null;
  type: string;
  content: object;
  /** Of a deletion: what is deleted. */
  redacts: string | null;
}

const KEY = "unsent";

/** Keeps the SDK from keeping, and sending, them as well. */
export function keepNoPending(store: IndexedDBStore): void {
  store.getPendingEvents = async () => [];
  store.setPendingEvents = async () => {};
}

export class UnsentStore {
  private waiting = new Map<string, Unsent>();
  private written: Promise<void> = Promise.resolve();

  constructor(private readonly owner: string) {}

  /** In the order in which they were said. What somebody else left here is not theirs to send: nothing. */
  async load(): Promise<Unsent[]> {
    const sealed = await load<Sealed>(KEY);
    if (!sealed) return [];
    const kept = await unseal(sealed).catch(() => null);
    if (!kept) return [];
    const { owner, unsent } = JSON.parse(new TextDecoder().decode(kept)) as { owner: string; unsent: Unsent[] };
    if (owner !== this.owner) return [];
    for (const each of unsent) if (!this.waiting.has(each.txn)) this.waiting.set(each.txn, each);
    return unsent;
  }

  put(unsent: Unsent): void {
    if (this.waiting.has(unsent.txn)) return;
    this.waiting.set(unsent.txn, unsent);
    this.write();
  }

  remove(txn: string): void {
    if (this.waiting.delete(txn)) this.write();
  }

  /** One after the other: the last one holds what is true then. */
  private write(): void {
    this.written = this.written
      .then(async () => {
        const bytes = new TextEncoder().encode(JSON.stringify({ owner: this.owner, unsent: [...this.waiting.values()] }));
        await save(KEY, await seal(bytes));
      })
      .catch(() => {}); // a browser that keeps nothing keeps this neither
  }
}
