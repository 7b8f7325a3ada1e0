/** What lives and ends together: subscriptions, timers, whatever must be undone. */

import { clock as browser, type Clock } from "./clock";

export class Scope {
  private readonly ends: Array<() => void> = [];
  private over = false;

  constructor(readonly clock: Clock = browser) {}

  get ended(): boolean {
    return this.over;
  }

  /** Takes something over, to be undone at the end; at once where the end has been. */
  owns(undo: () => void): void {
    if (this.over) undo();
    else this.ends.push(undo);
  }

  /** One thing that is due: to set it again takes the earlier one back, and the end of the scope takes it back for good. */
  timer(): Timer {
    const timer = new Timer(this);
    this.owns(() => timer.clear());
    return timer;
  }

  /** Undoes everything, what came last first. */
  end(): void {
    this.over = true;
    for (const undo of this.ends.splice(0).reverse()) undo();
  }
}

export class Timer {
  private takeBack: (() => void) | null = null;

  constructor(private readonly scope: Scope) {}

  get isSet(): boolean {
    return this.takeBack !== null;
  }

  set(ms: number, call: () => void): void {
    this.clear();
    if (this.scope.ended) return;
    this.takeBack = this.scope.clock.after(ms, () => {
      this.takeBack = null;
      call();
    });
  }

  clear(): void {
    this.takeBack?.();
    this.takeBack = null;
  }
}
