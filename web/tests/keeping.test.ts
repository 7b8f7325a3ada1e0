import { expect, test } from "vitest";
import { Keeping } from "../src/matrix/keeping";
import type { Connection } from "../src/matrix/types";
import { Source } from "../src/platform/stream";
import { FakeClock } from "./fakes";

function setUp() {
  const page = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const [link, clock, written] = [new Source<Connection>("starting"), new FakeClock(), [] as boolean[]];
  const keeping = new Keeping({ save: async (force) => void written.push(force === true) }, link, page, clock);
  const see = (state: string): void => {
    page.visibilityState = state;
    page.dispatchEvent(new Event("visibilitychange"));
  };
  return { link, clock, written, keeping, see };
}

test("what came with the first answer is written down soon", async () => {
  const { link, clock, written } = setUp();
  link.set("online");
  await clock.pass(60_000);
  expect(written).toEqual([true]);
});

test("whoever loses the network finds everything after a reload", async () => {
  const { link, written } = setUp();
  link.set("online");
  link.set("offline");
  expect(written).toEqual([true]);
});

test("a page that is hidden may not come back; one that is shown again is no reason", async () => {
  const { link, written, see } = setUp();
  link.set("online");
  see("hidden");
  see("visible");
  expect(written).toEqual([true]);
});

test("before the server has answered there is nothing, and after the end nobody's", async () => {
  const { link, clock, written, keeping, see } = setUp();
  see("hidden");
  link.set("offline");
  link.set("online");
  keeping.end();
  see("hidden");
  link.set("offline");
  await clock.pass(60_000);
  expect(written).toEqual([]);
});
