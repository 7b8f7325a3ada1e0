/** The order that waits for one's answer: of the messages that are loaded, or one that was among them. */

import type { SignedIn, SomeConversation } from "../matrix/signed_in";
import type { Item, OrderContent } from "../matrix/types";
import { clock as browser, type Clock } from "../platform/clock";
import { isTakenBack } from "./order_ladder";
import type { TimelineViewModel } from "./timeline";
import { ViewModel } from "./view_model";

export interface AwaitedOrder {
  eventId: string;
  content: OrderContent;
}

/** How often at most, in milliseconds, the server is asked about one that is not loaded while others write. */
export const AGAIN = 30_000;

/** The newest. */
export function awaited(items: Item[]): AwaitedOrder | null {
  for (const { eventId, content } of items.toReversed())
    if (content.type === "order" && waits(content)) return { eventId, content };
  return null;
}

const waits = (content: OrderContent): boolean => content.asksMe && content.mine === null && !isTakenBack(content);

export class AwaitedOrderViewModel extends ViewModel<{ found: AwaitedOrder | null }> {
  private asked = { id: "", at: 0 };
  private turn = 0;

  constructor(
    _matrix: SignedIn,
    private readonly conversation: Pick<SomeConversation, "orders" | "history">,
    private readonly timeline: Pick<TimelineViewModel, "items" | "subscribe">,
    clock: Clock = browser,
  ) {
    super({ found: null }, clock);
    this.scope.owns(timeline.subscribe(() => this.look()));
    this.scope.owns(conversation.history.touched.listen(() => void this.ask()));
    this.look();
  }

  private look(): void {
    const { items } = this.timeline;
    const { found } = this.now;
    const next = awaited(items);
    if (next) return this.keep(next);
    if (!found) return;
    if (items.some((each) => each.eventId === found.eventId)) return this.keep(null);
    const { id, at } = this.asked;
    if (id !== found.eventId || this.scope.clock.now() - at >= AGAIN) void this.ask();
  }

  private keep(found: AwaitedOrder | null): void {
    if (found && found.eventId !== this.now.found?.eventId) this.conversation.history.mind(found.eventId);
    this.turn += 1; // what is still being asked about is known by now
    this.set({ found });
  }

  /** What is loaded no more is as the server has it; as long as nobody knows, it waits on. */
  private async ask(): Promise<void> {
    const { found } = this.now;
    if (!found) return;
    const { eventId } = found;
    this.asked = { id: eventId, at: this.scope.clock.now() };
    const turn = ++this.turn;
    const content = await this.conversation.orders.stands(eventId).catch(() => undefined);
    if (content === undefined || turn !== this.turn) return;
    this.set({ found: content && waits(content) ? { eventId, content } : null });
  }
}
