/** Orders that ask for an answer: giving one, answering it, seeing who has not. */

import type { SignedIn, SomeConversation } from "../matrix/signed_in";
import type { Item, Member, OrderAnswer, OrderContent, OrderState } from "../matrix/types";
import { clock as browser, type Clock } from "../platform/clock";
import { ActingViewModel, type Doing, IDLE } from "./view_model";
import { plainly } from "./words";

/** What an order may have. */
export const MOST_TEXT = 500;
export const MOST_PEOPLE = 500;
export const MOST_WORDS = 140;
/** Beyond so many people it is asked once more. */
export const MANY = 50;
const MINUTE = 60_000;

/** In how many minutes an answer may be due. */
export const DUES = [0, 10, 30, 60, 240] as const;

interface Draft extends Doing {
  text: string;
  minutes: number;
  members: Member[];
  chosen: ReadonlySet<string>;
  filter: string;
  shown: Member[];
  isAsking: boolean;
}

/** An order that is being written. */
export class OrderDraftViewModel extends ActingViewModel<Draft> {
  constructor(
    private readonly matrix: Pick<SignedIn, "userId">,
    private readonly conversation: Pick<SomeConversation, "members" | "orders">,
    clock: Clock = browser,
  ) {
    super({ ...IDLE, text: "", minutes: 30, members: [], chosen: new Set(), filter: "", shown: [], isAsking: false }, clock);
    void this.load();
  }

  private async load(): Promise<void> {
    const all = await this.conversation.members.list().catch(() => []);
    const members = all.filter((each) => each.membership === "join" && each.id !== this.matrix.userId);
    const chosen = members.length <= MOST_PEOPLE ? members.map((each) => each.id) : [];
    this.set({ members, shown: members, chosen: new Set(chosen) });
  }

  readonly setText = (text: string): void => this.set({ text });
  readonly setMinutes = (minutes: number): void => this.set({ minutes });

  readonly setFilter = (filter: string): void => {
    const asked = plainly(filter.trim());
    const shown = this.now.members.filter((each) => plainly(`${each.name} ${each.organisation ?? ""}`).includes(asked));
    this.set({ filter, shown });
  };

  readonly toggle = (id: string): void => {
    const chosen = new Set(this.now.chosen);
    if (!chosen.delete(id)) chosen.add(id);
    this.set({ chosen, isAsking: false });
  };

  readonly toggleAll = (on: boolean): void =>
    this.set({ chosen: new Set(on ? this.now.members.map((each) => each.id) : []), isAsking: false });

  /** What is missing, by the name of its sentence. */
  missing(): string | null {
    const { text, chosen } = this.now;
    if (!text.trim()) return "order.missing.text";
    if (!chosen.size) return "order.missing.people";
    return chosen.size > MOST_PEOPLE ? "order.missing.many" : null;
  }

  dueAt(): number | null {
    return this.now.minutes ? this.scope.clock.now() + this.now.minutes * MINUTE : null;
  }

  /** Of many people it is asked once more. Resolves whether it was given. */
  readonly give = async (words: (text: string, due: number | null) => { body: string; reminder: string }): Promise<boolean> => {
    if (this.missing()) return false;
    const { text, chosen, isAsking } = this.now;
    if (chosen.size > MANY && !isAsking) {
      this.set({ isAsking: true });
      return false;
    }
    const order = { text: text.trim().slice(0, MOST_TEXT), to: [...chosen], due: this.dueAt() };
    return this.act(() => this.conversation.orders.give({ ...order, ...words(order.text, order.due) }));
  };
}

interface State extends Doing {
  /** What keeps one from doing it is being written. */
  reason: string | null;
  /** Why it is lifted is being written. */
  lifting: string | null;
}

/** An order that was given, as one looks at it. */
export class OrderViewModel extends ActingViewModel<State> {
  constructor(
    _matrix: SignedIn,
    private readonly conversation: Pick<SomeConversation, "orders">,
    readonly eventId: string,
  ) {
    super({ ...IDLE, reason: null, lifting: null });
    void conversation.orders.load(eventId).catch(() => {}); // what is loaded counts
  }

  readonly write = (reason: string | null): void => this.set({ reason });
  readonly writeLift = (lifting: string | null): void => this.set({ lifting });

  /** `body`: the same for clients that do not know orders. */
  readonly answer = async (state: OrderState, body: string): Promise<boolean> => {
    const text = state === "cannot" ? (this.now.reason ?? "").trim().slice(0, MOST_WORDS) : "";
    if (state === "cannot" && !text) return false;
    const went = await this.act(() => this.conversation.orders.answer(this.eventId, state, text, body));
    if (went) this.set({ reason: null });
    return went;
  };

  readonly lift = async (body: string): Promise<boolean> => {
    const reason = (this.now.lifting ?? "").trim().slice(0, MOST_WORDS);
    if (!reason) return false;
    const went = await this.act(() => this.conversation.orders.lift(this.eventId, reason, body));
    if (went) this.set({ lifting: null });
    return went;
  };

  readonly remind = (content: OrderContent, body: string): Promise<boolean> =>
    this.act(() =>
      this.conversation.orders.remind(
        this.eventId,
        waiting(content).map((each) => each.person.id),
        body,
      ),
    );

  /** When all have answered, the server need not remind anybody. */
  readonly settle = (item: Item): void => {
    if (item.mine && item.content.type === "order" && !waiting(item.content).length)
      void this.conversation.orders.settle(this.eventId).catch(() => {});
  };
}

/** The order, of the messages that are loaded, which waits for one's answer: the newest. */
export function awaited(items: Item[]): { eventId: string; content: OrderContent } | null {
  for (const { eventId, content } of items.toReversed())
    if (content.type === "order" && content.asksMe && content.mine === null && !content.lifted) return { eventId, content };
  return null;
}

/** The same over time: one that is loaded no more, after a gap in what was heard, waits on until it is seen again. */
export function awaitedStill(before: ReturnType<typeof awaited>, items: Item[]): ReturnType<typeof awaited> {
  const isLoaded = items.some((each) => each.eventId === before?.eventId);
  return awaited(items) ?? (isLoaded ? null : before);
}

export const waiting = ({ answers }: OrderContent): OrderAnswer[] => answers.filter((each) => each.state === null);

/** How many have said what. */
export function tally({ answers }: OrderContent): Record<OrderState | "none" | "all", number> {
  const count = { received: 0, doing: 0, cannot: 0, none: 0, all: answers.length };
  for (const { state } of answers) count[state ?? "none"] += 1;
  return count;
}
