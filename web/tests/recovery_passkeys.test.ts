import type { MatrixClient } from "matrix-js-sdk";
import { beforeEach, expect, test } from "vitest";
import type { OpenedKey } from "../src/matrix/recovery";
import { PASSKEYS, RecoveryPasskeys } from "../src/matrix/recovery_passkeys";
import { type Answer, PasskeyError, type Passkeys } from "../src/platform/passkey";

const KEY: OpenedKey = { id: "first", key: new Uint8Array(32).fill(3) };
const NEXT: OpenedKey = { id: "next", key: new Uint8Array(32).fill(4) };

/** An authenticator: what it makes is its own, and the same for the same passkey. */
class Authenticator implements Passkeys {
  readonly held = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly forgotten: string[] = [];
  refuses = false;
  picked: string | null = null;
  constructor(public host = "chat.culture.fr") {}
  isOffered = async (): Promise<boolean> => true;
  create = async (_owner: object, known: string[]): Promise<Answer & { kind: "card" }> => {
    if (known.some((each) => this.held.has(each))) throw new PasskeyError("already");
    const id = `AAA${this.held.size}`;
    this.held.set(id, crypto.getRandomValues(new Uint8Array(32)));
    return { ...(await this.ask([id])), kind: "card" };
  };
  ask = async (ids: string[]): Promise<Answer> => {
    const id = this.picked ?? ids.find((each) => this.held.has(each));
    if (this.refuses || !id) throw new PasskeyError("cancelled");
    return { id, secret: this.held.get(id)!.slice() };
  };
  forget = async (id: string): Promise<void> => void this.forgotten.push(id);
}

let kept: { passkeys: Record<string, unknown>[] } | null;
let inUse: OpenedKey;
let userId: string;

const client = {
  on: () => {},
  getSafeUserId: () => userId,
  getAccountData: (type: string) => (type === PASSKEYS && kept ? { getContent: () => structuredClone(kept) } : undefined),
  setAccountData: async (type: string, content: typeof kept) => {
    expect(type).toBe(PASSKEYS);
    kept = structuredClone(content);
  },
} as unknown as MatrixClient;

const recovery = {
  currentKeyId: () => inUse.id,
  opens: async ({ id, key }: OpenedKey) => id === inUse.id && key.every((each, index) => each === inUse.key[index]),
};

const passkeysOn = (browser: Passkeys): RecoveryPasskeys => new RecoveryPasskeys(client, recovery, browser);

beforeEach(() => {
  kept = null;
  inUse = KEY;
  userId = "@anne:culture.fr";
});

test("made on one device, it opens the key on another; the server is told nothing that opens", async () => {
  const card = new Authenticator();
  const here = passkeysOn(card);
  await here.keep(await here.make(), " Carte d’agent ", KEY);
  expect(here.list()).toMatchObject([{ name: "Carte d’agent", kind: "card", used: null, opens: true, isHere: true }]);
  const stored = JSON.stringify(kept);
  for (const secret of [...card.held.values(), KEY.key]) {
    expect(stored).not.toContain(Buffer.from(secret).toString("base64"));
    expect(stored).not.toContain(Buffer.from(secret).toString("hex"));
  }
  const there = passkeysOn(card);
  expect(await there.open()).toEqual(KEY);
  expect(there.list()[0].used).toBeGreaterThan(0);
});

test("the same authenticator is not registered twice, one that refuses is heard", async () => {
  const card = new Authenticator();
  const here = passkeysOn(card);
  await here.keep(await here.make(), "", KEY);
  await expect(here.make()).rejects.toThrow("already");
  card.refuses = true;
  await expect(here.open()).rejects.toThrow("cancelled");
});

test("where the code was replaced it opens nothing, until it was asked again", async () => {
  const here = passkeysOn(new Authenticator());
  await here.keep(await here.make(), "Carte", KEY);
  inUse = NEXT;
  expect(here.list()[0]).toMatchObject({ opens: false });
  expect(await here.open()).toBe(null);
  await here.renew(here.list()[0].id, NEXT);
  expect(here.list()).toMatchObject([{ name: "Carte", opens: true }]);
  expect(await here.open()).toEqual(NEXT);
});

test("by another address of the service it is shown and not asked for", async () => {
  const card = new Authenticator();
  const here = passkeysOn(card);
  await here.keep(await here.make(), "", KEY);
  const there = passkeysOn(new Authenticator("autre.culture.fr"));
  expect(there.list()).toMatchObject([{ isHere: false, host: "chat.culture.fr" }]);
  expect(await there.open()).toBe(null);
});

test.each(["says that it seals another key", "has changed what is sealed", "has moved it to another account"])(
  "a server that %s opens nothing",
  async (what) => {
    const here = passkeysOn(new Authenticator());
    await here.keep(await here.make(), "", KEY);
    if (what.includes("account")) userId = "@eve:culture.fr";
    else if (what.includes("changed")) kept!.passkeys[0].data = Buffer.alloc(48).toString("base64");
    else {
      kept!.passkeys[0].key_id = "next";
      inUse = NEXT;
    }
    expect(here.list()).toMatchObject([{ opens: true, isHere: true }]);
    expect(await here.open()).toBe(null);
  },
);

test("a passkey that was not asked for opens nothing", async () => {
  const card = new Authenticator();
  const here = passkeysOn(card);
  await here.keep(await here.make(), "", KEY);
  card.held.set("BBBB", new Uint8Array(32));
  card.picked = "BBBB";
  expect(await here.open()).toBe(null);
});

test("it is renamed and removed, and what a newer client wrote stays", async () => {
  const card = new Authenticator();
  const here = passkeysOn(card);
  await here.keep(await here.make(), "", KEY);
  kept!.passkeys.push({ version: 2, id: "CCCC" });
  const [{ id }] = here.list();
  await here.rename(id, "Bureau");
  expect(here.list()).toMatchObject([{ id, name: "Bureau" }]);
  await here.remove(id);
  expect([here.list(), card.forgotten, kept]).toEqual([[], [id], { passkeys: [{ version: 2, id: "CCCC" }] }]);
});
