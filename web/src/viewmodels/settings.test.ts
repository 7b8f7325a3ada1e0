import { expect, test } from "vitest";
import { encryption, fake, ME, person, refusal, settled, signal, signedIn } from "../../tests/fakes";
import type { Account } from "../matrix/account";
import type { Device } from "../matrix/devices";
import type { Face } from "../matrix/signed_in";
import { SettingsViewModel } from "./settings";

const device: Device = { id: "D", name: "Firefox", lastSeen: 1, confirmed: true, current: true, canEncrypt: true };

function opened(given: Partial<Face<Account>> = {}, fails = false) {
  const changed = signal();
  const accountDataChanged = signal();
  const keywords = [{ id: "crue", word: "crue" }];
  const done: unknown[] = [];
  const note =
    (name: string) =>
    async (...values: unknown[]): Promise<void> => {
      if (fails) throw refusal("M_FORBIDDEN");
      done.push([name, ...values]);
    };
  const devices = [device];
  const account = fake<Face<Account>>({
    keywords: () => [...keywords],
    tellsEverything: () => false,
    quietHours: () => null,
    ignored: () => [person("@x:b")],
    emails: async () => ["anne@culture.fr"],
    pushTarget: async () => ({ supported: true, on: done.some((each) => (each as string[])[0] === "subscribe") }),
    addKeyword: async (word) => void keywords.push({ id: word, word }),
    removeKeyword: async (id) =>
      void keywords.splice(
        keywords.findIndex((each) => each.id === id),
        1,
      ),
    setTellsEverything: note("everything"),
    setQuietHours: note("quiet"),
    subscribe: note("subscribe"),
    unsubscribe: note("unsubscribe"),
    export: async (progress) => {
      progress(1, 2);
      return "{}";
    },
    ...given,
  });
  const matrix = signedIn({
    accountDataChanged,
    account: () => account,
    people: { nameIsFixed: true, setName: note("name"), setPicture: note("picture"), setIgnored: note("ignored") },
    encryption: encryption({
      changed,
      devices: {
        list: async () => (fails ? Promise.reject(new Error("offline")) : [...devices]),
        rename: async (id, name) => void devices.splice(0, 1, { ...device, id, name }),
      },
      recovery: { codeCreated: () => 5, checkCode: async (typed) => (typed === "right" ? null : "wrong") },
      backup: async () => ({ enabled: true, count: 3 }),
    }),
  });
  return { model: new SettingsViewModel(matrix), changed, accountDataChanged, keywords, devices, done };
}

test("what is set, and what has to be asked for, is shown as it comes", async () => {
  const { model } = opened();
  expect(model.snapshot()).toMatchObject({ me: { id: ME }, nameIsFixed: true, devices: null, push: null, emails: [] });
  expect(model.snapshot()).toMatchObject({
    everything: false,
    codeCreated: 5,
    ignored: [{ id: "@x:b" }],
    keywords: [{ word: "crue" }],
  });
  await settled();
  expect(model.snapshot()).toMatchObject({
    devices: [device],
    backup: { enabled: true, count: 3 },
    emails: ["anne@culture.fr"],
    push: { supported: true, on: false },
  });
  expect(model.diagnosis).toEqual({ deviceId: "DEVICE", standing: "online ready" });
});

test("what cannot be had is empty, not waited for", async () => {
  const offline = (): Promise<never> => Promise.reject(new Error("offline"));
  const { model } = opened({ emails: offline, pushTarget: offline }, true);
  await settled();
  expect(model.snapshot()).toMatchObject({ devices: [], emails: [], push: null, problem: null });
});

test("what changes elsewhere is followed", async () => {
  const { model, changed, accountDataChanged, keywords, devices } = opened();
  await settled();
  keywords.push({ id: "loire", word: "loire" });
  accountDataChanged.fire();
  expect(model.snapshot().keywords).toHaveLength(2);
  devices.push({ ...device, id: "E" });
  changed.fire();
  await settled();
  expect(model.snapshot().devices).toHaveLength(2);
});

test("what was set is said, and shown as it is now", async () => {
  const { model, done } = opened();
  await settled();
  expect(await model.addKeyword(" loire ")).toBe(true);
  expect(model.snapshot()).toMatchObject({ done: "settings.saved", keywords: [{ word: "crue" }, { word: "loire" }] });
  await model.removeKeyword("crue");
  expect(model.snapshot().keywords).toEqual([{ id: "loire", word: "loire" }]);
  await model.renameDevice("D", "Bureau");
  expect(model.snapshot().devices).toMatchObject([{ name: "Bureau" }]);
  await model.setName(" Anne ");
  await model.setPicture(null);
  await model.setEverything(true);
  await model.setIgnored("@x:b", false);
  await model.setPush(true, "fr");
  expect(model.snapshot().push?.on).toBe(true);
  await model.setPush(false, "fr");
  const quiet = { enabled: true, start: "19:30", end: "08:00", timezone: "Europe/Paris", days: [0], allow_highlights: true };
  await model.setQuiet(quiet);
  expect(done).toEqual([
    ["name", "Anne"], ["picture", null], ["everything", true], ["ignored", "@x:b", false], ["subscribe", "fr"], ["unsubscribe"],
    ["quiet", quiet],
  ]); // biome-ignore format: a table
});

test("what is refused is said in place of it", async () => {
  const { model } = opened({}, true);
  expect(await model.setName("Anne")).toBe(false);
  expect(model.snapshot()).toMatchObject({ done: null, problem: { key: "error.M_FORBIDDEN" } });
});

test("a code is tried, a copy of everything is made", async () => {
  const { model } = opened();
  expect([await model.checkCode("right"), await model.checkCode("x")]).toEqual(["right", "wrong"]);
  const seen: unknown[] = [];
  expect(await model.exportData((...given) => seen.push(given))).toBe("{}");
  expect(seen).toEqual([[1, 2]]);
});
