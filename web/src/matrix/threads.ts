/** The threads of all rooms, as a list shows them. */

import {
  ClientEvent,
  Direction,
  KnownMembership,
  type MatrixClient,
  type MatrixEvent,
  NotificationCountType,
  ReceiptType,
  type Room,
  RoomEvent,
  ThreadEvent,
  ThreadFilterType,
} from "matrix-js-sdk";
import type { EmittedEvents } from "matrix-js-sdk/lib/client";
import { Signal } from "../platform/signal";
import { idOf, roomOf, senderOf } from "./event_facts";
import { textOf } from "./event_text";
import { hearOpened, open } from "./opened";
import type { People } from "./people";
import { readable } from "./readable";
import { directs } from "./room_kind";
import { lineKey } from "./room_summary";
import { type ThreadFollowing, threadKey } from "./thread_following";
import type { Said, ThreadSummary } from "./types";

/** Rooms that are asked at the same time, threads of each. */
const ROOMS = 6;
const OF_A_ROOM = 20;
/** Followed threads that are looked up, where this device has not met them. */
const FOLLOWED = 100;

/** A thread that the server told of and that is not loaded. */
interface Met {
  root: MatrixEvent;
  last: MatrixEvent | null;
  count: number;
  isMine: boolean;
}

interface Bundled {
  latest_event?: object;
  count?: number;
  current_user_participated?: boolean;
}

export class Threads {
  readonly changed = new Signal(100);
  private readonly met = new Map<string, Met>();
  /** Rooms whose threads were asked for. */
  private readonly asked = new Set<string>();

  constructor(
    private readonly client: MatrixClient,
    private readonly people: People,
    readonly following: ThreadFollowing,
  ) {
    const any = (): void => this.changed.fire();
    client.on(ClientEvent.Room, (room) => {
      for (const each of [ThreadEvent.New, ThreadEvent.Update, ThreadEvent.NewReply, ThreadEvent.Delete] as const)
        room.on(each, any);
      any();
    });
    client.on(RoomEvent.MyMembership, any);
    client.on(RoomEvent.Redaction, any);
    client.on(RoomEvent.UnreadNotifications as EmittedEvents, any);
    client.on(RoomEvent.Timeline, (event, _room, toStart, _removed, { liveEvent }) => {
      if (liveEvent && !toStart) this.consider(event);
    });
    hearOpened(client, (event) => {
      if (event.threadRootId) any();
      if (event.threadRootId && mentions(event, client.getSafeUserId())) this.consider(event);
    });
    following.changed.listen(any);
  }

  /** Learns what is followed. */
  async begin(): Promise<void> {
    await this.following.load().catch(() => {}); // a server without followed threads
    const unread = this.following.followed().filter(([roomId, root]) => this.unreadOf(roomId, root) > 0);
    await this.meetAll(unread);
  }

  /** All that is known, in no order. */
  list(): ThreadSummary[] {
    const places = new Map<string, [Room, string]>();
    for (const room of this.client.getRooms()) {
      if (room.getMyMembership() !== KnownMembership.Join) continue;
      for (const { id } of room.getThreads()) places.set(threadKey(room.roomId, id), [room, id]);
    }
    for (const [key, { root }] of this.met) {
      const room = this.client.getRoom(roomOf(root));
      if (room?.getMyMembership() === KnownMembership.Join) places.set(key, [room, idOf(root)]);
    }
    const found = directs(this.client);
    return [...places.values()].flatMap(([room, id]) => this.summaryOf(room, id, found.has(room.roomId)) ?? []);
  }

  /** Looks up the followed ones that this device has not met, and the threads of the rooms where something was said last. */
  async look(): Promise<void> {
    const unknown = this.following
      .followed()
      .filter(([roomId, root]) => !this.met.has(threadKey(roomId, root)) && !this.client.getRoom(roomId)?.getThread(root));
    await this.meetAll(unknown.slice(0, FOLLOWED));
    if (!this.asked.size) await this.more();
  }

  get hasMore(): boolean {
    return this.ahead().length > 0;
  }

  /** Asks the next rooms, those first where something was said last. */
  async more(): Promise<void> {
    const next = this.ahead().slice(0, ROOMS);
    await Promise.all(
      next.map(async (room) => {
        const { chunk } = await this.client.createThreadListMessagesRequest(
          room.roomId,
          null,
          OF_A_ROOM,
          Direction.Backward,
          ThreadFilterType.All,
        );
        this.asked.add(room.roomId);
        for (const raw of chunk) await this.meet(room, raw);
      }),
    );
    this.changed.fire();
  }

