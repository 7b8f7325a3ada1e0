/** Asks the server for what refers to a message: what was said long after it may not be loaded. */

import { Direction, EventType, type MatrixEvent, RelationType } from "matrix-js-sdk";
import type { Place } from "./place";

interface Related {
  /** What they refer to, where the server still has it. */
  original: MatrixEvent | null;
  events: MatrixEvent[];
  /** Whether there was something that was not known. */
  more: boolean;
}

/** Of at most `pages` hundreds; what was found counts in the room's relations. */
export async function relatedTo({ client, id, room }: Place, eventId: string, pages: number): Promise<Related> {
  const known = (): number =>
    room.relations.getChildEventsForEvent(eventId, RelationType.Reference, EventType.RoomMessage)?.getRelations().length ?? 0;
  const before = known();
  const found: Related = { original: null, events: [], more: false };
  let from: string | undefined;
  for (let page = 0; page < pages; page += 1) {
    const options = { dir: Direction.Backward, limit: 100, from };
    const answer = await client.relations(id, eventId, RelationType.Reference, EventType.RoomMessage, options);
    found.original = answer.originalEvent ?? found.original;
    const all = room.getUnfilteredTimelineSet();
    for (const each of answer.events) {
      // what is waited for is that it counts; where it counted already this does nothing
      await room.relations.aggregateChildEvent(each, all, answer.originalEvent ?? each);
      found.events.push(each);
    }
    if (!answer.nextBatch) break;
    from = answer.nextBatch;
  }
  found.more = known() !== before;
  return found;
}
