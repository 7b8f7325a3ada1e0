/** Polls of a room (MSC3381): asking, voting, ending. */

import { M_POLL_END, M_POLL_RESPONSE, M_POLL_START, RelationType, type TimelineEvents } from "matrix-js-sdk";
import type { Place } from "./place";

const TEXT = "org.matrix.msc1767.text";

export class Polls {
  constructor(private readonly place: Place) {}

  async start(question: string, answers: string[], disclosed: boolean, threadId: string | null): Promise<void> {
    await this.say(threadId, M_POLL_START.name, {
      [M_POLL_START.name]: {
        question: { [TEXT]: question },
        kind: `org.matrix.msc3381.poll.${disclosed ? "disclosed" : "undisclosed"}`,
        max_selections: 1,
        answers: answers.map((each, index) => ({ id: `${index + 1}`, [TEXT]: each })),
      },
      [TEXT]: `${question}\n${answers.map((each, index) => `${index + 1}. ${each}`).join("\n")}`,
    });
  }

  async vote(eventId: string, answers: string[]): Promise<void> {
    await this.say(null, M_POLL_RESPONSE.name, { [M_POLL_RESPONSE.name]: { answers }, ...about(eventId) });
  }

  async end(eventId: string, text: string): Promise<void> {
    await this.say(null, M_POLL_END.name, { [M_POLL_END.name]: {}, ...about(eventId), [TEXT]: text });
  }

  /** The SDK has no type for the response of a poll. */
  private async say(threadId: string | null, type: string, content: object): Promise<void> {
    const known = type as keyof TimelineEvents;
    await this.place.client.sendEvent(this.place.id, threadId, known, content as TimelineEvents[typeof known]);
  }
}

const about = (eventId: string): object => ({
  "m.relates_to": { rel_type: RelationType.Reference, event_id: eventId },
});
