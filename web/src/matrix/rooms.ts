/** The rooms of an account: a summary of each for the list. */

import {
  ClientEvent,
  EventType,
  KnownMembership,
  type MatrixClient,
  type MatrixEvent,
  MatrixEventEvent,
  RoomEvent,
  RoomMemberEvent,
  RoomStateEvent,
} from "matrix-js-sdk";
import type { EmittedEvents } from "matrix-js-sdk/lib/client";
import { Signal } from "../platform/signal";
import type { People } from "./people";
import { summaryOf } from "./room_summary";
import type { RoomSummary } from "./types";

export class Rooms {
  readonly changed = new Signal(30);
  private readonly stale = new Set<string>();
  private readonly summaries = new Map<string, RoomSummary>();
  private allStale = true;

  constructor(
    private readonly client: MatrixClient,
    private readonly people: People,
  ) {
    const of = (roomId?: string | null): void => {
      if (roomId) this.stale.add(roomId);
      else this.allStale = true;
      this.changed.fire();
    };
    client.on(ClientEvent.Room, (room) => of(room.roomId));
    client.on(ClientEvent.DeleteRoom, () => of());
    client.on(ClientEvent.AccountData, (event) => {
      if (event.getType() === EventType.Direct || event.getType() === EventType.PushRules) of();
    });
    client.on(RoomEvent.Timeline, (event, room, toStart) => {
      if (!toStart && room) of(event.getRoomId());
    });
    client.on(RoomEvent.LocalEchoUpdated, (_, room) => of(room.roomId));
    client.on(RoomEvent.Name, (room) => of(room.roomId));
    client.on(RoomEvent.Tags, (_, room) => of(room.roomId));
    client.on(RoomEvent.AccountData, (_, room) => of(room.roomId));
    client.on(RoomEvent.Receipt, (event, room) => {
      if (mentionsUser(event, client.getSafeUserId())) of(room.roomId);
    });
    client.on(RoomEvent.MyMembership, (room) => of(room.roomId));
    client.on(RoomEvent.UnreadNotifications as EmittedEvents, () => of()); // the SDK tells it, its types do not
    client.on(RoomStateEvent.Events, (event) => {
      of(event.getRoomId());
      if (event.getType() === EventType.SpaceChild) of(event.getStateKey()); // the room that came in or went out
    });
    client.on(RoomMemberEvent.Typing, (_, member) => of(member.roomId));
    client.on(MatrixEventEvent.Decrypted, (event) => of(event.getRoomId()));
  }

  /** Every room that somebody is in, was invited to or asks to enter; newest first. */
  list(): RoomSummary[] {
    const rooms = this.client.getRooms();
    for (const room of rooms) {
      if (this.allStale || this.stale.has(room.roomId) || !this.summaries.has(room.roomId)) {
        const summary = summaryOf(this.client, this.people, room);
        if (summary) this.summaries.set(room.roomId, summary);
        else this.summaries.delete(room.roomId);
      }
    }
    this.allStale = false;
    this.stale.clear();
    const here = new Set(rooms.map((each) => each.roomId));
    for (const id of this.summaries.keys()) if (!here.has(id)) this.summaries.delete(id);
    return [...this.summaries.values()].sort((a, b) => b.ts - a.ts);
  }

  /** The rooms of several people that somebody else is in as well. */
  sharedWith(userId: string): RoomSummary[] {
    const isThere = (id: string): boolean => this.client.getRoom(id)?.getMember(userId)?.membership === KnownMembership.Join;
    return this.list().filter((each) => each.kind !== "direct" && isThere(each.id));
  }

  async setFavourite(roomId: string, favourite: boolean): Promise<void> {
    if (favourite) await this.client.setRoomTag(roomId, "m.favourite", { order: 0.5 });
    else await this.client.deleteRoomTag(roomId, "m.favourite");
  }

  async markUnread(roomId: string, unread: boolean): Promise<void> {
    await this.client.setRoomAccountData(roomId, EventType.MarkedUnread, { unread });
  }
}

function mentionsUser(receipt: MatrixEvent, userId: string): boolean {
  return Object.values(receipt.getContent()).some((kinds) =>
    Object.values(kinds as Record<string, object>).some((users) => userId in users),
  );
}
