/** Several messages chosen, to be passed on, copied, deleted. */

import { type Explanation, explain } from "../matrix/errors";
import type { SignedIn, SomeConversation } from "../matrix/signed_in";
import type { Item } from "../matrix/types";
import { ViewModel } from "./view_model";

/** What can be chosen at once. */
export const MOST = 100;

interface State {
  /** Null: nothing is being chosen. */
  chosen: ReadonlySet<string> | null;
  /** Where it is chosen: in the conversation (null) or in a thread. */
  thread: string | null;
  /** No more than a hundred. */
  isFull: boolean;
  busy: boolean;
  problem: Explanation | null;
}

/** What became of a deletion. */
export interface Deleted {
  done: number;
  failed: number;
}

/** Whether something was said here, and is there. */
export const isChoosable = (item: Item): boolean =>
  item.state === "sent" && item.content.type !== "event" && item.content.type !== "deleted";

export class SelectionViewModel extends ViewModel<State> {
  /** The one chosen last: with the shift key everything up to it. */
  private last: string | null = null;

  constructor(
    private readonly matrix: Pick<SignedIn, "conversation">,
    private readonly conversation: Pick<SomeConversation, "details" | "copyOf" | "redact">,
  ) {
    super({ chosen: null, thread: null, isFull: false, busy: false, problem: null });
  }

  readonly begin = (item: Item, thread: string | null): void => {
    if (!isChoosable(item)) return;
    this.last = item.eventId;
    this.set({ chosen: new Set([item.eventId]), thread, isFull: false, problem: null });
  };

  /** Chooses a message or not; `upTo`: everything from the last one to it. */
  readonly toggle = (item: Item, upTo: boolean, items: Item[], thread: string | null): void => {
    const { chosen } = this.now;
    if (!chosen || thread !== this.now.thread) return this.begin(item, thread);
    if (!isChoosable(item)) return;
    const next = new Set(chosen);
    const from = items.findIndex((each) => each.eventId === this.last);
    const to = items.findIndex((each) => each.eventId === item.eventId);
    if (upTo && from >= 0 && to >= 0) {
      for (const each of items.slice(Math.min(from, to), Math.max(from, to) + 1)) if (isChoosable(each)) next.add(each.eventId);
    } else if (!next.delete(item.eventId)) next.add(item.eventId);
    this.last = item.eventId;
    if (next.size > MOST) return this.set({ isFull: true });
    this.set({ chosen: next.size ? next : null, isFull: false });
  };

  readonly end = (): void => this.set({ chosen: null, isFull: false, problem: null });

  /** The chosen ones that are there, in their order. */
  of(items: Item[]): Item[] {
    return items.filter((each) => this.now.chosen?.has(each.eventId) && isChoosable(each));
  }

  /** Whether all of it may be passed on: not what cannot be read, nor polls, nor what the marking keeps here. */
  mayForward(chosen: Item[]): boolean {
    const kept = this.conversation.details().level?.forwarding === false;
    return !kept && chosen.every((each) => each.content.type !== "locked" && each.content.type !== "poll");
  }

  private mayDelete(item: Item): boolean {
    return item.mine || this.conversation.details().may.redact;
  }

  /** How many of the chosen ones one may delete. */
  deletable(chosen: Item[]): number {
    return chosen.filter((each) => this.mayDelete(each)).length;
  }

  /** Says it in other rooms, in its order, all of it or none in each. */
  readonly forward = async (chosen: Item[], to: string[]): Promise<boolean> => {
    this.set({ busy: true, problem: null });
    try {
      const copies = chosen.map((each) => this.conversation.copyOf(each.eventId));
      for (const id of to) {
        const target = this.matrix.conversation(id);
        try {
          for (const copy of copies) await target.forward(copy);
        } finally {
          target.close();
        }
      }
      this.end();
      return true;
    } catch (error) {
      this.set({ problem: explain(error) });
      return false;
    } finally {
      this.set({ busy: false });
    }
  };

  /** Deletes what one may; how many could not be is said. */
  readonly delete = async (chosen: Item[], reason: string): Promise<Deleted> => {
    this.set({ busy: true, problem: null });
    let done = 0;
    for (const each of chosen.filter((one) => this.mayDelete(one)))
      await this.conversation.redact(each.eventId, reason).then(
        () => done++,
        () => {},
      );
    this.set({ busy: false });
    this.end();
    return { done, failed: chosen.length - done };
  };
}
