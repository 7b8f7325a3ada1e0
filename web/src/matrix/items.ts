/** Events of a room as items of a timeline. */

import {
  EventStatus,
  EventType,
  type IContent,
  M_POLL_END,
  M_POLL_RESPONSE,
  M_POLL_START,
  type MatrixClient,
  type MatrixEvent,
  MsgType,
  RelationType,
  type Room,
} from "matrix-js-sdk";
import { DecryptionFailureCode } from "matrix-js-sdk/lib/crypto-api";
import { plain } from "../platform/plain";
import { explain } from "./errors";
import { isPassing } from "./outbox";
import type { People } from "./people";
import { CLASSIFICATION } from "./rooms";
import type { Attachment, Content, EncryptedFile, Item, LockedReason, PollAnswer, Quote, Reaction } from "./types";

const SHOWN_STATE = new Set<string>([
  EventType.RoomName,
  EventType.RoomTopic,
  EventType.RoomAvatar,
  EventType.RoomEncryption,
  EventType.RoomMember,
  EventType.RoomTombstone,
  EventType.RoomJoinRules,
  EventType.RoomPowerLevels,
  EventType.RoomPinnedEvents,
  EventType.RoomCreate,
  EventType.RoomHistoryVisibility,
  "im.vector.room.access_rules",
  CLASSIFICATION,
]);
const FAILURES: Partial<Record<DecryptionFailureCode, LockedReason>> = {
  [DecryptionFailureCode.MEGOLM_UNKNOWN_INBOUND_SESSION_ID]: "waiting",
  [DecryptionFailureCode.OLM_UNKNOWN_MESSAGE_INDEX]: "waiting",
  [DecryptionFailureCode.HISTORICAL_MESSAGE_NO_KEY_BACKUP]: "no-backup",
  [DecryptionFailureCode.HISTORICAL_MESSAGE_BACKUP_UNCONFIGURED]: "verify",
  [DecryptionFailureCode.HISTORICAL_MESSAGE_WORKING_BACKUP]: "waiting",
  [DecryptionFailureCode.HISTORICAL_MESSAGE_USER_NOT_JOINED]: "before-join",
  [DecryptionFailureCode.MEGOLM_KEY_WITHHELD_FOR_UNVERIFIED_DEVICE]: "verify",
  [DecryptionFailureCode.MEGOLM_KEY_WITHHELD]: "withheld",
  [DecryptionFailureCode.SENDER_IDENTITY_PREVIOUSLY_VERIFIED]: "identity-changed",
  [DecryptionFailureCode.UNSIGNED_SENDER_DEVICE]: "sender-device",
  [DecryptionFailureCode.UNKNOWN_SENDER_DEVICE]: "sender-device",
};

export class Items {
  private readonly made = new Map<string, { item: Item; print: string }>();

  constructor(
    private readonly client: MatrixClient,
    private readonly people: People,
    private readonly room: Room,
  ) {}

  /** Null for what is not shown. The same object again while nothing of it has changed. */
  of(event: MatrixEvent, inThread: boolean, seenBy: string[]): Item | null {
    const content = this.content(event);
    if (content === null) return null;
    const id = event.getId()!;
    const mine = event.getSender() === this.client.getUserId();
    const live = content.type !== "deleted" && content.type !== "event";
    const item: Item = {
      key: event.getTxnId() ?? id,
      eventId: id,
      sender: this.people.of(event.sender ?? this.room.getMember(event.getSender()!), event.getSender()!),
      mine,
      ts: event.getTs(),
      state: stateOf(event),
      refusal: stateOf(event) === "failed" && event.error ? explain(event.error) : null,
      content,
      edited: live && event.replacingEvent() !== null,
      mentionsMe: !mine && live && mentions(event, this.client.getSafeUserId()),
      reactions: live ? this.reactions(id) : [],
      reply: live ? this.reply(event, inThread) : null,
      thread: live && !inThread ? this.thread(event) : null,
      seenBy: seenBy.map((user) => this.people.of(this.room.getMember(user), user)),
      warning: null,
      link: content.type === "text" ? firstLink(content.body) : null,
    };
    const print = JSON.stringify(item);
    const before = this.made.get(item.key);
    if (before?.print === print) return before.item;
    this.made.set(item.key, { item, print });
    return item;
  }

