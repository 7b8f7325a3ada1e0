/** Messages and invitations that the account's push rules say should be told, as they come. */

import { ClientEvent, EventType, type MatrixClient, type MatrixEvent, type Room, RoomEvent, SyncState } from "matrix-js-sdk";
import { clock } from "../platform/clock";
import { senderOf } from "./event_facts";
import { textOf } from "./event_text";
import { hear } from "./listening";
import { hearOpened } from "./opened";
import { isUrgent } from "./order_results";
import type { People } from "./people";
import { isOpening, readable } from "./readable";
import { invitationTo } from "./room_kind";

export interface Notice {
  roomId: string;
  room: string;
  sender: string;
  text: string | null;
  sound: boolean;
  /** It asks for an answer, and rings whatever is quiet. */
  urgent: boolean;
  /** Somebody asks one into the room; into a room of two. */
  invites: "room" | "direct" | null;
}

const FRESH = 5 * 60_000;

export class Notices {
  /** What was told, and whether it could be read then: it is told once more when it can. */
  private readonly told = new Map<string, boolean>();

  constructor(
    private readonly client: MatrixClient,
    private readonly people: People,
    private readonly isDirect: (room: Room) => boolean,
  ) {}

  listen(tell: (notice: Notice) => void): () => void {
    const look = (event: MatrixEvent, room: Room | null): void => {
      const id = event.getId();
      const { locked } = readable(event);
      const before = this.told.get(id ?? "");
      if (
        !room ||
        !id ||
        before ||
        isOpening(event) ||
        (locked && before === false) ||
        event.getSender() === this.client.getUserId() ||
        clock.now() - event.getTs() > FRESH
      )
        return;
      const actions = this.client.getPushActionsForEvent(event);
      const urgent = isUrgent(event, room, this.client.getSafeUserId());
      if (!actions?.notify && !urgent) return;
      this.told.set(id, locked === null);
      const sender = this.people.of(event.sender, senderOf(event));
      const direct = this.isDirect(room);
      tell({
        roomId: room.roomId,
        room: direct ? sender.name : room.name,
        sender: sender.name,
        text: textOf(event),
        sound: before === undefined && (urgent || Boolean(actions?.tweaks?.sound)),
        urgent,
        invites: null,
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
    const off = [
      hear(this.client, RoomEvent.Timeline, onTimeline),
      hearOpened(this.client, onDecrypted),
      hear(this.client, ClientEvent.Event, (event) => this.lookAtInvitation(event, tell)),
    ];
    return () => {
      for (const each of off) each();
    };
  }

  /** An invitation stands in no timeline, and has no time: it is news when it comes after the account was read. */
  private lookAtInvitation(event: MatrixEvent, tell: (notice: Notice) => void): void {
    const state = this.client.getSyncState();
    if (!isOwnMembership(event, this.client.getSafeUserId()) || (state !== SyncState.Syncing && state !== SyncState.Catchup))
      return;
    const room = this.client.getRoom(event.getRoomId());
    const from = room && invitationTo(this.client, room)?.from;
    if (!room || !from || from !== event.getSender() || this.client.isUserIgnored(from)) return;
    const actions = this.client.getPushActionsForEvent(event);
    if (!actions?.notify) return;
    const { name } = this.people.of(room.getMember(from), from);
    const invites = this.isDirect(room) ? "direct" : "room";
    tell({
      roomId: room.roomId,
      room: invites === "direct" ? name : room.name,
      sender: name,
      text: null,
      sound: Boolean(actions.tweaks?.sound),
      urgent: false,
      invites,
    });
  }
}

const isOwnMembership = (event: MatrixEvent, me: string): boolean =>
  event.getType() === EventType.RoomMember && event.getStateKey() === me;
