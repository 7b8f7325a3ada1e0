/** Walks the history of all rooms in the background, at the pace that the server gives. */

import { Direction, type MatrixClient, type MatrixEvent, Method, type Room } from "matrix-js-sdk";
import { pause } from "../platform/clock";
import { Scope } from "../platform/scope";
import { readApart } from "./opened";

const PAUSE = 1500;
const AFTER_FAILURE = 10_000;
const NOTHING_TO_DO = 30_000;
const AT_ONCE = 100;
const PREFIX = "/_chappe/client/v1";

/** By room, where its history is read on; null: it has been read to its beginning. */
export type Places = Map<string, string | null>;

export class HistoryWalk {
  private isStopped = false;
  private isPaced = true;
  private readonly scope = new Scope();
  private readonly resting = this.scope.timer();
  private goOn: (() => void) | null = null;

  /** `hasKeys`: whether this device may open what was said before it came; `keep`: keeps the places, after each step. */
  constructor(
    private readonly client: MatrixClient,
    private readonly places: Places,
    private readonly hasKeys: () => boolean,
    private readonly found: (event: MatrixEvent) => void,
    private readonly keep: () => Promise<void>,
  ) {}

  async run(): Promise<void> {
    while (!this.isStopped) {
      const next = this.client.getRooms().find((each) => this.isAhead(each));
      if (!next) {
        await this.rest();
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

  /** What is sealed is read once it can be opened: it would have to be read a second time. */
  private isAhead(room: Room): boolean {
    const isUnread = room.getMyMembership() === "join" && this.places.get(room.roomId) !== null;
    return isUnread && (this.hasKeys() || !room.hasEncryptionStateEvent());
  }

  private async step(room: Room): Promise<void> {
    await this.pace(room);
    if (this.isStopped) return;
    const from = this.places.get(room.roomId) ?? null;
    const { chunk, end } = await this.client.createMessagesRequest(room.roomId, from, AT_ONCE, Direction.Backward);
    for (const raw of chunk) this.found(await readApart(this.client, raw));
    this.places.set(room.roomId, end && chunk.length ? end : null);
    await this.keep();
  }

  /** The server says how fast history may be read for the index: a guard against stolen accounts would stop us otherwise. */
  private async pace(room: Room): Promise<void> {
    while (!this.isStopped && this.isPaced) {
      const path = `/reading_pace/${encodeURIComponent(room.roomId)}`;
      const wait = await this.client.http
        .authedRequest<{ pause_ms: number }>(Method.Get, path, { events: `${AT_ONCE}` }, undefined, { prefix: PREFIX })
        .catch((error) => {
          if (error?.httpStatus === 404)
            this.isPaced = false; // no guard here
          else throw error;
        });
      if (!wait?.pause_ms) return;
      await pause(wait.pause_ms);
    }
  }
}
