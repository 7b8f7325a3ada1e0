/** Walks the history of all rooms in the background, at the pace that the server gives. */

import { Direction, type MatrixClient, type MatrixEvent, Method, type Room } from "matrix-js-sdk";
import { clock, pause } from "../platform/clock";
import { Scope } from "../platform/scope";
import { readApart } from "./opened";

const PAUSE = 1500;
const AFTER_FAILURE = 10_000;
const NOTHING_TO_DO = 30_000;
const AT_ONCE = 100;
const PREFIX = "/_chappe/client/v1";

/** By room, where its history is read on; null: it has been read to its beginning. */
export type Places = Map<string, string | null>;

/** What was said while nobody was here to read it: from a place back to what was read before, `until` (a time). */
export type Gaps = Map<string, { from: string; until: number }>;

export interface Progress {
  readonly places: Places;
  readonly gaps: Gaps;
}

export class HistoryWalk {
  private isStopped = false;
  private readonly scope = new Scope();
  private readonly resting = this.scope.timer();
  /** By room, from when on it may be read further. */
  private readonly waits = new Map<string, number>();
  private goOn: (() => void) | null = null;

  /** `hasKeys`: whether this device may open what was said before it came; `keep`: keeps the progress, after each step;
   * `isPaced`: the server says how fast, as far as is known. */
  constructor(
    private readonly client: MatrixClient,
    private readonly progress: Progress,
    private readonly hasKeys: () => boolean,
    private readonly found: (event: MatrixEvent) => void,
    private readonly keep: () => Promise<void>,
    private isPaced = true,
  ) {}

  async run(): Promise<void> {
    while (!this.isStopped) {
      const next = this.next();
      if (!next) {
        await this.rest();
        continue;
      }
      const wait = await this.pace(next).catch(() => AFTER_FAILURE);
      if (wait) {
        this.waits.set(next.roomId, clock.now() + wait); // others may be read sooner
        await pause(PAUSE);
        continue;
      }
      await this.step(next).catch(() => pause(AFTER_FAILURE));
      await pause(PAUSE);
    }
  }

  /** Whether there is history that was not read. */
  get isBehind(): boolean {
    return this.client.getRooms().some((each) => this.isAhead(each));
  }

  stop(): void {
    this.isStopped = true;
    this.wake();
  }

  /** Looks again for what there is to read. */
  wake(): void {
    this.resting.clear();
    this.goOn?.();
  }

  private rest(): Promise<void> {
    return new Promise((resolve) => {
      this.goOn = resolve;
      this.resting.set(NOTHING_TO_DO, resolve);
    });
  }

  /** What is newer comes first. */
  private next(): Room | undefined {
    const now = clock.now();
    const ahead = this.client.getRooms().filter((each) => this.isAhead(each) && (this.waits.get(each.roomId) ?? 0) <= now);
    return ahead.find((each) => this.progress.gaps.has(each.roomId)) ?? ahead[0];
  }

  /** What is sealed is read once it can be opened: it would have to be read a second time. */
  private isAhead(room: Room): boolean {
    const { places, gaps } = this.progress;
    const isUnread = room.getMyMembership() === "join" && (gaps.has(room.roomId) || places.get(room.roomId) !== null);
    return isUnread && (this.hasKeys() || !room.hasEncryptionStateEvent());
  }

  /** Where a room's history is read on; null: at its end. */
  private placeIn({ roomId }: Room): string | null {
    return this.progress.gaps.get(roomId)?.from ?? this.progress.places.get(roomId) ?? null;
  }

  private async step(room: Room): Promise<void> {
    if (this.isStopped) return;
    const { places, gaps } = this.progress;
    const gap = gaps.get(room.roomId);
    const from = this.placeIn(room);
    const { chunk, end } = await this.client.createMessagesRequest(room.roomId, from, AT_ONCE, Direction.Backward);
    for (const raw of chunk) this.found(await readApart(this.client, raw));
    const next = end && chunk.length ? end : null;
    if (!gap) places.set(room.roomId, next);
    else if (next && chunk.some((each) => each.origin_server_ts >= gap.until)) gap.from = next;
    else gaps.delete(room.roomId);
    await this.keep();
  }

  /** How long to wait, in milliseconds. The server says how fast history may be read: a guard against stolen accounts would stop us. */
  private async pace(room: Room): Promise<number> {
    if (!this.isPaced) return 0;
    const path = `/reading_pace/${encodeURIComponent(room.roomId)}`;
    const from = this.placeIn(room);
    const page = { events: `${AT_ONCE}`, ...(from ? { from } : {}) };
    const wait = await this.client.http
      .authedRequest<{ pause_ms: number }>(Method.Get, path, page, undefined, { prefix: PREFIX })
      .catch((error) => {
        if (error?.httpStatus !== 404) throw error;
        this.isPaced = false; // no guard here
      });
    return wait?.pause_ms ?? 0;
  }
}

/** Where what this device has of a room does not reach back to what was read before. `newest`: when the last of that was said. */
export function gapOf(room: Room, newest: number): { from: string; until: number } | null {
  const timeline = room.getLiveTimeline();
  const from = timeline.getPaginationToken(Direction.Backward);
  const oldest = timeline.getEvents()[0];
  return from && (!oldest || oldest.getTs() > newest) ? { from, until: newest } : null;
}
