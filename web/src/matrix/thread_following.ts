/** Which threads the account follows: what the server keeps for all of its devices (MSC4306, MSC4308). */

import { type MatrixClient, Method, NotificationCountType } from "matrix-js-sdk";
import { Signal } from "../platform/signal";

const SUBSCRIPTION = "/_matrix/client/unstable/io.element.msc4306";
const SUBSCRIPTIONS = "/_matrix/client/unstable/io.element.msc4308";
const AT_ONCE = 500;
/** More than anybody follows. */
const PAGES = 10;

interface Page {
  subscribed?: Record<string, Record<string, unknown>>;
  unsubscribed?: Record<string, Record<string, unknown>>;
  end?: string;
}

export const threadKey = (roomId: string, root: string): string => `${roomId} ${root}`;

export class ThreadFollowing {
  readonly changed = new Signal(30);
  /** What was said of a thread by hand, or by itself for what was written there. */
  private readonly said = new Map<string, boolean>();
  private isLoaded = false;

  constructor(private readonly client: MatrixClient) {}

  async load(): Promise<void> {
    let from: string | undefined;
    for (let page = 0; page < PAGES; page++) {
      const query = { dir: "b", limit: String(AT_ONCE), ...(from ? { from } : {}) };
      const found: Page = await this.client.http.authedRequest(Method.Get, "/thread_subscriptions", query, undefined, {
        prefix: SUBSCRIPTIONS,
      });
      this.take(found.subscribed, true);
      this.take(found.unsubscribed, false);
      from = found.end;
      if (!from) break;
    }
    this.isLoaded = true;
    this.changed.fire();
  }

  private take(threads: Page["subscribed"], follows: boolean): void {
    for (const [roomId, roots] of Object.entries(threads ?? {}))
      for (const root of Object.keys(roots)) this.said.set(threadKey(roomId, root), follows);
  }

  /** Written in, mentioned in, begun, or followed by hand; unless it was left by hand. */
  follows(roomId: string, root: string): boolean {
    const said = this.said.get(threadKey(roomId, root));
    if (said !== undefined) return said;
    const room = this.client.getRoom(roomId);
    const thread = room?.getThread(root);
    const mentioned = (room?.getThreadUnreadNotificationCount(root, NotificationCountType.Highlight) ?? 0) > 0;
    return (
      mentioned || thread?.hasCurrentUserParticipated === true || thread?.rootEvent?.getSender() === this.client.getUserId()
    );
  }

  /** Left by hand. */
  wasLeft(roomId: string, root: string): boolean {
    return this.said.get(threadKey(roomId, root)) === false;
  }

  /** Those of which it was said, newest first. */
  followed(): Array<[roomId: string, root: string]> {
    return [...this.said]
      .filter(([, follows]) => follows)
      .map(([key]) => key.split(" ", 2) as [string, string])
      .slice(0, AT_ONCE);
  }

  async set(roomId: string, root: string, follows: boolean): Promise<void> {
    const path = pathOf(roomId, root);
    const options = { prefix: SUBSCRIPTION };
    await (follows
      ? this.client.http.authedRequest(Method.Put, path, undefined, {}, options)
      : this.client.http.authedRequest(Method.Delete, path, undefined, undefined, options));
    this.said.set(threadKey(roomId, root), follows);
    this.changed.fire();
  }

  /** Follows it by itself, for an event of it; not where it was left after that. */
  async because(roomId: string, root: string, cause: string): Promise<void> {
    const key = threadKey(roomId, root);
    if (!this.isLoaded || this.said.has(key)) return;
    this.said.set(key, true);
    try {
      await this.client.http.authedRequest(
        Method.Put,
        pathOf(roomId, root),
        undefined,
        { automatic: cause },
        { prefix: SUBSCRIPTION },
      );
    } catch (error) {
      if ((error as { httpStatus?: number }).httpStatus === 409) this.said.set(key, false);
      else this.said.delete(key);
    }
    this.changed.fire();
  }
}

const pathOf = (roomId: string, root: string): string =>
  `/rooms/${encodeURIComponent(roomId)}/thread/${encodeURIComponent(root)}/subscription`;
