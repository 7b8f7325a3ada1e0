/** A playbook and what was done to it, as events of a room say it. Whatever makes no sense is a message like others. */

import { EventType, type MatrixEvent, RelationType, type Room } from "matrix-js-sdk";
import { idOf, senderOf } from "./event_facts";
import { mayOrder } from "./order_results";
import {
  type Act,
  type Does,
  MOST_STEPS,
  merge,
  type Plan,
  type PlannedStep,
  type Recorded,
  type Seal,
  type Start,
} from "./playbook_merge";
import { original } from "./readable";
import type { PlaybookContent } from "./types";

export const PLAYBOOK = "org.chappe.playbook";
export const ACT = "org.chappe.playbook.act";
export const MOST_TITLE = 140;
export const MOST_TEXT = 200;
export const MOST_PHASE = 80;
export const MOST_ENTRY = 2000;

/** Playbooks that stand in no timeline which is loaded, by room. */
const apart = new WeakMap<Room, Map<string, MatrixEvent>>();

export function keepApart(room: Room, event: MatrixEvent): void {
  const known = apart.get(room) ?? new Map<string, MatrixEvent>();
  known.set(idOf(event), event);
  apart.set(room, known);
}

/** Those that are kept so. */
export const apartIn = (room: Room): string[] => [...(apart.get(room)?.keys() ?? [])];

export const found = (room: Room, id: string): MatrixEvent | undefined => room.findEventById(id) ?? apart.get(room)?.get(id);

type Given = Record<string, unknown>;

const isGiven = (given: unknown): given is Given => typeof given === "object" && given !== null && !Array.isArray(given);

function words(given: unknown, most: number): string | null {
  return typeof given === "string" && given.trim() && given.length <= most ? given.trim() : null;
}

const isUser = (given: unknown): given is string =>
  typeof given === "string" && given.length <= 255 && /^@[^:\s]+:\S+$/.test(given);
const isId = (given: unknown): given is string => typeof given === "string" && given.length > 0 && given.length <= 255;
const isTime = (given: unknown): given is number =>
  typeof given === "number" && Number.isFinite(given) && given > 0 && given < 8.64e15;
const phaseOf = (given: unknown): string => words(given, MOST_PHASE) ?? "";

function readStep(given: unknown): PlannedStep | null {
  if (!isGiven(given) || !isId(given.id)) return null;
  const text = words(given.text, MOST_TEXT);
  if (!text) return null;
  return {
    id: given.id,
    phase: phaseOf(given.phase),
    text,
    owner: isUser(given.owner) ? given.owner : null,
    due: isTime(given.due) ? given.due : null,
  };
}

/** What a playbook plans; null for what is none. */
export function readStart(event: MatrixEvent): Start | null {
  const given = original(event).content?.[PLAYBOOK];
  if (event.isRedacted() || !isGiven(given)) return null;
  const title = words(given.title, MOST_TITLE);
  if (!title || !Array.isArray(given.steps) || given.steps.length > MOST_STEPS) return null;
  const steps = given.steps.map(readStep);
  if (!steps.every((each) => each !== null) || new Set(steps.map((each) => each.id)).size !== steps.length) return null;
  return { id: idOf(event), sender: senderOf(event), ts: event.getTs(), title, steps };
}

function readDoes(given: Given): Does | null {
  const { kind, step } = given;
  if (kind === "add" || kind === "entry" || kind === "correct") return readWritten(kind, given);
  if (kind === "reopen") return { kind };
  if (kind === "close") return { kind, seal: readSeal(given.seal) };
  if (!isId(step)) return null;
  if (kind === "state")
    return given.state === "todo" || given.state === "done" || given.state === "not_applicable"
      ? { kind, step, state: given.state }
      : null;
  if (kind === "owner") return given.owner === null || isUser(given.owner) ? { kind, step, owner: given.owner } : null;
  if (kind === "due") return given.due === null || isTime(given.due) ? { kind, step, due: given.due } : null;
  return null;
}

function readWritten(kind: "add" | "entry" | "correct", given: Given): Does | null {
  const text = words(given.text, kind === "add" ? MOST_TEXT : MOST_ENTRY);
  if (!text) return null;
  if (kind === "add") return { kind, text, phase: phaseOf(given.phase) };
  if (kind === "entry") return { kind, text };
  return isId(given.entry) ? { kind, text, entry: given.entry } : null;
}

const isDigest = (given: unknown): given is string => typeof given === "string" && /^[0-9a-f]{64}$/.test(given);

function readSeal(given: unknown): Seal | null {
  if (!isGiven(given)) return null;
  const { count, head, digest } = given;
  const isCount = typeof count === "number" && Number.isSafeInteger(count) && count >= 0;
  return isCount && isDigest(head) && isDigest(digest) ? { count, head, digest } : null;
}

