/** The head of a thread: who began it, whether one follows it. */

import { type Explanation, explain } from "../matrix/errors";
import type { SignedIn, SomeConversation } from "../matrix/signed_in";
import type { ThreadSummary } from "../matrix/types";
import { ViewModel } from "./view_model";

interface State {
  follows: boolean;
  /** Null for one without an answer. */
  thread: ThreadSummary | null;
  problem: Explanation | null;
}

export class ThreadHead extends ViewModel<State> {
  constructor(
    private readonly matrix: Pick<SignedIn, "threads">,
    private readonly conversation: Pick<SomeConversation, "id">,
    private readonly id: string,
  ) {
    super({ follows: false, thread: null, problem: null });
    this.scope.owns(matrix.threads.changed.listen(() => this.look()));
    this.look();
  }

  private look(): void {
    const thread = this.matrix.threads.list().find((each) => each.roomId === this.conversation.id && each.id === this.id);
    this.set({ thread: thread ?? null, follows: thread?.follows ?? false });
  }

  readonly follow = async (follows: boolean): Promise<void> => {
    this.set({ follows, problem: null });
    await this.matrix.threads.following.set(this.conversation.id, this.id, follows).catch((error) => {
      this.set({ problem: explain(error) });
      this.look();
    });
  };
}
