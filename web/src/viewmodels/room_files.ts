/** Files and pictures of a room: those of the history that is loaded, more on demand. */

import type { SignedIn, SomeConversation, SomeTimeline } from "../matrix/signed_in";
import type { Attachment, Item } from "../matrix/types";
import { ViewModel } from "./view_model";

export interface RoomFile {
  eventId: string;
  sender: string;
  ts: number;
  file: Attachment;
  item: Item;
}

interface State {
  /** Newest first; null while they are looked for. */
  files: RoomFile[] | null;
  more: boolean;
}

/** How far back one press goes. */
const AT_ONCE = 5;

export class RoomFilesViewModel extends ViewModel<State> {
  private readonly timeline: SomeTimeline;

  constructor(_matrix: SignedIn, conversation: Pick<SomeConversation, "timeline">) {
    super({ files: null, more: true });
    this.timeline = conversation.timeline();
    this.scope.owns(() => this.timeline.close());
    void this.timeline.open(null).then(() => this.look());
  }

  private look(): void {
    this.set({ files: this.timeline.list().flatMap(fileOf).reverse(), more: this.timeline.hasOlder });
  }

  readonly older = async (): Promise<void> => {
    for (let turn = 0; turn < AT_ONCE && this.timeline.hasOlder; turn++) await this.timeline.older();
    this.look();
  };
}

const fileOf = (item: Item): RoomFile[] => {
  const { eventId, sender, ts, content } = item;
  return "file" in content ? [{ eventId, sender: sender.name, ts, file: content.file, item }] : [];
};
