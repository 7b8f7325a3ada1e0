/** The rooms of an account: a summary of each for the list, and what is done with rooms as a whole. */

import {
  ClientEvent,
  EventType,
  HistoryVisibility,
  type ICreateRoomOpts,
  type IPublicRoomsChunkRoom,
  JoinRule,
  KnownMembership,
  type MatrixClient,
  type MatrixEvent,
  NotificationCountType,
  Preset,
  PushRuleActionName,
  type Room,
  RoomEvent,
  RoomMemberEvent,
  RoomStateEvent,
  RoomType,
  Visibility,
} from "matrix-js-sdk";
import { textOf } from "./items";
import type { People } from "./people";
import { Signal } from "./signal";
import type { RoomKind, RoomSummary } from "./types";

const ENTERED = new Set<string>([KnownMembership.Join, KnownMembership.Invite, KnownMembership.Knock]);
export const ACCESS_RULES = "im.vector.room.access_rules";
export const CLASSIFICATION = "chappe.classification";

export interface NewRoom {
  kind: Exclude<RoomKind, "direct">;
  name: string;
  topic: string;
  invite: string[];
  alias?: string;
  /** The marking that it begins with. */
  level?: string;
}

export interface PublicRoom {
  id: string;
  name: string;
  topic: string;
  avatar: string | null;
  members: number;
  alias: string | null;
  joined: boolean;
  knock: boolean;
}

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
    client.on(RoomEvent.UnreadNotifications as never, (() => of()) as never);
    client.on(RoomStateEvent.Events, (event) => {
      of(event.getRoomId());
      if (event.getType() === EventType.SpaceChild) of(event.getStateKey()); // the room that came in or went out
    });
    client.on(RoomMemberEvent.Typing, (_, member) => of(member.roomId));
    client.on("Event.decrypted" as never, ((event: MatrixEvent) => of(event.getRoomId())) as never);
  }

  /** Every room that somebody is in, was invited to or asks to enter; newest first. */
  list(): RoomSummary[] {
    const rooms = this.client.getRooms();
    for (const room of rooms) {
      if (this.allStale || this.stale.has(room.roomId) || !this.summaries.has(room.roomId)) {
        const summary = this.summary(room);
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

  kindOf(room: Room): RoomKind {
    if (room.isSpaceRoom()) return "space";
    const rule = room.currentState.getStateEvents(ACCESS_RULES, "")?.getContent().rule;
    if (this.directs().has(room.roomId) || rule === "direct") return "direct";
    if (room.getJoinRule() === JoinRule.Public && !room.hasEncryptionStateEvent()) return "forum";
    return rule === "unrestricted" ? "guests" : "private";
  }

  private summary(room: Room): RoomSummary | null {
    const membership = room.getMyMembership();
    if (membership !== KnownMembership.Join && membership !== KnownMembership.Invite && membership !== KnownMembership.Knock)
      return null;
    if (room.currentState.getStateEvents(EventType.RoomTombstone, "") && this.isSuccessorJoined(room)) return null;
    const kind = this.kindOf(room);
    const otherId = kind === "direct" ? (room.guessDMUserId() ?? null) : null;
    const other = otherId ? this.people.of(room.getMember(otherId), otherId) : null;
    const me = this.client.getSafeUserId();
    const inviter = membership === KnownMembership.Invite ? room.getMember(me)?.events.member?.getSender() : null;
    const last = this.lastMessage(room);
    const mentions = room.getUnreadNotificationCount(NotificationCountType.Highlight);
    const muted = this.isMuted(room.roomId);
    const unread = muted ? 0 : room.getUnreadNotificationCount(NotificationCountType.Total);
    const marked = room.getAccountData("m.marked_unread")?.getContent().unread === true;
    return {
      id: room.roomId,
      name: other && room.getInvitedAndJoinedMemberCount() <= 2 ? other.name : room.name,
      avatar: room.getMxcAvatarUrl() ?? other?.avatar ?? null,
      kind,
      membership: membership as RoomSummary["membership"],
      other,
      inviter: inviter ? this.people.of(room.getMember(inviter), inviter) : null,
      unread,
      mentions,
      isUnread: membership === KnownMembership.Invite || unread > 0 || mentions > 0 || marked,
      muted,
      favourite: "m.favourite" in room.tags,
      low: "m.lowpriority" in room.tags,
      spaces: this.spacesOf(room.roomId),
      ts: last?.ts ?? Math.max(room.getLastActiveTimestamp(), 0),
      last: last?.line ?? null,
      typing: room.currentState
        .getMembers()
        .filter((each) => each.typing && each.userId !== me)
        .map((each) => this.people.of(each, each.userId).name),
    };
  }

  private lastMessage(room: Room): { ts: number; line: RoomSummary["last"] } | null {
    const events = room.getLiveTimeline().getEvents();
    for (let index = events.length - 1; index >= Math.max(0, events.length - 60); index--) {
      const event = events[index];
      const type = event.getType();
      if (event.isRelation("m.replace") || event.isRelation("m.annotation")) continue;
      if (
        type !== EventType.RoomMessage &&
        type !== EventType.RoomMessageEncrypted &&
        type !== EventType.Sticker &&
        !type.endsWith("poll.start")
      )
        continue;
      const sender = event.getSender()!;
      const mine = sender === this.client.getUserId();
      const name = mine ? null : this.people.of(room.getMember(sender), sender).name.split(" ")[0];
      const key = lineKey(event);
      return { ts: event.getTs(), line: { sender: name, mine, text: key ? "" : (textOf(event) ?? ""), key } };
    }
    const newest = events.at(-1);
    return newest ? { ts: newest.getTs(), line: null } : null;
  }

  private isSuccessorJoined(room: Room): boolean {
    const next = room.currentState.getStateEvents(EventType.RoomTombstone, "")?.getContent().replacement_room;
    return this.client.getRoom(next)?.getMyMembership() === KnownMembership.Join;
  }

  private spacesOf(roomId: string): string[] {
    return this.client
      .getRooms()
      .filter((each) => each.isSpaceRoom() && each.currentState.getStateEvents(EventType.SpaceChild, roomId)?.getContent().via)
      .map((each) => each.roomId);
  }

  private isMuted(roomId: string): boolean {
    const rules = this.client.pushRules?.global;
    const override = rules?.override?.find((each) => each.rule_id === roomId);
    return override?.enabled === true && !override.actions.includes(PushRuleActionName.Notify);
  }

  /** Rooms with one other person, by that person. */
  directs(): Map<string, string> {
    const content = this.client.getAccountData(EventType.Direct)?.getContent() ?? {};
    const found = new Map<string, string>();
    for (const [user, rooms] of Object.entries(content)) {
      if (Array.isArray(rooms)) for (const room of rooms) found.set(room, user);
    }
    return found;
  }

  // ------------------------------------------------------------------------------------------------- making and entering

  /** The room with one person: the one that there is, or a new one. */
  async direct(userId: string): Promise<string> {
    const { EventType: type } = { EventType };
    for (const [roomId, user] of this.directs()) {
      const room = this.client.getRoom(roomId);
      if (
        user === userId &&
        room &&
        (room.getMyMembership() === KnownMembership.Join || room.getMyMembership() === KnownMembership.Invite)
      ) {
        if (room.getMyMembership() === KnownMembership.Invite) await this.join(roomId);
        return roomId;
      }
    }
    const { room_id } = await this.client.createRoom({
      preset: Preset.TrustedPrivateChat,
      is_direct: true,
      invite: [userId],
      initial_state: [encryption(), accessRule("direct"), guestAccess()],
    });
    const content = { ...(this.client.getAccountData(type.Direct)?.getContent() ?? {}) } as Record<string, string[]>;
    content[userId] = [...(content[userId] ?? []), room_id];
    await this.client.setAccountData(type.Direct, content);
    await this.known(room_id);
    return room_id;
  }

  /** A room with one person of whom only an address is known: they come in once they have an account. */
  async directByAddress(address: string): Promise<string> {
    const invited = { id_server: this.client.getDomain()!, id_access_token: "none", medium: "email", address };
    const { room_id } = await this.client.createRoom({
      preset: Preset.TrustedPrivateChat,
      is_direct: true,
      invite_3pid: [invited],
      initial_state: [encryption(), accessRule("direct"), guestAccess()],
    });
    await this.known(room_id);
    return room_id;
  }

  async create(wanted: NewRoom): Promise<string> {
    const options: ICreateRoomOpts = { name: wanted.name, topic: wanted.topic || undefined, invite: wanted.invite };
    if (wanted.kind === "forum") {
      options.preset = Preset.PublicChat;
      options.visibility = Visibility.Public;
      options.initial_state = [historyVisibility(HistoryVisibility.Shared)];
      if (wanted.alias) options.room_alias_name = wanted.alias;
    } else if (wanted.kind === "space") {
      options.preset = Preset.PrivateChat;
      options.creation_content = { type: RoomType.Space };
      options.power_level_content_override = { events_default: 100 };
    } else {
      options.preset = Preset.PrivateChat;
      options.initial_state = [
        encryption(),
        accessRule(wanted.kind === "guests" ? "unrestricted" : "restricted"),
        guestAccess(),
        historyVisibility(HistoryVisibility.Invited),
        ...(wanted.level ? [{ type: CLASSIFICATION, state_key: "", content: { level: wanted.level } }] : []),
      ];
    }
    const { room_id } = await this.client.createRoom(options);
    await this.known(room_id);
    return room_id;
  }

  async join(roomIdOrAlias: string, via: string[] = []): Promise<string> {
    const inviter = this.client.getRoom(roomIdOrAlias)?.getMember(this.client.getSafeUserId())?.events.member;
    const direct = inviter?.getContent().is_direct === true ? inviter.getSender()! : null;
    const room = await this.client.joinRoom(roomIdOrAlias, { viaServers: via });
    if (direct) {
      const content = { ...(this.client.getAccountData(EventType.Direct)?.getContent() ?? {}) } as Record<string, string[]>;
      if (!content[direct]?.includes(room.roomId)) {
        content[direct] = [...(content[direct] ?? []), room.roomId];
        await this.client.setAccountData(EventType.Direct, content);
      }
    }
    await this.known(room.roomId);
    return room.roomId;
  }

  async knock(roomIdOrAlias: string, reason: string): Promise<void> {
    await this.client.knockRoom(roomIdOrAlias, { reason: reason || undefined });
  }

  async leave(roomId: string): Promise<void> {
    await this.client.leave(roomId);
    // forgotten only once the sync has told of it: else it would bring back a room without its past
    await this.until(() => !ENTERED.has(this.client.getRoom(roomId)?.getMyMembership() ?? ""));
    await this.client.forget(roomId).catch(() => {});
  }

  async setFavourite(roomId: string, favourite: boolean): Promise<void> {
    if (favourite) await this.client.setRoomTag(roomId, "m.favourite", { order: 0.5 });
    else await this.client.deleteRoomTag(roomId, "m.favourite");
  }

  async markUnread(roomId: string, unread: boolean): Promise<void> {
    await this.client.setRoomAccountData(roomId, "m.marked_unread" as never, { unread } as never);
  }

  /** Puts a room into a space, or takes it out. The room itself stays as it is. */
  async arrange(spaceId: string, roomId: string, inside: boolean): Promise<void> {
    const via = [this.client.getDomain()!];
    await this.client.sendStateEvent(spaceId, EventType.SpaceChild, inside ? { via } : {}, roomId);
  }

  /** Whether this account may put rooms into a space. */
  mayArrange(spaceId: string): boolean {
    const room = this.client.getRoom(spaceId);
    return room?.currentState.maySendStateEvent(EventType.SpaceChild, this.client.getSafeUserId()) ?? false;
  }

  /** The rooms of a space, those too that this account is not in but may see. */
  async inSpace(spaceId: string): Promise<PublicRoom[]> {
    const { rooms } = await this.client.getRoomHierarchy(spaceId, 200, 1);
    return rooms.filter((each) => each.room_id !== spaceId).map((each) => this.listed(each));
  }

  private listed(room: IPublicRoomsChunkRoom): PublicRoom {
    return {
      id: room.room_id,
      name: room.name ?? room.canonical_alias ?? room.room_id,
      topic: room.topic ?? "",
      avatar: room.avatar_url ?? null,
      members: room.num_joined_members,
      alias: room.canonical_alias ?? null,
      joined: this.client.getRoom(room.room_id)?.getMyMembership() === KnownMembership.Join,
      knock: room.join_rule === JoinRule.Knock,
    };
  }

  /** The directory of forums. */
  async forums(term: string, since?: string): Promise<{ rooms: PublicRoom[]; next: string | null; total: number }> {
    const answer = await this.client.publicRooms({
      limit: 30,
      since,
      filter: term ? { generic_search_term: term } : undefined,
    });
    const rooms = answer.chunk.filter((each) => each.room_type !== RoomType.Space).map((each) => this.listed(each));
    return { rooms, next: answer.next_batch ?? null, total: answer.total_room_count_estimate ?? rooms.length };
  }

  /** Waits until the sync has brought a room. */
  private known(roomId: string): Promise<void> {
    return this.until(() => this.client.getRoom(roomId)?.getMyMembership() === KnownMembership.Join);
  }

  private until(so: () => boolean): Promise<void> {
    if (so()) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        this.client.off(ClientEvent.Room, look);
        this.client.off(RoomEvent.MyMembership, look);
        resolve();
      };
      const look = (): void => {
        if (so()) end();
      };
      this.client.on(ClientEvent.Room, look);
      this.client.on(RoomEvent.MyMembership, look);
      setTimeout(end, 10_000);
    });
  }
}

function lineKey(event: MatrixEvent): string | null {
  if (event.isRedacted()) return "line.deleted";
  if (event.isDecryptionFailure() || event.getType() === EventType.RoomMessageEncrypted) return "line.locked";
  const content = event.getContent();
  switch (content.msgtype) {
    case "m.image":
      return "line.image";
    case "m.video":
      return "line.video";
    case "m.audio":
      return content["org.matrix.msc3245.voice"] ? "line.voice" : "line.audio";
    case "m.file":
      return null;
    case "m.key.verification.request":
      return "line.verification";
    default:
      return null;
  }
}

function mentionsUser(receipt: MatrixEvent, userId: string): boolean {
  return Object.values(receipt.getContent()).some((kinds) =>
    Object.values(kinds as Record<string, object>).some((users) => userId in users),
  );
}

const encryption = () => ({ type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } });
const accessRule = (rule: string) => ({ type: ACCESS_RULES, state_key: "", content: { rule } });
const guestAccess = () => ({ type: "m.room.guest_access", state_key: "", content: { guest_access: "forbidden" } });
const historyVisibility = (visibility: string) => ({
  type: "m.room.history_visibility",
  state_key: "",
  content: { history_visibility: visibility },
});
