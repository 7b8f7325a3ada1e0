/** IndexedDB, for tests. */

/** A browser's store, as far as the index needs one: a request is answered in a later turn, and none after `close`. */
export class FakeStore {
  values = new Map<string, unknown>();
  open = 0;

  factory = { open: () => this.later(() => this.connection()) } as unknown as IDBFactory;

  private connection(): unknown {
    this.open += 1;
    let closed = false;
    const table = {
      get: (key: string) => this.later(() => this.values.get(key)),
      put: (value: unknown, key: string) => this.later(() => void this.values.set(key, value)),
    };
    return {
      transaction: () => {
        if (closed) throw new Error("the connection is closed");
        return { objectStore: () => table };
      },
      close: () => {
        if (!closed) this.open -= 1;
        closed = true;
      },
    };
  }

  private later(answer: () => unknown): IDBRequest {
    const request: { result?: unknown; onsuccess?: () => void } = {};
    setImmediate(() => {
      request.result = answer();
      request.onsuccess?.();
    });
    return request as unknown as IDBRequest;
  }
}
