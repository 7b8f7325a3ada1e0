/** A crisis room's plan and log: beginning one, ticking, taking, giving, writing. */

import { explain } from "../matrix/errors";
import type { Does, StepState } from "../matrix/playbook_merge";
import type { Playbook, PlaybookEntry, PlaybookStep } from "../matrix/playbooks";
import type { SignedIn, SomeConversation } from "../matrix/signed_in";
import type { Member } from "../matrix/types";
import { clock as browser, type Clock } from "../platform/clock";
import { ActingViewModel, type Doing, IDLE, ViewModel } from "./view_model";
import { plainly } from "./words";

export { MOST_STEP, MOST_TITLE } from "./playbook_text";
export const MOST_ENTRY = 2000;
/** Lines of the log that are drawn at first, and more of them each time. */
export const AT_ONCE = 200;
const MINUTE = 60_000;
/** From when on a time limit is said to be near. */
const SOON = 10 * MINUTE;

/** In how many minutes a step may be due. */
export const DUES = [10, 30, 60, 240, 1440] as const;

interface Open {
  /** Newest first. */
  open: Array<{ id: string; title: string }>;
}

/** The playbooks of a room that are under way. */
export class OpenPlaybooks extends ViewModel<Open> {
  constructor(
    _matrix: SignedIn,
    private readonly conversation: Pick<SomeConversation, "playbooks" | "exists">,
  ) {
    super({ open: [] });
    conversation.playbooks.listen();
    this.scope.owns(conversation.playbooks.changed.listen(() => this.look()));
    this.look();
    void conversation.playbooks.look().catch(() => {}); // what is loaded counts
  }

  private look(): void {
    const open = this.conversation.exists ? this.conversation.playbooks.open() : [];
    if (JSON.stringify(open) !== JSON.stringify(this.now.open)) this.set({ open });
  }

  /** Takes what was said in the conversation into the log of the newest. `body`: the same for clients that do not know logs. */
  readonly enter = async (said: string, body: (title: string, text: string) => string): Promise<boolean> => {
    const [newest] = this.now.open;
    const text = said.trim().slice(0, MOST_ENTRY);
    if (!newest || !text) return false;
    const going = this.conversation.playbooks.act(newest.id, { kind: "entry", text }, body(newest.title, text));
    return going.then(
      () => true,
      () => false,
    );
  };
}

interface State extends Doing {
  book: Playbook | null;
  loading: boolean;
  /** What is being written into the log. */
  entry: string;
  /** A line of the log that is being corrected. */
  correcting: { id: string; text: string } | null;
  adding: { phase: string; text: string } | null;
  members: Member[];
  filter: string;
  shown: number;
  now: number;
}

export class PlaybookViewModel extends ActingViewModel<State> {
  constructor(
    private readonly matrix: Pick<SignedIn, "userId">,
    private readonly conversation: Pick<SomeConversation, "playbooks" | "members">,
    readonly eventId: string,
    clock: Clock = browser,
  ) {
    super(
      {
        ...IDLE,
        book: conversation.playbooks.read(eventId),
        loading: true,
        entry: "",
        correcting: null,
        adding: null,
        members: [],
        filter: "",
        shown: AT_ONCE,
        now: clock.now(),
      },
      clock,
    );
    conversation.playbooks.listen();
    this.scope.owns(conversation.playbooks.changed.listen(() => this.look()));
    this.scope.owns(clock.every(MINUTE / 2, () => this.set({ now: clock.now() })));
    void this.load();
  }

  private look(): void {
    this.set({ book: this.conversation.playbooks.read(this.eventId), now: this.scope.clock.now() });
  }

  private async load(): Promise<void> {
    await this.conversation.playbooks.load(this.eventId).catch(() => {}); // what is loaded counts
    this.look();
    this.set({ loading: false });
    const members = await this.conversation.members.list().catch(() => []);
    this.set({ members: members.filter((each) => each.membership === "join") });
  }

  get me(): string {
    return this.matrix.userId;
  }

