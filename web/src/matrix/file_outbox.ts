/** Files wait for the network for as long as it takes, in the order of their room, once each, over a reload too, until they are
 * cancelled. Uploaded, a file is a message like others: `outbox.ts` has it from there. */

import {
  ClientEvent,
  EventStatus,
  KnownMembership,
  type MatrixClient,
  type MatrixEvent,
  RoomEvent,
  SyncState,
} from "matrix-js-sdk";
import type { RoomMessageEventContent } from "matrix-js-sdk/lib/@types/events";
import type { PreparedFile } from "../platform/prepared_file";
import { Scope } from "../platform/scope";
import { Signal } from "../platform/signal";
import type { Agency } from "./agency";
import { type Explanation, explain } from "./errors";
import { type FileKeeper, KeptFiles, type Parcel } from "./kept_files";
import type { Media } from "./media";
import { fileContent } from "./message_content";
import { isPassing, isThere, unlessItWaits } from "./outbox";
import { readable } from "./readable";
import type { Outgoing } from "./types";

/** What the numbers of their messages begin with. */
const FILE = "file-";
const AGAIN_MS = 5000;

export interface OutgoingFile {
  id: string;
  name: string;
  size: number;
  /** How much of it is there, in bytes. */
  sent: number;
  /** `waiting`: for the network, or for those before it. */
  state: "waiting" | "sending" | "failed";
  /** Why the server does not take it. */
  refusal: Explanation | null;
}

interface Underway extends Parcel, Pick<OutgoingFile, "sent" | "state" | "refusal"> {
  abort: AbortController;
}

export class FileOutbox {
  readonly changed = new Signal(50);
  private parcels: Underway[] = [];
  private readonly running = new Set<string>();
  private readonly held = new Set<string>();
  private readonly again = new Scope().timer();
  private isOpen = false;

  constructor(
    private readonly client: MatrixClient,
    private readonly media: Pick<Media, "upload">,
    private readonly agency: Pick<Agency, "rules" | "holds">,
    private readonly keeper: FileKeeper = new KeptFiles(client.getSafeUserId()),
  ) {
    client.on(ClientEvent.Sync, (state) => {
      if (state === SyncState.Prepared) void this.open();
      if (state === SyncState.Syncing) this.resume();
    });
    client.on(RoomEvent.LocalEchoUpdated, (event) => void this.hold(event));
  }

  list(room: string, thread: string | null): OutgoingFile[] {
    return this.parcels
      .filter((each) => each.room === room && each.thread === thread)
      .map(({ id, file, sent, state, refusal }) => ({ id, name: file.name, size: file.blob.size, sent, state, refusal }));
  }

  /** Its name is `id` from now on. */
  add(room: string, thread: string | null, file: PreparedFile, caption: Outgoing | null): void {
    const parcel: Parcel = { id: `${FILE}${crypto.randomUUID()}`, room, thread, file, caption };
    this.keeper.put(parcel);
    this.parcels.push(underway(parcel));
    this.changed.fire();
    void this.run(room);
  }

  retry(id: string): void {
    const parcel = this.parcels.find((each) => each.id === id);
    if (parcel?.state !== "failed") return;
    this.move(parcel, { state: "waiting", refusal: null });
    void this.run(parcel.room);
  }

  cancel(id: string): void {
    this.parcels.find((each) => each.id === id)?.abort.abort();
    this.drop(id);
    this.keeper.remove(id);
  }

  /** Sends what waits: the network may be back. */
  resume(): void {
    this.again.clear();
    for (const room of new Set(this.parcels.map((each) => each.room))) void this.run(room);
  }

  private async open(): Promise<void> {
    if (this.isOpen) return;
    this.isOpen = true;
    const kept = await this.keeper.load().catch(() => []);
    this.parcels = [...kept.map(underway), ...this.parcels];
    if (kept.length) this.changed.fire();
    this.resume();
  }