  /** Reads a thread to its end. */
  async markRead(roomId: string, id: string, privately: boolean): Promise<void> {
    const last = this.client.getRoom(roomId)?.getThread(id)?.replyToEvent ?? this.met.get(threadKey(roomId, id))?.last;
    if (last && idOf(last).startsWith("$"))
      await this.client.sendReadReceipt(last, privately ? ReceiptType.ReadPrivate : ReceiptType.Read);
  }

  private ahead(): Room[] {
    return this.client
      .getRooms()
      .filter((each) => each.getMyMembership() === KnownMembership.Join && !each.isSpaceRoom() && !this.asked.has(each.roomId))
      .sort((a, b) => b.getLastActiveTimestamp() - a.getLastActiveTimestamp());
  }

  private async meetAll(threads: Array<[roomId: string, root: string]>): Promise<void> {
    for (let at = 0; at < threads.length; at += ROOMS)
      await Promise.all(
        threads.slice(at, at + ROOMS).map(async ([roomId, root]) => {
          const room = this.client.getRoom(roomId);
          if (!room || room.getThread(root)) return;
          const raw = await this.client.fetchRoomEvent(roomId, root).catch(() => null);
          if (raw) await this.meet(room, raw);
        }),
      );
    this.changed.fire();
  }

  private async meet(room: Room, raw: object): Promise<void> {
    const toEvent = this.client.getEventMapper();
    const root = toEvent({ ...raw, room_id: room.roomId });
    const bundled = root.getServerAggregatedRelation<Bundled>("m.thread");
    const last = bundled?.latest_event ? toEvent({ ...bundled.latest_event, room_id: room.roomId }) : null;
    this.met.set(threadKey(room.roomId, idOf(root)), {
      root,
      last,
      count: bundled?.count ?? 0,
      isMine: bundled?.current_user_participated === true,
    });
    open(this.client, last ? [root, last] : [root]);
  }

  private summaryOf(room: Room, id: string, direct: boolean): ThreadSummary | null {
    const key = threadKey(room.roomId, id);
    const thread = room.getThread(id);
    const met = this.met.get(key);
    const root = thread?.rootEvent ?? met?.root ?? null;
    const last = thread?.replyToEvent ?? met?.last ?? null;
    const count = thread?.length || met?.count || 0;
    if (!count) return null;
    open(
      this.client,
      [root, last].filter((each) => each !== null),
    );
    const other = direct ? room.guessDMUserId() : null;
    return {
      roomId: room.roomId,
      id,
      room: other && room.getInvitedAndJoinedMemberCount() <= 2 ? this.people.of(room.getMember(other), other).name : room.name,
      avatar: room.getMxcAvatarUrl(),
      isDirect: direct,
      root: root && this.said(room, root),
      last: last && this.said(room, last),
      ts: last?.getTs() ?? root?.getTs() ?? 0,
      count,
      unread: this.unreadOf(room.roomId, id),
      mentions: room.getThreadUnreadNotificationCount(id, NotificationCountType.Highlight),
      follows: this.following.follows(room.roomId, id) || (met?.isMine === true && !this.following.wasLeft(room.roomId, id)),
    };
  }

  private unreadOf(roomId: string, id: string): number {
    return this.client.getRoom(roomId)?.getThreadUnreadNotificationCount(id, NotificationCountType.Total) ?? 0;
  }

  private said(room: Room, event: MatrixEvent): Said {
    const sender = senderOf(event);
    const key = lineKey(event);
    return {
      sender: this.people.of(room.getMember(sender), sender).name,
      mine: sender === this.client.getUserId(),
      text: key ? "" : (textOf(event) ?? ""),
      key,
    };
  }

  /** Whoever writes in a thread, or is mentioned there, follows it from then on. */
  private consider(event: MatrixEvent): void {
    const { threadRootId: root } = event;
    if (!root || !idOf(event).startsWith("$") || root === idOf(event)) return;
    this.changed.fire();
    const me = this.client.getSafeUserId();
    if (senderOf(event) === me || mentions(event, me)) void this.following.because(roomOf(event), root, idOf(event));
  }
}

const mentions = (event: MatrixEvent, me: string): boolean =>
  readable(event).content?.["m.mentions"]?.user_ids?.includes?.(me) === true;
