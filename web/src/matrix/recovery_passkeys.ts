/** Passkeys that open the secret storage in place of the recovery code: what each of them opens is sealed in the account data. */

import { ClientEvent, type MatrixClient } from "matrix-js-sdk";
import { clock } from "../platform/clock";
import { type PasskeyKind, type Passkeys, passkeys } from "../platform/passkey";
import { Signal } from "../platform/signal";
import type { OpenedKey, Recovery } from "./recovery";
import { cleanName, entriesOfLater, MOST, type PasskeyEntry, readEntries, unwrap, wrap } from "./recovery_wrap";

export const PASSKEYS = "org.chappe.recovery.passkeys";

declare module "matrix-js-sdk/lib/@types/event" {
  interface AccountDataEvents {
    [PASSKEYS]: { passkeys: unknown[] };
  }
}

export interface RecoveryPasskey {
  id: string;
  /** Empty where nobody has named it. */
  name: string;
  kind: PasskeyKind;
  created: number;
  used: number | null;
  /** Whether it opens what there is now: not so where the code was replaced after it. */
  opens: boolean;
  /** Whether it is of this page's address; by another address of the service it can be used there only. */
  isHere: boolean;
  host: string;
}

/** A passkey that was made and tried, before anything is sealed under it. */
export interface NewPasskey {
  id: string;
  kind: PasskeyKind;
  secret: Uint8Array<ArrayBuffer>;
}

export class RecoveryPasskeys {
  readonly changed = new Signal(50);

  constructor(
    private readonly client: MatrixClient,
    private readonly recovery: Pick<Recovery, "currentKeyId" | "opens">,
    private readonly browser: Passkeys = passkeys,
  ) {
    client.on(ClientEvent.AccountData, (event) => {
      if (event.getType() === PASSKEYS || event.getType() === "m.secret_storage.default_key") this.changed.fire();
    });
  }

  isOffered(): Promise<boolean> {
    return this.browser.isOffered();
  }

  /** Whether there is room for another one. */
  get isFull(): boolean {
    return this.entries().length >= MOST;
  }

  list(): RecoveryPasskey[] {
    return this.entries().map((each) => ({
      id: each.id,
      name: each.name,
      kind: each.kind,
      created: each.created_ts,
      used: each.used_ts,
      opens: each.key_id === this.recovery.currentKeyId(),
      isHere: each.rp_id === this.browser.host,
      host: each.rp_id,
    }));
  }

  /** Asks for a new passkey. Nothing is written before `keep`. */
  async make(): Promise<NewPasskey> {
    const userId = this.client.getSafeUserId();
    // not the handle by which the server signs in: on the same host the one would take the other's place in the authenticator
    const handle = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`org.chappe.recovery\n${userId}`));
    const known = this.entries().filter((each) => each.rp_id === this.browser.host);
    const owner = { name: `${userId} (messages)`, handle: new Uint8Array(handle) };
    return this.browser.create(
      owner,
      known.map((each) => each.id),
    );
  }

  /** Seals the key under a new passkey: from now on it opens the account's messages. */
  async keep({ id, kind, secret }: NewPasskey, name: string, opened: OpenedKey): Promise<void> {
    const created = clock.now();
    const entry = await this.sealed(id, secret, opened);
    await this.write([
      ...this.entries().filter((each) => each.id !== id),
      { ...entry, name: cleanName(name), kind, created_ts: created, used_ts: null },
    ]);
  }

  /** Seals the key in use under a passkey that opened the one before. */
  async renew(id: string, opened: OpenedKey): Promise<void> {
    const { secret } = await this.browser.ask([id]);
    const entry = await this.sealed(id, secret, opened);
    await this.change(id, (known) => ({ ...known, ...entry }));
  }

  /** The key, by one of the passkeys or by a certain one. Null: what the server keeps for it does not open. */
  async open(id: string | null = null): Promise<OpenedKey | null> {
    const usable = this.list().filter((each) => each.opens && each.isHere && (id === null || each.id === id));
    if (!usable.length) return null;
    const answer = await this.browser.ask(usable.map((each) => each.id));
    const entry = this.entries().find((each) => each.id === answer.id);
    if (!entry) return null;
    const key = await unwrap(answer.secret, entry, this.bound(entry.id, entry.key_id));
    if (!key || !(await this.recovery.opens({ id: entry.key_id, key }))) return null;
    // that it was used is worth knowing, and not worth failing for
    await this.change(entry.id, (known) => ({ ...known, used_ts: clock.now() })).catch(() => {});
    return { id: entry.key_id, key };
  }

  rename(id: string, name: string): Promise<void> {
    return this.change(id, (known) => ({ ...known, name: cleanName(name) }));
  }

  async remove(id: string): Promise<void> {
    await this.write(this.entries().filter((each) => each.id !== id));
    await this.browser.forget(id);
  }

  private bound(id: string, keyId: string): { userId: string; id: string; host: string; keyId: string } {
    return { userId: this.client.getSafeUserId(), id, host: this.browser.host, keyId };
  }

  private async sealed(id: string, secret: Uint8Array<ArrayBuffer>, opened: OpenedKey) {
    const wrapped = await wrap(secret, opened.key, this.bound(id, opened.id));
    return { version: 1 as const, id, rp_id: this.browser.host, key_id: opened.id, ...wrapped };
  }

  private change(id: string, how: (known: PasskeyEntry) => PasskeyEntry): Promise<void> {
    return this.write(this.entries().map((each) => (each.id === id ? how(each) : each)));
  }

  private entries(): PasskeyEntry[] {
    return readEntries(this.content());
  }

  private content(): unknown {
    return this.client.getAccountData(PASSKEYS)?.getContent();
  }

  private async write(entries: PasskeyEntry[]): Promise<void> {
    await this.client.setAccountData(PASSKEYS, { passkeys: [...entries, ...entriesOfLater(this.content())] });
    this.changed.fire();
  }
}