  private content(event: MatrixEvent): Content | null {
    const type = event.getType();
    if (event.isRedacted()) {
      if (event.isState() || type === EventType.Reaction) return null;
      const because = event.getUnsigned().redacted_because as { sender?: string; content?: { reason?: string } } | undefined;
      return {
        type: "deleted",
        by: because?.sender ? this.nameOf(because.sender) : null,
        reason: because?.content?.reason ?? null,
      };
    }
    if (event.isRelation(RelationType.Replace)) return null;
    if (event.isDecryptionFailure()) return { type: "locked", reason: FAILURES[event.decryptionFailureReason!] ?? "broken" };
    if (event.isBeingDecrypted() || event.shouldAttemptDecryption() || type === EventType.RoomMessageEncrypted) {
      return { type: "locked", reason: "waiting" };
    }
    if (event.isState()) return SHOWN_STATE.has(type) ? this.change(event) : null;
    if (type === EventType.RoomMessage) return message(event);
    if (type === EventType.Sticker) return { type: "image", file: attachment(event.getContent()) };
    if (M_POLL_START.matches(type)) return this.poll(event);
    if (type === EventType.CallInvite)
      return { type: "event", key: "event.call", values: { who: this.nameOf(event.getSender()!) } };
    return null;
  }

  private change(event: MatrixEvent): Content | null {
    const who = this.nameOf(event.getSender()!);
    const content = event.getContent();
    const before = event.getPrevContent();
    const says = (key: string, values: Record<string, string> = {}): Content => ({
      type: "event",
      key: `event.${key}`,
      values: { who, ...values },
    });
    switch (event.getType()) {
      case EventType.RoomCreate:
        return says("created");
      case EventType.RoomName:
        return says("named", { name: String(content.name ?? "") });
      case EventType.RoomTopic:
        return content.topic ? says("topic", { topic: String(content.topic) }) : null;
      case EventType.RoomAvatar:
        return says("picture");
      case EventType.RoomEncryption:
        return says("encrypted");
      case EventType.RoomTombstone:
        return says("moved");
      case EventType.RoomPinnedEvents:
        return says((content.pinned?.length ?? 0) > (before.pinned?.length ?? 0) ? "pinned" : "unpinned");
      case EventType.RoomPowerLevels:
        return Object.keys(before).length ? says("roles") : null;
      case EventType.RoomJoinRules:
        return Object.keys(before).length ? says(content.join_rule === "public" ? "opened" : "closed") : null;
      case "im.vector.room.access_rules":
        if (!Object.keys(before).length || content.rule === before.rule) return null;
        return says(content.rule === "unrestricted" ? "guests" : "closedToGuests");
      case CLASSIFICATION:
        return says("level", { level: this.people.levelName(content.level) });
      case EventType.RoomMember:
        return this.membership(event, who, says);
      default:
        return null;
    }
  }

  private membership(
    event: MatrixEvent,
    who: string,
    says: (key: string, values?: Record<string, string>) => Content,
  ): Content | null {
    const { membership, reason } = event.getContent();
    const before = event.getPrevContent().membership;
    const target = event.getStateKey()!;
    const own = target === event.getSender();
    const whom = this.people.person(
      target,
      event.getContent().displayname ?? event.getPrevContent().displayname ?? this.room.getMember(target)?.rawDisplayName,
      null,
    ).name;
    const values = { whom, reason: reason ? ` (${reason})` : "" };
    if (membership === "join")
      return before === "join" ? null : { type: "event", key: "event.joined", values: { who: whom || who } };
    if (membership === "invite") return says("invited", values);
    if (membership === "ban") return says("banned", values);
    if (membership === "knock") return says("knocked", values);
    if (before === "ban") return says("unbanned", values);
    if (own) return says(before === "invite" ? "declined" : "left");
    return says(before === "invite" ? "uninvited" : "removed", values);
  }

