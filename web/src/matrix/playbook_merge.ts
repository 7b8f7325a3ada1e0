/**
 * How a playbook stands, from what was done to it: the same on every device and every server, in whatever order it arrived there.
 * What is done to a step says after which act it was done (`after`), so that a clock set wrong takes nothing from those who come later; where
 * two have acted without knowing of each other, the later one counts, and both stay in the log.
 */

export type StepState = "todo" | "done" | "not_applicable";

export interface PlannedStep {
  id: string;
  phase: string;
  text: string;
  owner: string | null;
  due: number | null;
}

export interface Start {
  id: string;
  sender: string;
  ts: number;
  title: string;
  steps: PlannedStep[];
}

/** What somebody does to a playbook. */
export type Does =
  | { kind: "state"; step: string; state: StepState }
  | { kind: "owner"; step: string; owner: string | null }
  | { kind: "due"; step: string; due: number | null }
  | { kind: "add"; phase: string; text: string }
  | { kind: "entry"; text: string }
  | { kind: "correct"; entry: string; text: string }
  | { kind: "close"; seal: Seal | null }
  | { kind: "reopen" };

/** What a record was sealed with: how many events it has, the last of the chain of their digests, and the digest of the whole file. */
export interface Seal {
  count: number;
  head: string;
  digest: string;
}

/** An event as a record has it; `what`: null for what could not be read. */
export interface Recorded {
  id: string;
  sender: string;
  ts: number;
  after: string | null;
  what: Does | { kind: "start"; title: string; steps: PlannedStep[] } | null;
}

export interface Act {
  id: string;
  sender: string;
  ts: number;
  /** The last act on the same thing that was known to whoever did this. */
  after: string | null;
  does: Does;
}

export interface Step extends PlannedStep {
  state: StepState;
  /** Who has ticked it last, and when. */
  by: string | null;
  at: number | null;
  /** The last act on it. */
  last: string | null;
}

export interface LogEntry {
  id: string;
  sender: string;
  ts: number;
  kind: "start" | Does["kind"];
  /** What was written; of a step, what it is about. */
  text: string;
  state?: StepState;
  owner?: string | null;
  due?: number | null;
  /** What was written before it was corrected, oldest first, and when it was corrected last. */
  was: string[];
  corrected: number | null;
  /** It came after the playbook was closed, and changed nothing. */
  isLate: boolean;
}

export interface Plan {
  title: string;
  steps: Step[];
  log: LogEntry[];
  closed: { by: string; ts: number; id: string; seal: Seal | null } | null;
  /** The last act of closing or opening again. */
  lastClosing: string | null;
  /** Of every time that it was closed. */
  seals: Seal[];
}

/** Steps of a plan, those that were added too. */
export const MOST_STEPS = 100;

/** Each after those that it names; among equals by time, then by id: nothing that depends on who looks. */
export function inOrder(acts: Act[]): Act[] {
  const known = new Map(acts.map((each) => [each.id, each]));
  const depths = new Map<string, number>();
  for (const each of acts) {
    const way = new Map<string, number>();
    let at: Act | undefined = each;
    while (at && !depths.has(at.id) && !way.has(at.id)) {
      way.set(at.id, way.size);
      at = at.after === null ? undefined : known.get(at.after);
    }
    const ids = [...way.keys()];
    const circle = at && way.get(at.id); // which no honest client can make: all of it is first
    for (const id of circle === undefined ? [] : ids.splice(circle)) depths.set(id, 1);
    let depth: number = at ? depths.get(at.id)! : 0;
    for (const id of ids.reverse()) depths.set(id, ++depth);
  }
  return [...known.values()].sort(
    (a, b) => depths.get(a.id)! - depths.get(b.id)! || a.ts - b.ts || (a.id < b.id ? -1 : Number(a.id > b.id)),
  );
}

