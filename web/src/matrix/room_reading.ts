/** What of a room has been read and what is told of it: said by the list, heard by every device. */

import { ConditionKind, EventType, type MatrixClient, PushRuleKind, ReceiptType } from "matrix-js-sdk";
import type { Told } from "./room_facts";

export class RoomReading {
  constructor(private readonly client: MatrixClient) {}

  async markUnread(roomId: string, unread: boolean): Promise<void> {
    await this.client.setRoomAccountData(roomId, EventType.MarkedUnread, { unread });
  }

  /** Reads all of it, its threads too. */
  async markRead(roomId: string, privately: boolean): Promise<void> {
    const room = this.client.getRoom(roomId);
    const newest = room?.getLastLiveEvent();
    const id = newest?.getId();
    if (newest && id?.startsWith("$")) {
      await this.client.sendReadReceipt(newest, privately ? ReceiptType.ReadPrivate : ReceiptType.Read, true);
      await this.client.setRoomReadMarkers(roomId, id);
    }
    if (room?.getAccountData(EventType.MarkedUnread)?.getContent().unread) await this.markUnread(roomId, false);
  }

  /** What of it is told. */
  async tell(roomId: string, wanted: Told): Promise<void> {
    const remove = (kind: PushRuleKind): Promise<unknown> => this.client.deletePushRule("global", kind, roomId).catch(() => {});
    await remove(PushRuleKind.Override);
    await remove(PushRuleKind.RoomSpecific);
    if (wanted === "none") {
      await this.client.addPushRule("global", PushRuleKind.Override, roomId, {
        actions: [],
        conditions: [{ kind: ConditionKind.EventMatch, key: "room_id", pattern: roomId }],
      });
    } else if (wanted === "mentions") {
      await this.client.addPushRule("global", PushRuleKind.RoomSpecific, roomId, { actions: [] });
    }
  }
}
