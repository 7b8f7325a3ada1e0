/**
 * What was said before somebody comes (MSC4268): the keys of these messages go to the devices of whoever is invited, before the
 * invitation does. The SDK has the whole of it for all of a room's past; where it is to begin at a moment, the keys are chosen here, and cut.
 */

import { KnownMembership, type MatrixClient, Method, RoomMemberEvent } from "matrix-js-sdk";
import { clock } from "../platform/clock";
import { hear } from "./listening";
import { cutSession, firstIndex, messageIndex } from "./megolm_session";
import type { Place } from "./place";

export const HISTORY_SHARED = "org.chappe.history_shared";

/** From when on; null: all that this device can open. */
export interface Past {
  since: number | null;
}

export interface SharedNotice {
  user_id: string;
  since_ts: number | null;
}

declare module "matrix-js-sdk/lib/@types/event" {
  interface TimelineEvents {
    [HISTORY_SHARED]: SharedNotice;
  }
}

/** Of the SDK's encryption what its own interface does not tell of. */
interface Sharer {
  shareRoomHistoryWithUser(roomId: string, userId: string): Promise<void>;
  getOlmMachineOrThrow(): Machine;
}

interface Machine {
  exportRoomKeys(wanted: (session: { roomId: { toString(): string } }) => boolean): Promise<string>;
  buildRoomKeyBundle(roomId: unknown): Promise<Bundle | undefined>;
  shareRoomKeyBundleData(...what: unknown[]): Promise<unknown[]>;
}

interface Bundle {
  encryptedData: Uint8Array;
  mediaEncryptionInfo: string;
}

/** By these names it is said that whoever made a session agrees that newcomers may have it: the proposal's, and what clients write. */
const AGREED = ["shared_history", "m.shared_history", "org.matrix.msc3061.shared_history"] as const;

/** As keys are exported (client-server API, "Key exports"). */
export interface ExportedSession extends Partial<Record<(typeof AGREED)[number], unknown>> {
  algorithm: string;
  room_id: string;
  sender_key: string;
  sender_claimed_keys: Record<string, string>;
  session_id: string;
  session_key: string;
}

/** An event of the server, as far as it says by which key it is sealed. */
interface Sealed {
  origin_server_ts?: unknown;
  content?: { session_id?: unknown; ciphertext?: unknown };
}

/** So much at once, and so often at most: what lies further back is not opened. */
const PAGE = 500;
const PAGES = 100;
const PATIENCE = 10_000;

export class HistorySharing {
  private turns: Promise<unknown> = Promise.resolve();

  constructor(private readonly place: Place) {}

  /**
   * Gives the keys to the devices of somebody that their owner has confirmed; resolves whether there was one. One after the other: each
   * time keys are chosen anew.
   */
  share(userId: string, past: Past): Promise<boolean> {
    const turn = this.turns.then(() => this.give(userId, past));
    this.turns = turn.catch(() => {});
    return turn;
  }

  /** Says in the room what was done: it cannot be undone, and everybody may know it. */
  async tell(userId: string, { since }: Past): Promise<void> {
    await this.known(userId); // before that, what is said is not sealed for who was invited
    await this.place.client.sendEvent(this.place.id, HISTORY_SHARED, { user_id: userId, since_ts: since });
  }

  /** Waits until the invitation has come back, but not for ever. */
  private known(userId: string): Promise<void> {
    const { client, id } = this.place;
    const isInvited = (): boolean => {
      const membership = client.getRoom(id)?.getMember(userId)?.membership;
      return membership === KnownMembership.Invite || membership === KnownMembership.Join;
    };
    return new Promise((resolve) => {
      if (isInvited()) return resolve();
      const done = (): void => {
        off();
        cancel();
        resolve();
      };
      const off = hear(client, RoomMemberEvent.Membership, () => isInvited() && done());
      const cancel = clock.after(PATIENCE, done);
    });
  }

  private async give(userId: string, { since }: Past): Promise<boolean> {
    const crypto = this.place.client.getCrypto() as unknown as Sharer | undefined;
    if (!crypto) throw new Error("encryption has not begun");
    const machine = crypto.getOlmMachineOrThrow();
    let isGiven = false;
    const parts: Partial<Machine> = {
      shareRoomKeyBundleData: async (...what) => {
        const messages = await machine.shareRoomKeyBundleData(...what);
        isGiven = messages.length > 0;
        return messages;
      },
    };
    if (since !== null) parts.buildRoomKeyBundle = await this.cutAt(since, machine);
    // all but the choice is the SDK's: whose devices, the upload, the messages to them
    const chosen = standingIn(machine, parts);
    await standingIn(crypto, { getOlmMachineOrThrow: () => chosen }).shareRoomHistoryWithUser(this.place.id, userId);
    return isGiven;
  }