  private poll(event: MatrixEvent): Content {
    const start = M_POLL_START.findIn<Record<string, never>>(event.getContent()) as unknown as
      | {
          question?: Record<string, unknown>;
          answers?: Array<Record<string, unknown>>;
          kind?: string;
          max_selections?: number;
        }
      | undefined;
    const text = (part: Record<string, unknown> | undefined): string =>
      String(part?.["org.matrix.msc1767.text"] ?? part?.["m.text"] ?? part?.body ?? "");
    const id = event.getId()!;
    const end = this.relations(id, RelationType.Reference, M_POLL_END)
      .filter(
        (each) =>
          each.getSender() === event.getSender() || this.room.currentState.maySendRedactionForEvent(event, each.getSender()!),
      )
      .map((each) => each.getTs())
      .sort()[0];
    const latest = new Map<string, MatrixEvent>();
    for (const response of this.relations(id, RelationType.Reference, M_POLL_RESPONSE)) {
      if (end !== undefined && response.getTs() > end) continue;
      const before = latest.get(response.getSender()!);
      if (!before || before.getTs() <= response.getTs()) latest.set(response.getSender()!, response);
    }
    const max = start?.max_selections ?? 1;
    const answers: PollAnswer[] = (start?.answers ?? [])
      .slice(0, 20)
      .map((each) => ({ id: String(each.id ?? each["m.id"]), text: text(each), votes: 0, mine: false }));
    let voters = 0;
    for (const [user, response] of latest) {
      const chosen = (M_POLL_RESPONSE.findIn<{ answers?: string[] }>(response.getContent())?.answers ?? []).slice(0, max);
      const valid = answers.filter((each) => chosen.includes(each.id));
      if (valid.length) voters++;
      for (const answer of valid) {
        answer.votes++;
        if (user === this.client.getUserId()) answer.mine = true;
      }
    }
    return {
      type: "poll",
      question: text(start?.question),
      answers,
      voters,
      ended: end !== undefined,
      disclosed: !String(start?.kind).endsWith("undisclosed"),
      max,
    };
  }

  private relations(id: string, relation: RelationType, type: { name: string; altName?: string | null }): MatrixEvent[] {
    const names = [type.name, type.altName].filter((each): each is string => Boolean(each));
    return names
      .flatMap((name) => this.room.relations.getChildEventsForEvent(id, relation, name)?.getRelations() ?? [])
      .filter((each) => !each.isRedacted());
  }

  private reactions(id: string): Reaction[] {
    const children = this.room.relations.getChildEventsForEvent(id, RelationType.Annotation, EventType.Reaction);
    const found: Reaction[] = [];
    for (const [key, events] of children?.getSortedAnnotationsByKey() ?? []) {
      const live = [...events].filter((each) => !each.isRedacted());
      const senders = new Set(live.map((each) => each.getSender()!));
      if (!senders.size || !key) continue;
      const mine = live.find((each) => each.getSender() === this.client.getUserId())?.getId() ?? null;
      found.push({ key, count: senders.size, mine, people: [...senders].slice(0, 20).map((each) => this.nameOf(each)) });
    }
    return found;
  }

  private reply(event: MatrixEvent, inThread: boolean): Quote | null {
    const id = event.replyEventId;
    const relation = event.getWireContent()["m.relates_to"];
    if (!id || (inThread && relation?.is_falling_back)) return null;
    const target = this.room.findEventById(id);
    if (!target) return { eventId: id, sender: null, text: null };
    return { eventId: id, sender: this.nameOf(target.getSender()!), text: textOf(target) };
  }

  private thread(event: MatrixEvent): Item["thread"] {
    const thread = event.getThread();
    if (!thread || thread.id !== event.getId() || !thread.length) return null;
    const people = new Map<string, Item["sender"]>();
    for (const each of thread.timeline) {
      const sender = each.getSender()!;
      if (each.getId() !== thread.id) people.set(sender, this.people.of(this.room.getMember(sender), sender));
    }
    return {
      count: thread.length,
      lastTs: thread.replyToEvent?.getTs() ?? event.getTs(),
      people: [...people.values()].slice(-3),
    };
  }

  private nameOf(id: string): string {
    return this.people.of(this.room.getMember(id), id).name;
  }
}