  readonly write = (entry: string): void => this.set({ entry });
  readonly correct = (correcting: State["correcting"]): void => this.set({ correcting });
  readonly add = (adding: State["adding"]): void => this.set({ adding });
  readonly setFilter = (filter: string): void => this.set({ filter });
  readonly showMore = (): void => this.set({ shown: this.now.shown + AT_ONCE });

  /** `body`: the same for clients that do not know playbooks. Two presses in a row are two acts. */
  readonly tick = (step: PlaybookStep, state: StepState, body: string): Promise<boolean> =>
    this.tell({ kind: "state", step: step.id, state }, body);

  /** Whoever is given something hears of it, but oneself. */
  readonly give = (step: PlaybookStep, owner: string | null, body: string): Promise<boolean> =>
    this.tell({ kind: "owner", step: step.id, owner }, body, owner && owner !== this.me ? [owner] : []);

  readonly setDue = (step: PlaybookStep, due: number | null, body: string): Promise<boolean> =>
    this.tell({ kind: "due", step: step.id, due }, body);

  dueIn(minutes: number): number {
    return this.scope.clock.now() + minutes * MINUTE;
  }

  readonly addStep = async (body: string): Promise<boolean> => {
    const { adding } = this.now;
    const text = adding?.text.trim();
    if (!adding || !text) return false;
    const went = await this.tell({ kind: "add", phase: adding.phase, text }, body);
    if (went) this.set({ adding: null });
    return went;
  };

  /** What was written stays in its field until it is on its way. */
  readonly enter = async (body: string): Promise<boolean> => {
    const text = this.now.entry.trim().slice(0, MOST_ENTRY);
    if (!text) return false;
    this.set({ entry: "" });
    const went = await this.tell({ kind: "entry", text }, body);
    if (!went && !this.now.entry) this.set({ entry: text });
    return went;
  };

  readonly enterCorrection = async (body: string): Promise<boolean> => {
    const { correcting } = this.now;
    const text = correcting?.text.trim().slice(0, MOST_ENTRY);
    if (!correcting || !text) return false;
    const went = await this.tell({ kind: "correct", entry: correcting.id, text }, body);
    if (went) this.set({ correcting: null });
    return went;
  };

  private async tell(does: Does, body: string, mentions: string[] = []): Promise<boolean> {
    this.dismiss();
    try {
      const going = this.conversation.playbooks.act(this.eventId, does, body, mentions);
      this.look(); // what is on its way is shown
      await going;
      this.look();
      return true;
    } catch (error) {
      this.look();
      this.set({ problem: explain(error) });
      return false;
    }
  }
}

/** The steps of each phase, in the order in which the plan names them. */
export function phases(steps: PlaybookStep[]): Array<{ phase: string; steps: PlaybookStep[]; done: number; all: number }> {
  const found = new Map<string, PlaybookStep[]>();
  for (const each of steps) found.set(each.phase, [...(found.get(each.phase) ?? []), each]);
  return [...found].map(([phase, of]) => ({ phase, steps: of, ...counts(of) }));
}

/** What is not applicable counts neither as done nor as to be done. */
export function counts(steps: PlaybookStep[]): { done: number; all: number } {
  const counted = steps.filter((each) => each.state !== "not_applicable");
  return { done: counted.filter((each) => each.state === "done").length, all: counted.length };
}

export type Urgency = "late" | "soon" | "later" | null;

export function urgency(due: number | null, now: number): Urgency {
  if (due === null) return null;
  if (due <= now) return "late";
  return due - now <= SOON ? "soon" : "later";
}

export const late = (steps: PlaybookStep[], now: number): PlaybookStep[] =>
  steps.filter((each) => each.state === "todo" && urgency(each.due, now) === "late");

export const unowned = (steps: PlaybookStep[]): PlaybookStep[] =>
  steps.filter((each) => each.state === "todo" && each.owner === null);

/** Lines of the log that hold some words. */
export const matching = (log: PlaybookEntry[], filter: string, words: (entry: PlaybookEntry) => string): PlaybookEntry[] => {
  const asked = plainly(filter.trim());
  return asked ? log.filter((each) => plainly(`${words(each)} ${each.sender.name}`).includes(asked)) : log;
};
