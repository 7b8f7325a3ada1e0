import { expect, test, vi } from "vitest";
import { FakeClock, refusal, settled } from "../../tests/fakes";
import { ActingViewModel, type Doing, IDLE } from "./view_model";

class Model extends ActingViewModel<Doing & { value: number }> {
  readonly timer = this.scope.timer();

  constructor(clock: FakeClock, undone: () => void) {
    super({ ...IDLE, value: 0 }, clock);
    this.scope.owns(undone);
  }

  put = (value: number): void => this.set({ value });
  run = (action: () => Promise<unknown>): Promise<boolean> => this.act(action);
}

test("who follows is told of each change, until they stop", () => {
  const model = new Model(new FakeClock(), () => {});
  const seen: number[] = [];
  const stop = model.subscribe(() => seen.push(model.snapshot().value));
  model.put(1);
  model.put(2);
  stop();
  model.put(3);
  expect(seen).toEqual([1, 2]);
  expect(model.snapshot().value).toBe(3);
});

test("nobody is told of what is so already", () => {
  const model = new Model(new FakeClock(), () => {});
  const told = vi.fn();
  model.subscribe(told);
  model.put(0);
  model.put(1);
  model.put(1);
  expect(told).toHaveBeenCalledOnce();
});

test("after the end nothing changes, nothing is due, and what was owned is undone", async () => {
  const clock = new FakeClock();
  const undone = vi.fn();
  const model = new Model(clock, undone);
  model.timer.set(10, () => model.put(1));
  model.close();
  model.timer.set(10, () => model.put(2));
  await clock.pass(100);
  model.put(3);
  expect(undone).toHaveBeenCalledOnce();
  expect(model.snapshot().value).toBe(0);
  expect(clock.waiting).toBe(0);
});

test("one action at a time: it is busy meanwhile, and what goes wrong is said until it is dismissed or tried again", async () => {
  const model = new Model(new FakeClock(), () => {});
  let end = (): void => {};
  const first = model.run(() => new Promise<void>((resolve) => (end = resolve)));
  expect(model.snapshot().busy).toBe(true);
  expect(await model.run(async () => model.put(9))).toBe(false);
  end();
  expect(await first).toBe(true);
  expect(model.snapshot()).toEqual({ busy: false, problem: null, value: 0 });
  expect(await model.run(() => Promise.reject(refusal("M_FORBIDDEN")))).toBe(false);
  expect(model.snapshot()).toMatchObject({ busy: false, problem: { key: "error.M_FORBIDDEN" } });
  model.dismiss();
  expect(model.snapshot().problem).toBe(null);
  await settled();
});

test("what nobody knows is written down for whoever is asked to help", async () => {
  const written = vi.spyOn(console, "error").mockImplementation(() => {});
  const model = new Model(new FakeClock(), () => {});
  await model.run(() => Promise.reject(new Error("a fault of ours")));
  expect(model.snapshot().problem).toEqual({ key: "error.unknown", values: { message: "a fault of ours" } });
  expect(written).toHaveBeenCalledOnce();
  written.mockRestore();
});
