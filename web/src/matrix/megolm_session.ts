/**
 * An exported Megolm session, and how it is cut: moved on to a later message it opens that one and those after it, and none before. The
 * ratchet goes in one direction only (specification of Megolm, "The Megolm ratchet algorithm").
 */

const PARTS = 4;
const PART = 32;
/** Version, counter, ratchet, the public key that signs the messages ("Session export format"). */
const EXPORTED = 1 + 4 + PARTS * PART + 32;
/** A session is replaced after some hundred messages: what would have to be moved on so far is no session of people. */
const FARTHEST = 20_000;

/** The number of the message from which on a session opens; null for what is none. */
export function firstIndex(sessionKey: string): number | null {
  const bytes = read(sessionKey);
  return bytes && new DataView(bytes.buffer).getUint32(1);
}

/** The session from a message on; null where it does not reach back so far as to be cut, or is none. */
export async function cutSession(sessionKey: string, index: number): Promise<string | null> {
  const bytes = read(sessionKey);
  if (!bytes) return null;
  const view = new DataView(bytes.buffer);
  const first = view.getUint32(1);
  if (index <= first) return sessionKey;
  if (!Number.isSafeInteger(index) || index - first > FARTHEST) return null;
  const ratchet = bytes.subarray(5, 5 + PARTS * PART);
  for (let counter = first + 1; counter <= index; counter++) await advance(ratchet, counter);
  view.setUint32(1, index);
  return btoa(String.fromCharCode(...bytes)).replace(/=+$/, "");
}

/** The highest part that changes is made last: the lower ones are made of what it was. */
async function advance(ratchet: Uint8Array<ArrayBuffer>, counter: number): Promise<void> {
  let from = 0;
  for (let mask = 0x00ffffff; counter & mask; mask >>>= 8) from++;
  const old = ratchet.slice(from * PART, (from + 1) * PART);
  const key = await crypto.subtle.importKey("raw", old, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  for (let part = from; part < PARTS; part++)
    ratchet.set(new Uint8Array(await crypto.subtle.sign("HMAC", key, Uint8Array.of(part))), part * PART);
}

function read(sessionKey: string): Uint8Array<ArrayBuffer> | null {
  if (typeof sessionKey !== "string" || sessionKey.length > 400 || !/^[A-Za-z0-9+/]+={0,2}$/.test(sessionKey)) return null;
  try {
    const bytes = Uint8Array.from(atob(sessionKey.replace(/=+$/, "")), (each) => each.charCodeAt(0));
    return bytes.length === EXPORTED && bytes[0] === 1 ? bytes : null;
  } catch {
    return null;
  }
}

/** The number of a message in its session, which stands in the clear before what is sealed ("Message format"); null for no message. */
export function messageIndex(ciphertext: unknown): number | null {
  if (typeof ciphertext !== "string" || !/^[A-Za-z0-9+/]{8}/.test(ciphertext)) return null;
  const start = Uint8Array.from(atob(ciphertext.slice(0, 8)), (each) => each.charCodeAt(0));
  if (start[0] !== 3 || start[1] !== 0x08) return null;
  let index = 0;
  for (let at = 0; at < 4; at++) {
    index += (start[2 + at] & 0x7f) * 2 ** (7 * at);
    if (start[2 + at] < 0x80) return index;
  }
  return null;
}
