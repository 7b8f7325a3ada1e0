import { expect, test } from "vitest";
import { conversation, FakeClock, ME, person, refusal, signedIn } from "../../tests/fakes";
import type { Recorded, Seal } from "../matrix/playbook_merge";
import type { Playbook, PlaybookEntry } from "../matrix/playbooks";
import { PlaybookClosing } from "./playbook_closing";

const EVENTS: Recorded[] = [
  { id: "$p", sender: ME, ts: 1, after: null, what: { kind: "start", title: "Crue", steps: [] } },
  { id: "$1", sender: ME, ts: 2, after: null, what: { kind: "entry", text: "3 cars" } },
];

function opened() {
  const done: unknown[] = [];
  const world = { isOffline: false, seals: [] as Seal[] };
  const book = (): Playbook => ({ id: "$p", title: "Crue", steps: [], log: [], closed: null, seals: world.seals, locked: 0, mayLead: true }); // biome-ignore format: one line
  const room = conversation({
    playbooks: {
      load: async () => {
        if (world.isOffline) throw refusal("M_UNKNOWN");
      },
      read: book,
      record: () => EVENTS,
      act: async (_id, does, body) => {
        done.push([does.kind, body]);
        if (does.kind === "close" && does.seal) world.seals.push(does.seal);
      },
    },
  });
  return { world, done, book, model: new PlaybookClosing(signedIn(), room, "$p", new FakeClock()) };
}

const page = (book: Playbook, { by, isClosing }: { by: string; isClosing: boolean }): string =>
  `<main>${book.title} ${by} ${isClosing}</main>\n`;
const asFile = (text: string) => ({ size: text.length, text: async () => text });

test("at the end the room says with what the record is sealed, and that record is known again", async () => {
  const { model, done, world } = opened();
  const file = await model.end(page, (digest) => `Clos ${digest}`);
  expect(file).toContain("<main>Crue me true</main>");
  expect(world.seals).toHaveLength(1);
  expect(done).toEqual([["close", `Clos ${world.seals[0].digest}`]]);
  expect(await model.verify(asFile(file!))).toBe(true);
  expect(model.snapshot().verdict).toMatchObject({ is: "sealed", made: { title: "Crue", by: "me" } });
  await model.verify(asFile(file!.replace("3 cars", "9 cars")));
  expect(model.snapshot().verdict).toEqual({ is: "changed", at: 2, made: null });
  model.forget();
  expect(model.snapshot().verdict).toBe(null);
});

test("a copy ends nothing; after the end it has the same events", async () => {
  const { model, done } = opened();
  const before = await model.copy(page);
  expect(done).toEqual([]);
  await model.verify(asFile(before!));
  expect(model.snapshot().verdict?.is).toBe("unknown");
  await model.end(page, () => "Clos");
  await model.verify(asFile((await model.copy(page))!));
  expect(model.snapshot().verdict?.is).toBe("events");
});

test("without the server there is no end, and no record that would be without something", async () => {
  const { model, done, world } = opened();
  world.isOffline = true;
  expect(await model.end(page, () => "Clos")).toBe(null);
  expect(await model.copy(page)).toBe(null);
  expect(done).toEqual([]);
  expect(model.snapshot().problem).not.toBe(null);
});

test("it is opened again; a file that is too large is none", async () => {
  const { model, done } = opened();
  await model.reopen("Rouvert");
  expect(done).toEqual([["reopen", "Rouvert"]]);
  await model.verify({ size: 1e9, text: async () => "" });
  expect(model.snapshot().verdict?.is).toBe("none");
});

test("what is still on its way is waited for", () => {
  const { model, book } = opened();
  const entry = (given: Partial<PlaybookEntry>): PlaybookEntry => ({ id: "$1", sender: person(ME), mine: true, ts: 1, kind: "entry", text: "x", owner: null, was: [], corrected: null, isLate: false, ...given }); // biome-ignore format: one line
  expect(model.waits({ ...book(), log: [entry({})] })).toBe(false);
  expect(model.waits({ ...book(), log: [entry({ id: "~1" })] })).toBe(true);
  expect(model.waits({ ...book(), log: [entry({ id: "~1", mine: false })] })).toBe(false);
});
