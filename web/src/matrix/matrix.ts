/** An account that is signed in: the SDK behind one door. */

import {
  ClientEvent,
  createClient,
  HttpApiEvent,
  IndexedDBStore,
  type MatrixClient,
  PendingEventOrdering,
  SyncState,
} from "matrix-js-sdk";
import type { Logger } from "matrix-js-sdk/lib/logger";
import { clock, pause } from "../platform/clock";
import { Signal } from "../platform/signal";
import { Source, type Stream } from "../platform/stream";
import { Account } from "./account";
import { Agency } from "./agency";
import type { Configuration } from "./configuration";
import { Console } from "./console";
import { Conversation } from "./conversation";
import { Encryption } from "./encryption";
import { type Ended, endedBy } from "./ended";
import { FileOutbox } from "./file_outbox";
import { Keeping } from "./keeping";
import { KeptRooms } from "./kept_rooms";
import { LateKeys } from "./late_keys";
import { Media } from "./media";
import { MessageIndex } from "./message_index";
import { Notices } from "./notices";
import { Outbox, queues } from "./outbox";
import { People } from "./people";
import { PlaybookModels } from "./playbook_models";
import { quietly } from "./quiet_fetch";
import { keptDays } from "./room_details";
import { RoomDirectory } from "./room_directory";
import { RoomEntry } from "./room_entry";
import { kindOf } from "./room_kind";
import { nameRoom, type Words } from "./room_names";
import { RoomOrder } from "./room_order";
import { RoomReading } from "./room_reading";
import { Rooms } from "./rooms";
import { SavedMessages } from "./saved";
import { cryptoStoreKey, revoke, type Session, saveSession } from "./session";
import type { SignedIn } from "./signed_in";
import { Statuses } from "./statuses";
import { ThreadFollowing } from "./thread_following";
import { Threads } from "./threads";
import type { Barred, Connection } from "./types";
import { keepNoPending } from "./unsent";

/** Only what goes wrong is worth a line in the console. */
const QUIET: Logger = {
  trace: () => {},
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: (...what) => console.error(...what),
  getChild: () => QUIET,
};

const BARRED: Record<string, Barred> = { M_USER_LOCKED: "locked", ORG_MATRIX_EXPIRED_ACCOUNT: "expired" };

/** Fetches and compiles what encrypts, while the account is still being asked for. What went wrong is said when it is needed. */
export async function prepareEncryption(): Promise<void> {
  await import("@matrix-org/matrix-sdk-crypto-wasm").then(({ initAsync }) => initAsync()).catch(() => {});
}

export class Matrix implements SignedIn {
  readonly accountDataChanged = new Signal();
  readonly people: People;
  readonly rooms: Rooms;
  readonly order: RoomOrder;
  readonly reading: RoomReading;
  readonly threads: Threads;
  readonly saved: SavedMessages;
  readonly playbookModels: PlaybookModels;
  readonly statuses: Statuses;
  readonly entry: RoomEntry;
  readonly directory: RoomDirectory;
  readonly media: Media;
  readonly index: MessageIndex;
  private readonly lateKeys: LateKeys;
  readonly agency: Agency;
  readonly console: Console;
  private readonly outbox: Outbox;
  private readonly kept: KeptRooms;
  private readonly files: FileOutbox;
  private readonly link = new Source<Connection>("starting");
  private readonly bar = new Source<Barred | null>(null);
  private readonly keeping: Keeping;

  private constructor(
    private readonly client: MatrixClient,
    readonly encryption: Encryption,
    private readonly session: Session,
    private readonly store: IndexedDBStore,
    configuration: Configuration,
  ) {
    this.outbox = new Outbox(client);
    this.keeping = new Keeping(store, this.link);
    this.agency = new Agency(client, configuration.rules);
    this.console = new Console(client);
    this.people = new People(client, configuration.organisations, this.agency);
    this.kept = new KeptRooms(session.userId);
    this.rooms = new Rooms(client, this.people, this.kept);
    this.order = new RoomOrder(client);
    const following = new ThreadFollowing(client);
    this.threads = new Threads(client, this.people, following);
    this.saved = new SavedMessages(client, this.people);
    this.playbookModels = new PlaybookModels(client);
    this.statuses = new Statuses(client);
    this.reading = new RoomReading(client, following);
    this.entry = new RoomEntry(client);
    this.directory = new RoomDirectory(client);
    this.media = new Media(client, this.agency);
    this.files = new FileOutbox(client, this.media, this.agency);
    const daysKept = (id: string): number | null => {
      const room = client.getRoom(id);
      return room && keptDays(room, kindOf(client, room), this.agency);
    };
    this.lateKeys = new LateKeys(client);
    this.index = new MessageIndex(client, this.people, encryption, daysKept, undefined, configuration.readingPace);
    client.on(ClientEvent.Sync, (state, _before, data) => {
      const barred = BARRED[(data?.error as { errcode?: string } | undefined)?.errcode ?? ""] ?? null;
      const cut = data?.fromCache === true && !navigator.onLine; // no event tells of a network that was never there
      const online = !cut && (state === SyncState.Prepared || state === SyncState.Syncing);
      const failing = cut || state === SyncState.Error || state === SyncState.Reconnecting;
      if (state === SyncState.Syncing) this.outbox.resume(); // what the browser has kept is read while the first sync runs
      this.tell(() => {
        this.bar.set(barred);
        this.rooms.open();
        if (online || failing) this.link.set(online ? "online" : "offline");
      });
    });
    client.on(ClientEvent.AccountData, () => this.accountDataChanged.fire());
    addEventListener("offline", () => this.tell(() => this.link.set("offline")));
    addEventListener("online", () => {
      client.retryImmediately();
      this.outbox.resume();
      this.files.resume();
    });
  }

