/** A view model: a snapshot of what a view shows, and what can be done there. It knows nothing of the DOM. */

import { type Explanation, explain } from "../matrix/errors";

export abstract class ViewModel<S extends object> {
  private readonly listeners = new Set<() => void>();
  private readonly cleaners: Array<() => void> = [];
  private state: S;
  protected closed = false;

  constructor(state: S) {
    this.state = state;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): S => this.state;

  protected get now(): S {
    return this.state;
  }

  protected set(change: Partial<S>): void {
    if (this.closed) return;
    this.state = { ...this.state, ...change };
    for (const listener of [...this.listeners]) listener();
  }

  /** Something to undo when the view goes. */
  protected owns(clean: () => void): void {
    this.cleaners.push(clean);
  }

  close(): void {
    this.closed = true;
    for (const clean of this.cleaners.splice(0)) clean();
  }
}

export interface Doing {
  busy: boolean;
  problem: Explanation | null;
}

export const IDLE: Doing = { busy: false, problem: null };

/** A view model whose actions may take a while and may be refused. */
export abstract class ActingViewModel<S extends Doing> extends ViewModel<S> {
  /** Runs an action; what goes wrong is shown. Resolves whether it went well. */
  protected async act(action: () => Promise<unknown>): Promise<boolean> {
    if (this.now.busy) return false;
    this.set({ busy: true, problem: null } as Partial<S>);
    try {
      await action();
      this.set({ busy: false } as Partial<S>);
      return true;
    } catch (error) {
      const problem = explain(error);
      if (problem.key === "error.unknown") console.error(error); // for whoever is asked to help
      this.set({ busy: false, problem } as Partial<S>);
      return false;
    }
  }

  readonly dismiss = (): void => this.set({ problem: null } as Partial<S>);
}
