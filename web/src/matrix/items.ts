/** Events of a room as items of a timeline. */

import {
  EventStatus,
  EventType,
  M_POLL_START,
  type MatrixClient,
  type MatrixEvent,
  NotificationCountType,
  RelationType,
  type Room,
} from "matrix-js-sdk";
import { explain } from "./errors";
import { idOf, senderOf } from "./event_facts";
import { textOf } from "./event_text";
import { HISTORY_SHARED } from "./history_sharing";
import { attachment, message } from "./item_content";
import { isOfOrder, orderOf } from "./order_results";
import { isPassing } from "./outbox";
import type { People } from "./people";
import { cardOf, isOfPlaybook } from "./playbook_results";
import { pollOf } from "./poll_results";
import { readable } from "./readable";
import { lineOf, sharedLine } from "./state_line";
import type { Content, Item, Quote, Reaction } from "./types";

/** Addresses of pictures are the longest. */
const LONGEST_KEY = 300;

export class Items {
  private readonly made = new Map<string, { item: Item; print: string }>();

  constructor(
    private readonly client: MatrixClient,
    private readonly people: People,
    private readonly room: Room,
  ) {}

  /** Null for what is not shown. The same object again while nothing of it has changed. */
  of(event: MatrixEvent, inThread: boolean, seenBy: string[]): Item | null {
    const content = this.content(event);
    if (content === null) return null;
    const id = idOf(event);
    const mine = event.getSender() === this.client.getUserId();
    const live = content.type !== "deleted" && content.type !== "event";
    const item: Item = {
      key: event.getTxnId() ?? id,
      eventId: id,
      sender: this.people.of(event.sender ?? this.room.getMember(senderOf(event)), senderOf(event)),
      mine,
      ts: event.getTs(),
      state: stateOf(event),
      refusal: stateOf(event) === "failed" && event.error ? explain(event.error) : null,
      content,
      edited: live && event.replacingEvent() !== null,
      mentionsMe: !mine && live && mentions(event, this.client.getSafeUserId()),
      reactions: live ? this.reactions(id) : [],
      reply: live ? this.reply(event, inThread) : null,
      thread: live && !inThread ? this.thread(event) : null,
      seenBy: seenBy.map((user) => this.people.of(this.room.getMember(user), user)),
      givenBy: live ? this.giver(event) : null,
      warning: null,
      link: content.type === "text" ? firstLink(content.body) : null,
    };
    const print = JSON.stringify(item);
    const before = this.made.get(item.key);
    if (before?.print === print) return before.item;
    this.made.set(item.key, { item, print });
    return item;
  }

  /** Whether an event has a row of its own. */
  shows(event: MatrixEvent): boolean {
    return this.content(event) !== null;
  }

  private content(event: MatrixEvent): Content | null {
    const type = event.getType();
    if (event.isRedacted()) {
      if (event.isState() || type === EventType.Reaction) return null;
      const because = event.getUnsigned().redacted_because as { sender?: string; content?: { reason?: string } } | undefined;
      return {
        type: "deleted",
        by: because?.sender ? this.nameOf(because.sender) : null,
        reason: because?.content?.reason ?? null,
      };
    }
    if (event.isRelation(RelationType.Replace)) return null;
    const { locked, content } = readable(event);
    if (locked) return { type: "locked", reason: locked };
    if (event.isState()) return lineOf(event, this.people, this.room);
    if (type === EventType.RoomMessage) {
      if (isOfOrder(event, content, this.room) || isOfPlaybook(event, this.room)) return null;
      const order = orderOf(event, this.room, this.people, this.client.getSafeUserId());
      return order ?? cardOf(event, this.room) ?? message(content);
    }
    if (type === EventType.Sticker) return { type: "image", file: attachment(content) };
    if (M_POLL_START.matches(type)) return pollOf(event, content, this.room, this.client.getUserId());
    if (type === HISTORY_SHARED) return sharedLine(event, content, this.people, this.room);
    if (type === EventType.CallInvite)
      return { type: "event", key: "event.call", values: { who: this.nameOf(senderOf(event)) } };
    return null;
  }

  private giver(event: MatrixEvent): Item["givenBy"] {
    const user = event.getKeyForwardingUser();
    return user ? this.people.of(this.room.getMember(user), user) : null;
  }

  private reactions(id: string): Reaction[] {
    const children = this.room.relations.getChildEventsForEvent(id, RelationType.Annotation, EventType.Reaction);
    const found: Reaction[] = [];
    for (const [key, events] of children?.getSortedAnnotationsByKey() ?? []) {
      const live = [...events].filter((each) => !each.isRedacted());
      const senders = new Set(live.map((each) => senderOf(each)));
      if (!senders.size || !key) continue;
      const mine = live.find((each) => each.getSender() === this.client.getUserId())?.getId() ?? null;
      found.push({
        key: key.slice(0, LONGEST_KEY),
        name: nameOfReaction(live),
        count: senders.size,
        mine,
        people: [...senders].slice(0, 20).map((each) => this.nameOf(each)),
      });
    }
    return found;
  }

  private reply(event: MatrixEvent, inThread: boolean): Quote | null {
    const id = event.replyEventId;
    const relation = event.getWireContent()["m.relates_to"];
    if (!id || (inThread && relation?.is_falling_back)) return null;
    const target = this.room.findEventById(id);
    if (!target) return { eventId: id, sender: null, text: null };
    return { eventId: id, sender: this.nameOf(senderOf(target)), text: textOf(target) };
  }

  private thread(event: MatrixEvent): Item["thread"] {
    const thread = event.getThread();
    if (!thread || thread.id !== event.getId() || !thread.length) return null;
    const people = new Map<string, Item["sender"]>();
    for (const each of thread.timeline) {
      const sender = senderOf(each);
      if (each.getId() !== thread.id) people.set(sender, this.people.of(this.room.getMember(sender), sender));
    }
    return {
      count: thread.length,
      unread: this.room.getThreadUnreadNotificationCount(thread.id, NotificationCountType.Total),
      lastTs: thread.replyToEvent?.getTs() ?? event.getTs(),
      people: [...people.values()].slice(-3),
    };
  }

  private nameOf(id: string): string {
    return this.people.of(this.room.getMember(id), id).name;
  }
}

function stateOf(event: MatrixEvent): Item["state"] {
  if (event.status === null || event.status === EventStatus.SENT) return "sent";
  // without an error: behind one that waits, or of an earlier visit
  if (event.status === EventStatus.NOT_SENT && (!event.error || isPassing(event.error))) return "queued";
  if (event.status === EventStatus.NOT_SENT || event.status === EventStatus.CANCELLED) return "failed";
  return event.status === EventStatus.QUEUED ? "queued" : "sending";
}

/** What people call an emoji of their own (MSC4027). */
function nameOfReaction(events: MatrixEvent[]): string | null {
  for (const each of events) {
    const content = readable(each).content ?? {};
    const name = content.shortcode ?? content["com.beeper.reaction.shortcode"];
    if (typeof name === "string" && name) return name.slice(0, 60);
  }
  return null;
}

function mentions(event: MatrixEvent, me: string): boolean {
  const said = readable(event).content?.["m.mentions"];
  return said?.user_ids?.includes?.(me) === true || said?.room === true;
}

function firstLink(body: string): string | null {
  return /https?:\/\/[^\s<>"')\]]+[^\s<>"')\].,;:!?]/.exec(body)?.[0] ?? null;
}
