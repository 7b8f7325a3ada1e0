/** What was said in a room: one event of it, its earlier forms. */

import { Direction, RelationType } from "matrix-js-sdk";
import { senderOf } from "./event_facts";
import type { People } from "./people";
import type { Place } from "./place";

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

  /** One event, also if it is not loaded. */
  async event(eventId: string): Promise<{ sender: string; ts: number; text: string } | null> {
    let event = this.place.room.findEventById(eventId);
    if (!event) {
      const raw = await this.place.client.fetchRoomEvent(this.place.id, eventId).catch(() => null);
      if (!raw) return null;
      event = this.place.client.getEventMapper()(raw);
    }
    await this.place.client.decryptEventIfNeeded(event);
    const sender = senderOf(event);
    const body = event.getContent().body;
    return {
      sender: this.people.of(this.place.room.getMember(sender), sender).name,
      ts: event.getTs(),
      text: typeof body === "string" ? body : "",
    };
  }
}
