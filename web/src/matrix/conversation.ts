/** What is done in one room. */

import {
  EventStatus,
  EventType,
  type HistoryVisibility,
  JoinRule,
  KnownMembership,
  M_POLL_END,
  M_POLL_RESPONSE,
  M_POLL_START,
  type MatrixClient,
  MatrixEvent,
  Method,
  MsgType,
  PushRuleActionName,
  PushRuleKind,
  ReceiptType,
  RelationType,
  type Room,
  RoomEvent,
  RoomMemberEvent,
  RoomStateEvent,
  UpdateDelayedEventAction,
} from "matrix-js-sdk";
import type { CryptoBackend } from "matrix-js-sdk/lib/common-crypto/CryptoBackend";
import { type Agency, allowsFile, type Removed } from "./agency";
import type { Media } from "./media";
import { unlessItWaits } from "./outbox";
import type { People } from "./people";
import { ACCESS_RULES, CLASSIFICATION, type Rooms } from "./rooms";
import { Signal } from "./signal";
import { Timeline } from "./timeline";
import type { Attachment, Content, EncryptedFile, Member, Outgoing, RoomDetails, RoomKind } from "./types";

/** A file made ready to be sent: what the sender's browser could find out about it. */
export interface PreparedFile {
  blob: Blob;
  name: string;
  kind: "image" | "video" | "audio" | "voice" | "file";
  width?: number;
  height?: number;
  duration?: number;
  waveform?: number[];
  thumbnail?: { blob: Blob; width: number; height: number };
}

export class Conversation {
  readonly changed = new Signal(30);
  private readonly off: Array<() => void> = [];

  constructor(
    private readonly client: MatrixClient,
    private readonly people: People,
    private readonly rooms: Rooms,
    private readonly media: Media,
    private readonly agency: Agency,
    readonly id: string,
  ) {
    const on = (name: string, concerns: (...given: never[]) => boolean): void => {
      const listener = (...given: never[]): void => {
        if (concerns(...given)) this.changed.fire();
      };
      client.on(name as never, listener as never);
      this.off.push(() => client.off(name as never, listener as never));
    };
    on(RoomStateEvent.Events, (event: MatrixEvent) => event.getRoomId() === id);
    on(RoomMemberEvent.Typing, (_event: MatrixEvent, member: { roomId: string }) => member.roomId === id);
    on(RoomEvent.MyMembership, (room: Room) => room.roomId === id);
    on(RoomEvent.Name, (room: Room) => room.roomId === id);
    on("accountData", () => true);
  }

  close(): void {
    for (const each of this.off) each();
  }

  get exists(): boolean {
    return this.client.getRoom(this.id) !== null;
  }

  private get room(): Room {
    const room = this.client.getRoom(this.id);
    if (!room) throw new Error("not a room of this account");
    return room;
  }

  timeline(threadId: string | null = null): Timeline {
    return new Timeline(this.client, this.people, this.room, threadId);
  }

  details(): RoomDetails {
    const room = this.room;
    const state = room.currentState;
    const me = room.getMember(this.client.getSafeUserId());
    const summary = this.rooms.kindOf(room);
    const otherId = summary === "direct" ? room.guessDMUserId() : null;
    const other = otherId ? this.people.of(room.getMember(otherId), otherId) : null;
    const user = this.client.getSafeUserId();
    const may = (type: EventType): boolean => state.maySendStateEvent(type, user);
    const levels = state.getStateEvents(EventType.RoomPowerLevels, "")?.getContent() ?? {};
    const level = me?.powerLevel ?? 0;
    const organisations = new Set(
      room.getJoinedMembers().map((each) => this.people.of(each, each.userId).organisation ?? each.userId.split(":")[1]),
    );
    return {
      id: this.id,
      name: other && room.getInvitedAndJoinedMemberCount() <= 2 ? other.name : room.name,
      topic: String(state.getStateEvents(EventType.RoomTopic, "")?.getContent().topic ?? ""),
      avatar: room.getMxcAvatarUrl() ?? other?.avatar ?? null,
      kind: summary,
      encrypted: room.hasEncryptionStateEvent(),
      members: room.getJoinedMemberCount(),
      organisations: organisations.size,
      other,
      joinRule: room.getJoinRule(),
      historyVisibility: room.getHistoryVisibility(),
      version: room.getVersion(),
      replacedBy: state.getStateEvents(EventType.RoomTombstone, "")?.getContent().replacement_room ?? null,
      alias: room.getCanonicalAlias(),
      myLevel: level,
      may: {
        send: room.maySendMessage(),
        invite: room.canInvite(user),
        kick: level >= (levels.kick ?? 50),
        ban: level >= (levels.ban ?? 50),
        redact: level >= (levels.redact ?? 50),
        pin: may(EventType.RoomPinnedEvents),
        settings: may(EventType.RoomName),
        roles: may(EventType.RoomPowerLevels),
        upgrade: may(EventType.RoomTombstone),
        guests: may(ACCESS_RULES as EventType),
        classify: may(CLASSIFICATION as EventType),
      },
      pinned: state.getStateEvents(EventType.RoomPinnedEvents, "")?.getContent().pinned ?? [],
      notifications: this.notifications(),
      guests: summary === "guests",
      level: this.agency.level(state.getStateEvents(CLASSIFICATION, "")?.getContent().level),
      keptDays: this.keptDays(summary),
    };
  }

