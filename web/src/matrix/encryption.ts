/** Cross-signing, the backup of keys, the recovery code, verification. */

import { ClientEvent, type MatrixClient, type UIAuthCallback } from "matrix-js-sdk";
import {
  CryptoEvent,
  decodeRecoveryKey,
  type GeneratedSecretStorageKey,
  type ShowSasCallbacks,
  VerificationPhase,
  type VerificationRequest,
  VerificationRequestEvent,
  type Verifier,
  VerifierEvent,
} from "matrix-js-sdk/lib/crypto-api";
import { ConsentNeeded } from "./errors";
import { Signal } from "./signal";

export type EncryptionState =
  | "starting"
  /** Nothing was ever set up: a first sign-in. */
  | "new"
  /** This device cannot read older messages yet: confirm it, or enter the recovery code. */
  | "unconfirmed"
  /** Confirmed, but without a recovery code. */
  | "no-code"
  | "ready";

/** What the server wants to be shown before it takes new keys (client-server API, "User-interactive authentication"). */
interface Consent {
  params?: Record<string, { url?: string }>;
}

export type CodeProblem = "wrong" | "old" | "malformed";

export interface Device {
  id: string;
  name: string;
  lastSeen: number | null;
  confirmed: boolean;
  current: boolean;
  canEncrypt: boolean;
}

export interface Comparison {
  emoji: Array<[string, string]>;
  confirm: () => Promise<void>;
  mismatch: () => void;
}

/** One verification, from the request to its end. */
export class Verification {
  readonly changed = new Signal();
  comparison: Comparison | null = null;
  /** What this device shows for the other to scan. */
  qr: Uint8ClampedArray | null = null;
  /** The other device has scanned: does it say so too? */
  scanned: (() => void) | null = null;
  private watched: Verifier | null = null;
  private drawing = false;
  private read = false;

  constructor(private readonly request: VerificationRequest) {
    request.on(VerificationRequestEvent.Change, () => this.moved());
    this.moved();
  }

  get phase(): "requested" | "ready" | "started" | "done" | "cancelled" {
    switch (this.request.phase) {
      case VerificationPhase.Ready:
        return "ready";
      case VerificationPhase.Started:
        return "started";
      case VerificationPhase.Done:
        return "done";
      case VerificationPhase.Cancelled:
        return "cancelled";
      default:
        return "requested";
    }
  }

  get mine(): boolean {
    return this.request.initiatedByMe;
  }

  get self(): boolean {
    return this.request.isSelfVerification;
  }

  get otherId(): string {
    return this.request.otherUserId;
  }

  /** Whether it was taken up on this device; several devices are asked at once. */
  accepted = false;

  async accept(): Promise<void> {
    this.accepted = true;
    await this.request.accept();
  }

  async compareEmoji(): Promise<void> {
    this.watch(await this.request.startVerification("m.sas.v1"));
  }

  /** A camera sees the same code many times: it counts once, or the second reading would undo the first. */
  async scan(code: Uint8ClampedArray): Promise<void> {
    if (this.read) return;
    this.read = true;
    try {
      this.watch(await this.request.scanQRCode(code));
    } catch (error) {
      this.read = false;
      throw error;
    }
  }

  async cancel(): Promise<void> {
    await this.request.cancel().catch(() => {});
  }

  private moved(): void {
    if (this.phase === "ready" && !this.drawing) {
      this.drawing = true; // a second code would cancel the first
      this.request
        .generateQRCode()
        .then((code) => {
          this.qr = code ?? null;
          this.changed.fire();
        })
        .catch(() => {});
    }
    const { verifier } = this.request;
    if (verifier) this.watch(verifier);
    this.changed.fire();
  }

  private watch(verifier: Verifier): void {
    if (this.watched === verifier) return;
    this.watched = verifier;
    const show = (sas: ShowSasCallbacks): void => {
      this.comparison = { emoji: sas.sas.emoji ?? [], confirm: () => sas.confirm(), mismatch: () => sas.mismatch() };
      this.changed.fire();
    };
    verifier.on(VerifierEvent.ShowSas, show);
    verifier.on(VerifierEvent.ShowReciprocateQr, (qr) => {
      this.scanned = () => qr.confirm();
      this.changed.fire();
    });
    const shown = verifier.getShowSasCallbacks();
    if (shown) show(shown);
    const qr = verifier.getReciprocateQrCodeCallbacks();
    if (qr) this.scanned = () => qr.confirm();
    verifier.verify().catch(() => this.changed.fire());
  }
}

