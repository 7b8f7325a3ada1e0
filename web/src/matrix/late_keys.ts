/**
 * Keys that the backup gets later than it was asked for them. Another device of one's own puts a key there some seconds after it has
 * written with it; a device that asks before that hears that there is none, and the SDK does not ask again by itself.
 */

import type { MatrixClient, MatrixEvent } from "matrix-js-sdk";
import type { CryptoBackend } from "matrix-js-sdk/lib/common-crypto/CryptoBackend";
import { CryptoEvent } from "matrix-js-sdk/lib/crypto-api";
import { type Clock, clock } from "../platform/clock";
import { hear } from "./listening";
import { hearOpened } from "./opened";
import { readable } from "./readable";

/** When it is asked again, in milliseconds, each after the last. The SDK lets five seconds pass between two questions. */
const AGAIN = [6_000, 10_000, 30_000, 120_000, 600_000];
/** What is older has been in the backup for long, or never comes. */
const YOUNG = 3_600_000;
/** Sessions at once. */
const MOST = 200;

export class LateKeys {
  /** By session: how often it was asked, and what takes the next time back. */
  private readonly awaited = new Map<string, { tries: number; cancel: (() => void) | null }>();
  /** By session: what waits until this device may read the backup. The SDK asks by itself then, once, and says nothing of what it did not get. */
  private readonly unread = new Map<string, MatrixEvent>();
  private readonly offs: (() => void)[];

  constructor(
    private readonly client: MatrixClient,
    private readonly by: Clock = clock,
  ) {
    this.offs = [
      hearOpened(client, (event) => this.look(event)),
      hear(client, CryptoEvent.KeyBackupDecryptionKeyCached, () => this.mayRead()),
    ];
  }

  stop(): void {
    for (const off of this.offs) off();
    this.unread.clear();
    for (const { cancel } of this.awaited.values()) cancel?.();
    this.awaited.clear();
  }

  private look(event: MatrixEvent): void {
    const session: unknown = event.getWireContent().session_id;
    if (typeof session !== "string") return;
    const { locked } = readable(event);
    if (locked === "waiting") this.awaitKey(session, event);
    else this.forget(session);
    if (locked === "verify" && this.unread.size < MOST) this.unread.set(session, event);
  }

  private awaitKey(session: string, event: MatrixEvent): void {
    const known = this.awaited.get(session);
    if (known?.cancel || this.by.now() - event.getTs() >= YOUNG) return;
    const tries = known?.tries ?? 0;
    if (tries >= AGAIN.length || (!known && this.awaited.size >= MOST)) return;
    this.awaited.set(session, { tries: tries + 1, cancel: this.by.after(AGAIN[tries], () => this.ask(session, event)) });
  }

  private forget(session: string): void {
    this.awaited.get(session)?.cancel?.();
    this.awaited.delete(session);
    this.unread.delete(session);
  }

  private mayRead(): void {
    for (const [session, event] of this.unread) this.awaitKey(session, event);
    this.unread.clear();
  }

  /** One event of a session is enough: with the key all of them are opened. */
  private ask(session: string, event: MatrixEvent): void {
    const known = this.awaited.get(session);
    const crypto = this.client.getCrypto() as CryptoBackend | undefined;
    if (!known || !crypto || !readable(event).locked) return;
    known.cancel = null;
    void event.attemptDecryption(crypto, { isRetry: true });
  }
}
