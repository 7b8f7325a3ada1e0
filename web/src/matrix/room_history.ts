/** What was said in a room: one event of it, its earlier forms. */

import { Direction, type IContent, type MatrixEvent, RelationType } from "matrix-js-sdk";
import { Signal } from "../platform/signal";
import { senderOf } from "./event_facts";
import { textOf } from "./event_text";
import { fetched } from "./opened";
import type { People } from "./people";
import type { Place } from "./place";
import { edited, original } from "./readable";
import { lineKey } from "./room_summary";
import type { Line } from "./types";

export interface Whereabouts {
  eventId: string;
  /** The thread that it is in. */
  thread: string | null;
  ts: number;
}

/** Events that are not loaded and were looked up, so that nobody asks for them twice. */
const KEPT = 200;

export class RoomHistory {
  readonly touched = new Signal(200);
  private readonly minded = new Set<string>();
  private readonly fetched = new Map<string, MatrixEvent>();

  constructor(
    private readonly place: Place,
    private readonly people: People,
  ) {}

  /** Earlier forms of an edited message, newest first; null for those that are locked. */
  async versions(eventId: string): Promise<Array<{ ts: number; body: string | null }>> {
    const { events } = await this.place.client.relations(this.place.id, eventId, RelationType.Replace, null);
    const first = await fetched(this.place.client, this.place.id, eventId);
    const edits = events.map((each) => ({ ts: each.getTs(), body: bodyOf(edited(each)) }));
    return [...edits, { ts: first.getTs(), body: bodyOf(original(first).content) }].sort((a, b) => b.ts - a.ts);
  }

  /** The event nearest to a day, for jumping there. */
  async eventAt(ts: number): Promise<string | null> {
    const found = await this.place.client
      .timestampToEvent(this.place.id, ts, Direction.Forward)
      .catch(() => this.place.client.timestampToEvent(this.place.id, ts, Direction.Backward).catch(() => null));
    return found?.event_id ?? null;
  }

  /** Where the row of an event is: an edit and a reaction have none of their own. Null for what is not there, or not to be seen. */
  async whereIs(eventId: string, goOn = true): Promise<Whereabouts | null> {
    const event = await this.found(eventId);
    if (!event) return null;
    const relation = event.getWireContent()["m.relates_to"];
    if (goOn && (relation?.rel_type === RelationType.Replace || relation?.rel_type === RelationType.Annotation))
      return this.whereIs(String(relation.event_id), false);
    const root = event.threadRootId;
    return { eventId, thread: root && root !== eventId ? root : null, ts: event.getTs() };
  }

  /** One event, also if it is not loaded. */
  async event(eventId: string): Promise<Line | null> {
    this.minded.add(eventId);
    const event = await this.found(eventId).catch(() => null);
    if (!event || event.isRedacted()) return null;
    await this.place.client.decryptEventIfNeeded(event);
    const sender = senderOf(event);
    const key = lineKey(event);
    return {
      sender: this.people.of(this.place.room.getMember(sender), sender).name,
      mine: sender === this.place.client.getUserId(),
      ts: event.getTs(),
      text: key ? "" : (textOf(event) ?? ""),
      key,
    };
  }

  /** Whether somebody has asked for an event. */
  minds(eventId: string): boolean {
    return this.minded.has(eventId);
  }

  /** From now on whoever follows `touched` hears of what becomes of an event, loaded or not. */
  mind(eventId: string): void {
    this.minded.add(eventId);
  }

  /** There is a gap in what was heard: what is known from before it may have been deleted or edited since. */
  doubt(): void {
    this.fetched.clear();
    this.touched.fire();
  }

  /** An event has changed: deleted, edited, or it can be read now. */
  touch(eventId: string): void {
    this.fetched.delete(eventId);
    this.touched.fire();
  }

  /** What stands after the last gap: of what came before it the server is asked. */
  private isCurrent(eventId: string): boolean {
    const { room } = this.place;
    const timeline = room.getTimelineForEvent(eventId);
    return !timeline || timeline === room.getLiveTimeline();
  }

  private async found(eventId: string): Promise<MatrixEvent | null> {
    const known = (this.isCurrent(eventId) ? this.place.room.findEventById(eventId) : null) ?? this.fetched.get(eventId);
    if (known) return known;
    const event = await fetched(this.place.client, this.place.id, eventId).catch((error) => {
      const { httpStatus } = error as { httpStatus?: number };
      if (httpStatus === 404 || httpStatus === 403) return null;
      throw error; // without a network nobody knows
    });
    if (event && this.fetched.size < KEPT) this.fetched.set(eventId, event);
    return event;
  }
}

function bodyOf(content: IContent | null): string | null {
  if (!content) return null;
  return typeof content.body === "string" ? content.body : "";
}
