/** A plan as somebody writes it: one step a line, phases after a "#", a time limit at the end of the line. */

import type { PlannedStep } from "../matrix/playbook_merge";

export const MOST_STEPS = 50;
export const MOST_TITLE = 140;
export const MOST_STEP = 200;
const MOST_PHASE = 80;
const MINUTE = 60_000;
const LONGEST_MINUTES = 60 * 24 * 90;

const LIMIT = /\s*\(\s*(\d{1,5})\s*(min|h|j|d)\.?\s*\)\s*$/i;
const UNITS: Record<string, number> = { min: 1, h: 60, j: 1440, d: 1440 };

/** `now`: when the plan begins. */
export function stepsOf(text: string, now: number): PlannedStep[] {
  const steps: PlannedStep[] = [];
  let phase = "";
  for (const line of text.split("\n")) {
    const said = line.replace(/^\s*(?:[-*•☐]|\d{1,2}[.)])\s+/, "").trim();
    if (/^#/.test(said)) phase = said.replace(/^#+\s*/, "").slice(0, MOST_PHASE);
    else if (said) steps.push({ id: String(steps.length + 1), phase, owner: null, ...limited(said, now) });
  }
  return steps;
}

function limited(said: string, now: number): { text: string; due: number | null } {
  const [whole, number, unit] = LIMIT.exec(said) ?? [];
  const minutes = number ? Number(number) * UNITS[unit.toLowerCase()] : 0;
  if (!whole || minutes < 1 || minutes > LONGEST_MINUTES) return { text: said, due: null };
  return { text: said.slice(0, -whole.length), due: now + minutes * MINUTE };
}

/** A plan as it is written, to be begun another time. `begun`: when this one was; what is due before that has no time limit. */
export function textOf(steps: Array<Pick<PlannedStep, "phase" | "text" | "due">>, begun: number): string {
  const lines: string[] = [];
  let phase = "";
  for (const each of steps) {
    if (each.phase !== phase) lines.push(...(lines.length ? [""] : []), `# ${each.phase}`);
    phase = each.phase;
    const minutes = each.due === null ? 0 : Math.round((each.due - begun) / MINUTE);
    lines.push(minutes >= 1 && minutes <= LONGEST_MINUTES ? `${each.text} (${limitOf(minutes)})` : each.text);
  }
  return lines.join("\n");
}

const limitOf = (minutes: number): string =>
  minutes % 1440 === 0 ? `${minutes / 1440} j` : minutes % 60 === 0 ? `${minutes / 60} h` : `${minutes} min`;

/** What is missing before it can begin, by the name of its sentence. */
export function missingOf(title: string, text: string): string | null {
  if (!title.trim()) return "playbook.missing.title";
  const steps = stepsOf(text, 0);
  if (!steps.length) return "playbook.missing.steps";
  if (steps.length > MOST_STEPS) return "playbook.missing.many";
  return steps.some((each) => !each.text || each.text.length > MOST_STEP) ? "playbook.missing.long" : null;
}