  /** What goes along where it begins at a moment. */
  private async cutAt(since: number, machine: Machine): Promise<Machine["buildRoomKeyBundle"]> {
    const firsts = await firstMessages(this.place.client, this.place.id, since);
    return async () => {
      const exported = JSON.parse(await machine.exportRoomKeys((session) => session.roomId.toString() === this.place.id));
      const bundle = await bundleOf(exported, this.place.id, firsts);
      return bundle.room_keys.length ? sealed(JSON.stringify(bundle)) : undefined;
    };
  }
}

/** The same object, with something of it replaced for whoever has this one in hand. */
function standingIn<T extends object>(whole: T, parts: Partial<T>): T {
  const own = new Map(Object.entries(parts));
  return new Proxy(whole, {
    get(target, name, self) {
      if (typeof name === "string" && own.has(name)) return own.get(name);
      const value = Reflect.get(target, name, target);
      // the SDK's methods ask each other by way of this one; what is WebAssembly's must be called on itself
      return typeof value === "function" ? value.bind("__wbg_ptr" in target ? target : self) : value;
    },
  });
}

/** By session, the number of its first message since a moment, as the server has them in order. */
async function firstMessages(client: MatrixClient, roomId: string, since: number): Promise<Map<string, number>> {
  const firsts = new Map<string, number>();
  let from: string | undefined;
  for (let page = 0; page < PAGES; page++) {
    const query = {
      dir: "b",
      limit: String(PAGE),
      filter: JSON.stringify({ types: ["m.room.encrypted"] }),
      ...(from && { from }),
    };
    const path = `/rooms/${encodeURIComponent(roomId)}/messages`;
    const { chunk, end } = await client.http.authedRequest<{ chunk?: Sealed[]; end?: string }>(Method.Get, path, query);
    for (const event of chunk ?? []) note(firsts, event, since);
    if (!end || end === from || chunk?.every((each) => Number(each.origin_server_ts) < since)) return firsts;
    from = end;
  }
  return firsts;
}

export function note(firsts: Map<string, number>, { origin_server_ts: ts, content }: Sealed, since: number): void {
  const index = messageIndex(content?.ciphertext);
  if (typeof ts !== "number" || ts < since || typeof content?.session_id !== "string" || index === null) return;
  firsts.set(content.session_id, Math.min(index, firsts.get(content.session_id) ?? index));
}

type Given = Pick<
  ExportedSession,
  "algorithm" | "room_id" | "sender_key" | "sender_claimed_keys" | "session_id" | "session_key"
>;
type Withheld = Pick<ExportedSession, "algorithm" | "room_id" | "sender_key" | "session_id"> & { code: string; reason: string };

/** Those sessions that may be given (MSC4268), each from its first message on; of the others it is said that they are not. */
export async function bundleOf(
  exported: ExportedSession[],
  roomId: string,
  firsts: Map<string, number>,
): Promise<{ room_keys: Given[]; withheld: Withheld[] }> {
  const room_keys: Given[] = [];
  const withheld: Withheld[] = [];
  for (const session of exported) {
    const { algorithm, room_id, sender_key, sender_claimed_keys, session_id, session_key } = session;
    if (room_id !== roomId) continue;
    const first = firsts.get(session_id);
    const isAgreed = AGREED.some((each) => session[each] === true);
    const cut = isAgreed && first !== undefined ? await cutSession(session_key, first) : null;
    const known = { algorithm, room_id, sender_key, session_id };
    if (cut !== null && firstIndex(cut) !== null) room_keys.push({ ...known, sender_claimed_keys, session_key: cut });
    else withheld.push({ ...known, code: "m.history_not_shared", reason: "History not shared" });
  }
  return { room_keys, withheld };
}

/** As files are sealed (client-server API, "Sending encrypted attachments"). */
async function sealed(text: string): Promise<Bundle> {
  const iv = new Uint8Array(16);
  crypto.getRandomValues(iv.subarray(0, 8));
  const key = await crypto.subtle.generateKey({ name: "AES-CTR", length: 256 }, true, ["encrypt", "decrypt"]);
  const plain = new TextEncoder().encode(text);
  const bytes = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-CTR", counter: iv, length: 64 }, key, plain));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const info = { v: "v2", key: await crypto.subtle.exportKey("jwk", key), iv: bare(iv), hashes: { sha256: bare(hash) } };
  return { encryptedData: bytes, mediaEncryptionInfo: JSON.stringify(info) };
}

const bare = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes)).replace(/=+$/, "");
