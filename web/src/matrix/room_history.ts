/** What was said in a room: one event of it, its earlier forms. */

import { Direction, type MatrixEvent, RelationType } from "matrix-js-sdk";
import { senderOf } from "./event_facts";
import type { People } from "./people";
import type { Place } from "./place";

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

  /** Earlier forms of an edited message, newest first. */
  async versions(eventId: string): Promise<Array<{ ts: number; body: string }>> {
    const { events } = await this.place.client.relations(this.place.id, eventId, RelationType.Replace, null);
    const original = await this.place.client.fetchRoomEvent(this.place.id, eventId);
    const mapper = this.place.client.getEventMapper();
    const first = mapper(original);
    await this.place.client.decryptEventIfNeeded(first);
    const edits = events.map((each) => ({ ts: each.getTs(), body: String(each.getContent()["m.new_content"]?.body ?? "") }));
    return [...edits, { ts: first.getTs(), body: String(first.getOriginalContent().body ?? "") }].sort((a, b) => b.ts - a.ts);
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
  async event(eventId: string): Promise<{ sender: string; ts: number; text: string } | null> {
    const event = await this.found(eventId).catch(() => null);
    if (!event) return null;
    await this.place.client.decryptEventIfNeeded(event);
    const sender = senderOf(event);
    const body = event.getContent().body;
    return {
      sender: this.people.of(this.place.room.getMember(sender), sender).name,
      ts: event.getTs(),
      text: typeof body === "string" ? body : "",
    };
  }

  private async found(eventId: string): Promise<MatrixEvent | null> {
    const known = this.place.room.findEventById(eventId);
    if (known) return known;
    const raw = await this.place.client.fetchRoomEvent(this.place.id, eventId).catch((error) => {
      const { httpStatus } = error as { httpStatus?: number };
      if (httpStatus === 404 || httpStatus === 403) return null;
      throw error; // without a network nobody knows
    });
    return raw && this.place.client.getEventMapper()({ ...raw, room_id: this.place.id });
  }
}
