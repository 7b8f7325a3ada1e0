/** The recovery code: what opens the account's keys when no device is at hand. */

import type { MatrixClient, UIAuthCallback } from "matrix-js-sdk";
import {
  type CryptoApi,
  decodeRecoveryKey,
  encodeRecoveryKey,
  type GeneratedSecretStorageKey,
} from "matrix-js-sdk/lib/crypto-api";
import type { SecretStorageKeyDescription } from "matrix-js-sdk/lib/secret-storage";
import { clock } from "../platform/clock";
import { ConsentNeeded } from "./errors";

declare module "matrix-js-sdk/lib/@types/event" {
  interface AccountDataEvents {
    [MADE]: Made;
  }
}

interface Made {
  created_ts: number;
  /** Whether somebody has the code. Where only passkeys open the secret storage, nobody was shown it. */
  kept?: boolean;
  /** The key that this is said of. */
  key?: string;
}

/** The key of the secret storage, by the specification's id: what a code says, and what passkeys open. */
export interface OpenedKey {
  id: string;
  key: Uint8Array<ArrayBuffer>;
}

const MADE = "org.chappe.recovery";

/** What the server wants to be shown before it takes new keys (client-server API, "User-interactive authentication"). */
interface Consent {
  params?: Record<string, { url?: string }>;
}

export type CodeProblem = "wrong" | "old" | "malformed";

export class Recovery {
  /** The key of the secret storage while it is needed: handed to the SDK when it asks. */
  private storageKey: { id: string | null; key: Uint8Array<ArrayBuffer> } | null = null;

  /** `done`: the keys have changed. */
  constructor(
    private readonly client: MatrixClient,
    private readonly crypto: () => CryptoApi,
    private readonly done: () => Promise<void>,
  ) {}

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

  /** Whether there is a code. */
  async exists(): Promise<boolean> {
    return (await this.client.secretStorage.getDefaultKeyId()) !== null;
  }

  /** A new recovery code. Nothing changes on the server before `storeCode`. */
  async newCode(): Promise<GeneratedSecretStorageKey> {
    return this.crypto().createRecoveryKeyFromPassphrase();
  }

  /** The id of the key in use; null where there is none. */
  currentKeyId(): string | null {
    return this.client.getAccountData("m.secret_storage.default_key")?.getContent().key ?? null;
  }

  /** Whether somebody was given the code in use, and has typed it back. One that another client made was. */
  hasCode(): boolean {
    const id = this.currentKeyId();
    const made = this.client.getAccountData(MADE)?.getContent();
    return id !== null && !(made?.kept === false && (made.key ?? id) === id);
  }

  /** Whether a key is the one in use. */
  async opens({ id, key }: OpenedKey): Promise<boolean> {
    const current = await this.client.secretStorage.getKey();
    return current !== null && current[0] === id && (await this.client.secretStorage.checkKey(key, current[1]));
  }

  /** The code of a key that something else has opened. */
  codeOf({ key }: OpenedKey): GeneratedSecretStorageKey {
    return { privateKey: key, encodedPrivateKey: encodeRecoveryKey(key) };
  }

  /** The code in use, which nobody had, was written down and typed back. */
  async keepCode({ id }: OpenedKey): Promise<void> {
    await this.client.setAccountData(MADE, { created_ts: clock.now(), kept: true, key: id });
    await this.done();
  }

  /** Sets up everything that a first sign-in needs, under a new code. `kept`: somebody has it, and not passkeys alone. */
  async storeCode(code: GeneratedSecretStorageKey, kept = true): Promise<OpenedKey> {
    if (!kept) await this.client.setAccountData(MADE, { created_ts: clock.now(), kept });
    this.storageKey = { id: null, key: code.privateKey };
    const { privateKeysCachedLocally: held } = await this.crypto().getCrossSigningStatus();
    if (!held.masterKey || !held.selfSigningKey || !held.userSigningKey) {
      await this.crypto().bootstrapCrossSigning({ authUploadDeviceSigningKeys: this.uploadKeys });
    }
    const backup = await this.crypto().getKeyBackupInfo();
    await this.crypto().bootstrapSecretStorage({
      createSecretStorageKey: async () => code,
      setupNewSecretStorage: true,
      setupNewKeyBackup: backup === null,
    });
    await this.crypto().checkKeyBackupAndEnable();
    const id = await this.client.secretStorage.getDefaultKeyId();
    if (!id) throw new Error("the server does not keep the key");
    await this.client.setAccountData(MADE, { created_ts: clock.now(), kept, key: id });
    this.storageKey = null;
    await this.done();
    return { id, key: code.privateKey as Uint8Array<ArrayBuffer> };
  }

  /** Keeps only the keys of cross-signing, for somebody who will see to the code later. */
  async withoutCode(): Promise<void> {
    await this.crypto().bootstrapCrossSigning({ authUploadDeviceSigningKeys: this.uploadKeys });
    await this.done();
  }

  /** When the code in use was made; null if unknown, or if there is none. */
  codeCreated(): number | null {
    return this.hasCode() ? (this.client.getAccountData(MADE)?.getContent().created_ts ?? null) : null;
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
      const content = event.getWireContent();
      if (
        id &&
        id !== currentId &&
        content.algorithm &&
        (await this.client.secretStorage.checkKey(key, content as SecretStorageKeyDescription).catch(() => false))
      )
        return true;
    }
    return false;
  }

  /** The key that a code is; what is wrong with it otherwise. */
  async openByCode(typed: string): Promise<OpenedKey | CodeProblem> {
    const problem = await this.checkCode(typed);
    if (problem) return problem;
    const id = await this.client.secretStorage.getDefaultKeyId();
    const key = readCode(typed);
    return id && key ? { id, key } : "wrong";
  }

  /** Makes this device one of the account's by its recovery code, and fetches old messages' keys. */
  async recover(typed: string): Promise<CodeProblem | null> {
    const opened = await this.openByCode(typed);
    if (typeof opened === "string") return opened;
    await this.recoverWith(opened);
    return null;
  }

  /** The same, with the key that a code or a passkey has opened. */
  async recoverWith(opened: OpenedKey): Promise<void> {
    this.storageKey = opened;
    await this.crypto().bootstrapCrossSigning({});
    await this.crypto()
      .crossSignDevice(this.client.getDeviceId()!)
      .catch(() => {});
    await this.crypto()
      .loadSessionBackupPrivateKeyFromSecretStorage()
      .catch(() => {});
    await this.crypto().checkKeyBackupAndEnable();
    await this.crypto()
      .restoreKeyBackup()
      .catch(() => null);
    this.storageKey = null;
    await this.done();
  }

  /** Begins anew: old messages that no device holds stay locked. The account page must have allowed it. */
  async reset(code: GeneratedSecretStorageKey, kept = true): Promise<OpenedKey> {
    await this.crypto().resetEncryption(this.uploadKeys);
    return this.storeCode(code, kept);
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
