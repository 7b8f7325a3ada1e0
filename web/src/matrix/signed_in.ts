/** An account that is signed in, as view models know it: interfaces, which a test can stand in for. */

import type { Signal } from "../platform/signal";
import type { Stream } from "../platform/stream";
import type { Account } from "./account";
import type { Agency } from "./agency";
import type { Console } from "./console";
import type { Conversation } from "./conversation";
import type { Devices } from "./devices";
import type { Encryption } from "./encryption";
import type { OutgoingFiles } from "./file_outbox";
import type { Media } from "./media";
import type { MessageIndex } from "./message_index";
import type { Notices } from "./notices";
import type { Orders } from "./orders";
import type { People } from "./people";
import type { PlaybookModels } from "./playbook_models";
import type { Playbooks } from "./playbooks";
import type { Polls } from "./polls";
import type { Recovery } from "./recovery";
import type { RecoveryPasskeys } from "./recovery_passkeys";
import type { RoomDirectory } from "./room_directory";
import type { RoomEntry } from "./room_entry";
import type { RoomHistory } from "./room_history";
import type { RoomOrder } from "./room_order";
import type { RoomPeople } from "./room_people";
import type { RoomReading } from "./room_reading";
import type { RoomSettings } from "./room_settings";
import type { Rooms } from "./rooms";
import type { SavedMessages } from "./saved";
import type { Scheduled } from "./scheduled";
import type { Session } from "./session";
import type { Statuses } from "./statuses";
import type { ThreadFollowing } from "./thread_following";
import type { Threads } from "./threads";
import type { Timeline } from "./timeline";
import type { Barred, Connection } from "./types";
import type { Verification } from "./verification";

/** What a class lets others see. */
export type Face<T> = { [K in keyof T]: T[K] };

/** A class whose parts are others: of them, too, only what they let others see. */
type Parted<T, P extends object> = Omit<T, keyof P> & P;

export type SomeTimeline = Face<Timeline>;
export type SomeVerification = Face<Verification>;
export type SomeConversation = Parted<
  Conversation,
  {
    readonly history: Face<RoomHistory>;
    readonly members: Face<RoomPeople>;
    readonly outgoing: Face<OutgoingFiles>;
    readonly orders: Face<Orders>;
    readonly playbooks: Face<Playbooks>;
    readonly polls: Face<Polls>;
    readonly scheduled: Face<Scheduled>;
    readonly settings: Face<RoomSettings>;
    timeline(threadId?: string | null): SomeTimeline;
  }
>;
export type SomeEncryption = Parted<
  Encryption,
  {
    readonly recovery: Face<Recovery>;
    readonly passkeys: Face<RecoveryPasskeys>;
    readonly devices: Face<Devices>;
    readonly incoming: SomeVerification | null;
    verifyThisDevice(): Promise<SomeVerification>;
    verifyDevice(deviceId: string): Promise<SomeVerification>;
    verifyPerson(userId: string, roomId: string): Promise<SomeVerification>;
  }
>;

export type SomeThreads = Parted<Threads, { readonly following: Face<ThreadFollowing> }>;

export interface SignedIn {
  readonly userId: string;
  readonly deviceId: string | null;
  readonly connection: Stream<Connection>;
  /** Why the server lets this account do nothing at all. */
  readonly barred: Stream<Barred | null>;
  readonly accountDataChanged: Signal;
  readonly people: Face<People>;
  readonly rooms: Face<Rooms>;
  readonly order: Face<RoomOrder>;
  readonly reading: Face<RoomReading>;
  readonly threads: SomeThreads;
  readonly saved: Face<SavedMessages>;
  readonly playbookModels: Face<PlaybookModels>;
  readonly statuses: Face<Statuses>;
  readonly entry: Face<RoomEntry>;
  readonly directory: Face<RoomDirectory>;
  readonly media: Face<Media>;
  readonly agency: Face<Agency>;
  readonly console: Face<Console>;
  readonly encryption: SomeEncryption;
  readonly index: Face<MessageIndex>;
  /** Reads what this browser has kept of the account and begins to follow the server. */
  open(): Promise<void>;
  notices(): Face<Notices>;
  account(): Face<Account>;
  conversation(id: string): SomeConversation;
  retry(): void;
  stop(): void;
  signOut(): Promise<void>;
  leave(): Promise<Session>;
}
