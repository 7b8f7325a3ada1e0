import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Conversation } from "../src/matrix/conversation";
import { TimelineViewModel } from "../src/viewmodels/timeline";

const MANY = 1000;
let asked: number;
let answer: () => Promise<boolean>;

/** A room with a history that has no end, of which nothing is shown: a view of it asks for more whenever it may. */
async function opened(): Promise<TimelineViewModel> {
  const grow = (): Promise<boolean> => {
    asked += 1;
    return asked < MANY ? answer() : new Promise(() => {}); // a loop ends here
  };
  const timeline = {
    changed: { listen: () => () => {} },
    open: async () => {},
    close: () => {},
    list: () => [],
    newest: () => null,
    hasOlder: true,
    hasNewer: true,
    readUpTo: null,
    older: grow,
    newer: grow,
  };
  const conversation = { timeline: () => timeline, read: async () => {} } as unknown as Conversation;
  const model = new TimelineViewModel(conversation, null, () => false);
  await vi.advanceTimersByTimeAsync(0);
  return model;
}

beforeEach(() => {
  asked = 0;
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

test.each(["older", "newer"] as const)("without a network a page does not ask for %s messages in a loop", async (end) => {
  for (const failure of [() => Promise.reject(new Error("offline")), async () => false]) {
    asked = 0;
    answer = failure;
    const model = await opened();
    model.subscribe(() => void model[end]());
    void model[end]();
    await vi.advanceTimersByTimeAsync(10 * 60_000);
    expect(asked).toBeGreaterThan(10); // it goes on by itself when the network is back
    expect(asked).toBeLessThan(30);
    model.close();
    const before = asked;
    await vi.advanceTimersByTimeAsync(10 * 60_000);
    expect(asked).toBe(before);
  }
});

test("what comes is asked for at once, and after a failure again", async () => {
  const model = await opened();
  answer = async () => asked !== 3;
  model.subscribe(() => asked < 6 && void model.older());
  void model.older();
  await vi.advanceTimersByTimeAsync(0);
  expect(asked).toBe(3);
  await vi.advanceTimersByTimeAsync(2000);
  expect(asked).toBe(6);
});