/** `leads`: who may close, open again, add steps, and give them to others. */
export function merge(start: Start, acts: Act[], leads: (user: string) => boolean): Plan {
  const ordered = inOrder(acts);
  const closings = ordered.filter(({ does, sender }) => (does.kind === "close" || does.kind === "reopen") && leads(sender));
  const isClosedAt = closedTimes(closings);
  const steps = new Map<string, Step>(
    start.steps.map((each) => [each.id, { ...each, state: "todo", by: null, at: null, last: null }]),
  );
  for (const { id, sender, ts, does } of ordered)
    if (does.kind === "add" && leads(sender) && !isClosedAt(ts) && steps.size < MOST_STEPS)
      steps.set(id, { id, ...planned(does), state: "todo", by: null, at: null, last: null });
  const log: LogEntry[] = [{ ...said(start.id, start.sender, start.ts, "start"), text: start.title }];
  const entries = new Map<string, LogEntry>();
  for (const act of ordered) {
    const isLate = isClosedAt(act.ts);
    const entry = apply(act, steps, leads, isLate);
    if (!entry) continue;
    log.push({ ...entry, isLate });
    if (act.does.kind === "entry") entries.set(act.id, log.at(-1)!);
  }
  for (const { sender, ts, does } of ordered) {
    const entry = does.kind === "correct" ? entries.get(does.entry) : undefined;
    if (!entry || does.kind !== "correct" || entry.sender !== sender || isClosedAt(ts)) continue;
    entry.was = [...entry.was, entry.text];
    entry.text = does.text;
    entry.corrected = ts;
  }
  log.sort((a, b) => Number(b.kind === "start") - Number(a.kind === "start") || a.ts - b.ts || (a.id < b.id ? -1 : 1));
  const last = closings.at(-1);
  const closed = last?.does.kind === "close" ? { by: last.sender, ts: last.ts, id: last.id, seal: last.does.seal } : null;
  const seals = closings.flatMap(({ does }) => (does.kind === "close" && does.seal ? [does.seal] : []));
  return { title: start.title, steps: [...steps.values()], log, closed, lastClosing: last?.id ?? null, seals };
}

const planned = ({ phase, text }: { phase: string; text: string }): Omit<PlannedStep, "id"> => ({
  phase,
  text,
  owner: null,
  due: null,
});

const said = (id: string, sender: string, ts: number, kind: LogEntry["kind"]): LogEntry => ({
  id,
  sender,
  ts,
  kind,
  text: "",
  was: [],
  corrected: null,
  isLate: false,
});

/** Changes the step that it is about; null for what nobody need know. */
function apply(act: Act, steps: Map<string, Step>, leads: (user: string) => boolean, isLate: boolean): LogEntry | null {
  const { does, sender } = act;
  const entry = said(act.id, sender, act.ts, does.kind);
  if (does.kind === "entry") return { ...entry, text: does.text };
  if (does.kind === "close" || does.kind === "reopen") return leads(sender) ? entry : null;
  if (does.kind === "correct") return null;
  const step = steps.get(does.kind === "add" ? act.id : does.step);
  if (!step) return null;
  if (does.kind === "add") return { ...entry, text: step.text };
  if (!mayChange(does, step, sender, leads)) return null;
  if (!isLate) change(step, act);
  if (does.kind === "state") return { ...entry, text: step.text, state: does.state };
  return does.kind === "owner"
    ? { ...entry, text: step.text, owner: does.owner }
    : { ...entry, text: step.text, due: does.due };
}

/** Everybody ticks, and takes upon themselves; what others must do, and by when, says who leads. */
function mayChange(does: Does, step: Step, sender: string, leads: (user: string) => boolean): boolean {
  if (does.kind === "state" || leads(sender)) return true;
  if (does.kind !== "owner") return false;
  return does.owner === sender || (does.owner === null && step.owner === sender);
}

function change(step: Step, { id, sender, ts, does }: Act): void {
  step.last = id;
  if (does.kind === "state") {
    step.state = does.state;
    step.by = sender;
    step.at = ts;
  } else if (does.kind === "owner") step.owner = does.owner;
  else if (does.kind === "due") step.due = does.due;
}

/** Whether it was closed at a time. */
function closedTimes(closings: Act[]): (ts: number) => boolean {
  const spans: Array<{ from: number; to: number }> = [];
  for (const { ts, does } of closings) {
    const open = spans.at(-1);
    if (does.kind === "close" && (!open || open.to !== Infinity)) spans.push({ from: ts, to: Infinity });
    else if (does.kind === "reopen" && open) open.to = Math.min(open.to, ts);
  }
  return (ts) => spans.some(({ from, to }) => ts > from && ts < to);
}
