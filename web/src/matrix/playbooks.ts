/**
 * A crisis room's plan and log. A playbook is a message that every client can read, and so is each thing that is done to it: all of it is
 * sealed with the rest of the room, and put together on the devices.
 */

import { type MatrixEvent, MatrixEventEvent, MsgType, RelationType, RoomEvent, RoomStateEvent } from "matrix-js-sdk";
import { Signal } from "../platform/signal";
import { idOf } from "./event_facts";
import { hear } from "./listening";
import { sendable } from "./message_content";
import { hearOpened } from "./opened";
import { unlessItWaits } from "./outbox";
import type { People } from "./people";
import type { Place } from "./place";
import type { Does, LogEntry, Plan, PlannedStep, Recorded, Seal, Step } from "./playbook_merge";
import { ACT, apartIn, found, keepApart, mayLead, PLAYBOOK, planOf, type Read, recordedOf } from "./playbook_results";
import { readable } from "./readable";
import { relatedTo } from "./related";
import type { Person } from "./types";

/** A log of five thousand lines. */
const MOST_PAGES = 50;
/** Of a room's pinned messages, which anybody who may pin may make thousands. */
const MOST_PINNED = 20;

export interface NewPlaybook {
  title: string;
  steps: PlannedStep[];
  /** The same as a message. */
  body: string;
}

/** With people in the place of their identifiers. */
export interface PlaybookStep extends Omit<Step, "owner" | "by"> {
  owner: Person | null;
  by: Person | null;
}

export interface PlaybookEntry extends Omit<LogEntry, "sender" | "owner"> {
  sender: Person;
  mine: boolean;
  owner: Person | null;
}

export interface Playbook {
  id: string;
  title: string;
  steps: PlaybookStep[];
  log: PlaybookEntry[];
  closed: { by: Person; ts: number; seal: Seal | null } | null;
  /** Of every time that it was closed. */
  seals: Seal[];
  /** What was done that cannot be read here, or not yet. */
  locked: number;
  mayLead: boolean;
}

export class Playbooks {
  readonly changed = new Signal(30);
  /** What was done was found that is not among the messages that are loaded. */
  readonly found = new Signal(50);
  private readonly locked = new Map<string, Set<MatrixEvent>>();
  private off: Array<() => void> = [];

  constructor(
    private readonly place: Place,
    private readonly people: People,
  ) {}

  /** From now on it is heard what others do. */
  listen(): void {
    if (this.off.length) return;
    const { client, id } = this.place;
    const heard = (event: MatrixEvent): void => {
      if (event.getRoomId() === id) this.changed.fire();
    };
    this.off = [
      hear(client, RoomEvent.Timeline, heard),
      hear(client, RoomEvent.Timeline, (event) => this.deleted(event)),
      hear(client, RoomEvent.TimelineReset, (room) => room?.roomId === id && void this.look(true)),
      hear(client, RoomEvent.LocalEchoUpdated, heard),
      hear(client, RoomEvent.Redaction, heard),
      hear(client, RoomStateEvent.Events, heard),
      hear(client, MatrixEventEvent.Replaced, heard),
      hearOpened(client, (event) => {
        this.count(event);
        heard(event);
      }),
    ];
  }

  /** Of what is not loaded the SDK does not know that it was deleted. */
  private deleted(event: MatrixEvent): void {
    const deleted = event.isRedaction() && event.getRoomId() === this.place.id ? event.getAssociatedId() : null;
    if (deleted && this.place.exists && apartIn(this.place.room).includes(deleted)) void this.load(deleted).catch(() => {});
  }

  /** What could not be read when it was asked for, and can be now, counts. */
  private count(event: MatrixEvent): void {
    const isAwaited = [...this.locked.values()].some((each) => each.has(event));
    if (!isAwaited || readable(event).locked || !this.place.exists) return;
    const { room } = this.place;
    void room.relations.aggregateChildEvent(event, room.getUnfilteredTimelineSet());
  }

  close(): void {
    for (const each of this.off) each();
  }

  /** Whether the room lets one begin a playbook, and lead in it. */
  may(): boolean {
    return this.place.exists && mayLead(this.place.room, this.place.client.getSafeUserId());
  }

