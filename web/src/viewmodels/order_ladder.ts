/** What happens to an order while somebody has not answered: as it is written, and as it stands. */

import type { OrderContent, OrderStep, StepKind } from "../matrix/types";

export const MOST_STEPS = 5;
const MINUTE = 60_000;
/** So long after its time a step that was not taken will not be. */
const PATIENCE = 2 * MINUTE;

/** After how many minutes something may happen. */
export const AFTER = [5, 10, 15, 20, 30, 45, 60, 90, 120, 240, 480] as const;

/** As it is being written. `who`: somebody who is asked instead. */
export interface DraftStep {
  minutes: number;
  by: StepKind;
  who: string | null;
}

export interface PlannedStep {
  at: number;
  by: StepKind;
  who: string | null;
}

/** One more, later than the last, and stronger. */
export function another(steps: DraftStep[], mails: boolean): DraftStep {
  const last = Math.max(0, ...steps.map((each) => each.minutes));
  const minutes = AFTER.find((each) => each > last) ?? AFTER[AFTER.length - 1] ?? last;
  const isMailed = !mails || steps.some((each) => each.by === "mail");
  const by = !steps.length ? "remind" : isMailed ? "ask" : "mail";
  return { minutes, by, who: null };
}

/** By time, from now on. */
export const planned = (steps: DraftStep[], now: number): PlannedStep[] =>
  steps
    .map(({ minutes, by, who }) => ({ at: now + minutes * MINUTE, by, who: by === "ask" ? who : null }))
    .sort((a, b) => a.at - b.at);

/** `next`: the one that comes first. `off`: it will not be taken, nobody need answer any more. `missed`: its time has passed. */
export type StepState = "done" | "next" | "later" | "off" | "missed";

export interface ShownStep {
  step: OrderStep;
  state: StepState;
  /** Until it is taken. */
  minutes: number;
}

/** Whether nobody need answer any more, whoever has not: its giver has lifted or edited it. */
export const isTakenBack = ({ lifted, edited }: OrderContent): boolean => lifted !== null || edited !== null;

export function shownLadder(content: OrderContent, now: number): ShownStep[] {
  const { ladder, answers } = content;
  const isOver = isTakenBack(content) || answers.every((each) => each.instead || each.state !== null);
  let isNext = true;
  return ladder.map((step) => {
    const minutes = Math.max(0, Math.ceil((step.at - now) / MINUTE));
    if (step.done) return { step, state: "done", minutes };
    if (isOver) return { step, state: "off", minutes };
    if (step.at + PATIENCE < now) return { step, state: "missed", minutes };
    const state = isNext ? "next" : "later";
    isNext = false;
    return { step, state, minutes };
  });
}
