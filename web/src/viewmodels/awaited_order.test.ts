import { expect, test } from "vitest";
import { conversation, FakeClock, item, settled, signal, signedIn } from "../../tests/fakes";
import type { Item, OrderContent } from "../matrix/types";
import { AGAIN, AwaitedOrderViewModel, awaited } from "./awaited_order";

const CONTENT: OrderContent = {
  type: "order",
  text: "Évacuer",
  due: null,
  answers: [],
  asksMe: true,
  mine: null,
  lifted: null,
  edited: null,
  ladder: [],
};
const order = (id: string, given: Partial<OrderContent> = {}) => item({ eventId: id, content: { ...CONTENT, ...given } });

test("the newest order that waits for one's answer is the one that is offered", () => {
  const items = [order("$1"), order("$2"), order("$3", { mine: "doing" }), order("$4", { asksMe: false }), item()];
  expect(awaited(items)?.eventId).toBe("$2");
  expect(awaited([order("$1", { lifted: { reason: "x", ts: 1 } }), item()])).toBe(null);
  expect(awaited([])).toBe(null);
});

/** `stands`: what the server says of the order; rejects without a network. */
function opened(stands: () => Promise<OrderContent | null>, loaded: Item[] = [order("$1")]) {
  const clock = new FakeClock();
  const touched = signal();
  const moved = signal();
  const asked: string[] = [];
  const minded: string[] = [];
  const room = conversation({
    history: { touched, mind: (id) => void minded.push(id) },
    orders: {
      stands: (id) => {
        asked.push(id);
        return stands();
      },
    },
  });
  const timeline = { items: loaded, subscribe: (listener: () => void) => moved.listen(listener) };
  const model = new AwaitedOrderViewModel(signedIn(), room, timeline, clock);
  const shows = async (items: Item[]): Promise<string | null> => {
    timeline.items = items;
    moved.fire();
    await settled();
    return model.snapshot().found?.eventId ?? null;
  };
  const found = (): string | null => model.snapshot().found?.eventId ?? null;
  return { model, clock, touched, asked, minded, shows, found };
}

test("of an order that is loaded no more the server is asked: it waits on, or is gone, as that says", async () => {
  for (const [answer, expected] of [
    [CONTENT, "$1"],
    [null, null],
    [{ ...CONTENT, mine: "doing" as const }, null],
    [{ ...CONTENT, edited: "autre" }, null],
    [{ ...CONTENT, asksMe: false }, null],
  ] as const) {
    const { asked, shows, found } = opened(async () => answer);
    expect([found(), asked]).toEqual(["$1", []]);
    expect(await shows([item()])).toBe(expected);
    expect(asked).toEqual(["$1"]);
  }
});

test("as long as nobody knows, it waits on, and is asked about again once others have written for a while", async () => {
  let isOnline = false;
  const { clock, asked, shows } = opened(() => (isOnline ? Promise.resolve(null) : Promise.reject(new Error("offline"))));
  expect(await shows([item()])).toBe("$1");
  isOnline = true;
  expect(await shows([item(), item()])).toBe("$1");
  expect(asked).toHaveLength(1);
  await clock.pass(AGAIN);
  expect(await shows([item()])).toBe(null);
});

test("a deletion or a gap asks again, also where it is still loaded", async () => {
  let answer: OrderContent | null = CONTENT;
  const { touched, minded, asked, found } = opened(async () => answer);
  expect(minded).toEqual(["$1"]);
  touched.fire();
  await settled();
  expect([found(), asked]).toEqual(["$1", ["$1"]]);
  answer = null;
  touched.fire();
  await settled();
  expect(found()).toBe(null);
});

test("where it is loaded and was answered nobody is asked; where none waits neither", async () => {
  const { asked, shows, touched } = opened(async () => CONTENT);
  expect(await shows([order("$1", { mine: "doing" })])).toBe(null);
  touched.fire();
  expect(await shows([item()])).toBe(null);
  expect(asked).toEqual([]);
});

test("an answer that comes after another order was given says nothing about that", async () => {
  let say: (content: null) => void = () => {};
  const { shows, found } = opened(() => new Promise((resolve) => (say = resolve)));
  expect(await shows([item()])).toBe("$1");
  expect(await shows([order("$2")])).toBe("$2");
  say(null);
  await settled();
  expect(found()).toBe("$2");
});
