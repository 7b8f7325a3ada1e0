/** Files on their way into a conversation, or into a thread of it: how far they are, what to do about those that did not get there. */

import type { OutgoingFile } from "../matrix/file_outbox";
import type { SomeConversation } from "../matrix/signed_in";
import { ViewModel } from "./view_model";

interface State {
  uploads: OutgoingFile[];
}

export class UploadsViewModel extends ViewModel<State> {
  constructor(
    private readonly conversation: Pick<SomeConversation, "outgoing">,
    private readonly threadId: string | null,
  ) {
    super({ uploads: conversation.outgoing.list(threadId) });
    this.scope.owns(conversation.outgoing.changed.listen(() => this.look()));
  }

  private look(): void {
    const uploads = this.conversation.outgoing.list(this.threadId);
    if (uploads.length || this.now.uploads.length) this.set({ uploads });
  }

  readonly retry = (id: string): void => this.conversation.outgoing.retry(id);

  readonly cancel = (id: string): void => this.conversation.outgoing.cancel(id);
}
