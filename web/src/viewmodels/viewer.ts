/** Files of a room, as large as the screen: pictures and films follow each other, a document stands alone. */

import type { SomeConversation, SomeTimeline } from "../matrix/signed_in";
import type { Attachment, Item } from "../matrix/types";
import { isOfGallery, kindOf, type PreviewKind } from "./preview";
import { ViewModel } from "./view_model";

export interface Viewed {
  eventId: string;
  sender: string;
  ts: number;
  file: Attachment;
  kind: PreviewKind | null;
}

interface State {
  shown: Viewed;
  /** Of those that are loaded, from 1; more may come. */
  place: number;
  of: number;
  hasPrevious: boolean;
  hasNext: boolean;
  /** Further ones are looked for. */
  isLooking: boolean;
}

/** How far one press looks for the next picture, in pages of history. */
const PAGES = 20;

export class ViewerViewModel extends ViewModel<State> {
  private readonly timeline: SomeTimeline | null;
  private list: Viewed[];
  private turn = 0;

  constructor(
    _matrix: unknown,
    conversation: Pick<SomeConversation, "timeline">,
    item: Pick<Item, "eventId" | "sender" | "ts" | "content">,
    threadId: string | null = null,
  ) {
    const [shown] = viewedOf(item);
    super({ shown, place: 1, of: 1, hasPrevious: false, hasNext: false, isLooking: false });
    this.list = [shown];
    this.timeline = isOfGallery(shown.kind) ? conversation.timeline(threadId) : null;
    const { timeline } = this;
    if (!timeline) return;
    this.scope.owns(() => timeline.close());
    this.scope.owns(timeline.changed.listen(() => this.look()));
    timeline.open(shown.eventId).then(
      () => this.look(),
      () => {}, // it stays alone
    );
  }

  readonly previous = (): Promise<void> => this.step(-1);

  readonly next = (): Promise<void> => this.step(1);

  /** To the next one that there is, as far away as it may be. */
  private async step(by: 1 | -1): Promise<void> {
    const turn = ++this.turn;
    if (this.show(by) || !this.timeline) return;
    this.set({ isLooking: true });
    for (let page = 0; page < PAGES && this.mayHaveMore(by); page++) {
      const isMore = await (by < 0 ? this.timeline.older() : this.timeline.newer()).catch(() => false);
      this.look();
      if (turn !== this.turn || this.show(by) || !isMore) break;
    }
    if (turn === this.turn) this.set({ isLooking: false });
  }

  private show(by: 1 | -1): boolean {
    const next = this.list[this.at + by];
    if (!next) return false;
    this.set({ shown: next, isLooking: false });
    this.place();
    return true;
  }

  private get at(): number {
    return this.list.findIndex((each) => each.eventId === this.now.shown.eventId);
  }

  private mayHaveMore(by: 1 | -1): boolean {
    return (by < 0 ? this.timeline?.hasOlder : this.timeline?.hasNewer) ?? false;
  }

  private look(): void {
    const found = this.timeline!.list()
      .filter((each) => each.state === "sent")
      .flatMap(viewedOf)
      .filter((each) => isOfGallery(each.kind));
    // what is looked at stays, though it was deleted meanwhile or is not loaded yet
    this.list = found.some((each) => each.eventId === this.now.shown.eventId) ? found : this.list;
    this.place();
  }

  private place(): void {
    const { at, list } = this;
    this.set({
      place: at + 1,
      of: list.length,
      hasPrevious: at > 0 || this.mayHaveMore(-1),
      hasNext: at < list.length - 1 || this.mayHaveMore(1),
    });
  }
}

const viewedOf = ({ eventId, sender, ts, content }: Pick<Item, "eventId" | "sender" | "ts" | "content">): Viewed[] =>
  "file" in content ? [{ eventId, sender: sender.name, ts, file: content.file, kind: kindOf(content.file) }] : [];