/** What somebody does to a playbook; null for what is nothing of the kind. */
export function readAct(event: MatrixEvent): Act | null {
  const given = original(event).content?.[ACT];
  if (event.isRedacted() || !isGiven(given)) return null;
  const does = readDoes(given);
  if (!does) return null;
  return {
    id: idOf(event),
    sender: senderOf(event),
    ts: event.getTs(),
    after: isId(given.after) ? given.after : null,
    does,
  };
}

/** Whoever may notify a whole room leads in it: that is the room's own rule. */
export const mayLead = mayOrder;

export interface Read {
  plan: Plan;
  start: MatrixEvent;
  events: MatrixEvent[];
}

const kept = new WeakMap<MatrixEvent, { print: string; read: Read }>();

/** How a playbook stands; null for what is none, or of somebody who may not begin one. */
export function planOf(event: MatrixEvent, room: Room): Read | null {
  const start = event.isRedacted() ? null : readStart(event);
  if (!start || !mayLead(room, start.sender)) return null;
  const events = repliesTo(event, room);
  const print = `${leaders(room)} ${events.map(idOf).join()}`;
  const before = kept.get(event);
  if (before?.print === print) return before.read;
  const acts = events.map(readAct).filter((each) => each !== null);
  const read = { plan: merge(start, acts, (user) => mayLead(room, user)), start: event, events };
  kept.set(event, { print, read });
  return read;
}

/** Changes with who may lead. */
const leaders = (room: Room): string => room.currentState.getStateEvents(EventType.RoomPowerLevels, "")?.getId() ?? "";

/** A card in the conversation, that leads to the plan. */
export function cardOf(event: MatrixEvent, room: Room): PlaybookContent | null {
  const read = planOf(event, room);
  if (!read) return null;
  const { title, steps, closed } = read.plan;
  const left = steps.filter((each) => each.state === "todo");
  const counted = steps.filter((each) => each.state !== "not_applicable").length;
  return {
    type: "playbook",
    title,
    done: counted - left.length,
    all: counted,
    dues: left.map((each) => each.due).filter((each) => each !== null),
    isClosed: closed !== null,
  };
}

/** Whether an event only does something to a playbook of this room: the plan shows it. That it was closed, the conversation says too. */
export function isOfPlaybook(event: MatrixEvent, room: Room): boolean {
  const relation = event.getRelation();
  const act = readAct(event);
  if (relation?.rel_type !== RelationType.Reference || !relation.event_id || !act) return false;
  if (act.does.kind === "close" || act.does.kind === "reopen") return false;
  const begun = found(room, relation.event_id);
  const start = begun && readStart(begun);
  return Boolean(start && mayLead(room, start.sender) && says(act, start, room));
}

/** Whether the plan or its log says anything of it: what is hidden in the conversation must be seen there. */
function says({ does, sender }: Act, start: Start, room: Room): boolean {
  if (does.kind === "correct") {
    const corrected = found(room, does.entry);
    return !corrected || senderOf(corrected) === sender;
  }
  if (does.kind === "entry" || mayLead(room, sender)) return "step" in does ? isStep(does.step, start, room) : true;
  if (does.kind === "owner" && does.owner !== null && does.owner !== sender) return false;
  return (does.kind === "state" || does.kind === "owner") && isStep(does.step, start, room);
}

/** One that was planned, or added, as far as is known. */
function isStep(id: string, start: Start, room: Room): boolean {
  if (start.steps.some((each) => each.id === id)) return true;
  const added = id.startsWith("$") ? found(room, id) : undefined;
  return id.startsWith("$") && (!added || readAct(added)?.does.kind === "add");
}

/** What a record holds, in its order: up to the end, where it was closed. `locked`: what was done that cannot be read here. */
export function recordedOf({ plan, start, events }: Read, locked: MatrixEvent[]): Recorded[] {
  const begun = readStart(start);
  if (!begun) return [];
  const { id, sender, ts, title, steps } = begun;
  const first: Recorded = { id, sender, ts, after: null, what: { kind: "start", title, steps } };
  const acts = events.map(readAct).filter((each) => each !== null);
  const done: Recorded[] = acts.map(({ does, ...each }) => ({ ...each, what: does }));
  const unread: Recorded[] = locked.map((each) => ({
    id: idOf(each),
    sender: senderOf(each),
    ts: each.getTs(),
    after: null,
    what: null,
  }));
  const { closed } = plan;
  const rest = [...done, ...unread].filter(
    (each) => each.id.startsWith("$") && (!closed || (each.ts <= closed.ts && each.id !== closed.id)),
  );
  return [first, ...rest.sort((a, b) => a.ts - b.ts || (a.id < b.id ? -1 : 1))];
}

const repliesTo = (event: MatrixEvent, room: Room): MatrixEvent[] =>
  (
    room.relations.getChildEventsForEvent(idOf(event), RelationType.Reference, EventType.RoomMessage)?.getRelations() ?? []
  ).filter((each) => !each.isRedacted());
