/** Orders that ask for an answer: giving one, answering it, seeing who has not. */

import type { SignedIn, SomeConversation } from "../matrix/signed_in";
import type { Item, Member, OrderAnswer, OrderContent, OrderState } from "../matrix/types";
import { clock as browser, type Clock } from "../platform/clock";
import {
  another,
  type DraftStep,
  isTakenBack,
  MOST_STEPS,
  type PlannedStep,
  planned,
  type ShownStep,
  shownLadder,
} from "./order_ladder";
import { enterInLog, type LogLine } from "./order_log";
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
  steps: DraftStep[];
  mails: boolean;
  /** It was given, and the server has not taken what is to follow. */
  isUnheld: boolean;
}

/** What a new order says, in the words of whoever gives it. */
export interface OrderWords {
  body: (text: string, due: number | null) => string;
  step: (text: string, step: PlannedStep, name: string) => string;
  log?: (text: string, due: number | null, count: number) => LogLine;
}

const FIRST: Omit<Draft, keyof Doing> = {
  text: "",
  minutes: 30,
  members: [],
  chosen: new Set(),
  filter: "",
  shown: [],
  isAsking: false,
  steps: [{ minutes: 30, by: "remind", who: null }],
  mails: false,
  isUnheld: false,
};

/** An order that is being written. */
export class OrderDraftViewModel extends ActingViewModel<Draft> {
  constructor(
    private readonly matrix: Pick<SignedIn, "userId">,
    private readonly conversation: Pick<SomeConversation, "members" | "orders" | "playbooks">,
    clock: Clock = browser,
  ) {
    super({ ...IDLE, ...FIRST }, clock);
    void this.load();
    void conversation.orders.mails().then(
      (mails) => this.set({ mails }),
      () => {}, // no mails then
    );
  }

  private async load(): Promise<void> {
    const all = await this.conversation.members.list().catch(() => []);
    const members = all.filter((each) => each.membership === "join" && each.id !== this.matrix.userId);
    const chosen = members.length <= MOST_PEOPLE ? members.map((each) => each.id) : [];
    this.set({ members, shown: members, chosen: new Set(chosen) });
  }

  readonly setText = (text: string): void => this.set({ text });

  /** Who is to be reminded when it is due is reminded then. */
  readonly setMinutes = (minutes: number): void => {
    const isDue = (each: DraftStep): boolean => each.by === "remind" && each.minutes === this.now.minutes;
    const steps = this.now.steps.map((each) => (minutes && isDue(each) ? { ...each, minutes } : each));
    this.set({ minutes, steps });
  };

  readonly addStep = (): void => {
    if (this.now.steps.length < MOST_STEPS) this.set({ steps: [...this.now.steps, another(this.now.steps, this.now.mails)] });
  };

  readonly removeStep = (at: number): void => this.set({ steps: this.now.steps.filter((_, index) => index !== at) });

  /** Whoever is asked instead of others is not asked with them. */
  readonly setStep = (at: number, change: Partial<DraftStep>): void => {
    const chosen = new Set(this.now.chosen);
    if (change.who) chosen.delete(change.who);
    this.set({ steps: this.now.steps.map((each, index) => (index === at ? { ...each, ...change } : each)), chosen });
  };

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
    if (this.now.steps.some((each) => each.by === "ask" && !each.who)) return "order.missing.instead";
    return chosen.size > MOST_PEOPLE ? "order.missing.many" : null;
  }

  dueAt(): number | null {
    return this.now.minutes ? this.scope.clock.now() + this.now.minutes * MINUTE : null;
  }

  /** Of many people it is asked once more. Resolves whether it was given, and the server has taken what is to follow. */
  readonly give = async (words: OrderWords): Promise<boolean> => {
    if (this.missing() || this.now.isUnheld) return false;
    const { text, chosen, isAsking, steps, members } = this.now;
    if (chosen.size > MANY && !isAsking) {
      this.set({ isAsking: true });
      return false;
    }
    const said = text.trim().slice(0, MOST_TEXT);
    const due = this.dueAt();
    const nameOf = (id: string | null): string => members.find((each) => each.id === id)?.name ?? id ?? "";
    const ladder = planned(steps, this.scope.clock.now()).map((each) => ({
      ...each,
      body: words.step(said, each, nameOf(each.who)),
    }));
    let isHeld = true;
    const went = await this.act(async () => {
      isHeld = await this.conversation.orders.give({ text: said, to: [...chosen], due, body: words.body(said, due), ladder });
    });
    if (went && !isHeld) this.set({ isUnheld: true });
    if (went) void enterInLog(this.conversation, words.log?.(said, due, chosen.size));
    return went && isHeld;
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
    private readonly conversation: Pick<SomeConversation, "orders" | "playbooks">,
    readonly eventId: string,
  ) {
    super({ ...IDLE, reason: null, lifting: null });
    void conversation.orders.load(eventId).catch(() => {}); // what is loaded counts
  }

  readonly write = (reason: string | null): void => this.set({ reason });
  readonly writeLift = (lifting: string | null): void => this.set({ lifting });

  /** `body`: the same for clients that do not know orders. */
  readonly answer = async (state: OrderState, body: string, line?: LogLine): Promise<boolean> => {
    const text = state === "cannot" ? (this.now.reason ?? "").trim().slice(0, MOST_WORDS) : "";
    if (state === "cannot" && !text) return false;
    const went = await this.act(() => this.conversation.orders.answer(this.eventId, state, text, body));
    if (went) this.set({ reason: null });
    if (went) void enterInLog(this.conversation, line);
    return went;
  };

  readonly lift = async (body: string, line?: LogLine): Promise<boolean> => {
    const reason = (this.now.lifting ?? "").trim().slice(0, MOST_WORDS);
    if (!reason) return false;
    const went = await this.act(() => this.conversation.orders.lift(this.eventId, reason, body));
    if (went) this.set({ lifting: null });
    if (went) void enterInLog(this.conversation, line);
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

  /** What was done about those who have not answered, and what will be. */
  readonly ladder = (content: OrderContent): ShownStep[] => shownLadder(content, this.scope.clock.now());

  /** When all have answered, or it was taken back, the server need not remind anybody. */
  readonly settle = (item: Item): void => {
    if (item.mine && item.content.type === "order" && (isTakenBack(item.content) || !waiting(item.content).length))
      void this.conversation.orders.settle(this.eventId).catch(() => {});
  };
}

export const waiting = ({ answers }: OrderContent): OrderAnswer[] => answers.filter((each) => each.state === null);

/** How many have said what. */
export function tally({ answers }: OrderContent): Record<OrderState | "none" | "all", number> {
  const count = { received: 0, doing: 0, cannot: 0, none: 0, all: answers.length };
  for (const { state } of answers) count[state ?? "none"] += 1;
  return count;
}
