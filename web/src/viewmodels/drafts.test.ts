import { expect, test } from "vitest";
import { FakeClock } from "../../tests/fakes";
import { Drafts } from "./drafts";

function kept(before?: Record<string, string>) {
  const clock = new FakeClock();
  const written: Array<Readonly<Record<string, string>>> = [];
  const drafts = new Drafts({ load: async () => before, save: async (texts) => void written.push(texts) }, clock);
  return { clock, drafts, written };
}

test("what was begun is there again after a reload, each room and thread for itself", async () => {
  const { drafts } = kept({ "!a": "Bonjour", "!a $t": "dans le fil" });
  await drafts.open();
  expect([drafts.of("!a", null), drafts.of("!a", "$t"), drafts.of("!b", null)]).toEqual(["Bonjour", "dans le fil", ""]);
});

test("it is written once the person rests, and at once when the page goes", async () => {
  const { clock, drafts, written } = kept();
  for (const text of ["B", "Bo", "Bon"]) drafts.keep("!a", null, text);
  await clock.pass(299);
  expect(written).toEqual([]);
  await clock.pass(1);
  expect(written).toEqual([{ "!a": "Bon" }]);
  drafts.keep("!a", null, "Bonj");
  await drafts.write();
  expect(written.at(-1)).toEqual({ "!a": "Bonj" });
});

test("a page that goes before it has read what was kept, or after all is written, writes nothing", async () => {
  const { clock, drafts, written } = kept({ "!a": "Bonjour" });
  await drafts.write();
  await drafts.open();
  await drafts.write();
  drafts.keep("!a", null, "Bonjour à tous");
  await clock.pass(300);
  await drafts.write();
  expect(written).toEqual([{ "!a": "Bonjour à tous" }]);
});

test("the list hears where one begins and ends, not of every letter", () => {
  const { drafts } = kept();
  const heard: Array<readonly string[]> = [];
  drafts.places.listen((places) => heard.push(places));
  for (const text of ["B", "Bo", "  "]) drafts.keep("!a", null, text);
  expect(heard).toEqual([["!a"], []]);
  expect(drafts.all()).toEqual({});
});

test("nothing of them is there, nor written, once the account has left this browser", async () => {
  const { clock, drafts, written } = kept();
  drafts.keep("!a", null, "Pour le ministre");
  drafts.forget();
  await clock.pass(300);
  await drafts.write();
  expect([written, drafts.all()]).toEqual([[], {}]);
  await drafts.open();
  drafts.keep("!a", null, "Autre");
  await drafts.write();
  expect(written).toEqual([{ "!a": "Autre" }]);
});
