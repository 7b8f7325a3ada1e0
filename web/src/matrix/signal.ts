/** Something that others may listen to. Bursts are told once, at the end of the turn. */
export class Signal {
  private readonly listeners = new Set<() => void>();
  private scheduled = false;

  constructor(private readonly delay = 0) {}

  listen(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  fire(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setTimeout(() => {
      this.scheduled = false;
      for (const listener of [...this.listeners]) listener();
    }, this.delay);
  }
}
