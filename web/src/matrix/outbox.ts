/** Messages wait for the network for as long as it takes, in the order of their room, once each, over a reload too. */

import {
  ClientEvent,
  EventStatus,
  KnownMembership,
  type MatrixClient,
  type MatrixEvent,
  MatrixScheduler,
  type Room,
  RoomEvent,
  SyncState,
  type TimelineEvents,
} from "matrix-js-sdk";
import { original } from "./readable";
import { type Unsent, UnsentStore } from "./unsent";

/** What was kept of an earlier visit was one of these then. */
type Kind = keyof TimelineEvents;

const FIRST_WAIT = 500;
const LONGEST_WAIT = 5000;
const BLOCKED = "Event blocked by other events not yet sent"; // what the SDK says of a message behind one that waits

interface Failure {
  name?: string;
  message?: string;
  httpStatus?: number;
  data?: { retry_after_ms?: number };
}

/** Whether a message may still leave: the network or the server is away, or the server asks for patience. */
export function isPassing(failure: unknown): boolean {
  const { name, httpStatus } = (failure ?? {}) as Failure;
  return name === "ConnectionError" || name === "AbortError" || httpStatus === 429 || (httpStatus ?? 0) >= 500;
}

/** What waits in the outbox is shown as waiting, and no failure. */
export async function unlessItWaits(sending: Promise<unknown>): Promise<void> {
  await sending.catch((failure) => {
    if (!isPassing(failure) && (failure as Failure).message !== BLOCKED) throw failure;
  });
}

/** One queue for each room; what the server refuses for good leaves the queue at once. */
export function queues(): MatrixScheduler {
  return new MatrixScheduler(
    (_event, attempts, failure) => {
      if (!isPassing(failure)) return -1;
      const asked = (failure as Failure).data?.retry_after_ms ?? 0;
      return Math.max(asked, Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.min(attempts, 6)));
    },
    (event) => event.getRoomId() ?? null,
  );
}

export class Outbox {
  private readonly emptying = new Set<string>();
  private readonly tried = new Set<string>();
  private readonly unsent: UnsentStore;
  private isOpen = false;
  /** Of an earlier visit, for rooms that this browser has not loaded yet. */
  private left: Unsent[] = [];

  constructor(private readonly client: MatrixClient) {
    this.unsent = new UnsentStore(client.getSafeUserId());
    client.on(RoomEvent.LocalEchoUpdated, (event, room) => this.follow(event, room));
    client.on(ClientEvent.Sync, (state) => {
      if (state === SyncState.Prepared) void this.open();
      if (state === SyncState.Syncing) this.again();
    });
  }

  /** Sends what waits in this browser: what an earlier visit left, and what could not even be encrypted without a network. */
  resume(): void {
    if (!this.isOpen) return;
    for (const room of this.client.getRooms()) {
      if (room.getPendingEvents().some((event) => this.waits(event))) void this.empty(room);
    }
  }

  private async open(): Promise<void> {
    if (this.isOpen) return;
    this.isOpen = true;
    this.left = await this.unsent.load().catch(() => []);
    this.again();
    this.resume();
  }

  /** What an earlier visit did not send is shown again as waiting, under the same number: the server takes it once. */
  private again(): void {
    const known = this.left.filter((each) => this.client.getRoom(each.room));
    this.left = this.left.filter((each) => !known.includes(each));
    for (const each of known) {
      const room = this.client.getRoom(each.room)!;
      if (room.getMyMembership() !== KnownMembership.Join || isThere(room, each.txn)) this.unsent.remove(each.txn);
      else this.send(each).catch(() => {}); // it is shown as waiting, or as refused
    }
  }

  private send({ room, thread, type, content, redacts, txn }: Unsent): Promise<unknown> {
    return redacts
      ? this.client.redactEvent(room, thread, redacts, txn, content as { reason?: string })
      : this.client.sendEvent(room, thread, type as Kind, content as TimelineEvents[Kind], txn);
  }

  private follow(event: MatrixEvent, room: Room): void {
    const txn = event.getTxnId();
    if (!txn) return;
    const leaves = event.status !== null && event.status !== EventStatus.SENT && event.status !== EventStatus.CANCELLED;
    if (leaves) this.unsent.put(unsentOf(event, room, txn));
    else this.unsent.remove(txn);
    if (event.status === EventStatus.NOT_SENT && !event.error) queueMicrotask(() => this.resume()); // behind one that waits
  }

  private async empty(room: Room): Promise<void> {
    if (this.emptying.has(room.roomId)) return;
    this.emptying.add(room.roomId);
    try {
      for (;;) {
        const next = room.getPendingEvents().find((event) => this.waits(event));
        if (!next) return;
        this.tried.add(next.getTxnId() ?? "");
        await this.client.resendEvent(next, room);
      }
    } catch (failure) {
      if (!isPassing(failure)) queueMicrotask(() => this.resume()); // the next ones do not wait for one that was refused
    } finally {
      this.emptying.delete(room.roomId);
    }
  }

  /** What was refused for good waits for the person; an earlier visit's refusals are not known, so each is tried once. */
  private waits(event: MatrixEvent): boolean {
    if (event.status !== EventStatus.NOT_SENT) return false;
    return event.error ? isPassing(event.error) : !this.tried.has(event.getTxnId() ?? "");
  }
}

function unsentOf(event: MatrixEvent, room: Room, txn: string): Unsent {
  const [thread, redacts] = [event.threadRootId ?? null, event.event.redacts ?? null];
  return { txn, room: room.roomId, thread, type: event.getType(), content: original(event).content ?? {}, redacts };
}

/** Whether a message was said, or waits to be. */
export function isThere(room: Room, txn: string): boolean {
  return [...room.getPendingEvents(), ...room.getLiveTimeline().getEvents()].some(
    (each) => each.getTxnId() === txn || each.getUnsigned().transaction_id === txn,
  );
}
