import { expect, test } from "vitest";
import { FakeClock, refusal, settled, signedIn } from "../../tests/fakes";
import type { PublicRoom } from "../matrix/room_directory";
import { ForumsViewModel } from "./forums";

const forum = (id: string, given: Partial<PublicRoom> = {}): PublicRoom => ({
  id, name: id, topic: "", avatar: null, members: 1, alias: null, joined: false, knock: false, ...given,
}); // biome-ignore format: one line

type Page = { rooms: PublicRoom[]; next: string | null; total: number };

function opened(answer: (term: string, since?: string) => Promise<Page>) {
  const clock = new FakeClock();
  const done: string[] = [];
  const matrix = signedIn({
    directory: { forums: answer },
    entry: {
      join: async (id) => `${done.push(`join ${id}`)}`,
      knock: async (id) => void done.push(`knock ${id}`),
    },
  });
  return { clock, done, model: new ForumsViewModel(matrix, (id) => done.push(`open ${id}`), clock) };
}

test("the largest come first, or by name, page by page", async () => {
  const pages: Page[] = [
    { rooms: [forum("b", { members: 2 }), forum("c", { members: 3 })], next: "more", total: 3 },
    { rooms: [forum("a", { members: 9 })], next: null, total: 3 },
  ];
  const { model } = opened(async (_term, since) => pages[since ? 1 : 0]);
  expect(model.snapshot()).toMatchObject({ loading: true, rooms: [] });
  await settled();
  const names = () => model.snapshot().rooms.map((each) => each.name);
  expect(names()).toEqual(["c", "b"]);
  await model.more();
  expect([names(), model.snapshot().next]).toEqual([["a", "c", "b"], null]);
  model.setOrder("name");
  expect(names()).toEqual(["a", "b", "c"]);
});

test("what was typed last counts, whatever answers last", async () => {
  const answers: Array<(page: Page) => void> = [];
  const { model, clock } = opened(() => new Promise((resolve) => answers.push(resolve)));
  model.type("eau ");
  await clock.pass(250);
  answers[1]({ rooms: [forum("eau")], next: null, total: 1 });
  await settled();
  answers[0]({ rooms: [forum("everything")], next: null, total: 1 });
  await settled();
  expect(model.snapshot()).toMatchObject({ loading: false, rooms: [{ id: "eau" }] });
});

test("none, none found, none to be had: each is another page", async () => {
  let fails = true;
  const { model } = opened(async () => {
    if (fails) throw refusal("M_LIMIT_EXCEEDED");
    return { rooms: [], next: null, total: 0 };
  });
  await settled();
  expect(model.snapshot()).toMatchObject({ loading: false, problem: { key: "error.M_LIMIT_EXCEEDED" }, rooms: [] });
  fails = false;
  model.retry();
  await settled();
  expect(model.snapshot()).toMatchObject({ loading: false, problem: null, rooms: [] });
});

test.each([
  [forum("!a", { joined: true }), ["open !a"]],
  [forum("!a", { alias: "#a:b" }), ["join #a:b", "open 1"]],
  [forum("!a", { knock: true }), ["knock !a"]],
  [forum("!a", { knock: true, joined: true }), ["open !a"]],
])("entering one: %#", async (room, expected) => {
  const { model, done } = opened(async () => ({ rooms: [room], next: null, total: 1 }));
  await settled();
  expect(await model.enter(room)).toBe(true);
  expect(done).toEqual(expected);
});
