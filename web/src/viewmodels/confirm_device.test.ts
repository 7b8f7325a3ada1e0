import { expect, test, vi } from "vitest";
import { encryption, FakeVerification, ME, person, settled, signal, signedIn } from "../../tests/fakes";
import type { Device } from "../matrix/devices";
import type { OpenedKey } from "../matrix/recovery";
import type { RecoveryPasskey } from "../matrix/recovery_passkeys";
import { PasskeyError } from "../platform/passkey";
import { ConfirmDeviceViewModel } from "./confirm_device";

const device = (given: Partial<Device>): Device => ({
  id: "D", name: "D", lastSeen: null, confirmed: false, current: false, canEncrypt: true, ...given,
}); // biome-ignore format: one line

const passkey = (given: Partial<RecoveryPasskey> = {}): RecoveryPasskey => ({
  id: "A", name: "Carte", kind: "card", created: 1, used: null, opens: true, isHere: true, host: "h", ...given,
}); // biome-ignore format: one line
const KEY: OpenedKey = { id: "k", key: new Uint8Array(32) };

function opened(devices: Device[] = [], hasCode = true, passkeys: RecoveryPasskey[] = [], isOffered = true) {
  const opens = { key: KEY as OpenedKey | null, refuses: null as Error | null };
  const recovered: unknown[] = [];
  const changed = signal();
  const verifications: FakeVerification[] = [];
  const state = { value: "unconfirmed" as "unconfirmed" | "ready" };
  const matrix = signedIn({
    encryption: encryption({
      changed,
      get state() {
        return state.value;
      },
      verifyThisDevice: async () => {
        verifications.push(new FakeVerification());
        return verifications.at(-1)!;
      },
      devices: { list: async () => devices },
      recovery: {
        codeCreated: () => 5,
        exists: async () => hasCode || passkeys.length > 0,
        hasCode: () => hasCode,
        recoverWith: async (key) => void recovered.push(key),
        recover: async (typed) => (typed === "right" ? null : typed === "?" ? "malformed" : "wrong"),
      },
      passkeys: {
        isOffered: async () => isOffered,
        list: () => passkeys,
        open: async () => {
          if (opens.refuses) throw opens.refuses;
          return opens.key;
        },
      },
    }),
    people: { me: () => person(ME, "Éléonore Le Goff") },
  });
  const done = vi.fn();
  const reset = vi.fn();
  return {
    opens,
    recovered,
    changed,
    verifications,
    state,
    done,
    reset,
    model: new ConfirmDeviceViewModel(matrix, done, reset),
  };
}

test.each([
  ["another confirmed device and a code", [device({ confirmed: true })], true, true],
  ["only this one, and no code", [device({ current: true, confirmed: true })], false, false],
  ["another one that is not confirmed", [device({})], true, false],
])("with %s, what helps is offered", async (_name, devices, hasCode, otherDevices) => {
  const { model } = opened(devices, hasCode);
  await settled();
  expect(model.snapshot()).toMatchObject({ step: "choose", hasCode, otherDevices, codeCreated: 5 });
});

test("a code that is wrong says how, and is asked for again; the right one ends it", async () => {
  const { model, done } = opened();
  model.toCode();
  for (const [typed, problem] of [
    ["?", "malformed"],
    ["old one", "wrong"],
  ] as const) {
    model.type(typed);
    await model.enterCode();
    expect(model.snapshot()).toMatchObject({ step: "code", codeProblem: problem });
  }
  model.type("right");
  expect(model.snapshot().codeProblem).toBe(null);
  await model.enterCode();
  expect(done).toHaveBeenCalledOnce();
});

test("another device confirms this one, or withdraws", async () => {
  const { model, verifications, done } = opened();
  await model.useOtherDevice();
  expect(model.snapshot().verification?.snapshot().phase).toBe("requested");
  verifications[0].move("started");
  expect(model.snapshot().verification?.snapshot().phase).toBe("started");
  verifications[0].move("cancelled");
  expect(model.snapshot().verification).toBe(null);
  await model.useOtherDevice();
  verifications[1].move("done");
  await settled();
  expect(done).toHaveBeenCalledOnce();
});

test("it ends by itself once this device is confirmed from elsewhere, and hears nothing after", () => {
  const { model, changed, state, done } = opened();
  changed.fire();
  expect(done).not.toHaveBeenCalled();
  state.value = "ready";
  changed.fire();
  expect(done).toHaveBeenCalledOnce();
  model.close();
  changed.fire();
  expect(done).toHaveBeenCalledOnce();
});

test("a passkey opens the messages; one that does not, or refuses, is said", async () => {
  const { model, opens, recovered, done } = opened([], true, [
    passkey(),
    passkey({ id: "B", opens: false }),
    passkey({ id: "C", isHere: false }),
  ]);
  await settled();
  expect(model.snapshot().passkeys).toEqual([passkey()]);
  opens.refuses = new PasskeyError("cancelled");
  await model.usePasskey();
  expect(model.snapshot()).toMatchObject({ passkeyProblem: "cancelled", problem: null });
  opens.refuses = null;
  opens.key = null;
  await model.usePasskey("A");
  expect(model.snapshot().passkeyProblem).toBe("wrong");
  opens.key = KEY;
  await model.usePasskey();
  expect([recovered, done.mock.calls.length]).toEqual([[KEY], 1]);
});

test.each([
  ["a passkey and no code", false, [passkey()], true, { hasCode: false, passkeys: [passkey()] }],
  ["a browser that makes no keys by passkeys", true, [passkey()], false, { hasCode: true, passkeys: [] }],
])("only what there is, is offered: %s", async (_what, hasCode, passkeys, isOffered, expected) => {
  const { model } = opened([], hasCode, passkeys, isOffered);
  await settled();
  expect(model.snapshot()).toMatchObject(expected);
});

test("who has nothing left sees what there still is, reads what beginning anew means, and signs it with their name", () => {
  const { model, reset } = opened();
  model.toLost();
  expect(model.snapshot().step).toBe("lost");
  model.toReset();
  expect(model.snapshot()).toMatchObject({ step: "reset", isNamed: false });
  model.reset();
  for (const typed of ["", "  ", "oui", "Éléonore"]) {
    model.typeName(typed);
    expect([typed, model.snapshot().isNamed]).toEqual([typed, false]);
  }
  model.back();
  expect(model.snapshot().step).toBe("lost");
  model.back();
  expect(model.snapshot().step).toBe("choose");
  model.toReset();
  model.typeName(" eleonore  le goff");
  expect(reset).not.toHaveBeenCalled();
  model.reset();
  expect(reset).toHaveBeenCalledOnce();
});