  /** An account of which the list of rooms is at hand, where this browser has kept it; `open` does the rest. `ended`: the session is no more. */
  static async start(
    session: Session,
    configuration: Configuration,
    ended: (why: Ended) => void,
    words: Words,
  ): Promise<Matrix> {
    const store = new IndexedDBStore({ indexedDB, localStorage, dbName: `chappe-${session.userId}` });
    keepNoPending(store);
    let encryption: Encryption;
    const client = createClient({
      baseUrl: location.origin,
      userId: session.userId,
      deviceId: session.deviceId,
      accessToken: session.accessToken,
      refreshToken: session.refreshToken ?? undefined,
      oauthClientId: session.clientId,
      onTokenRefresh: ({ accessToken, refreshToken }) => {
        session.accessToken = accessToken;
        session.refreshToken = refreshToken ?? session.refreshToken;
        void saveSession(session);
      },
      logger: QUIET,
      fetchFn: quietly,
      roomNameGenerator: (_, state) => nameRoom(state, words, document.documentElement.lang),
      disableVoip: true, // there are no calls yet: nobody asks for their servers
      store,
      timelineSupport: true,
      scheduler: queues(),
      useAuthorizationHeader: true,
      verificationMethods: ["m.sas.v1", "m.qr_code.show.v1", "m.qr_code.scan.v1", "m.reciprocate.v1"],
      cryptoCallbacks: {
        getSecretStorageKey: (asked) => encryption.recovery.callbacks.getSecretStorageKey(asked),
        cacheSecretStorageKey: (id, info, key) => encryption.recovery.callbacks.cacheSecretStorageKey(id, info, key),
      },
    });
    encryption = new Encryption(client);
    const matrix = new Matrix(client, encryption, session, store, configuration);
    client.on(HttpApiEvent.SessionLoggedOut, (error) => {
      ended(endedBy(error.data as { soft_logout?: boolean; reason?: string }));
    });
    await matrix.rooms.showKept();
    return matrix;
  }

  /** Reads what this browser has kept of the account and begins to follow the server. */
  async open(): Promise<void> {
    const { client, session } = this;
    await pause(0); // what is at hand is drawn first
    void client.getVersions().catch(() => {}); // the SDK asks, and waits for it, once the encryption is there
    await this.store.startup();
    const storageKey = await cryptoStoreKey();
    await client.initRustCrypto({ cryptoDatabasePrefix: `chappe-crypto-${session.userId}`, storageKey });
    await client.startClient({
      initialSyncLimit: 20,
      lazyLoadMembers: true,
      threadSupport: true,
      pendingEventOrdering: PendingEventOrdering.Detached,
      includeArchivedRooms: false,
    });
  }

  /** In a turn of its own: what is drawn because of it holds up nothing of the SDK, and breaks nothing there. */
  private tell(what: () => void): void {
    clock.after(0, what);
  }

  get connection(): Stream<Connection> {
    return this.link;
  }

  /** Why the server lets this account do nothing at all. */
  get barred(): Stream<Barred | null> {
    return this.bar;
  }

  get userId(): string {
    return this.client.getSafeUserId();
  }

  get deviceId(): string | null {
    return this.client.getDeviceId();
  }

  /** Messages to be told, as they come. */
  notices(): Notices {
    return new Notices(this.client, this.people, (room) => kindOf(this.client, room) === "direct");
  }

  conversation(id: string): Conversation {
    return new Conversation(this.client, this.people, this.reading, this.files, this.agency, id);
  }

  /** The account itself, for its settings. */
  account(): Account {
    return new Account(this.client, this.people);
  }

  async signOut(): Promise<void> {
    this.end();
    await revoke(this.session);
    await this.client.clearStores().catch(() => {});
  }

  /** Leaves the session as it is, for another that comes of it. */
  async leave(): Promise<Session> {
    this.end();
    await this.client.clearStores().catch(() => {});
    return this.session;
  }

  /** Asks the server again now, instead of after the next pause. */
  retry(): void {
    this.client.retryImmediately();
  }

  stop(): void {
    this.end();
  }

  private end(): void {
    this.keeping.end();
    this.kept.end();
    this.lateKeys.stop();
    this.client.stopClient();
  }
}
