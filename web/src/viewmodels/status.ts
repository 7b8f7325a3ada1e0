/** What one is, what the others are: chosen with words and an end, shown beside names. */

import type { SignedIn } from "../matrix/signed_in";
import type { Chosen, OwnStatus, Status } from "../matrix/statuses";
import { clock as browser, type Clock } from "../platform/clock";
import { endWords } from "./status_words";
import { ActingViewModel, type Doing, IDLE } from "./view_model";

export type { Chosen, OwnStatus, Status };

export const CHOICES: readonly Chosen[] = ["available", "busy", "meeting", "away", "hidden"];

/** What the server takes. */
export const MOST_WORDS = 80;
const MINUTE = 60_000;
const DAY = 86_400_000;
const LONGEST = 365 * DAY;

/** Words that are offered, each with what goes with them. */
export const SUGGESTIONS = [
  { key: "focus", state: "busy" },
  { key: "field", state: "busy" },
  { key: "travel", state: "away" },
  { key: "training", state: "away" },
  { key: "leave", state: "away" },
] as const;

export type EndKey = "none" | "half" | "hour" | "evening" | "tomorrow" | "other";

interface State extends Doing {
  isOn: boolean;
  own: OwnStatus;
  /** Counts what has changed of anybody. */
  turn: number;
}

/** What is being chosen. `other`: a time that was typed. */
export interface Draft {
  state: Chosen;
  text: string;
  end: EndKey;
  other: string;
  silent: boolean;
}

export class StatusViewModel extends ActingViewModel<State> {
  private readonly ending = this.scope.timer();

  constructor(
    private readonly matrix: Pick<SignedIn, "statuses" | "connection">,
    clock: Clock = browser,
  ) {
    super({ ...IDLE, isOn: matrix.statuses.isOn, own: matrix.statuses.own, turn: 0 }, clock);
    this.scope.owns(matrix.statuses.changed.listen(() => this.look()));
    let hasBegun = false;
    const begin = (): void => {
      if (hasBegun || matrix.connection.value === "starting") return;
      hasBegun = true;
      void matrix.statuses.begin();
    };
    this.scope.owns(matrix.connection.listen(begin));
    begin();
    this.look();
  }

  private look(): void {
    const { isOn, own } = this.matrix.statuses;
    this.set({ isOn, own, turn: this.now.turn + 1 });
    if (own.until === null) this.ending.clear();
    else this.ending.set(Math.min(own.until - this.scope.clock.now(), DAY), () => this.look());
  }

  /** What somebody is; null where nothing is known, or where there are no statuses. */
  readonly of = (id: string | null): Status | null => (this.now.isOn && id !== null ? this.matrix.statuses.of(id) : null);

  /** What is chosen now, to be changed. */
  draft(): Draft {
    const { state, text, until, silent } = this.now.own;
    return {
      state,
      text: text ?? "",
      end: until === null ? "none" : "other",
      other: until === null ? "" : typed(until),
      silent,
    };
  }

  /** The ends that are offered at this hour. */
  ends(): Array<{ key: EndKey; at: number | null }> {
    const now = this.scope.clock.now();
    const evening = new Date(now).setHours(18, 0, 0, 0);
    const tomorrow = new Date(new Date(now).setDate(new Date(now).getDate() + 1)).setHours(8, 0, 0, 0);
    return [
      { key: "none", at: null },
      { key: "half", at: now + 30 * MINUTE },
      { key: "hour", at: now + 60 * MINUTE },
      ...(evening > now + 60 * MINUTE ? [{ key: "evening" as const, at: evening }] : []),
      { key: "tomorrow", at: tomorrow },
      { key: "other", at: null },
    ];
  }

  /** When it will end; undefined for a time that makes no sense. */
  endOf(draft: Draft): number | null | undefined {
    if (draft.state === "available" && !draft.text.trim()) return null;
    if (draft.end !== "other") return this.ends().find((each) => each.key === draft.end)?.at ?? null;
    const at = new Date(draft.other).getTime();
    const now = this.scope.clock.now();
    return at > now && at < now + LONGEST ? at : undefined;
  }

  /** `label`: what the state is called, for those who read it as a sentence. */
  readonly choose = (draft: Draft, label: string, language: string): Promise<boolean> => {
    const until = this.endOf(draft);
    if (until === undefined) return Promise.resolve(false);
    const text = draft.text.trim().slice(0, MOST_WORDS) || null;
    const silent = draft.silent && draft.state !== "available" && draft.state !== "hidden";
    const end = endWords(until, this.scope.clock.now(), language);
    const state = draft.state === "available" ? "" : [label, end].filter(Boolean).join(" ");
    const said = draft.state === "hidden" ? "" : [state, text].filter(Boolean).join(" · ");
    return this.act(() => this.matrix.statuses.choose({ state: draft.state, text, until, silent }, said || null));
  };
}

/** As a field of a date and time takes it. */
function typed(ts: number): string {
  const at = new Date(ts);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
}
