/**
 * What happens to an order while somebody has not answered: at a time a reminder, a mail, or somebody else who is asked. Each step is left
 * with the server, sealed, which sends it to those who have not answered and keeps it to itself once all have.
 */

import type { MatrixEvent } from "matrix-js-sdk";
import { original } from "./readable";
import type { StepKind } from "./types";

export const STEP = "org.chappe.order.step";
export const URGENT = "org.chappe.urgent";
export const MOST_STEPS = 5;
const KINDS: readonly unknown[] = ["remind", "mail", "ask"];

/** `who`: somebody who is asked instead. */
export interface Step {
  at: number;
  by: StepKind;
  who: string | null;
}

export const isUserId = (id: unknown): id is string => typeof id === "string" && /^@[^:\s]+:\S+$/.test(id);
export const isTime = (at: unknown): at is number => typeof at === "number" && Number.isFinite(at) && at > 0 && at < 8.64e15;

function readStep(given: unknown): Step | null {
  if (typeof given !== "object" || given === null) return null;
  const { at, by, who } = given as Record<string, unknown>;
  if (!isTime(at) || !KINDS.includes(by)) return null;
  if (by === "ask") return isUserId(who) ? { at, by, who } : null;
  return { at, by: by as StepKind, who: null };
}

/** What an order says will happen, by time; what makes no sense is left out. */
export function readLadder(given: unknown): Step[] {
  if (!Array.isArray(given)) return [];
  const steps = given.slice(0, MOST_STEPS).map(readStep);
  return steps.filter((each): each is Step => each !== null).sort((a, b) => a.at - b.at);
}

/** The event of an order's giver with which a step was taken. */
export function taken(step: Step, events: MatrixEvent[]): MatrixEvent | null {
  const is = (each: MatrixEvent): boolean => {
    const said = readStep(original(each).content?.[STEP]);
    return said?.at === step.at && said.by === step.by && said.who === step.who;
  };
  return events.find(is) ?? null;
}

/** Whom the server sent it to. */
export function sentTo(event: MatrixEvent): string[] {
  const users: unknown = event.getWireContent()[URGENT]?.users;
  return Array.isArray(users) ? users.filter(isUserId) : [];
}
