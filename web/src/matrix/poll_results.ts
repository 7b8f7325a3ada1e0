/** How a poll stands (MSC3381). */

import {
  type IContent,
  M_POLL_END,
  M_POLL_RESPONSE,
  M_POLL_START,
  type MatrixEvent,
  RelationType,
  type Room,
} from "matrix-js-sdk";
import { idOf, senderOf } from "./event_facts";
import { readable } from "./readable";
import type { Content, PollAnswer } from "./types";

interface Start {
  question?: Record<string, unknown>;
  answers?: Array<Record<string, unknown>>;
  kind?: string;
  max_selections?: number;
}

/** `content`: that of the event which began it; `me`: whose votes are shown as one's own. */
export function pollOf(event: MatrixEvent, content: IContent, room: Room, me: string | null): Content {
  const start: Start = M_POLL_START.findIn<Start>(content) ?? {};
  const end = endOf(event, room);
  const max = start.max_selections ?? 1;
  const answers: PollAnswer[] = (start.answers ?? [])
    .slice(0, 20)
    .map((each) => ({ id: String(each.id ?? each["m.id"]), text: text(each), votes: 0, mine: false }));
  let voters = 0;
  for (const [user, response] of responses(event, room, end)) {
    const chosen = (M_POLL_RESPONSE.findIn<{ answers?: string[] }>(readable(response).content ?? {})?.answers ?? []).slice(
      0,
      max,
    );
    const valid = answers.filter((each) => chosen.includes(each.id));
    if (valid.length) voters++;
    for (const answer of valid) {
      answer.votes++;
      if (user === me) answer.mine = true;
    }
  }
  return {
    type: "poll",
    question: text(start.question),
    answers,
    voters,
    ended: end !== undefined,
    disclosed: !String(start.kind).endsWith("undisclosed"),
    max,
  };
}

const text = (part: Record<string, unknown> | undefined): string =>
  String(part?.["org.matrix.msc1767.text"] ?? part?.["m.text"] ?? part?.body ?? "");

/** When it was ended by somebody who may. */
function endOf(event: MatrixEvent, room: Room): number | undefined {
  const may = (user: string): boolean => user === event.getSender() || room.currentState.maySendRedactionForEvent(event, user);
  return relatedTo(event, room, M_POLL_END)
    .filter((each) => may(senderOf(each)))
    .map((each) => each.getTs())
    .sort()[0];
}

/** The latest response of each, up to the end. */
function responses(event: MatrixEvent, room: Room, end: number | undefined): Map<string, MatrixEvent> {
  const latest = new Map<string, MatrixEvent>();
  for (const response of relatedTo(event, room, M_POLL_RESPONSE)) {
    if (end !== undefined && response.getTs() > end) continue;
    const before = latest.get(senderOf(response));
    if (!before || before.getTs() <= response.getTs()) latest.set(senderOf(response), response);
  }
  return latest;
}

function relatedTo(event: MatrixEvent, room: Room, type: { name: string; altName?: string | null }): MatrixEvent[] {
  const names = [type.name, type.altName].filter((each): each is string => Boolean(each));
  return names
    .flatMap((name) => room.relations.getChildEventsForEvent(idOf(event), RelationType.Reference, name)?.getRelations() ?? [])
    .filter((each) => !each.isRedacted());
}
