/** Messages that the server sends later (MSC4140). */

import { EventType, MatrixEvent, Method, UpdateDelayedEventAction } from "matrix-js-sdk";
import type { CryptoBackend } from "matrix-js-sdk/lib/common-crypto/CryptoBackend";
import { clock } from "../platform/clock";
import { messageContent } from "./message_content";
import { URGENT } from "./order_ladder";
import type { Place } from "./place";
import type { Outgoing } from "./types";

export class Scheduled {
  constructor(private readonly place: Place) {}

  /** Sends later, at a time in milliseconds. Returns the identifier to take it back by. */
  async add(message: Outgoing, threadId: string | null, at: number): Promise<string> {
    const { client, id, room } = this.place;
    const delay = Math.max(at - clock.now(), 1000);
    const content = messageContent(room, message, threadId);
    if (!room.hasEncryptionStateEvent()) {
      const sent = await client._unstable_sendDelayedEvent(id, { delay }, threadId, EventType.RoomMessage, content);
      return (sent as { delay_id: string }).delay_id;
    }
    // the SDK would send it in the clear: it is encrypted here first
    const event = new MatrixEvent({ type: EventType.RoomMessage, content, room_id: id, sender: client.getSafeUserId() });
    await (client.getCrypto() as CryptoBackend).encryptEvent(event, room);
    const path = `/rooms/${encodeURIComponent(id)}/send/m.room.encrypted/${encodeURIComponent(client.makeTxnId())}`;
    const query = { "org.matrix.msc4140.delay": String(delay) };
    const sent = await client.http.authedRequest<{ delay_id: string }>(Method.Put, path, query, event.getWireContent());
    return sent.delay_id;
  }

  /** What waits to be sent later; what is to follow an order is shown there. */
  async list(): Promise<Array<{ id: string; at: number }>> {
    // the SDK's type does not say what the server answers
    const answer = (await this.place.client._unstable_getDelayedEvents("scheduled")) as { scheduled?: Waiting[] };
    return (answer.scheduled ?? [])
      .filter((each) => each.room_id === this.place.id && !each.content?.[URGENT])
      .map((each) => ({ id: each.delay_id, at: Number(each.running_since) + Number(each.delay) }));
  }

  /** `now`: instead of not at all. */
  async remove(id: string, now: boolean): Promise<void> {
    const action = now ? UpdateDelayedEventAction.Send : UpdateDelayedEventAction.Cancel;
    await this.place.client._unstable_updateDelayedEvent(id, action);
  }
}

interface Waiting {
  delay_id: string;
  room_id: string;
  running_since: number;
  delay: number;
  content?: Record<string, unknown>;
}