export class Encryption {
  readonly changed = new Signal(50);
  state: EncryptionState = "starting";
  incoming: Verification | null = null;
  /** The key of the secret storage while it is needed: handed to the SDK when it asks. */
  private storageKey: { id: string | null; key: Uint8Array<ArrayBuffer> } | null = null;

  constructor(private readonly client: MatrixClient) {
    const look = (): void => void this.refresh();
    client.on(CryptoEvent.KeysChanged, look);
    client.on(CryptoEvent.UserTrustStatusChanged, look);
    client.on(CryptoEvent.DevicesUpdated, look);
    client.on(CryptoEvent.KeyBackupStatus, look);
    client.on(ClientEvent.AccountData, (event) => {
      if (event.getType().startsWith("m.secret_storage") || event.getType().startsWith("m.cross_signing")) look();
    });
    client.on(CryptoEvent.VerificationRequestReceived, (request) => {
      // a device that has just signed in hears of requests that another one has long answered, a moment after
      setTimeout(() => {
        if (this.wasAnswered(request)) return;
        this.incoming = this.followed(new Verification(request));
        this.changed.fire();
      }, 300);
    });
  }

  /** What follows a request in a room refers to it in the clear, even where this device cannot read it. */
  private wasAnswered({ roomId, transactionId }: VerificationRequest): boolean {
    const events = (roomId && this.client.getRoom(roomId)?.getLiveTimeline().getEvents()) || [];
    return events.some((each) => each.getWireContent()["m.relates_to"]?.event_id === transactionId);
  }

  private get crypto() {
    return this.client.getCrypto()!;
  }

