/** Cross-signing: which devices and people are trusted, and what this device may read. */

import { ClientEvent, ClientPrefix, type MatrixClient, Method } from "matrix-js-sdk";
import { type CryptoApi, CryptoEvent, type VerificationRequest } from "matrix-js-sdk/lib/crypto-api";
import { clock, pause } from "../platform/clock";
import { Signal } from "../platform/signal";
import { Devices } from "./devices";
import { Recovery } from "./recovery";
import { RecoveryPasskeys } from "./recovery_passkeys";
import { Verification } from "./verification";

export type EncryptionState =
  | "starting"
  /** Nothing was ever set up: a first sign-in. */
  | "new"
  /** This device cannot read older messages yet: confirm it, or enter the recovery code. */
  | "unconfirmed"
  /** Confirmed, but with nothing that would open the messages anew: neither a recovery code nor a passkey. */
  | "no-code"
  | "ready";

export class Encryption {
  readonly changed = new Signal(50);
  state: EncryptionState = "starting";
  incoming: Verification | null = null;
  readonly recovery: Recovery;
  readonly passkeys: RecoveryPasskeys;
  readonly devices: Devices;

  constructor(private readonly client: MatrixClient) {
    this.recovery = new Recovery(
      client,
      () => this.crypto,
      () => this.refresh(),
    );
    this.passkeys = new RecoveryPasskeys(client, this.recovery);
    this.devices = new Devices(client, () => this.crypto);
    const look = (): void => void this.refresh();
    client.on(CryptoEvent.KeysChanged, look);
    client.on(CryptoEvent.UserTrustStatusChanged, look);
    client.on(CryptoEvent.DevicesUpdated, look);
    client.on(CryptoEvent.KeyBackupStatus, look);
    client.on(CryptoEvent.KeyBackupSessionsRemaining, look);
    client.on(CryptoEvent.KeyBackupDecryptionKeyCached, look);
    client.on(ClientEvent.AccountData, (event) => {
      if (/^(m\.secret_storage|m\.cross_signing|org\.chappe\.recovery)/.test(event.getType())) look();
    });
    client.on(CryptoEvent.VerificationRequestReceived, (request) => {
      // a device that has just signed in hears of requests that another one has long answered, a moment after
      clock.after(300, () => {
        if (this.wasAnswered(request)) return;
        this.incoming = this.followed(new Verification(request));
        this.changed.fire();
      });
    });
  }

  /** What follows a request in a room refers to it in the clear, even where this device cannot read it. */
  private wasAnswered({ roomId, transactionId }: VerificationRequest): boolean {
    const events = (roomId && this.client.getRoom(roomId)?.getLiveTimeline().getEvents()) || [];
    return events.some((each) => each.getWireContent()["m.relates_to"]?.event_id === transactionId);
  }

  private get crypto(): CryptoApi {
    const crypto = this.client.getCrypto();
    if (!crypto) throw new Error("encryption has not begun");
    return crypto;
  }

  /** `ask`: the server first. Never because something was heard: asking makes it be heard again. */
  async refresh(ask = false): Promise<void> {
    // without a network what was known stays
    this.state = await this.lookAtKeys(ask).catch(() => this.state);
    this.changed.fire();
  }

  private async lookAtKeys(ask: boolean): Promise<EncryptionState> {
    const { crypto } = this;
    const me = this.client.getSafeUserId();
    // the SDK answers the first question from the server, always
    const hasKeys = ask ? await crypto.userHasCrossSigningKeys(me, true) : (await crypto.getCrossSigningKeyId()) !== null;
    if (!hasKeys) return ask ? "new" : this.state;
    const own = await crypto.getDeviceVerificationStatus(me, this.client.getDeviceId()!);
    const ready = own?.crossSigningVerified === true && (await crypto.isCrossSigningReady());
    if (!ready) return "unconfirmed";
    if (!(await this.recovery.exists())) return "no-code";
    const opening = this.recovery.hasCode() || this.passkeys.list().some((each) => each.opens);
    return opening ? "ready" : "no-code";
  }

  /** What every confirmed device of the account holds, and nobody else: the secret of the key backup in use. Null while this one does not. */
  async sharedSecret(): Promise<Uint8Array<ArrayBuffer> | null> {
    if (this.state !== "ready" && this.state !== "no-code") return null;
    if ((await this.crypto.getActiveSessionBackupVersion()) === null) return null;
    return (await this.crypto.getSessionBackupPrivateKey()) as Uint8Array<ArrayBuffer> | null;
  }

  /** The server is asked each time: what the SDK remembers is how it was when it began. */
  async backup(): Promise<{ enabled: boolean; count: number | null }> {
    const version = await this.crypto.getActiveSessionBackupVersion();
    if (version === null) return { enabled: false, count: null };
    const path = `/room_keys/version/${encodeURIComponent(version)}`;
    const info = await this.client.http.authedRequest<{ count?: number }>(Method.Get, path, undefined, undefined, {
      prefix: ClientPrefix.V3,
    });
    return { enabled: true, count: info.count ?? null };
  }

  // --------------------------------------------------------------------------------------------------------- verification

  private followed(verification: Verification): Verification {
    let ended = false;
    verification.changed.listen(() => {
      this.changed.fire();
      if (verification.phase !== "done" || ended) return;
      ended = true;
      void this.learn(verification);
    });
    return verification;
  }

  /** The signature that ends a verification is on its way to the server: the new trust is known once it has arrived there. */
  private async learn({ otherId, self }: Verification): Promise<void> {
    for (let turn = 1; turn <= 12; turn++) {
      await this.crypto.userHasCrossSigningKeys(otherId, true).catch(() => false);
      const trust = await this.trustOf(otherId).catch(() => "unknown");
      await this.refresh(); // after the question: what is drawn now is never older than the answer
      // of one's own devices the one that is new has to learn more: that the other has signed it, and the secrets
      if (trust === "verified" && !(self && this.state === "unconfirmed")) return;
      await pause(200 * turn);
    }
  }

  async verifyThisDevice(): Promise<Verification> {
    return this.followed(new Verification(await this.crypto.requestOwnUserVerification()));
  }

  async verifyDevice(deviceId: string): Promise<Verification> {
    return this.followed(new Verification(await this.crypto.requestDeviceVerification(this.client.getSafeUserId(), deviceId)));
  }

  async verifyPerson(userId: string, roomId: string): Promise<Verification> {
    return this.followed(new Verification(await this.crypto.requestVerificationDM(userId, roomId)));
  }

  async trustOf(userId: string): Promise<"verified" | "changed" | "unknown"> {
    const status = await this.crypto.getUserVerificationStatus(userId);
    if (status.needsUserApproval || (status.wasCrossSigningVerified() && !status.isCrossSigningVerified())) return "changed";
    return status.isCrossSigningVerified() ? "verified" : "unknown";
  }

  async acceptIdentity(userId: string): Promise<void> {
    const status = await this.crypto.getUserVerificationStatus(userId);
    if (status.wasCrossSigningVerified()) await this.crypto.withdrawVerificationRequirement(userId);
    await this.crypto.pinCurrentUserIdentity(userId);
    this.changed.fire();
  }
}
