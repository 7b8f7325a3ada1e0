/** Messages that the account's push rules say should be told, as they come. */

import { type MatrixClient, type MatrixEvent, MatrixEventEvent, type Room, RoomEvent } from "matrix-js-sdk";
import { clock } from "../platform/clock";
import { senderOf } from "./event_facts";
import { textOf } from "./event_text";
import type { People } from "./people";

export interface Notice {
  roomId: string;
  room: string;
  sender: string;
  text: string | null;
  sound: boolean;
}

const FRESH = 5 * 60_000;

export class Notices {
  private readonly told = new Set<string>();

  constructor(
    private readonly client: MatrixClient,
    private readonly people: People,
    private readonly isDirect: (roomId: string) => boolean,
  ) {}

  listen(tell: (notice: Notice) => void): () => void {
    const look = (event: MatrixEvent, room: Room | null): void => {
      const id = event.getId();
      if (
        !room ||
        !id ||
        this.told.has(id) ||
        event.getSender() === this.client.getUserId() ||
        clock.now() - event.getTs() > FRESH
      )
        return;
      if (event.isBeingDecrypted() || event.shouldAttemptDecryption()) return;
      const actions = this.client.getPushActionsForEvent(event);
      if (!actions?.notify) return;
      this.told.add(id);
      const sender = this.people.of(event.sender, senderOf(event));
      const direct = this.isDirect(room.roomId);
      tell({
        roomId: room.roomId,
        room: direct ? sender.name : room.name,
        sender: sender.name,
        text: textOf(event),
        sound: Boolean(actions.tweaks?.sound),
      });
    };
    const onTimeline = (
      event: MatrixEvent,
      room: Room | undefined,
      toStart: boolean | undefined,
      _removed: boolean,
      data: { liveEvent?: boolean },
    ): void => {
      if (!toStart && data.liveEvent) look(event, room ?? null);
    };
    const onDecrypted = (event: MatrixEvent): void => {
      const room = this.client.getRoom(event.getRoomId());
      if (room?.getLiveTimeline().getEvents().slice(-30).includes(event)) look(event, room);
    };
    this.client.on(RoomEvent.Timeline, onTimeline);
    this.client.on(MatrixEventEvent.Decrypted, onDecrypted);
    return () => {
      this.client.off(RoomEvent.Timeline, onTimeline);
      this.client.off(MatrixEventEvent.Decrypted, onDecrypted);
    };
  }
}
