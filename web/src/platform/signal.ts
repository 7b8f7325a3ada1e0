/** That something has changed, without saying what: for what is too large to be handed round. */

import { clock as browser, type Clock } from "./clock";

/** Bursts are told once, `delay` milliseconds after the first. */
export class Signal {
  private readonly listeners = new Set<() => void>();
  private scheduled = false;

  constructor(
    private readonly delay = 0,
    private readonly clock: Clock = browser,
  ) {}

  listen(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  fire(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.clock.after(this.delay, () => {
      this.scheduled = false;
      for (const listener of [...this.listeners]) listener();
    });
  }
}
