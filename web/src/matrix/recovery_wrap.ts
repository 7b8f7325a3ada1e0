/**
 * The key of the secret storage, sealed under what a passkey makes. It stands in the account data, where the server can read, change and
 * keep it: of what stands there only what has exactly this form is taken, and what does not open is nothing.
 */

import type { PasskeyKind } from "../platform/passkey";

const VERSION = 1;
/** More than anybody has. What is beyond is not looked at. */
export const MOST = 10;
const KEY_LENGTH = 32;
const KINDS = ["device", "phone", "card"];

/** What a sealed key is bound to: moved to another account, passkey or secret storage, it does not open. */
export interface Bound {
  userId: string;
  /** The passkey. */
  id: string;
  /** The page's name that the passkey is of. */
  host: string;
  /** The secret storage's key, by the specification's id. */
  keyId: string;
}

export interface Wrapped {
  salt: string;
  iv: string;
  data: string;
}

/** One passkey, as it stands in the account data. */
export interface PasskeyEntry extends Wrapped {
  version: typeof VERSION;
  id: string;
  rp_id: string;
  key_id: string;
  name: string;
  kind: PasskeyKind;
  created_ts: number;
  used_ts: number | null;
}

export async function wrap(secret: Uint8Array<ArrayBuffer>, key: Uint8Array<ArrayBuffer>, bound: Bound): Promise<Wrapped> {
  return wrapWith(secret, key, bound, crypto.getRandomValues(new Uint8Array(32)), crypto.getRandomValues(new Uint8Array(12)));
}

/** With numbers that are given: a test's. */
export async function wrapWith(
  secret: Uint8Array<ArrayBuffer>,
  key: Uint8Array<ArrayBuffer>,
  bound: Bound,
  salt: Uint8Array<ArrayBuffer>,
  iv: Uint8Array<ArrayBuffer>,
): Promise<Wrapped> {
  if (key.length !== KEY_LENGTH) throw new Error("not a key of the secret storage");
  const sealing = await sealingKey(secret, salt, "encrypt");
  const data = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: said(bound) }, sealing, key);
  return { salt: base64(salt), iv: base64(iv), data: base64(new Uint8Array(data)) };
}

/** The key; null for what this passkey does not open. */
export async function unwrap(
  secret: Uint8Array<ArrayBuffer>,
  { salt, iv, data }: Wrapped,
  bound: Bound,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const given = [bytes(salt, 32), bytes(iv, 12), bytes(data, KEY_LENGTH + 16)] as const;
  if (given[0] === null || given[1] === null || given[2] === null) return null;
  const sealing = await sealingKey(secret, given[0], "decrypt");
  const how = { name: "AES-GCM", iv: given[1], additionalData: said(bound) };
  return crypto.subtle.decrypt(how, sealing, given[2]).then(
    (key) => new Uint8Array(key),
    () => null,
  );
}

/** HKDF (RFC 5869) with SHA-256, of what the passkey made. */
async function sealingKey(secret: Uint8Array<ArrayBuffer>, salt: Uint8Array<ArrayBuffer>, use: KeyUsage): Promise<CryptoKey> {
  if (secret.length !== 32) throw new Error("not what a passkey makes");
  const base = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveKey"]);
  const how = { name: "HKDF", hash: "SHA-256", salt, info: new TextEncoder().encode("org.chappe.recovery.passkeys 1") };
  return crypto.subtle.deriveKey(how, base, { name: "AES-GCM", length: 256 }, false, [use]);
}

const said = ({ userId, id, host, keyId }: Bound): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode(JSON.stringify([VERSION, userId, host, id, keyId]));

/** What the account data hold: those entries that are whole, at most so many, each passkey once. */
export function readEntries(content: unknown): PasskeyEntry[] {
  const listed = (content as { passkeys?: unknown } | null | undefined)?.passkeys;
  if (!Array.isArray(listed)) return [];
  const found = listed.slice(0, MOST).flatMap((each) => readEntry(each) ?? []);
  return found.filter((each, index) => found.findIndex(({ id }) => id === each.id) === index);
}

/** What a newer client has written stays when this one writes: each small, and not many. */
export function entriesOfLater(content: unknown): unknown[] {
  const listed = (content as { passkeys?: unknown } | null | undefined)?.passkeys;
  if (!Array.isArray(listed)) return [];
  const later = ({ version }: { version?: unknown }): boolean => Number.isSafeInteger(version) && (version as number) > VERSION;
  return listed.slice(0, MOST).filter((each) => later(each ?? {}) && JSON.stringify(each).length < 4000);
}

function readEntry(given: unknown): PasskeyEntry | null {
  const { version, id, rp_id, key_id, name, kind, created_ts, used_ts, salt, iv, data } = (given ?? {}) as PasskeyEntry;
  if (version !== VERSION || !isId(id) || !isShort(rp_id, 253) || !isShort(key_id, 255) || !KINDS.includes(kind)) return null;
  if (bytes(salt, 32) === null || bytes(iv, 12) === null || bytes(data, KEY_LENGTH + 16) === null) return null;
  if (!isTime(created_ts) || (used_ts !== null && !isTime(used_ts)) || typeof name !== "string") return null;
  return { version, id, rp_id, key_id, name: cleanName(name), kind, created_ts, used_ts, salt, iv, data };
}

/** A name as it is shown: one line, and not longer than one. */
export const cleanName = (name: string): string =>
  Array.from(
    name
      .slice(0, 400)
      .replace(/[\p{C}\s]+/gu, " ")
      .trim(),
  )
    .slice(0, 60)
    .join("");

const isId = (id: unknown): id is string => isShort(id, 1400) && /^[\w-]+$/.test(id) && id.length % 4 !== 1;
const isShort = (text: unknown, most: number): text is string =>
  typeof text === "string" && text.length > 0 && text.length <= most;
const isTime = (time: unknown): time is number =>
  Number.isSafeInteger(time) && (time as number) >= 0 && (time as number) < 8.64e15;

const base64 = (given: Uint8Array): string => btoa(Array.from(given, (each) => String.fromCharCode(each)).join(""));

/** Bytes of exactly one length; null for everything else. */
function bytes(text: unknown, length: number): Uint8Array<ArrayBuffer> | null {
  const expected = Math.ceil(length / 3) * 4;
  if (typeof text !== "string" || text.length !== expected || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return null;
  const found = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  return found.length === length ? found : null;
}