  /** The strictest of what the room says, its marking and its kind. */
  private keptDays(kind: RoomKind): number | null {
    const state = this.room.currentState;
    const lifetime = Number(state.getStateEvents("m.room.retention", "")?.getContent().max_lifetime);
    const { rules } = this.agency;
    if (!rules) return null;
    const level = this.agency.level(state.getStateEvents(CLASSIFICATION, "")?.getContent().level);
    const ofKind = {
      forum: rules.retention.forum_days,
      guests: rules.retention.open_days,
      direct: rules.retention.direct_days,
      private: rules.retention.private_days,
      space: 0,
    }[kind];
    const days = [lifetime > 0 ? Math.ceil(lifetime / 86_400_000) : 0, level?.retention_days ?? 0, ofKind];
    const limits = days.filter((each) => each > 0);
    return limits.length ? Math.min(...limits) : null;
  }

  typing(): string[] {
    return this.room.currentState
      .getMembers()
      .filter((each) => each.typing && each.userId !== this.client.getUserId())
      .map((each) => this.people.of(each, each.userId).name);
  }

  // ------------------------------------------------------------------------------------------------------------ sending

  async send(message: Outgoing, threadId: string | null): Promise<void> {
    await unlessItWaits(this.client.sendMessage(this.id, threadId, this.contentOf(message, threadId) as never));
  }

  /** Sends later, at a time in milliseconds. Returns the identifier to take it back by. */
  async schedule(message: Outgoing, threadId: string | null, at: number): Promise<string> {
    const delay = Math.max(at - Date.now(), 1000);
    const content = this.contentOf(message, threadId);
    if (!this.room.hasEncryptionStateEvent()) {
      const sent = await this.client._unstable_sendDelayedEvent(
        this.id,
        { delay },
        threadId,
        EventType.RoomMessage,
        content as never,
      );
      return (sent as { delay_id: string }).delay_id;
    }
    // the SDK would send it in the clear: it is encrypted here first
    const event = new MatrixEvent({
      type: EventType.RoomMessage,
      content,
      room_id: this.id,
      sender: this.client.getSafeUserId(),
    });
    await (this.client.getCrypto() as unknown as CryptoBackend).encryptEvent(event, this.room);
    const path = `/rooms/${encodeURIComponent(this.id)}/send/m.room.encrypted/${encodeURIComponent(this.client.makeTxnId())}`;
    const query = { "org.matrix.msc4140.delay": String(delay) };
    const { delay_id } = await this.client.http.authedRequest<{ delay_id: string }>(
      Method.Put,
      path,
      query,
      event.getWireContent(),
    );
    return delay_id;
  }

  /** What waits to be sent later. */
  async scheduled(): Promise<Array<{ id: string; at: number }>> {
    const { scheduled } = (await this.client._unstable_getDelayedEvents("scheduled" as never)) as {
      scheduled?: Array<Record<string, never>>;
    };
    return (scheduled ?? [])
      .filter((each) => each.room_id === this.id)
      .map((each) => ({ id: each.delay_id as string, at: Number(each.running_since) + Number(each.delay) }));
  }

  async unschedule(id: string, now: boolean): Promise<void> {
    await this.client._unstable_updateDelayedEvent(id, now ? UpdateDelayedEventAction.Send : UpdateDelayedEventAction.Cancel);
  }

  private contentOf(message: Outgoing, threadId: string | null): Record<string, unknown> {
    const content: Record<string, unknown> = {
      msgtype: message.emote ? MsgType.Emote : MsgType.Text,
      body: message.body,
      ...(message.html ? { format: "org.matrix.custom.html", formatted_body: message.html } : {}),
      "m.mentions": {
        ...(message.mentions.length ? { user_ids: message.mentions } : {}),
        ...(message.mentionsRoom ? { room: true } : {}),
      },
    };
    if (message.edits) {
      return {
        ...content,
        body: `* ${message.body}`,
        ...(message.html ? { formatted_body: `* ${message.html}` } : {}),
        "m.new_content": content,
        "m.relates_to": { rel_type: RelationType.Replace, event_id: message.edits },
      };
    }
    const relation = this.relation(message.replyTo, threadId);
    return relation ? { ...content, "m.relates_to": relation } : content;
  }

