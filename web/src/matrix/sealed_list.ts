/**
 * A list in the account's own data, for all its devices, sealed under what only its confirmed devices have: the server knows that
 * something is kept, and not what.
 */

import { ClientEvent, type MatrixClient } from "matrix-js-sdk";
import { CryptoEvent } from "matrix-js-sdk/lib/crypto-api";
import { Signal } from "../platform/signal";

interface Content {
  /** Which key it is sealed under. */
  key: string;
  iv: string;
  data: string;
}

declare module "matrix-js-sdk/lib/@types/event" {
  interface AccountDataEvents {
    "org.chappe.saved": Content;
    "org.chappe.playbook.models": Content;
  }
}

type Name = "org.chappe.saved" | "org.chappe.playbook.models";

interface Key {
  id: string;
  key: CryptoKey;
}

/** What one event holds without trouble, sealed and written in base 64. */
const MOST_BYTES = 47_000;

const refused = (why: string, errcode: string): Error => Object.assign(new Error(why), { errcode });

export class SealedList<T> {
  readonly changed = new Signal(30);
  private entries: T[] = [];
  private sealedUnder: string | null = null;
  private locked = false;
  private turns: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly client: MatrixClient,
    private readonly name: Name,
  ) {
    const look = (): void => void this.begin();
    client.on(ClientEvent.AccountData, (event) => {
      if (event.getType() === name) look();
    });
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

  list(): T[] {
    return this.entries;
  }

  /** Rejects with ORG_CHAPPE_UNCONFIRMED on a device that is not confirmed, M_TOO_LARGE beyond what the account's data holds. */
  change(how: (all: T[]) => T[]): Promise<void> {
    return this.inTurn(async () => {
      await this.read();
      const key = await this.key();
      if (!key) throw refused("not a confirmed device", "ORG_CHAPPE_UNCONFIRMED");
      await this.write(how(this.entries), key);
    });
  }

  private inTurn<R>(what: () => Promise<R>): Promise<R> {
    const turn = this.turns.then(what, what);
    this.turns = turn.catch(() => {});
    return turn;
  }

  private async read(): Promise<void> {
    const content = this.client.getAccountData(this.name)?.getContent<Content>();
    const key = await this.key();
    this.locked = key === null;
    if (key && content && content.key !== key.id && content.key === this.sealedUnder) await this.write(this.entries, key);
    else if (key && content?.key === key.id) {
      this.entries = await open<T>(content, key.key);
      this.sealedUnder = key.id;
    }
    this.changed.fire();
  }

  private async write(entries: T[], { key, id }: Key): Promise<void> {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const plain = new TextEncoder().encode(JSON.stringify(entries));
    if (plain.length > MOST_BYTES) throw refused("more than one event holds", "M_TOO_LARGE");
    const data = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, plain));
    await this.client.setAccountData(this.name, { key: id, iv: base64(iv), data: base64(data) });
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
    const aes = { name: "AES-GCM", length: 256 };
    const key = await crypto.subtle.deriveKey(of(this.name), base, aes, false, ["encrypt", "decrypt"]);
    const id = base64(new Uint8Array(await crypto.subtle.deriveBits(of(`${this.name} id`), base, 128)));
    return { key, id };
  }
}

async function open<T>({ iv, data }: Content, key: CryptoKey): Promise<T[]> {
  const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: unbase64(iv) }, key, unbase64(data));
  const found: unknown = JSON.parse(new TextDecoder().decode(plain));
  return Array.isArray(found) ? found : [];
}

const base64 = (bytes: Uint8Array): string => btoa(Array.from(bytes, (each) => String.fromCharCode(each)).join(""));
const unbase64 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
