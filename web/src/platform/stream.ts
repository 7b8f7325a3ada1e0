/** A value that changes, and whoever follows it. */

/** What may be read and followed. */
export interface Stream<T> {
  readonly value: T;
  /** Called at each change, with the new value. What is returned ends it. */
  listen(listener: (value: T) => void): () => void;
}

/** A stream that its owner moves. The same value again is no change. */
export class Source<T> implements Stream<T> {
  private readonly listeners = new Set<(value: T) => void>();

  constructor(private current: T) {}

  get value(): T {
    return this.current;
  }

  set(value: T): void {
    if (Object.is(value, this.current)) return;
    this.current = value;
    for (const listener of [...this.listeners]) listener(value);
  }

  listen(listener: (value: T) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
