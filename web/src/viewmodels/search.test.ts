import { expect, test } from "vitest";
import { FakeClock, settled, signedIn, summary } from "../../tests/fakes";
import type { Found, Results } from "../matrix/message_index";
import { ANYTHING, FILES, type Query } from "../platform/search_query";
import { Signal } from "../platform/signal";
import { FilesViewModel, RoomSearchViewModel } from "./search";

const changed = new Signal(0, new FakeClock());
const found = (eventId: string): Found => ({
  eventId,
  roomId: "!a",
  sender: "Anne",
  senderId: "@anne:here.example",
  ts: 1,
  text: "crue",
  kind: "text",
  isFile: false,
});
const results = (...ids: string[]): Results => ({ found: ids.map(found), count: ids.length, senders: [], rooms: [] });

test("messages of one room are looked for once the person rests, and what was typed last counts", async () => {
  const clock = new FakeClock();
  const asked: Query[] = [];
  const answers: Array<(found: Results) => void> = [];
  const find = (query: Query): Promise<Results> => {
    asked.push(query);
    return new Promise((resolve) => answers.push(resolve));
  };
  const model = new RoomSearchViewModel(signedIn({ index: { find, changed } }), "!a", clock);
  for (const typed of ["c", "cr", "crue"]) model.type(typed);
  await clock.pass(119);
  expect(asked).toEqual([]);
  await clock.pass(1);
  expect(asked).toEqual([{ ...ANYTHING, term: "crue", room: "!a", limit: 60 }]);
  model.type("crues");
  await clock.pass(120);
  answers[1](results("$2"));
  await settled();
  answers[0](results("$1"));
  await settled();
  expect(model.snapshot()).toEqual({ term: "crues", found: [found("$2")], count: 1 });
  model.type(" ");
  await clock.pass(120);
  expect([model.snapshot().found, asked.length]).toEqual([[], 2]); // no word is no question
  model.close();
  model.type("x");
  expect(clock.waiting).toBe(0);
});

test("all files are there before anything is typed, with the names of their rooms", async () => {
  const clock = new FakeClock();
  const asked: Query[] = [];
  const find = async (query: Query): Promise<Results> => {
    asked.push(query);
    return results("$f");
  };
  const rooms = { list: () => [summary({ id: "!a", name: "Crue" })] };
  const model = new FilesViewModel(signedIn({ index: { changed, find }, rooms }), clock);
  expect(model.snapshot().found).toEqual([]);
  await clock.pass(100);
  expect(asked).toEqual([{ ...ANYTHING, kinds: FILES, limit: 100 }]);
  expect(model.snapshot().found).toEqual([found("$f")]);
  expect(model.rooms.get("!a")).toBe("Crue");
});

test("what is read while somebody looks at the files shows up", async () => {
  const clock = new FakeClock();
  const files: string[] = [];
  const index = { changed: new Signal(0, clock), find: async () => results(...files) };
  const model = new FilesViewModel(signedIn({ index }), clock);
  await clock.pass(100);
  expect(model.snapshot().found).toEqual([]);
  files.push("$late");
  index.changed.fire();
  await clock.pass(1);
  expect(model.snapshot().found).toEqual([found("$late")]);
});