  /** Given to the SDK, which asks for the key when it must read or write secrets. */
  readonly callbacks = {
    getSecretStorageKey: async ({
      keys,
    }: {
      keys: Record<string, unknown>;
    }): Promise<[string, Uint8Array<ArrayBuffer>] | null> => {
      const id = this.storageKey?.id ?? Object.keys(keys)[0];
      return this.storageKey && id in keys ? [id, this.storageKey.key] : null;
    },
    cacheSecretStorageKey: (id: string, _info: unknown, key: Uint8Array<ArrayBuffer>): void => {
      this.storageKey = { id, key };
    },
  };

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
    return (await this.client.secretStorage.getDefaultKeyId()) ? "ready" : "no-code";
  }

  // ---------------------------------------------------------------------------------------------------- the recovery code

  /** Keys that take the place of others need their owner's consent, given on a page of the server ("m.oauth"). */
  private readonly uploadKeys: UIAuthCallback<void> = async (request) => {
    try {
      await request(null);
    } catch (error) {
      const { httpStatus, data } = error as { httpStatus?: number; data?: Consent };
      const url = data?.params?.["m.oauth"]?.url;
      // not waited for here: the new keys would be forgotten as soon as the server is heard to know only the old ones
      throw httpStatus === 401 && url ? new ConsentNeeded(url) : error;
    }
  };

  /** A new recovery code. Nothing changes on the server before `storeCode`. */
  async newCode(): Promise<GeneratedSecretStorageKey> {
    return this.crypto.createRecoveryKeyFromPassphrase();
  }

  /** Sets up everything that a first sign-in needs, under a new code. */
  async storeCode(code: GeneratedSecretStorageKey): Promise<void> {
    this.storageKey = { id: null, key: code.privateKey };
    const { privateKeysCachedLocally: held } = await this.crypto.getCrossSigningStatus();
    if (!held.masterKey || !held.selfSigningKey || !held.userSigningKey) {
      await this.crypto.bootstrapCrossSigning({ authUploadDeviceSigningKeys: this.uploadKeys });
    }
    const backup = await this.crypto.getKeyBackupInfo();
    await this.crypto.bootstrapSecretStorage({
      createSecretStorageKey: async () => code,
      setupNewSecretStorage: true,
      setupNewKeyBackup: backup === null,
    });
    await this.crypto.checkKeyBackupAndEnable();
    await this.client.setAccountData("org.chappe.recovery" as never, { created_ts: Date.now() } as never);
    this.storageKey = null;
    await this.refresh();
  }

  /** Keeps only the keys of cross-signing, for somebody who will see to the code later. */
  async withoutCode(): Promise<void> {
    await this.crypto.bootstrapCrossSigning({ authUploadDeviceSigningKeys: this.uploadKeys });
    await this.refresh();
  }

  /** When the code in use was made; null if unknown. */
  codeCreated(): number | null {
    const content = this.client.getAccountData("org.chappe.recovery" as never)?.getContent() as
      | { created_ts?: number }
      | undefined;
    return content?.created_ts ?? null;
  }

  /** Whether a code opens the secrets: null, or what is wrong with it. An old code is one that opened them before. */
  async checkCode(typed: string): Promise<CodeProblem | null> {
    const key = readCode(typed);
    if (key === null) return "malformed";
    const current = await this.client.secretStorage.getKey();
    if (current && (await this.client.secretStorage.checkKey(key, current[1]))) return null;
    return (await this.opensOlder(key, current?.[0] ?? null)) ? "old" : "wrong";
  }

  private async opensOlder(key: Uint8Array<ArrayBuffer>, currentId: string | null): Promise<boolean> {
    for (const [type, event] of this.client.store.accountData ?? []) {
      const id = type.startsWith("m.secret_storage.key.") ? type.slice("m.secret_storage.key.".length) : null;
      const content = event.getContent();
      if (
        id &&
        id !== currentId &&
        content.algorithm &&
        (await this.client.secretStorage.checkKey(key, content as never).catch(() => false))
      )
        return true;
    }
    return false;
  }

  /** Makes this device one of the account's by its recovery code, and fetches old messages' keys. */
  async recover(typed: string): Promise<CodeProblem | null> {
    const problem = await this.checkCode(typed);
    if (problem) return problem;
    const current = await this.client.secretStorage.getKey();
    this.storageKey = { id: current![0], key: readCode(typed)! };
    await this.crypto.bootstrapCrossSigning({});
    await this.crypto.crossSignDevice(this.client.getDeviceId()!).catch(() => {});
    await this.crypto.loadSessionBackupPrivateKeyFromSecretStorage().catch(() => {});
    await this.crypto.checkKeyBackupAndEnable();
    await this.crypto.restoreKeyBackup().catch(() => null);
    this.storageKey = null;
    await this.refresh();
    return null;
  }

  /** Begins anew: old messages that no device holds stay locked. The account page must have allowed it. */
  async reset(code: GeneratedSecretStorageKey): Promise<void> {
    await this.crypto.resetEncryption(this.uploadKeys);
    await this.storeCode(code);
  }

  async backup(): Promise<{ enabled: boolean; count: number | null }> {
    const version = await this.crypto.getActiveSessionBackupVersion();
    const info = await this.crypto.getKeyBackupInfo();
    return { enabled: version !== null, count: info?.count ?? null };
  }

  // --------------------------------------------------------------------------------------------------------- verification

  private followed(verification: Verification): Verification {
    let ended = false;
    verification.changed.listen(() => {
      this.changed.fire();
      if (verification.phase !== "done" || ended) return;
      ended = true;
      void this.learn(verification.otherId);
    });
    return verification;
  }

  /** The signature that ends a verification is on its way to the server: the new trust is known once it has arrived there. */
  private async learn(userId: string): Promise<void> {
    for (let turn = 1; turn <= 12; turn++) {
      await this.crypto.userHasCrossSigningKeys(userId, true).catch(() => false);
      const trust = await this.trustOf(userId).catch(() => "unknown");
      await this.refresh(); // after the question: what is drawn now is never older than the answer
      if (trust === "verified") return;
      await new Promise((resolve) => setTimeout(resolve, 200 * turn));
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

  async devices(): Promise<Device[]> {
    const me = this.client.getSafeUserId();
    const { devices } = await this.client.getDevices();
    const keys = (await this.crypto.getUserDeviceInfo([me])).get(me);
    const found = await Promise.all(
      devices.map(async (each) => ({
        id: each.device_id,
        name: each.display_name || each.device_id,
        lastSeen: each.last_seen_ts ?? null,
        // a device that is not confirmed itself trusts no other, but sees which ones the account has signed
        confirmed: (await this.crypto.getDeviceVerificationStatus(me, each.device_id))?.signedByOwner ?? false,
        current: each.device_id === this.client.getDeviceId(),
        canEncrypt: keys?.has(each.device_id) ?? false,
      })),
    );
    return found.sort((a, b) => Number(b.current) - Number(a.current) || (b.lastSeen ?? 0) - (a.lastSeen ?? 0));
  }

  async renameDevice(id: string, name: string): Promise<void> {
    await this.client.setDeviceDetails(id, { display_name: name });
  }

  /** The keys of all messages, as a file that only `passphrase` opens is not made here: they are the export of one's own data. */
  async exportKeys(): Promise<string> {
    return this.crypto.exportRoomKeysAsJson();
  }
}

/** A code as people type it: spaces, dashes and line breaks do not count. Null for what cannot be one. */
export function readCode(typed: string): Uint8Array<ArrayBuffer> | null {
  const bare = typed.replace(/[\s\-–—.]/g, "");
  for (const candidate of [bare]) {
    try {
      return decodeRecoveryKey(candidate) as Uint8Array<ArrayBuffer>;
    } catch {
      // not this one
    }
  }
  return null;
}
