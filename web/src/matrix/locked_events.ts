/** Events that this device could not open, as the server gave them: their keys may come another day. */

import type { IEvent, MatrixEvent } from "matrix-js-sdk";
import { idOf, roomOf } from "./event_facts";

const MOST = 500; // the newest

export class LockedEvents {
  private readonly events = new Map<string, Partial<IEvent>>();
  /** Whether they are others than when they were last kept. */
  isChanged = false;

  get all(): Array<Partial<IEvent>> {
    return [...this.events.values()];
  }

  restore(kept: Array<Partial<IEvent>>): void {
    for (const each of kept) if (each.event_id) this.events.set(each.event_id, each);
  }

  add(event: MatrixEvent): void {
    const { sender, type, content, origin_server_ts } = event.event;
    const event_id = idOf(event);
    if (this.events.has(event_id)) return;
    this.events.set(event_id, { event_id, room_id: roomOf(event), sender, type, content, origin_server_ts });
    this.isChanged = true;
    if (this.events.size <= MOST) return;
    const age = (raw: Partial<IEvent>): number => raw.origin_server_ts ?? 0;
    const oldest = this.all.reduce((a, b) => (age(a) <= age(b) ? a : b));
    this.events.delete(oldest.event_id!);
  }

  /** It is open, or gone. Resolves whether it was locked. */
  remove(id: string, roomId: string): boolean {
    if (this.events.get(id)?.room_id !== roomId) return false;
    this.isChanged = true;
    return this.events.delete(id);
  }
}