/** What an event says, in one line, for lists and quotations. Null: nothing that a line can say. */
export function textOf(event: MatrixEvent): string | null {
  if (event.isRedacted() || event.isDecryptionFailure()) return null;
  const content = event.getContent();
  if (M_POLL_START.matches(event.getType())) {
    const start = M_POLL_START.findIn<{ question?: Record<string, unknown> }>(content);
    return String(start?.question?.["org.matrix.msc1767.text"] ?? start?.question?.body ?? "");
  }
  if (typeof content.body !== "string") return null;
  const html = formatted(content);
  return (html === null ? withoutFallback(content.body).split("\n").join(" ") : plain(html)).slice(0, 200);
}

function formatted(content: IContent): string | null {
  return content.format === "org.matrix.custom.html" && typeof content.formatted_body === "string"
    ? content.formatted_body.replace(/^<mx-reply>[\s\S]*?<\/mx-reply>/, "")
    : null;
}

function stateOf(event: MatrixEvent): Item["state"] {
  if (event.status === null || event.status === EventStatus.SENT) return "sent";
  // without an error: behind one that waits, or of an earlier visit
  if (event.status === EventStatus.NOT_SENT && (!event.error || isPassing(event.error))) return "queued";
  if (event.status === EventStatus.NOT_SENT || event.status === EventStatus.CANCELLED) return "failed";
  return event.status === EventStatus.QUEUED ? "queued" : "sending";
}

function mentions(event: MatrixEvent, me: string): boolean {
  const said = event.getContent()["m.mentions"];
  return said?.user_ids?.includes?.(me) === true || said?.room === true;
}

function message(event: MatrixEvent): Content | null {
  const content = event.getContent();
  switch (content.msgtype) {
    case MsgType.Text:
    case MsgType.Notice:
    case MsgType.Emote: {
      const body = withoutFallback(String(content.body ?? ""));
      return {
        type: "text",
        body,
        html: formatted(content),
        emote: content.msgtype === MsgType.Emote,
        notice: content.msgtype === MsgType.Notice,
      };
    }
    case MsgType.Image:
      return { type: "image", file: attachment(content) };
    case MsgType.Video:
      return { type: "video", file: attachment(content) };
    case MsgType.Audio:
      return { type: content["org.matrix.msc3245.voice"] ? "voice" : "audio", file: attachment(content) };
    case MsgType.File:
      return { type: "file", file: attachment(content) };
    case "m.key.verification.request":
      return null;
    case MsgType.Location:
      return { type: "text", body: `${content.body ?? ""} ${content.geo_uri ?? ""}`, html: null, emote: false, notice: false };
    default:
      return typeof content.body === "string" ? { type: "unsupported", body: content.body } : null;
  }
}

// biome-ignore lint/suspicious/noExplicitAny: contents come from other people's clients
function attachment(content: any): Attachment {
  const info = content.info ?? {};
  const number = (value: unknown): number | null => (typeof value === "number" && value > 0 ? value : null);
  const source = (url: unknown, file: unknown): string | EncryptedFile | null =>
    file ? (file as EncryptedFile) : typeof url === "string" ? url : null;
  const name = String(content.filename ?? content.body ?? "");
  const wave = content["org.matrix.msc1767.audio"]?.waveform;
  return {
    name,
    mime: String(info.mimetype ?? "application/octet-stream"),
    size: number(info.size) ?? 0,
    width: number(info.w),
    height: number(info.h),
    duration: number(info.duration) ?? number(content["org.matrix.msc1767.audio"]?.duration),
    waveform: Array.isArray(wave) ? wave.slice(0, 200).map(Number) : null,
    caption: content.filename && content.body !== content.filename ? String(content.body) : null,
    source: source(content.url, content.file) ?? "",
    thumbnail: source(info.thumbnail_url, info.thumbnail_file),
  };
}

/** Replies of older clients begin with a quotation in the text itself. */
function withoutFallback(body: string): string {
  return body.startsWith("> <@") ? body.replace(/^(> .*\n)+\n/, "") : body;
}

function firstLink(body: string): string | null {
  return /https?:\/\/[^\s<>"')\]]+[^\s<>"')\].,;:!?]/.exec(body)?.[0] ?? null;
}