  /** Those that are open: what is pinned, newest first, then what is loaded. */
  open(): Array<{ id: string; title: string }> {
    const { room } = this.place;
    const loaded = room.getLiveTimeline().getEvents().map(idOf).reverse();
    const ids = new Set([...this.pinned(), ...loaded]);
    return [...ids].flatMap((id) => {
      const event = found(room, id);
      const read = event && planOf(event, room);
      return read && !read.plan.closed ? [{ id, title: read.plan.title }] : [];
    });
  }

  /** Asks the server for the playbooks that are pinned. `again`: after a gap, in which those that are known may have been deleted. */
  async look(again = false): Promise<void> {
    if (!this.place.exists) return;
    const ids = new Set([...this.pinned(), ...(again ? apartIn(this.place.room) : [])]);
    for (const id of ids) if (again || !found(this.place.room, id)) await this.load(id).catch(() => {});
  }

  /** Asks the server for what was done to a playbook. */
  async load(eventId: string): Promise<void> {
    const { original, events } = await relatedTo(this.place, eventId, MOST_PAGES);
    if (original && !this.place.room.findEventById(eventId)) keepApart(this.place.room, original);
    this.locked.set(eventId, new Set(events.filter((each) => readable(each).locked)));
    this.found.fire();
    this.changed.fire();
  }

  /** How a playbook stands; null for what is none. */
  read(eventId: string): Playbook | null {
    const read = this.plan(eventId);
    if (!read) return null;
    const { title, steps, log, closed, seals } = read.plan;
    const me = this.place.client.getSafeUserId();
    return {
      id: eventId,
      title,
      steps: steps.map((each) => ({ ...each, owner: this.person(each.owner), by: this.person(each.by) })),
      log: log.map((each) => ({
        ...each,
        sender: this.of(each.sender),
        mine: each.sender === me,
        owner: this.person(each.owner ?? null),
      })),
      closed: closed && { by: this.of(closed.by), ts: closed.ts, seal: closed.seal },
      seals,
      locked: this.unread(eventId).length,
      mayLead: this.may(),
    };
  }

  /** Resolves its id. It is pinned where one may, so that whoever comes later finds it. */
  async start({ title, steps, body }: NewPlaybook): Promise<string> {
    const { client, id } = this.place;
    const content = { msgtype: MsgType.Text, body, "m.mentions": {}, [PLAYBOOK]: { title, steps } };
    return (await client.sendMessage(id, sendable(content))).event_id;
  }

  /** `mentions`: whom it is to ring for. */
  async act(eventId: string, does: Does, body: string, mentions: string[] = []): Promise<void> {
    const plan = this.plan(eventId)?.plan;
    const after = plan ? lastOf(plan, does) : null;
    const content = {
      msgtype: mentions.length ? MsgType.Text : MsgType.Notice,
      body,
      "m.mentions": mentions.length ? { user_ids: mentions } : {},
      [ACT]: { ...does, after: after?.startsWith("$") ? after : null },
      "m.relates_to": { rel_type: RelationType.Reference, event_id: eventId },
    };
    await unlessItWaits(this.place.client.sendMessage(this.place.id, sendable(content)));
  }

  /** What a record of it holds. */
  record(eventId: string): Recorded[] {
    const read = this.plan(eventId);
    return read ? recordedOf(read, this.unread(eventId)) : [];
  }

  private unread(eventId: string): MatrixEvent[] {
    return [...(this.locked.get(eventId) ?? [])].filter((each) => readable(each).locked);
  }

  private plan(eventId: string): Read | null {
    if (!this.place.exists) return null;
    const event = found(this.place.room, eventId);
    return event ? planOf(event, this.place.room) : null;
  }

  private pinned(): string[] {
    const state = this.place.room.currentState.getStateEvents("m.room.pinned_events", "");
    const pinned: unknown = state && readable(state).content?.pinned;
    const ids = Array.isArray(pinned) ? pinned.filter((each): each is string => typeof each === "string") : [];
    return [...new Set(ids)].slice(-MOST_PINNED).reverse();
  }

  private of(id: string): Person {
    return this.people.of(this.place.room.getMember(id), id);
  }

  private person(id: string | null): Person | null {
    return id === null ? null : this.of(id);
  }
}

/** The last act on the same thing. */
function lastOf(plan: Plan, does: Does): string | null {
  if (does.kind === "close" || does.kind === "reopen") return plan.lastClosing;
  return "step" in does ? (plan.steps.find((each) => each.id === does.step)?.last ?? null) : null;
}