  private async run(id: string): Promise<void> {
    const room = this.client.getRoom(id);
    if (!room || this.running.has(id)) return; // not loaded yet: the next sync brings it
    this.running.add(id);
    try {
      for (;;) {
        const next = this.parcels.find((each) => each.room === id && each.state !== "failed");
        if (!next) return;
        if (room.getMyMembership() !== KnownMembership.Join || isThere(room, next.id)) this.cancel(next.id);
        else if (!(await this.leave(next))) return;
      }
    } finally {
      this.running.delete(id);
    }
  }

  /** Whether the next one may follow. */
  private async leave(parcel: Underway): Promise<boolean> {
    const { signal } = parcel.abort;
    this.move(parcel, { state: "sending", sent: 0 });
    try {
      const content = await this.uploaded(parcel, signal);
      if (!signal.aborted) this.say(parcel, content);
    } catch (failure) {
      if (signal.aborted) return true;
      if (isPassing(failure)) {
        this.move(parcel, { state: "waiting" });
        this.again.set(AGAIN_MS, () => this.resume());
        return false;
      }
      this.move(parcel, { state: "failed", refusal: explain(failure) });
    }
    return true;
  }

  private async uploaded(
    { room: id, thread, file, caption, ...parcel }: Underway,
    signal: AbortSignal,
  ): Promise<RoomMessageEventContent> {
    const room = this.client.getRoom(id)!;
    const encrypted = room.hasEncryptionStateEvent();
    const small = file.thumbnail?.blob;
    const thumbnail = small ? await this.media.upload(small, encrypted, undefined, signal) : null;
    const told = (sent: number): void => this.told(parcel.id, sent);
    const source = await this.media.upload(file.blob, encrypted, told, signal);
    return fileContent(room, file, { source, thumbnail }, caption, thread);
  }

  /** From here on the timeline shows it. It is kept until its message is said, or waits where messages wait. */
  private say({ id, room, thread }: Underway, content: RoomMessageEventContent): void {
    const sending = this.client.sendMessage(room, thread, content, id);
    this.drop(id);
    unlessItWaits(sending)
      .catch(() => {}) // it is shown as refused
      .finally(() => this.keeper.remove(id));
  }

  /** Tells a server with the public-sector layer which files an encrypted message holds, so that they go when it does. */
  private async hold(event: MatrixEvent): Promise<void> {
    const [txn, id, room] = [event.getTxnId(), event.getId(), event.getRoomId()];
    const isSaid = event.status === null || event.status === EventStatus.SENT;
    if (!isSaid || !this.agency.rules || !txn?.startsWith(FILE) || !id?.startsWith("$") || !room || this.held.has(txn)) return;
    this.held.add(txn);
    const { file, info } = readable(event).content ?? {};
    const files = [file?.url, info?.thumbnail_file?.url].filter((each) => typeof each === "string");
    if (files.length) await this.agency.holds(room, id, files).catch(() => {}); // at worst its file outlives it
  }

  private told(id: string, sent: number): void {
    const parcel = this.parcels.find((each) => each.id === id);
    if (parcel) this.move(parcel, { sent });
  }

  private move(parcel: Underway, change: Partial<Underway>): void {
    Object.assign(parcel, change);
    this.changed.fire();
  }

  private drop(id: string): void {
    this.parcels = this.parcels.filter((each) => each.id !== id);
    this.changed.fire();
  }
}

const underway = (parcel: Parcel): Underway => ({
  ...parcel,
  sent: 0,
  state: "waiting",
  refusal: null,
  abort: new AbortController(),
});

/** Those of one room. */
export class OutgoingFiles {
  constructor(
    private readonly outbox: FileOutbox,
    private readonly room: string,
  ) {}

  get changed(): Signal {
    return this.outbox.changed;
  }

  list(threadId: string | null): OutgoingFile[] {
    return this.outbox.list(this.room, threadId);
  }

  add(threadId: string | null, file: PreparedFile, caption: Outgoing | null): void {
    this.outbox.add(this.room, threadId, file, caption);
  }

  retry(id: string): void {
    this.outbox.retry(id);
  }

  cancel(id: string): void {
    this.outbox.cancel(id);
  }
}
