/** The rooms of an account: a summary of each for the list. Only what has changed is looked at again. */

import {
  ClientEvent,
  EventType,
  KnownMembership,
  type MatrixClient,
  type MatrixEvent,
  type Room,
  RoomEvent,
  RoomMemberEvent,
  RoomStateEvent,
} from "matrix-js-sdk";
import type { EmittedEvents } from "matrix-js-sdk/lib/client";
import { Signal } from "../platform/signal";
import type { KeptRooms } from "./kept_rooms";
import { hearOpened } from "./opened";
import type { People } from "./people";
import { factsOf, spacesByRoom } from "./room_facts";
import { summaryOf } from "./room_summary";
import type { RoomSummary } from "./types";

export class Rooms {
  readonly changed = new Signal(30);
  private readonly stale = new Set<string>();
  private readonly summaries = new Map<string, RoomSummary>();
  private readonly typing = new Map<string, Set<string>>();
  private spaces: Map<string, string[]> | null = null;
  private allStale = true;
  private sorted: RoomSummary[] = [];
  /** What this browser has kept of the list, until the account itself is read. */
  private before: RoomSummary[] | null = null;

  /** `summarise`: says what the list shows of a room. */
  constructor(
    private readonly client: MatrixClient,
    private readonly people: People,
    private readonly kept: Pick<KeptRooms, "load" | "keep">,
    private readonly summarise = summaryOf,
  ) {
    const of = (roomId?: string | null): void => {
      if (roomId) this.stale.add(roomId);
      else this.allStale = true;
      this.changed.fire();
    };
    const entered = (room: Room): void => {
      if (room.isSpaceRoom()) this.spaces = null;
      of(room.findPredecessor()?.roomId ?? room.roomId); // the one whose place it takes is not shown any more
      of(room.roomId);
    };
    client.on(ClientEvent.Room, entered);
    client.on(RoomEvent.MyMembership, entered);
    client.on(ClientEvent.DeleteRoom, (roomId) => {
      this.spaces = null;
      of(roomId);
    });
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
    // the SDK tells it with the room at the end; its types do not know
    client.on(RoomEvent.UnreadNotifications as EmittedEvents, (...told: unknown[]) => of((told.at(-1) as Room)?.roomId));
    client.on(RoomStateEvent.Events, (event) => {
      of(event.getRoomId());
      if (event.getType() !== EventType.SpaceChild) return;
      this.spaces = null;
      of(event.getStateKey()); // the room that came in or went out
    });
    client.on(RoomMemberEvent.Typing, (_, member) => {
      const typing = this.typing.get(member.roomId) ?? new Set();
      if (member.typing) typing.add(member.userId);
      else typing.delete(member.userId);
      this.typing.set(member.roomId, typing);
      of(member.roomId);
    });
    hearOpened(client, (event) => of(event.getRoomId()));
  }

  /** Shows what this browser has kept, until `open`. */
  async showKept(): Promise<void> {
    this.before = await this.kept.load();
  }

  /** From now on what the account itself says. */
  open(): void {
    if (this.before === null) return;
    this.before = null;
    this.kept.keep(() => this.list());
    this.changed.fire();
  }

  /** Every room that somebody is in, was invited to or asks to enter; newest first. The same list until something changes. */
  list(): RoomSummary[] {
    if (this.before?.length) return this.before;
    if (this.allStale || this.stale.size) this.refresh();
    return this.sorted;
  }

  private refresh(): void {
    this.spaces ??= spacesByRoom(this.client);
    const facts = factsOf(this.client, this.spaces, this.typing);
    const all = this.allStale ? [...this.client.getRooms().map((each) => each.roomId), ...this.summaries.keys()] : this.stale;
    for (const id of new Set(all)) {
      const room = this.client.getRoom(id);
      const summary = room && this.summarise(this.client, this.people, room, facts);
      if (summary) this.summaries.set(id, summary);
      else this.summaries.delete(id);
    }
    this.allStale = false;
    this.stale.clear();
    this.sorted = [...this.summaries.values()].sort((a, b) => b.ts - a.ts);
    if (this.before === null) this.kept.keep(() => this.sorted);
  }

  /** The rooms of several people that somebody else is in as well. */
  sharedWith(userId: string): RoomSummary[] {
    const isThere = (id: string): boolean => this.client.getRoom(id)?.getMember(userId)?.membership === KnownMembership.Join;
    return this.list().filter((each) => each.kind !== "direct" && isThere(each.id));
  }
}

function mentionsUser(receipt: MatrixEvent, userId: string): boolean {
  return Object.values(receipt.getWireContent()).some((kinds) =>
    Object.values(kinds as Record<string, object>).some((users) => userId in users),
  );
}