  private relation(replyTo: string | undefined, threadId: string | null): Record<string, unknown> | null {
    if (threadId) {
      const last = this.room.getThread(threadId)?.replyToEvent?.getId() ?? threadId;
      return {
        rel_type: RelationType.Thread,
        event_id: threadId,
        is_falling_back: !replyTo,
        "m.in_reply_to": { event_id: replyTo ?? last },
      };
    }
    return replyTo ? { "m.in_reply_to": { event_id: replyTo } } : null;
  }

  async sendFile(
    file: PreparedFile,
    caption: string,
    threadId: string | null,
    progress: (sent: number, of: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const encrypted = this.room.hasEncryptionStateEvent();
    const info: Record<string, unknown> = { mimetype: file.blob.type || "application/octet-stream", size: file.blob.size };
    if (file.width) Object.assign(info, { w: file.width, h: file.height });
    if (file.duration) info.duration = Math.round(file.duration);
    if (file.thumbnail) {
      const sealed = await this.media.upload(file.thumbnail.blob, encrypted, undefined, signal);
      Object.assign(info, placed(sealed, "thumbnail_url", "thumbnail_file"));
      info.thumbnail_info = {
        mimetype: file.thumbnail.blob.type,
        size: file.thumbnail.blob.size,
        w: file.thumbnail.width,
        h: file.thumbnail.height,
      };
    }
    const source = await this.media.upload(file.blob, encrypted, progress, signal);
    const types = {
      image: MsgType.Image,
      video: MsgType.Video,
      audio: MsgType.Audio,
      voice: MsgType.Audio,
      file: MsgType.File,
    };
    const content: Record<string, unknown> = {
      msgtype: types[file.kind],
      body: caption || file.name,
      filename: file.name,
      info,
      ...placed(source, "url", "file"),
      "m.mentions": {},
    };
    if (file.kind === "voice") {
      content["org.matrix.msc3245.voice"] = {};
      content["org.matrix.msc1767.audio"] = { duration: Math.round(file.duration ?? 0), waveform: file.waveform ?? [] };
    }
    const relation = this.relation(undefined, threadId);
    if (relation) content["m.relates_to"] = relation;
    const { event_id } = await this.client.sendMessage(this.id, threadId, content as never);
    if (encrypted && this.agency.rules) {
      const sealed = [source, info.thumbnail_file as EncryptedFile | undefined];
      const files = sealed.flatMap((each) => (each && typeof each !== "string" ? [each.url] : []));
      await this.agency.holds(this.id, event_id, files).catch(() => {}); // the message is there: its file outlives it, at worst
    }
  }

  /** Sends what was sent elsewhere again, here. */
  async forward(from: Conversation, eventId: string): Promise<void> {
    const event = from.room.findEventById(eventId);
    if (!event) throw new Error("not loaded");
    const content = { ...(event.replacingEvent()?.getContent()["m.new_content"] ?? event.getContent()) };
    delete content["m.relates_to"];
    content["m.mentions"] = {};
    const isFile = ["m.file", "m.image", "m.video", "m.audio"].includes(String(content.msgtype));
    if (isFile && !allowsFile(this.details().level, String(content.info?.mimetype ?? "")))
      throw Object.assign(new Error("not in a room of this level"), { errcode: "M_FORBIDDEN" });
    await this.client.sendMessage(this.id, null, content as never);
  }

  /** How somebody is called here: by the room, not by who writes about them. */
  nameOf(id: string): string {
    return this.people.of(this.room.getMember(id), id).name;
  }

  async react(eventId: string, key: string): Promise<void> {
    const relation = { rel_type: RelationType.Annotation, event_id: eventId, key } as const;
    await unlessItWaits(this.client.sendEvent(this.id, EventType.Reaction, { "m.relates_to": relation }));
  }

  async redact(eventId: string, reason: string): Promise<void> {
    await this.client.redactEvent(this.id, eventId, undefined, reason ? { reason } : undefined);
  }

  async startPoll(question: string, answers: string[], disclosed: boolean, threadId: string | null): Promise<void> {
    const text = (body: string): Record<string, string> => ({ "org.matrix.msc1767.text": body });
    await this.client.sendEvent(
      this.id,
      threadId,
      M_POLL_START.name as never,
      {
        [M_POLL_START.name]: {
          question: text(question),
          kind: `org.matrix.msc3381.poll.${disclosed ? "disclosed" : "undisclosed"}`,
          max_selections: 1,
          answers: answers.map((each, index) => ({ id: `${index + 1}`, ...text(each) })),
        },
        "org.matrix.msc1767.text": `${question}\n${answers.map((each, index) => `${index + 1}. ${each}`).join("\n")}`,
      } as never,
    );
  }

  async vote(eventId: string, answers: string[]): Promise<void> {
    await this.client.sendEvent(
      this.id,
      M_POLL_RESPONSE.name as never,
      {
        [M_POLL_RESPONSE.name]: { answers },
        "m.relates_to": { rel_type: RelationType.Reference, event_id: eventId },
      } as never,
    );
  }

  async endPoll(eventId: string, text: string): Promise<void> {
    await this.client.sendEvent(
      this.id,
      M_POLL_END.name as never,
      {
        [M_POLL_END.name]: {},
        "m.relates_to": { rel_type: RelationType.Reference, event_id: eventId },
        "org.matrix.msc1767.text": text,
      } as never,
    );
  }

  /** Tries what was not sent again, in order. */
  async retry(key: string): Promise<void> {
    const event = this.room.getPendingEvents().find((each) => each.getTxnId() === key);
    if (event?.status === EventStatus.NOT_SENT) await this.client.resendEvent(event, this.room);
  }

  discard(key: string): void {
    const event = this.room.getPendingEvents().find((each) => each.getTxnId() === key);
    if (event) this.client.cancelPendingEvent(event);
  }

  setTyping(typing: boolean): void {
    void this.client.sendTyping(this.id, typing, 20_000).catch(() => {});
  }

  async markRead(eventId: string, privately: boolean): Promise<void> {
    const event = this.room.findEventById(eventId);
    if (!event) return;
    await this.client.sendReadReceipt(event, privately ? ReceiptType.ReadPrivate : ReceiptType.Read, true);
    await this.client.setRoomReadMarkers(this.id, eventId);
    if (this.room.getAccountData("m.marked_unread")?.getContent().unread) await this.rooms.markUnread(this.id, false);
  }

  async pin(eventId: string, pinned: boolean): Promise<void> {
    const others = this.details().pinned.filter((each) => each !== eventId);
    await this.client.sendStateEvent(this.id, EventType.RoomPinnedEvents, { pinned: pinned ? [...others, eventId] : others });
  }

  /** Earlier forms of an edited message, newest first. */
  async history(eventId: string): Promise<Array<{ ts: number; body: string }>> {
    const { events } = await this.client.relations(this.id, eventId, RelationType.Replace, null);
    const original = await this.client.fetchRoomEvent(this.id, eventId);
    const mapper = this.client.getEventMapper();
    const first = mapper(original);
    await this.client.decryptEventIfNeeded(first);
    const edits = events.map((each) => ({ ts: each.getTs(), body: String(each.getContent()["m.new_content"]?.body ?? "") }));
    return [...edits, { ts: first.getTs(), body: String(first.getOriginalContent().body ?? "") }].sort((a, b) => b.ts - a.ts);
  }

  /** The event nearest to a day, for jumping there. */
  async eventAt(ts: number): Promise<string | null> {
    const found = await this.client
      .timestampToEvent(this.id, ts, "f" as never)
      .catch(() => this.client.timestampToEvent(this.id, ts, "b" as never).catch(() => null));
    return found?.event_id ?? null;
  }

  /** One event, also if it is not loaded. */
  async event(eventId: string): Promise<{ sender: string; ts: number; text: string } | null> {
    let event = this.room.findEventById(eventId);
    if (!event) {
      const raw = await this.client.fetchRoomEvent(this.id, eventId).catch(() => null);
      if (!raw) return null;
      event = this.client.getEventMapper()(raw);
    }
    await this.client.decryptEventIfNeeded(event);
    const sender = event.getSender()!;
    const body = event.getContent().body;
    return {
      sender: this.people.of(this.room.getMember(sender), sender).name,
      ts: event.getTs(),
      text: typeof body === "string" ? body : "",
    };
  }

  /** Files and media of the loaded history, newest first; `more` loads further back. */
  async files(
    timeline: Timeline,
  ): Promise<Array<{ eventId: string; sender: string; ts: number; kind: Content["type"]; file: Attachment }>> {
    const found = [];
    for (const item of timeline.list()) {
      if ("file" in item.content)
        found.push({
          eventId: item.eventId,
          sender: item.sender.name,
          ts: item.ts,
          kind: item.content.type,
          file: item.content.file,
        });
    }
    return found.reverse();
  }

  // ------------------------------------------------------------------------------------------------------------- people

  async members(): Promise<Member[]> {
    await this.room.loadMembersIfNeeded();
    return this.room.currentState
      .getMembers()
      .filter((each) => each.membership && each.membership !== KnownMembership.Leave)
      .map((each) => ({
        ...this.people.of(each, each.userId),
        membership: each.membership as Member["membership"],
        level: Math.min(each.powerLevel, 1000),
      }))
      .sort((a, b) => b.level - a.level || a.name.localeCompare(b.name));
  }

  async invite(userId: string): Promise<void> {
    await this.client.invite(this.id, userId);
  }

  async inviteByEmail(address: string): Promise<void> {
    await this.client.inviteByEmail(this.id, address);
  }

  async kick(userId: string, reason: string): Promise<void> {
    await this.client.kick(this.id, userId, reason || undefined);
  }

  async ban(userId: string, reason: string): Promise<void> {
    await this.client.ban(this.id, userId, reason || undefined);
  }

  async unban(userId: string): Promise<void> {
    await this.client.unban(this.id, userId);
  }

  async setLevel(userId: string, level: number): Promise<void> {
    await this.client.setPowerLevel(this.id, userId, level);
  }

  async report(eventId: string, reason: string): Promise<void> {
    await this.client.reportEvent(this.id, eventId, -100, reason);
  }

  // ----------------------------------------------------------------------------------------------------------- settings

  async setName(name: string): Promise<void> {
    await this.client.setRoomName(this.id, name);
  }

  async setTopic(topic: string): Promise<void> {
    await this.client.setRoomTopic(this.id, topic);
  }

  async setPicture(file: Blob): Promise<void> {
    const { content_uri } = await this.client.uploadContent(file);
    await this.client.sendStateEvent(this.id, EventType.RoomAvatar, { url: content_uri });
  }

  async setHistory(visibility: string): Promise<void> {
    await this.client.sendStateEvent(this.id, EventType.RoomHistoryVisibility, {
      history_visibility: visibility as HistoryVisibility,
    });
  }

  async setKnocking(open: boolean): Promise<void> {
    await this.client.sendStateEvent(this.id, EventType.RoomJoinRules, { join_rule: open ? JoinRule.Knock : JoinRule.Invite });
  }

  async openToGuests(): Promise<void> {
    if (this.agency.rules) return this.agency.openToGuests(this.id);
    const rules = this.room.currentState.getStateEvents(ACCESS_RULES, "")?.getContent();
    await this.client.sendStateEvent(this.id, ACCESS_RULES as never, { ...rules, rule: "unrestricted" } as never, "");
  }

  /** Removes every guest. Returns who they were and what they could see. */
  async closeToGuests(): Promise<Removed[]> {
    return this.agency.closeToGuests(this.id);
  }

  async classify(level: string): Promise<void> {
    await this.client.sendStateEvent(this.id, CLASSIFICATION as never, { level } as never, "");
  }

  async upgrade(version: string): Promise<string> {
    return (await this.client.upgradeRoom(this.id, version)).replacement_room;
  }

  private notifications(): RoomDetails["notifications"] {
    const rules = this.client.pushRules?.global;
    const override = rules?.override?.find((each) => each.rule_id === this.id);
    if (override?.enabled && !override.actions.includes(PushRuleActionName.Notify)) return "none";
    const own = rules?.room?.find((each) => each.rule_id === this.id);
    return own?.enabled && !own.actions.includes(PushRuleActionName.Notify) ? "mentions" : "all";
  }

  async setNotifications(wanted: RoomDetails["notifications"]): Promise<void> {
    const client = this.client;
    const remove = (kind: PushRuleKind): Promise<unknown> => client.deletePushRule("global", kind, this.id).catch(() => {});
    await remove(PushRuleKind.Override);
    await remove(PushRuleKind.RoomSpecific);
    if (wanted === "none") {
      await client.addPushRule("global", PushRuleKind.Override, this.id, {
        actions: [],
        conditions: [{ kind: "event_match" as never, key: "room_id", pattern: this.id } as never],
      });
    } else if (wanted === "mentions") {
      await client.addPushRule("global", PushRuleKind.RoomSpecific, this.id, { actions: [] });
    }
  }
}

function placed(source: string | EncryptedFile, plain: string, sealed: string): Record<string, unknown> {
  return typeof source === "string" ? { [plain]: source } : { [sealed]: source };
}
