/** Making rooms, and coming into them. */

import {
  ClientEvent,
  EventType,
  HistoryVisibility,
  type ICreateRoomOpts,
  KnownMembership,
  type MatrixClient,
  Preset,
  RoomEvent,
  RoomType,
  Visibility,
} from "matrix-js-sdk";
import { clock } from "../platform/clock";
import { ACCESS_RULES, CLASSIFICATION, directs } from "./room_kind";
import type { RoomKind } from "./types";

const ENTERED = new Set<string>([KnownMembership.Join, KnownMembership.Invite, KnownMembership.Knock]);
const PATIENCE = 10_000;

export interface NewRoom {
  kind: Exclude<RoomKind, "direct">;
  name: string;
  topic: string;
  invite: string[];
  alias?: string;
  /** The marking that it begins with. */
  level?: string;
}

export class RoomEntry {
  constructor(private readonly client: MatrixClient) {}

  /** The room with one person: the one that there is, or a new one. */
  async direct(userId: string): Promise<string> {
    for (const [roomId, user] of directs(this.client)) {
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
    const content = { ...(this.client.getAccountData(EventType.Direct)?.getContent() ?? {}) } as Record<string, string[]>;
    content[userId] = [...(content[userId] ?? []), room_id];
    await this.client.setAccountData(EventType.Direct, content);
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
    const direct = inviter?.getWireContent().is_direct === true ? inviter.getSender()! : null;
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

  /** The room of an alias. */
  async resolve(alias: string): Promise<{ id: string; via: string[] }> {
    const { room_id: id, servers: via } = await this.client.getRoomIdForAlias(alias);
    return { id, via: via.slice(0, 5) };
  }

  async knock(roomIdOrAlias: string, reason: string, via: string[] = []): Promise<void> {
    await this.client.knockRoom(roomIdOrAlias, { reason: reason || undefined, viaServers: via });
  }

  async leave(roomId: string): Promise<void> {
    await this.client.leave(roomId);
    // forgotten only once the sync has told of it: else it would bring back a room without its past
    await this.until(() => !ENTERED.has(this.client.getRoom(roomId)?.getMyMembership() ?? ""));
    await this.client.forget(roomId).catch(() => {});
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
      clock.after(PATIENCE, end);
    });
  }
}

const encryption = () => ({ type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } });
const accessRule = (rule: string) => ({ type: ACCESS_RULES, state_key: "", content: { rule } });
const guestAccess = () => ({ type: "m.room.guest_access", state_key: "", content: { guest_access: "forbidden" } });
const historyVisibility = (visibility: string) => ({
  type: "m.room.history_visibility",
  state_key: "",
  content: { history_visibility: visibility },
});
