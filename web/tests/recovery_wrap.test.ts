import { expect, test } from "vitest";
import {
  type Bound,
  entriesOfLater,
  MOST,
  type PasskeyEntry,
  readEntries,
  unwrap,
  wrap,
  wrapWith,
} from "../src/matrix/recovery_wrap";

const run = (from: number, length: number): Uint8Array<ArrayBuffer> => Uint8Array.from({ length }, (_, index) => from + index);
const all = (value: number, length: number): Uint8Array<ArrayBuffer> => new Uint8Array(length).fill(value);
const base64 = (given: Uint8Array): string => Buffer.from(given).toString("base64");

const ANNE: Bound = { userId: "@anne:culture.fr", host: "chat.culture.fr", id: "AQIDBA", keyId: "abc" };

/** Computed by the Python library "cryptography". */
test.each([
  [
    run(0, 32),
    run(100, 32),
    run(200, 32),
    run(0, 12),
    ANNE,
    "pELOXFrc9BMb4AZzSwbGSuWhvOlkh80VhjgI+TqFLrxvgooGd8yBKYIjzgvcgpAK",
  ],
  [
    all(255, 32),
    all(0, 32),
    all(0, 32),
    all(7, 12),
    { userId: "@é:b", host: "b", id: "x_-9", keyId: "k" },
    "bNYaDKNLzgoDlOzfq+/lgVy3nPCZB+Gt29HhSu3yG/3+8Sn9RtEtSTPiAtCkvmad",
  ],
])("vector %#: HKDF and AES-GCM as others compute them, and back", async (secret, key, salt, iv, bound, data) => {
  expect(await wrapWith(secret, key, bound, salt, iv)).toEqual({ salt: base64(salt), iv: base64(iv), data });
  expect(await unwrap(secret, { salt: base64(salt), iv: base64(iv), data }, bound)).toEqual(key);
});

test("each time it is sealed under other numbers, and only a key of the right length", async () => {
  const [one, two] = [await wrap(all(1, 32), all(2, 32), ANNE), await wrap(all(1, 32), all(2, 32), ANNE)];
  expect([one.salt === two.salt, one.iv === two.iv, one.data === two.data]).toEqual([false, false, false]);
  await expect(wrap(all(1, 32), all(2, 31), ANNE)).rejects.toThrow();
  await expect(wrap(all(1, 31), all(2, 32), ANNE)).rejects.toThrow();
});

test.each<[string, Partial<Bound>]>([
  ["account", { userId: "@eve:culture.fr" }],
  ["passkey", { id: "AQIDBB" }],
  ["address", { host: "culture.fr" }],
  ["key of the secret storage", { keyId: "abd" }],
])("moved to another %s it does not open", async (_what, other) => {
  const sealed = await wrap(all(1, 32), all(2, 32), ANNE);
  expect(await unwrap(all(1, 32), sealed, { ...ANNE, ...other })).toBe(null);
});

test.each<[string, (sealed: { salt: string; iv: string; data: string }) => object]>([
  ["another salt", () => ({ salt: base64(all(9, 32)) })],
  ["a changed letter", ({ data }) => ({ data: (data[0] === "A" ? "B" : "A") + data.slice(1) })],
  ["too short", () => ({ data: base64(all(0, 47)) })],
  ["too long", () => ({ data: base64(all(0, 49)) })],
  ["huge", () => ({ data: "A".repeat(50_000_000) })],
  ["a huge salt", () => ({ salt: "A".repeat(50_000_000) })],
  ["no text", () => ({ iv: 12 })],
  ["no base64", ({ data }) => ({ data: `${data.slice(1)}é` })],
])("what the server has made of it is nothing: %s", async (_what, change) => {
  const sealed = await wrap(all(1, 32), all(2, 32), ANNE);
  expect(await unwrap(all(1, 32), { ...sealed, ...change(sealed) } as typeof sealed, ANNE)).toBe(null);
});

test("another passkey does not open it", async () => {
  expect(await unwrap(all(3, 32), await wrap(all(1, 32), all(2, 32), ANNE), ANNE)).toBe(null);
});

const entry = (given: object = {}): PasskeyEntry => ({
  version: 1, id: "AQIDBA", rp_id: "chat.culture.fr", key_id: "abc", name: "Carte", kind: "card", created_ts: 5, used_ts: null,
  salt: base64(all(1, 32)), iv: base64(all(1, 12)), data: base64(all(1, 48)), ...given,
}); // biome-ignore format: one line

test("what stands in the account data is read as it was written", () => {
  expect(readEntries({ passkeys: [entry(), entry({ id: "BBBB", used_ts: 7 })] })).toEqual([
    entry(),
    entry({ id: "BBBB", used_ts: 7 }),
  ]);
});

test.each<[string, unknown]>([
  ["another version", entry({ version: 2 })],
  ["no id", entry({ id: "" })],
  ["an id that is no base64url", entry({ id: "A+B/" })],
  ["an id of a length that no bytes have", entry({ id: "AAAAA" })],
  ["a huge id", entry({ id: "A".repeat(100_000) })],
  ["another kind", entry({ kind: "__proto__" })],
  ["a time that is none", entry({ created_ts: Number.POSITIVE_INFINITY })],
  ["a time before all times", entry({ used_ts: -1 })],
  ["a name that is none", entry({ name: { toString: null } })],
  ["data that are too short", entry({ data: base64(all(1, 47)) })],
  ["huge data", entry({ data: "A".repeat(1_000_000) })],
  ["nothing", null],
  ["a list", []],
  ["a word", "passkey"],
])("an entry that is not whole is none: %s", (_what, given) => {
  expect(readEntries({ passkeys: [given, entry({ id: "BBBB" })] })).toEqual([entry({ id: "BBBB" })]);
});

test.each([null, undefined, 7, {}, { passkeys: {} }, { passkeys: "x" }])("a list that is none holds nothing: %o", (given) => {
  expect(readEntries(given)).toEqual([]);
  expect(entriesOfLater(given)).toEqual([]);
});

test("no more than there may be, each passkey once, its name one line", () => {
  const many = Array.from({ length: 10_000 }, (_, index) => entry({ id: `A${String(index).padStart(7, "0")}` }));
  expect(readEntries({ passkeys: many })).toHaveLength(MOST);
  expect(readEntries({ passkeys: [entry(), entry({ name: "twice" })] }).map(({ name }) => name)).toEqual(["Carte"]);
  const [named] = readEntries({ passkeys: [entry({ name: `  Clé\n\u202e du\u0000 bureau ${"👩‍🚀".repeat(90)}` })] });
  expect(named.name.startsWith("Clé du bureau 👩")).toBe(true);
  expect(Array.from(named.name).length).toBeLessThanOrEqual(60);
});

test("what a newer client has written stays, where it is small", () => {
  const later = entry({ version: 2, more: true });
  expect(entriesOfLater({ passkeys: [entry(), later, entry({ version: 3, data: "A".repeat(5000) }), null] })).toEqual([later]);
});
