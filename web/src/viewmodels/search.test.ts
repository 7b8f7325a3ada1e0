import { expect, test } from "vitest";
import { FakeClock, settled, signedIn, summary } from "../../tests/fakes";
import type { Found } from "../matrix/message_index";
import { Signal } from "../platform/signal";
import { FilesViewModel, RoomSearchViewModel } from "./search";

const changed = new Signal(0, new FakeClock());
const found = (eventId: string): Found => ({ eventId, roomId: "!a", sender: "Anne", ts: 1, text: "crue", isFile: false });

test("messages of one room are looked for once the person rests, and what was typed last counts", async () => {
  const clock = new FakeClock();
  const asked: unknown[] = [];
  const answers: Array<(found: Found[]) => void> = [];
  const search = (...given: unknown[]): Promise<Found[]> => {
    asked.push(given);
    return new Promise((resolve) => answers.push(resolve));
  };
  const model = new RoomSearchViewModel(signedIn({ index: { search, changed } }), "!a", clock);
  for (const typed of ["c", "cr", "crue"]) model.type(typed);
  await clock.pass(119);
  expect(asked).toEqual([]);
  await clock.pass(1);
  expect(asked).toEqual([["crue", "!a", 60]]);
  model.type("crues");
  await clock.pass(120);
  answers[1]([found("$2")]);
  await settled();
  answers[0]([found("$1")]);
  await settled();
  expect(model.snapshot()).toEqual({ term: "crues", found: [found("$2")] });
  model.close();
  model.type("x");
  expect(clock.waiting).toBe(0);
});

test("all files are there before anything is typed, with the names of their rooms", async () => {
  const clock = new FakeClock();
  const matrix = signedIn({
    index: { changed, files: async (term, limit) => (term === "" && limit === 100 ? [found("$f")] : []) },
    rooms: { list: () => [summary({ id: "!a", name: "Crue" })] },
  });
  const model = new FilesViewModel(matrix, clock);
  expect(model.snapshot().found).toEqual([]);
  await clock.pass(100);
  expect(model.snapshot().found).toEqual([found("$f")]);
  expect(model.rooms.get("!a")).toBe("Crue");
});

test("what is read while somebody looks at the files shows up", async () => {
  const clock = new FakeClock();
  const files: Found[] = [];
  const index = { changed: new Signal(0, clock), files: async () => [...files] };
  const model = new FilesViewModel(signedIn({ index }), clock);
  await clock.pass(100);
  expect(model.snapshot().found).toEqual([]);
  files.push(found("$late"));
  index.changed.fire();
  await clock.pass(1);
  expect(model.snapshot().found).toEqual([found("$late")]);
});
