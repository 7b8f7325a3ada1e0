/** Messages wait for the network for as long as it takes, in the order of their room, once each, over a reload too. */

import { EventStatus, type MatrixClient, type MatrixEvent, MatrixScheduler, type Room } from "matrix-js-sdk";

const FIRST_WAIT = 500;
const LONGEST_WAIT = 5000;

interface Failure {
  name?: string;
  httpStatus?: number;
  data?: { retry_after_ms?: number };
}

/** Whether a message may still leave: the network or the server is away, or the server asks for patience. */
export function isPassing(failure: unknown): boolean {
  const { name, httpStatus } = (failure ?? {}) as Failure;
  return name === "ConnectionError" || name === "AbortError" || httpStatus === 429 || (httpStatus ?? 0) >= 500;
}

/** One queue for each room; what the server refuses for good leaves the queue at once. */
export function queues(): MatrixScheduler {
  return new MatrixScheduler(
    (_event, attempts, failure) => {
      if (!isPassing(failure)) return -1;
      const asked = (failure as unknown as Failure).data?.retry_after_ms ?? 0;
      return Math.max(asked, Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.min(attempts, 6)));
    },
    (event) => event.getRoomId() ?? null,
  );
}

export class Outbox {
  private emptying = new Set<string>();
  private tried = new Set<string>();

  constructor(private readonly client: MatrixClient) {}

  /** Sends what waits in this browser: what an earlier visit left, and what could not even be encrypted without a network. */
  resume(): void {
    for (const room of this.client.getRooms()) {
      const waiting = room.getPendingEvents().filter((event) => this.waits(event));
      if (waiting.length && !this.emptying.has(room.roomId)) void this.empty(room, waiting);
    }
  }

  private async empty(room: Room, waiting: MatrixEvent[]): Promise<void> {
    this.emptying.add(room.roomId);
    await this.send(room, waiting);
    this.emptying.delete(room.roomId);
  }

  private async send(room: Room, waiting: MatrixEvent[]): Promise<void> {
    for (const event of waiting) {
      this.tried.add(event.getTxnId() ?? "");
      try {
        await this.client.resendEvent(event, room);
      } catch (failure) {
        if (isPassing(failure)) return; // the next ones come after it
      }
    }
  }

  /** What was refused for good waits for the person; an earlier visit's refusals are not known, so each is tried once. */
  private waits(event: MatrixEvent): boolean {
    if (event.status !== EventStatus.NOT_SENT) return false;
    return event.error ? isPassing(event.error) : !this.tried.has(event.getTxnId() ?? "");
  }
}
