import { expect, test } from "vitest";
import { KeptRooms } from "../src/matrix/kept_rooms";
import { FakeClock, ME, summary } from "./fakes";

function box(broken = false) {
  const inside: { bytes: Uint8Array<ArrayBuffer> | null; writes: number } = { bytes: null, writes: 0 };
  return {
    inside,
    load: async () => {
      if (broken) throw new Error("unreadable");
      return inside.bytes;
    },
    save: async (bytes: Uint8Array<ArrayBuffer>) => {
      inside.writes++;
      inside.bytes = bytes;
    },
  };
}

test("what the list is last is kept once for a burst, without who is writing", async () => {
  const [clock, kept] = [new FakeClock(), box()];
  const model = new KeptRooms(ME, kept, clock);
  let rooms = [summary({ id: "!a" })];
  for (let turn = 0; turn < 100; turn++) model.keep(() => rooms);
  rooms = [summary({ id: "!a" }), summary({ id: "!b", typing: ["Anne"] })];
  await clock.pass(20_000);
  expect(kept.inside.writes).toBe(1);
  expect(await new KeptRooms(ME, kept, clock).load()).toEqual([summary({ id: "!a" }), summary({ id: "!b" })]);
});

test("another's, an unreadable one, or none: nothing", async () => {
  const [clock, kept] = [new FakeClock(), box()];
  const model = new KeptRooms(ME, kept, clock);
  expect(await model.load()).toEqual([]);
  model.keep(() => [summary()]);
  await clock.pass(20_000);
  expect(await new KeptRooms("@other:here.example", kept, clock).load()).toEqual([]);
  expect(await new KeptRooms(ME, box(true), clock).load()).toEqual([]);
});

test("after the end nothing is kept any more", async () => {
  const [clock, kept] = [new FakeClock(), box()];
  const model = new KeptRooms(ME, kept, clock);
  model.keep(() => [summary()]);
  model.end();
  await clock.pass(20_000);
  expect(kept.inside.writes).toBe(0);
});
