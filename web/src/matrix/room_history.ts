/** What was said in a room: one event of it, its earlier forms. */

import { Direction, type IContent, type MatrixEvent, RelationType } from "matrix-js-sdk";
import { senderOf } from "./event_facts";
import { fetched } from "./opened";
import type { People } from "./people";
import type { Place } from "./place";
import { edited, original, readable } from "./readable";

export interface Whereabouts {
  eventId: string;
  /** The thread that it is in. */
  thread: string | null;
  ts: number;
}

export class RoomHistory {
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

  /** One event, also if it is not loaded. `text`: null where it is locked. */
  async event(eventId: string): Promise<{ sender: string; ts: number; text: string | null } | null> {
    const event = await this.found(eventId).catch(() => null);
    if (!event) return null;
    await this.place.client.decryptEventIfNeeded(event);
    const sender = senderOf(event);
    return {
      sender: this.people.of(this.place.room.getMember(sender), sender).name,
      ts: event.getTs(),
      text: bodyOf(readable(event).content),
    };
  }

  private async found(eventId: string): Promise<MatrixEvent | null> {
    const known = this.place.room.findEventById(eventId);
    if (known) return known;
    return fetched(this.place.client, this.place.id, eventId).catch((error) => {
      const { httpStatus } = error as { httpStatus?: number };
      if (httpStatus === 404 || httpStatus === 403) return null;
      throw error; // without a network nobody knows
    });
  }
}

function bodyOf(content: IContent | null): string | null {
  if (!content) return null;
  return typeof content.body === "string" ? content.body : "";
}
