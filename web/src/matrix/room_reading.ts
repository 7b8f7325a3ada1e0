/** What of a room has been read and what is told of it: said by the list, heard by every device. */

import {
  ConditionKind,
  EventType,
  type MatrixClient,
  type MatrixEvent,
  NotificationCountType,
  PushRuleKind,
  ReceiptType,
} from "matrix-js-sdk";
import { idOf, roomOf } from "./event_facts";
import type { Told } from "./room_facts";
import type { ThreadFollowing } from "./thread_following";

const kindOf = (privately: boolean): ReceiptType => (privately ? ReceiptType.ReadPrivate : ReceiptType.Read);

export class RoomReading {
  constructor(
    private readonly client: MatrixClient,
    private readonly following: Pick<ThreadFollowing, "follows">,
  ) {}

  async markUnread(roomId: string, unread: boolean): Promise<void> {
    await this.client.setRoomAccountData(roomId, EventType.MarkedUnread, { unread });
  }

  /** Reads a thread up to an event of it; of the room nothing else. */
  async readThread(event: MatrixEvent, privately: boolean): Promise<void> {
    await this.client.sendReadReceipt(event, kindOf(privately));
  }

  /** Reads the conversation up to an event. Of its threads only those that nobody follows here: they ask for nothing. */
  async readConversation(event: MatrixEvent, privately: boolean): Promise<void> {
    const roomId = roomOf(event);
    const room = this.client.getRoom(roomId);
    if (!room) return;
    await this.client.sendReadReceipt(event, kindOf(privately));
    await this.client.setRoomReadMarkers(roomId, idOf(event));
    for (const thread of room.getThreads()) {
      const last = thread.replyToEvent;
      if (!last || this.following.follows(roomId, thread.id)) continue;
      if (room.getThreadUnreadNotificationCount(thread.id, NotificationCountType.Total)) await this.readThread(last, privately);
    }
    if (room.getAccountData(EventType.MarkedUnread)?.getContent().unread) await this.markUnread(roomId, false);
  }

  /** Reads all of it, its threads too. */
  async markRead(roomId: string, privately: boolean): Promise<void> {
    const room = this.client.getRoom(roomId);
    const newest = room?.getLastLiveEvent();
    const id = newest?.getId();
    if (newest && id?.startsWith("$")) {
      await this.client.sendReadReceipt(newest, kindOf(privately), true);
      await this.client.setRoomReadMarkers(roomId, id);
    }
    if (room?.getAccountData(EventType.MarkedUnread)?.getContent().unread) await this.markUnread(roomId, false);
  }

  /** What of it is told. */
  async tell(roomId: string, wanted: Told): Promise<void> {
    await tellOf(this.client, roomId, wanted);
  }
}

export async function tellOf(client: MatrixClient, roomId: string, wanted: Told): Promise<void> {
  const remove = (kind: PushRuleKind): Promise<unknown> => client.deletePushRule("global", kind, roomId).catch(() => {});
  await remove(PushRuleKind.Override);
  await remove(PushRuleKind.RoomSpecific);
  if (wanted === "none") {
    await client.addPushRule("global", PushRuleKind.Override, roomId, {
      actions: [],
      conditions: [{ kind: ConditionKind.EventMatch, key: "room_id", pattern: roomId }],
    });
  } else if (wanted === "mentions") {
    await client.addPushRule("global", PushRuleKind.RoomSpecific, roomId, { actions: [] });
  }
}
