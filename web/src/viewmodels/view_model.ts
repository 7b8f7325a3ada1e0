/** A view model: a snapshot of what a view shows, and what can be done there. It knows nothing of the DOM. */

import { type Explanation, explain } from "../matrix/errors";
import { clock as browser, type Clock } from "../platform/clock";
import { Scope } from "../platform/scope";
import { Source } from "../platform/stream";

export abstract class ViewModel<S extends object> {
  private readonly state: Source<S>;
  /** What lives as long as this does: subscriptions, timers. */
  protected readonly scope: Scope;

  constructor(state: S, clock: Clock = browser) {
    this.state = new Source(state);
    this.scope = new Scope(clock);
  }

  readonly subscribe = (listener: () => void): (() => void) => this.state.listen(listener);

  readonly snapshot = (): S => this.state.value;

  protected get now(): S {
    return this.state.value;
  }

  /** What comes after the end changes nothing any more; and what is so already is told to nobody. */
  protected set(change: Partial<S>): void {
    if (this.scope.ended) return;
    const { value } = this.state;
    const isNews = (Object.keys(change) as Array<keyof S>).some((name) => !Object.is(change[name], value[name]));
    if (isNews) this.state.set({ ...value, ...change });
  }

  close(): void {
    this.scope.end();
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
    this.doing({ busy: true, problem: null });
    try {
      await action();
      this.doing({ busy: false });
      return true;
    } catch (error) {
      const problem = explain(error);
      if (problem.key === "error.unknown") console.error(error); // for whoever is asked to help
      this.doing({ busy: false, problem });
      return false;
    }
  }

  readonly dismiss = (): void => this.doing({ problem: null });

  /** TypeScript does not see that a part of `Doing` is a part of every state that extends it. */
  private doing(change: Partial<Doing>): void {
    this.set(change as Partial<S>);
  }
}
