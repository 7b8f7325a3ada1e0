/** What the rest of the client knows of Matrix: plain values, no objects of the SDK. */

import type { Classification } from "./classification";
import type { Explanation } from "./errors";
import type { NamesServices } from "./named_services";

export type { Classification };

export interface Person {
  id: string;
  name: string;
  /** From "First Last [Organisation]", else of the person's server; null where nothing is known. */
  organisation: string | null;
  avatar: string | null;
  /** From outside: invited by an agent. */
  guest: boolean;
}

export type RoomKind = "direct" | "private" | "guests" | "forum" | "space";

export interface RoomSummary {
  id: string;
  name: string;
  avatar: string | null;
  kind: RoomKind;
  membership: "join" | "invite" | "knock";
  other: Person | null;
  inviter: Person | null;
  unread: number;
  mentions: number;
  isUnread: boolean;
  muted: boolean;
  /** What of it is told. */
  told: "all" | "mentions" | "none";
  favourite: boolean;
  low: boolean;
  /** The section of one's own that it is in, by its tag. */
  section: string | null;
  /** Its place among the favourites or in its section, from 0 to 1. */
  order: number | null;
  /** Put away until something is said in it. */
  archived: boolean;
  spaces: string[];
  ts: number;
  last: { sender: string | null; mine: boolean; text: string; key: string | null } | null;
  typing: string[];
}

export interface RoomDetails {
  id: string;
  name: string;
  topic: string;
  avatar: string | null;
  kind: RoomKind;
  encrypted: boolean;
  members: number;
  organisations: number;
  other: Person | null;
  joinRule: string;
  historyVisibility: string;
  version: string;
  replacedBy: string | null;
  alias: string | null;
  myLevel: number;
  may: {
    send: boolean;
    invite: boolean;
    kick: boolean;
    ban: boolean;
    redact: boolean;
    pin: boolean;
    settings: boolean;
    roles: boolean;
    upgrade: boolean;
    /** Open to guests, or close to them. */
    guests: boolean;
    classify: boolean;
  };
  pinned: string[];
  notifications: "all" | "mentions" | "none";
  guests: boolean;
  /** Its marking, which binds; null: none. */
  level: Classification | null;
  /** After how many days messages are deleted; null: they stay. */
  keptDays: number | null;
}

export interface Member extends Person {
  service?: string | null; // as their directory says it
  membership: "join" | "invite" | "ban" | "knock";
  level: number;
}

/** How somebody had to leave a room. */
export interface Farewell {
  by: Person;
  reason: string | null;
  banned: boolean;
}

/** Somebody who was invited by an address. `address`: as far as this account may know it. */
export interface Awaited {
  token: string;
  address: string;
  invitedBy: string;
  purpose: string | null;
  endsTs: number | null;
}

export interface EncryptedFile {
  url: string;
  key: JsonWebKey;
  iv: string;
  hashes: Record<string, string>;
  v: string;
}

export interface Attachment {
  name: string;
  mime: string;
  size: number;
  width: number | null;
  height: number | null;
  duration: number | null;
  waveform: number[] | null;
  /** What is said of it, as text and, where it was formatted, as HTML. */
  caption: string | null;
  captionHtml: string | null;
  source: string | EncryptedFile;
  thumbnail: string | EncryptedFile | null;
}

export type LockedReason =
  | "waiting"
  | "verify"
  | "no-backup"
  | "before-join"
  | "sender-device"
  | "withheld"
  | "identity-changed"
  | "broken";

export interface PollAnswer {
  id: string;
  text: string;
  votes: number;
  mine: boolean;
}

export type OrderState = "received" | "doing" | "cannot";

/** `state`: null as long as somebody has not answered. `instead`: is asked because others had not. */
export interface OrderAnswer {
  person: Person;
  instead: boolean;
  state: OrderState | null;
  text: string;
  ts: number | null;
}

/** A reminder, a mail, somebody else who is asked. */
export type StepKind = "remind" | "mail" | "ask";

/** What happens while somebody has not answered. `done`: it has happened, to whom. */
export interface OrderStep {
  at: number;
  by: StepKind;
  who: Person | null;
  done: { ts: number; people: Person[] } | null;
}

/** An order that asks for an answer: those who have not given one first. */
export interface OrderContent {
  type: "order";
  text: string;
  due: number | null;
  answers: OrderAnswer[];
  asksMe: boolean;
  mine: OrderState | null;
  lifted: { reason: string; ts: number } | null;
  /** What it says now that it was edited: nobody is asked for that. */
  edited: string | null;
  ladder: OrderStep[];
}

/** A playbook, as its card in the conversation shows it. `dues`: of what is not done. */
export interface PlaybookContent {
  type: "playbook";
  title: string;
  done: number;
  all: number;
  dues: number[];
  isClosed: boolean;
}

export type Content =
  | OrderContent
  | PlaybookContent
  | ({ type: "text"; body: string; html: string | null; emote: boolean; notice: boolean } & NamesServices)
  | { type: "image" | "video" | "audio" | "voice" | "file"; file: Attachment }
  | { type: "place"; text: string; latitude: number; longitude: number; accuracy: number | null }
  | { type: "poll"; question: string; answers: PollAnswer[]; voters: number; ended: boolean; disclosed: boolean; max: number }
  | { type: "locked"; reason: LockedReason }
  | { type: "deleted"; by: string | null; reason: string | null }
  | { type: "event"; key: string; values: Record<string, string> }
  | { type: "unsupported"; body: string };

export interface Reaction {
  /** An emoji; the address of a picture, for an emoji of one's own. */
  key: string;
  /** What such a picture is called. */
  name: string | null;
  count: number;
  mine: string | null;
  people: string[];
}

export interface Quote {
  eventId: string;
  sender: string | null;
  text: string | null;
}

export interface Item {
  key: string;
  eventId: string;
  sender: Person;
  mine: boolean;
  ts: number;
  state: "sent" | "sending" | "queued" | "failed";
  /** Why it was not sent. */
  refusal: Explanation | null;
  content: Content;
  edited: boolean;
  mentionsMe: boolean;
  reactions: Reaction[];
  reply: Quote | null;
  thread: { count: number; unread: number; lastTs: number; people: Person[] } | null;
  seenBy: Person[];
  /** Who has opened it for this account, as it was said before one came: whose word it is that it is what was said. */
  givenBy: Person | null;
  warning: "unverified-device" | "identity-changed" | "not-encrypted" | null;
  link: string | null;
}

/** What a line says of an event. `key`: words of the interface, where its text says nothing. */
export interface Said {
  sender: string;
  mine: boolean;
  text: string;
  key: string | null;
}

/** An event in a line of its own, with its time. */
export interface Line extends Said {
  ts: number;
}

export interface ThreadSummary {
  roomId: string;
  /** The event that it began with. */
  id: string;
  room: string;
  avatar: string | null;
  isDirect: boolean;
  root: Said | null;
  last: Said | null;
  ts: number;
  count: number;
  unread: number;
  mentions: number;
  follows: boolean;
}

/** A message that is kept for later. Times in milliseconds since 1970. */
export interface SavedMessage {
  roomId: string;
  eventId: string;
  savedAt: number;
  remindAt: number | null;
  doneAt: number | null;
}

export interface Outgoing extends NamesServices {
  body: string;
  html: string | null;
  mentions: string[];
  mentionsRoom: boolean;
  emote?: boolean;
  replyTo?: string;
  edits?: string;
  /** Whom the message named before it was edited: they are not told again. */
  told?: string[];
}

export type Connection = "starting" | "online" | "offline";

/** Why the server lets an account do nothing. */
export type Barred = "locked" | "expired";
