import { expect, test } from "vitest";
import { FakeClock, person, settled, signedIn, summary } from "../../tests/fakes";
import type { Found } from "../matrix/message_index";
import { SwitcherViewModel } from "./switcher";

const ANNE = person("@anne:here.example", "Anne");
const found = (eventId: string, isFile = false): Found => ({
  eventId,
  roomId: "!b",
  sender: "Anne",
  senderId: "@anne:here.example",
  ts: 1,
  text: "crue",
  kind: isFile ? "document" : "text",
  isFile,
});

function opened(fails = false) {
  const clock = new FakeClock();
  const asked: string[] = [];
  const gone: unknown[] = [];
  const rooms = [
    summary({ id: "!a", name: "Préfecture" }),
    summary({ id: "!b", name: "Crue de la Loire" }),
    summary({ id: "!c", name: "Anne", kind: "direct", other: { ...ANNE, organisation: "Culture" } }),
    summary({ id: "!d", name: "Invitation", membership: "invite" }),
  ];
  const matrix = signedIn({
    rooms: { list: () => rooms },
    people: {
      find: async (term) => {
        asked.push(term);
        if (fails) throw new Error("offline");
        return [ANNE, person("@annick:here.example"), ...Array.from({ length: 9 }, (_, at) => person(`@x${at}:a`))];
      },
    },
    index: {
      count: 42,
      find: async () => {
        if (fails) throw new Error("broken");
        return { found: [found("$1"), found("$2", true)], count: 31, senders: [], rooms: [] };
      },
    },
    entry: { direct: async (id) => `!with ${id}` },
  });
  const model = new SwitcherViewModel(
    matrix,
    { room: (id, event) => gone.push([id, event]), search: (term) => gone.push(term) },
    clock,
  );
  return { clock, asked, gone, model, keys: () => model.snapshot().results.map((each) => each.key) };
}

test("before anything is typed: the rooms that one is in", () => {
  const { model, keys } = opened();
  expect(keys()).toEqual(["!a", "!b", "!c"]);
  expect(model.snapshot()).toMatchObject({ indexed: 42, found: 3, searching: false });
});

test("rooms are there at once, by any words of their name or organisation", () => {
  const { model, keys } = opened();
  for (const [typed, rooms] of [
    ["loire crue", ["!b"]],
    ["prefec", ["!a"]],
    ["culture", ["!c"]],
    ["zz", []],
  ] as const) {
    model.type(typed);
    expect(keys()).toEqual(rooms);
  }
});

test("people and messages come once the person rests; who has a room already is not offered twice", async () => {
  const { model, clock, asked, keys } = opened();
  model.type("a");
  await clock.pass(1000);
  expect(asked).toEqual([]); // one letter says too little
  model.type("an");
  model.type("anne ");
  expect(model.snapshot().searching).toBe(true);
  await clock.pass(150);
  expect(asked).toEqual(["anne"]);
  expect(keys()).toEqual(["!c", "@annick:here.example", "@x0:a", "@x1:a", "@x2:a", "@x3:a", "@x4:a", "$1", "$2", "all"]);
  expect(model.snapshot().found).toBe(9);
  expect(model.snapshot().results.slice(-3)).toMatchObject([
    { kind: "message", room: "Crue de la Loire" },
    { kind: "file", room: "Crue de la Loire" },
    { kind: "all", count: 31 },
  ]);
});

test("without a network and an index there are still rooms", async () => {
  const { model, clock, keys } = opened(true);
  model.type("crue");
  await clock.pass(150);
  expect([keys(), model.snapshot().searching]).toEqual([["!b"], false]);
});

test("each goes where it is", async () => {
  const { model, clock, gone } = opened();
  model.type("anne");
  await clock.pass(150);
  for (const key of ["!c", "@annick:here.example", "$1", "all"]) {
    const result = model.snapshot().results.find((each) => each.key === key)!;
    await model.go(result);
  }
  await settled();
  expect(gone).toEqual([["!c", undefined], ["!with @annick:here.example", undefined], ["!b", "$1"], "anne"]);
});
