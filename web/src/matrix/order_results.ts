/** An order that asks for an answer, and how it stands. Whatever makes no sense is a message like others. */

import { EventType, type IContent, type MatrixEvent, RelationType, type Room } from "matrix-js-sdk";
import { idOf, senderOf } from "./event_facts";
import { isTime, isUserId, readLadder, type Step, sentTo, taken, URGENT } from "./order_ladder";
import type { People } from "./people";
import { original, readable } from "./readable";
import type { OrderAnswer, OrderContent, OrderState, OrderStep } from "./types";

export const ORDER = "org.chappe.order";
export const ANSWER = "org.chappe.order.answer";
export const LIFTED = "org.chappe.order.lifted";
export const MOST_PEOPLE = 500;
export const MOST_TEXT = 500;
export const MOST_WORDS = 140;

interface Order {
  text: string;
  to: string[];
  due: number | null;
  ladder: Step[];
}

/** What an order asks, of whom; null for what is none. */
export function readOrder(content: IContent): Order | null {
  const given = content[ORDER];
  if (typeof given !== "object" || given === null) return null;
  const { text, to, due, ladder } = given as Record<string, unknown>;
  if (typeof text !== "string" || !text.trim() || text.length > MOST_TEXT) return null;
  if (!Array.isArray(to) || !to.length || to.length > MOST_PEOPLE) return null;
  if (!to.every(isUserId)) return null;
  return { text: text.trim(), to: [...new Set(to)], due: isTime(due) ? due : null, ladder: readLadder(ladder) };
}

/** What somebody answers; null for what is no answer. */
export function readAnswer(content: IContent | null): { state: OrderState; text: string } | null {
  const given = content?.[ANSWER];
  if (typeof given !== "object" || given === null) return null;
  const { state, text } = given as Record<string, unknown>;
  if (state !== "received" && state !== "doing" && state !== "cannot") return null;
  return { state, text: typeof text === "string" ? text.slice(0, MOST_WORDS) : "" };
}

/** Who may notify a whole room may ask all of it to answer: that is the room's own rule. */
export const mayOrder = (room: Room, user: string): boolean => room.currentState.mayTriggerNotifOfType("room", user);

/** As it was given: what people have answered is what they were asked, and an edit takes it back. An answer is not edited. */
export function orderOf(event: MatrixEvent, room: Room, people: People, me: string): OrderContent | null {
  const order = readOrder(original(event).content ?? {});
  if (!order || !mayOrder(room, senderOf(event))) return null;
  const latest = new Map<string, OrderAnswer>();
  let lifted: OrderContent["lifted"] = null;
  const replies = repliesTo(event, room);
  const own = replies.filter((each) => each.getSender() === event.getSender());
  const nameOf = (id: string) => people.of(room.getMember(id), id);
  const ladder = order.ladder.map((step): OrderStep => {
    const done = taken(step, own);
    const who = step.who === null ? null : nameOf(step.who);
    return { ...step, who, done: done && { ts: done.getTs(), people: sentTo(done).map(nameOf) } };
  });
  const instead = ladder.filter((each) => each.by === "ask" && each.done).map((each) => each.who?.id ?? "");
  const asked = new Set([...order.to, ...instead]);
  const unanswered = (id: string): OrderAnswer => ({
    person: nameOf(id),
    instead: !order.to.includes(id),
    state: null,
    text: "",
    ts: null,
  });
  for (const each of replies) {
    const said = original(each).content;
    const sender = senderOf(each);
    if (sender === event.getSender() && typeof said?.[LIFTED]?.reason === "string" && !lifted)
      lifted = { reason: said[LIFTED].reason.slice(0, MOST_WORDS), ts: each.getTs() };
    const answer = asked.has(sender) ? readAnswer(said) : null;
    const before = latest.get(sender);
    if (answer && (before?.ts ?? 0) <= each.getTs()) latest.set(sender, { ...unanswered(sender), ...answer, ts: each.getTs() });
  }
  const answers = [...asked].map((id) => latest.get(id) ?? unanswered(id));
  return {
    type: "order",
    text: order.text,
    due: order.due,
    answers: answers.sort((a, b) => Number(a.state !== null) - Number(b.state !== null)),
    asksMe: asked.has(me),
    mine: latest.get(me)?.state ?? null,
    lifted,
    edited: event.replacingEvent() ? String(readable(event).content?.body ?? "").slice(0, 2 * MOST_TEXT) : null,
    ladder,
  };
}

/** Whether an event only answers an order of this room, or lifts it: the order's card shows it. */
export function isOfOrder(event: MatrixEvent, content: IContent, room: Room): boolean {
  const relation = event.getRelation();
  if (relation?.rel_type !== RelationType.Reference || !relation.event_id) return false;
  if (!readAnswer(content) && typeof content[LIFTED]?.reason !== "string") return false;
  const asked = room.findEventById(relation.event_id);
  if (asked?.isRedacted()) return true; // its card is gone, and with it what was answered
  const order = asked && readOrder(original(asked).content ?? {});
  if (!asked || !order || !mayOrder(room, senderOf(asked))) return false;
  if (content[LIFTED]) return senderOf(event) === senderOf(asked);
  return [...order.to, ...order.ladder.map((each) => each.who)].includes(senderOf(event));
}

const repliesTo = (event: MatrixEvent, room: Room): MatrixEvent[] =>
  (
    room.relations.getChildEventsForEvent(idOf(event), RelationType.Reference, EventType.RoomMessage)?.getRelations() ?? []
  ).filter((each) => !each.isRedacted());

/** The same rule as the server's: whoever may notify the whole room asks this member to answer. */
export function isUrgent(event: MatrixEvent, room: Room, me: string): boolean {
  const users: unknown = event.getWireContent()[URGENT]?.users;
  return Array.isArray(users) && users.includes(me) && mayOrder(room, senderOf(event));
}
