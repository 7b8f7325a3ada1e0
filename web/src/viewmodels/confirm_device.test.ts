import { expect, test, vi } from "vitest";
import { encryption, FakeVerification, settled, signal, signedIn } from "../../tests/fakes";
import type { Device } from "../matrix/devices";
import { ConfirmDeviceViewModel } from "./confirm_device";

const device = (given: Partial<Device>): Device => ({
  id: "D", name: "D", lastSeen: null, confirmed: false, current: false, canEncrypt: true, ...given,
}); // biome-ignore format: one line

function opened(devices: Device[] = [], hasCode = true) {
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
        exists: async () => hasCode,
        recover: async (typed) => (typed === "right" ? null : typed === "?" ? "malformed" : "wrong"),
      },
    }),
  });
  const done = vi.fn();
  const reset = vi.fn();
  return { changed, verifications, state, done, reset, model: new ConfirmDeviceViewModel(matrix, done, reset) };
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

test("who has neither begins anew, after having read what that means", () => {
  const { model, reset } = opened();
  model.toReset();
  expect(model.snapshot().step).toBe("reset");
  model.back();
  expect(model.snapshot().step).toBe("choose");
  model.reset();
  expect(reset).toHaveBeenCalledOnce();
});
