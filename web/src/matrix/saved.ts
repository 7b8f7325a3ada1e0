/**
 * Messages that one keeps for later, with when to be reminded of them. They are in the account's own data, for all its devices, sealed
 * under what only its confirmed devices have: the server knows that something is kept, and not what.
 */

import { ClientEvent, type MatrixClient, MatrixEventEvent, RoomEvent } from "matrix-js-sdk";
import { CryptoEvent } from "matrix-js-sdk/lib/crypto-api";
import { Signal } from "../platform/signal";
import { hearOpened } from "./opened";
import type { People } from "./people";
import { Place } from "./place";
import { RoomHistory } from "./room_history";
import type { Line, SavedMessage } from "./types";

const SAVED = "org.chappe.saved";
/** What one event of account data holds without trouble. */
const MOST = 300;

interface Content {
  /** Which key it is sealed under. */
  key: string;
  iv: string;
  data: string;
}

declare module "matrix-js-sdk/lib/@types/event" {
  interface AccountDataEvents {
    [SAVED]: Content;
  }
}

interface Key {
  id: string;
  key: CryptoKey;
}

export class SavedMessages {
  readonly changed = new Signal(30);
  /** What one of them says is another thing now: it was deleted, edited, or opened. */
  readonly touched = new Signal(100);
  private entries: SavedMessage[] = [];
  private sealedUnder: string | null = null;
  private locked = false;
  private turns: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly client: MatrixClient,
    private readonly people: People,
  ) {
    const look = (): void => void this.inTurn(() => this.read()).catch(() => {});
    client.on(ClientEvent.AccountData, (event) => {
      if (event.getType() === SAVED) look();
    });
    const touched = (id: string | undefined): void => {
      if (this.entries.some((each) => each.eventId === id)) this.touched.fire();
    };
    client.on(RoomEvent.Redaction, (event) => touched(event.getAssociatedId()));
    client.on(MatrixEventEvent.Replaced, (event) => touched(event.getId()));
    hearOpened(client, (event) => touched(event.getId()));
    // a device that is confirmed can open it; where the key is replaced, it is sealed anew
    client.on(CryptoEvent.KeyBackupDecryptionKeyCached, look);
    client.on(CryptoEvent.KeyBackupStatus, look);
  }

  /** Reads what there is. */
  begin(): Promise<void> {
    return this.inTurn(() => this.read()).catch(() => {});
  }

  /** This device cannot open it: it is not confirmed. */
  get isLocked(): boolean {
    return this.locked;
  }

  list(): SavedMessage[] {
    return this.entries;
  }

  /** What a kept message says; null for one that is gone, or in a room that one is no longer in. */
  async line(entry: SavedMessage): Promise<Line | null> {
    const place = new Place(this.client, entry.roomId);
    if (!place.exists && !this.client.isInitialSyncComplete()) throw new Error("the rooms are not read yet");
    return place.exists ? new RoomHistory(place, this.people).event(entry.eventId) : null;
  }

  /** Keeps a message, or changes what was kept of it. */
  put(entry: SavedMessage): Promise<void> {
    return this.change((all) => [entry, ...all.filter((each) => !isSame(each, entry))]);
  }

  remove(entry: Pick<SavedMessage, "roomId" | "eventId">): Promise<void> {
    return this.change((all) => all.filter((each) => !isSame(each, entry)));
  }

  private change(how: (all: SavedMessage[]) => SavedMessage[]): Promise<void> {
    return this.inTurn(async () => {
      await this.read();
      const key = await this.key();
      if (!key) throw Object.assign(new Error("not a confirmed device"), { errcode: "ORG_CHAPPE_UNCONFIRMED" });
      await this.write(how(this.entries).slice(0, MOST), key);
    });
  }

  private inTurn<T>(what: () => Promise<T>): Promise<T> {
    const turn = this.turns.then(what, what);
    this.turns = turn.catch(() => {});
    return turn;
  }

  private async read(): Promise<void> {
    const content = this.client.getAccountData(SAVED)?.getContent<Content>();
    const key = await this.key();
    this.locked = key === null;
    if (key && content && content.key !== key.id && content.key === this.sealedUnder) await this.write(this.entries, key);
    else if (key && content?.key === key.id) {
      this.entries = await open(content, key.key);
      this.sealedUnder = key.id;
    }
    this.changed.fire();
  }

  private async write(entries: SavedMessage[], { key, id }: Key): Promise<void> {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const plain = new TextEncoder().encode(JSON.stringify(entries));
    const data = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, plain));
    await this.client.setAccountData(SAVED, { key: id, iv: base64(iv), data: base64(data) });
    this.entries = entries;
    this.sealedUnder = id;
    this.changed.fire();
  }

  /** Made of the key of the backup, which every confirmed device has and nobody else. */
  private async key(): Promise<Key | null> {
    const secret = await this.client.getCrypto()?.getSessionBackupPrivateKey();
    if (!secret) return null;
    const base = await crypto.subtle.importKey("raw", new Uint8Array(secret), "HKDF", false, ["deriveKey", "deriveBits"]);
    const of = (info: string) => ({
      name: "HKDF",
      hash: "SHA-256",
      salt: new Uint8Array(32),
      info: new TextEncoder().encode(info),
    });
    const key = await crypto.subtle.deriveKey(of(SAVED), base, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
    const id = base64(new Uint8Array(await crypto.subtle.deriveBits(of(`${SAVED} id`), base, 128)));
    return { key, id };
  }
}

const isSame = (a: Pick<SavedMessage, "roomId" | "eventId">, b: Pick<SavedMessage, "roomId" | "eventId">): boolean =>
  a.roomId === b.roomId && a.eventId === b.eventId;

async function open({ iv, data }: Content, key: CryptoKey): Promise<SavedMessage[]> {
  const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: unbase64(iv) }, key, unbase64(data));
  const found: unknown = JSON.parse(new TextDecoder().decode(plain));
  return Array.isArray(found) ? found : [];
}

const base64 = (bytes: Uint8Array): string => btoa(Array.from(bytes, (each) => String.fromCharCode(each)).join(""));
const unbase64 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
