import { expect, test } from "vitest";
import { encryption, FakeClock, settled, signedIn } from "../../tests/fakes";
import type { Device } from "../matrix/devices";
import { Signal } from "../platform/signal";
import { NewSignInsViewModel } from "./new_sign_ins";

const device = (id: string, given: Partial<Device> = {}): Device => ({
  id,
  name: `Firefox ${id}`,
  lastSeen: 1,
  confirmed: false,
  current: id === "HERE",
  canEncrypt: true,
  ...given,
});

async function opened(kept: string[] | null, devices: Device[]) {
  const clock = new FakeClock();
  const changed = new Signal(0, clock);
  const box = { kept };
  const keeper = {
    load: async () => box.kept,
    save: async (ids: string[]) => {
      box.kept = ids;
    },
  };
  const matrix = signedIn({ encryption: encryption({ devices: { list: async () => [...devices], changed } }) });
  const model = new NewSignInsViewModel(matrix, keeper, clock);
  await settled();
  const moved = async (): Promise<void> => {
    changed.fire();
    await clock.pass(0);
    await settled();
  };
  return { clock, model, box, moved };
}

test("a device that begins knows those that are there; whoever comes later is told of, confirmed or not", async () => {
  const devices = [device("HERE"), device("OLD")];
  const { model, box, moved } = await opened(null, devices);
  expect([model.snapshot().found, box.kept]).toEqual([null, ["HERE", "OLD"]]);
  devices.push(device("NEW", { confirmed: true }), device("NEWER"));
  await moved();
  expect(model.snapshot()).toMatchObject({ found: { id: "NEW", name: "Firefox NEW" }, others: 1 });
  await model.mine("NEW");
  expect(model.snapshot()).toMatchObject({ found: { id: "NEWER" }, others: 0 });
  expect(box.kept).toContain("NEW");
});

test("what came while it was closed is told of, and a device without keys after a while", async () => {
  const devices = [device("HERE"), device("NEW")];
  const { model, clock, box } = await opened(["HERE"], devices);
  expect(model.snapshot().found?.id).toBe("NEW");
  await model.mine("NEW");
  devices.push(device("BARE", { canEncrypt: false }));
  await clock.pass(600_000);
  await settled();
  expect(model.snapshot().found?.id).toBe("BARE");
  expect(box.kept).toEqual(["HERE", "NEW"]);
});

test("one that was somebody else's: once it is signed out, the password is to be changed", async () => {
  const devices = [device("HERE"), device("NEW")];
  const { model, moved } = await opened(["HERE"], devices);
  model.notMine("NEW");
  await moved();
  expect(model.snapshot()).toMatchObject({ found: { id: "NEW" }, isEnded: false });
  devices.pop();
  await moved();
  expect(model.snapshot()).toMatchObject({ found: null, isEnded: true });
  model.dismiss();
  await moved();
  expect(model.snapshot().isEnded).toBe(false);
});
