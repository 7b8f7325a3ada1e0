/** What is kept in the account's data, sealed: by one device, read by another. */

import type { MatrixClient } from "matrix-js-sdk";
import { expect, test } from "vitest";
import { PlaybookModels } from "../src/matrix/playbook_models";

const NAME = "org.chappe.playbook.models";
const SECRET = new Uint8Array(32).fill(7);

/** A device; what is kept stands in `account`, which devices share. */
function device(account: Map<string, object>, secret: Uint8Array | null = SECRET): PlaybookModels {
  const client = {
    on: () => client,
    getAccountData: (name: string) => (account.has(name) ? { getContent: () => account.get(name) } : undefined),
    setAccountData: async (name: string, content: object) => void account.set(name, content),
    getCrypto: () => ({ getSessionBackupPrivateKey: async () => secret }),
  };
  return new PlaybookModels(client as unknown as MatrixClient);
}

const FLOOD = { id: "1", title: "Crue", text: "Alerter" };

test("another confirmed device reads it, the server does not, nor a device that is not confirmed", async () => {
  const account = new Map<string, object>();
  await device(account).put(FLOOD);
  await device(account).put({ ...FLOOD, id: "2" });
  expect(JSON.stringify(account.get(NAME))).not.toMatch(/Crue|Alerter/);
  const other = device(account);
  await other.begin();
  expect([other.list().map((each) => each.id), other.isLocked]).toEqual([["2", "1"], false]);
  await other.remove("2");
  const stranger = device(account, null);
  await stranger.begin();
  expect([stranger.list(), stranger.isLocked]).toEqual([[], true]);
  await expect(stranger.put(FLOOD)).rejects.toMatchObject({ errcode: "ORG_CHAPPE_UNCONFIRMED" });
  const anew = device(account, new Uint8Array(32).fill(8)); // another key: it cannot be opened any more
  await anew.begin();
  expect(anew.list()).toEqual([]);
});

test("more than an event holds is refused here, and what was kept stays", async () => {
  const account = new Map<string, object>();
  const models = device(account);
  await models.put(FLOOD);
  await expect(models.put({ id: "2", title: "Long", text: "x".repeat(50_000) })).rejects.toMatchObject({
    errcode: "M_TOO_LARGE",
  });
  expect(models.list()).toEqual([FLOOD]);
});

test("what makes no sense is no model", async () => {
  const account = new Map<string, object>();
  await device(account).put({ id: 1, title: "x" } as never);
  await device(account)
    .put(null as never)
    .catch(() => {});
  const other = device(account);
  await other.begin();
  expect(other.list()).toEqual([]);
  account.set(NAME, { key: "x", iv: "!", data: 3 });
  await device(account).begin();
});
