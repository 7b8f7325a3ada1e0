/**
 * Giving orders that ask for an answer, answering, lifting. An order is a message that every client can read; of what it says the server
 * knows nothing, only that it is urgent and for whom, so that it rings for them.
 */

import { EventType, MatrixEvent, Method, MsgType, RelationType } from "matrix-js-sdk";
import type { CryptoBackend } from "matrix-js-sdk/lib/common-crypto/CryptoBackend";
import { clock } from "../platform/clock";
import { Signal } from "../platform/signal";
import { sendable } from "./message_content";
import { STEP, type Step, URGENT } from "./order_ladder";
import { ANSWER, LIFTED, mayOrder, ORDER, orderOf } from "./order_results";
import type { People } from "./people";
import type { Place } from "./place";
import { relatedTo } from "./related";
import type { OrderContent, OrderState } from "./types";

export interface NewOrder {
  text: string;
  to: string[];
  due: number | null;
  /** The same as a message; what happens while somebody has not answered, and what is said then. */
  body: string;
  ladder: Array<Step & { body: string }>;
}

/** Five hundred people, each of whom answers twice. */
const MOST_PAGES = 10;
/** What the server keeps to be sent later goes no further ahead. */
const LONGEST = 23 * 3_600_000;

export class Orders {
  /** Answers were found that are not among the messages that are loaded. */
  readonly found = new Signal(50);

  constructor(
    private readonly place: Place,
    private readonly people: People,
  ) {}

  /** Asks the server for the answers to an order: those that were given long after it may not be loaded. */
  async load(eventId: string): Promise<void> {
    const { more } = await relatedTo(this.place, eventId, MOST_PAGES);
    if (more) this.found.fire();
  }

  /** How an order stands by the server's copy, loaded or not; null for what is none any more. Rejects without a network. */
  async stands(eventId: string): Promise<OrderContent | null> {
    const { original } = await relatedTo(this.place, eventId, MOST_PAGES).catch((error) => {
      if ([403, 404].includes((error as { httpStatus?: number }).httpStatus ?? 0)) return { original: null };
      throw error;
    });
    this.found.fire(); // where it is loaded, it is as the server has it now
    if (!original || original.isRedacted() || !this.place.exists) return null;
    return orderOf(original, this.place.room, this.people, this.place.client.getSafeUserId());
  }

  /** Whether the room lets one give orders. */
  may(): boolean {
    return this.place.exists && mayOrder(this.place.room, this.place.client.getSafeUserId());
  }

  /** Whether this account's server writes mails. */
  async mails(): Promise<boolean> {
    const capabilities = await this.place.client.getCapabilities();
    return capabilities["m.3pid_changes"]?.enabled === true;
  }

  /** Resolves whether the server has taken every step that is to follow. */
  async give({ text, to, due, body, ladder }: NewOrder): Promise<boolean> {
    const steps: Step[] = ladder.map(({ at, by, who }) => ({ at, by, who }));
    const eventId = await this.urgent(
      { body, [ORDER]: { text, to, due, ladder: steps }, ...mentions(to) },
      { users: to },
      null,
    );
    const held = ladder.map(async ({ body: said, at, by, who }) => {
      if (at - clock.now() > LONGEST) throw new RangeError("too far ahead");
      const content = { body: said, msgtype: MsgType.Notice, [STEP]: { at, by, who }, ...about(eventId) };
      const users = who === null ? to : [who]; // the server leaves out who has answered by then
      await this.urgent({ ...content, ...mentions(who === null ? [] : [who]) }, { users, mail: by === "mail" }, at);
    });
    return (await Promise.allSettled(held)).every((each) => each.status === "fulfilled"); // not of a server without delayed events
  }

  async answer(eventId: string, state: OrderState, text: string, body: string): Promise<void> {
    await this.say({ body, [ANSWER]: { state, text }, ...about(eventId) });
  }

  async lift(eventId: string, reason: string, body: string): Promise<void> {
    await this.say({ body, [LIFTED]: { reason }, ...about(eventId, LIFTED) });
    await this.settle(eventId);
  }

  /** Asks those who have not answered once more, now. */
  async remind(eventId: string, to: string[], body: string): Promise<void> {
    await this.urgent({ body, msgtype: MsgType.Notice, ...about(eventId), ...mentions(to) }, { users: to }, null);
  }

  /** Nobody needs to be reminded any more. */
  async settle(eventId: string): Promise<void> {
    const { client, id } = this.place;
    const path = "/delayed_events";
    const prefix = "/_matrix/client/unstable/org.matrix.msc4140";
    const answer = await client.http.authedRequest<{ scheduled?: Waiting[] }>(Method.Get, path, undefined, undefined, {
      prefix,
    });
    for (const each of answer.scheduled ?? []) {
      if (each.room_id !== id || each.content?.["m.relates_to"]?.event_id !== eventId) continue;
      await client.http.authedRequest(Method.Post, `${path}/${each.delay_id}/cancel`, undefined, {}, { prefix });
    }
  }

  /** Now, or at a time. What is urgent stands beside what is sealed. */
  private async urgent(content: object, beside: { users: string[]; mail?: boolean }, at: number | null): Promise<string> {
    const { client, id, room } = this.place;
    const whole = { msgtype: MsgType.Text, ...content };
    const isSealed = room.hasEncryptionStateEvent();
    const event = new MatrixEvent({ type: EventType.RoomMessage, content: whole, room_id: id, sender: client.getSafeUserId() });
    if (isSealed) await (client.getCrypto() as CryptoBackend).encryptEvent(event, room);
    const type = isSealed ? EventType.RoomMessageEncrypted : EventType.RoomMessage;
    const path = `/rooms/${encodeURIComponent(id)}/send/${type}/${encodeURIComponent(client.makeTxnId())}`;
    const query = at === null ? undefined : { "org.matrix.msc4140.delay": String(Math.max(at - clock.now(), 1000)) };
    const sealed = { ...event.getWireContent(), [URGENT]: beside };
    const sent = await client.http.authedRequest<{ event_id?: string; delay_id?: string }>(Method.Put, path, query, sealed);
    return sent.event_id ?? sent.delay_id ?? "";
  }

  private async say(content: object): Promise<void> {
    await this.place.client.sendMessage(this.place.id, sendable({ msgtype: MsgType.Notice, ...content }));
  }
}

/** `key`: what the server is to see of it. */
const about = (eventId: string, key?: string): object => ({
  "m.relates_to": { rel_type: RelationType.Reference, event_id: eventId, ...(key && { key }) },
});

const mentions = (users: string[]): object => ({ "m.mentions": { user_ids: users } });

interface Waiting {
  delay_id: string;
  room_id: string;
  content?: { "m.relates_to"?: { event_id?: string } };
}
