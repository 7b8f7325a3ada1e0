import fc from "fast-check";
import { expect, test } from "vitest";
import type { Recorded, Seal } from "../matrix/playbook_merge";
import { check, type Facts, sealed, verdictOf } from "./playbook_record";

const FACTS: Facts = { room: "!r:x", playbook: "$p", title: "Crue </script> & « Saône »", by: "Claire", at: 5 };
const EVENTS: Recorded[] = [
  { id: "$p", sender: "@c:x", ts: 1, after: null, what: { kind: "start", title: "Crue", steps: [] } },
  { id: "$1", sender: "@s:x", ts: 2, after: null, what: { kind: "entry", text: "3 cars </script><script>" } },
  { id: "$2", sender: "@s:x", ts: 3, after: "$1", what: null },
];
const PAGE = "<!doctype html>\n<html>\n<body>\n<main>Évacuer</main>\n";

test("a record is whole as it was made, with the digests that the room keeps", async () => {
  const { file, seal } = await sealed(FACTS, EVENTS, PAGE);
  expect(seal).toMatchObject({ count: 3 });
  expect(await check(file)).toEqual({ is: "whole", facts: FACTS, seal });
  expect(file.startsWith(PAGE)).toBe(true);
  expect(file).toContain(`<code id="seal">${seal.digest}</code>`);
  expect(file.match(/<script/g)).toHaveLength(1); // nothing that somebody wrote becomes a part of the page
});

test("whatever letter is changed, put in or taken out, it shows", async () => {
  const { file } = await sealed(FACTS, EVENTS, PAGE);
  await fc.assert(
    fc.asyncProperty(
      fc.nat(file.length - 1),
      fc.constantFrom("", "x", "9", "a", " "),
      fc.boolean(),
      async (at, by, isPutIn) => {
        const changed = file.slice(0, at) + by + file.slice(isPutIn ? at : at + 1);
        fc.pre(changed !== file);
        expect((await check(changed)).is).not.toBe("whole");
      },
    ),
    { numRuns: 400 },
  );
});

test("it is said which event was changed", async () => {
  const { file } = await sealed(FACTS, EVENTS, PAGE);
  expect(await check(file.replace("3 cars", "9 cars"))).toEqual({ is: "changed", at: 2 });
  expect(await check(file.replace("Évacuer", "Rester"))).toEqual({ is: "changed", at: null });
});

test("whoever seals a changed record anew has one that the room does not know", async () => {
  const { seal } = await sealed(FACTS, EVENTS, PAGE);
  const forged = await sealed(FACTS, EVENTS.slice(0, 2), PAGE);
  expect(verdictOf(await check(forged.file), "$p", [seal])).toBe("unknown");
});

test("what the room says of it: the one of the end, the same events again, another plan's, none", async () => {
  const { file, seal } = await sealed(FACTS, EVENTS, PAGE);
  const again = await sealed({ ...FACTS, by: "Sophie", at: 9 }, EVENTS, PAGE);
  const seals: Seal[] = [seal];
  expect(verdictOf(await check(file), "$p", seals)).toBe("sealed");
  expect(verdictOf(await check(again.file), "$p", seals)).toBe("events");
  expect(verdictOf(await check(file), "$other", seals)).toBe("elsewhere");
  expect(verdictOf(await check(file), "$p", [])).toBe("unknown");
  expect(verdictOf(await check("Bonjour"), "$p", seals)).toBe("none");
});

test.each([
  "",
  "{}",
  "null",
  "[]",
  '{"format":"org.chappe.playbook.record"}',
  "[".repeat(200_000),
  `{"format":"org.chappe.playbook.record","version":1,"room":"","playbook":"","title":"","by":"","page":"","at":1,"chain":[],"events":${"[".repeat(50_000)}${"]".repeat(50_000)}}`,
])("a record that is none is refused, %#", async (json) => {
  expect((await check(`<script type="application/json" id="record">${json}</script>`)).is).toBe("changed");
});

test("whatever people wrote, the record of it is whole", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary" }), async (text) => {
      const events: Recorded[] = [{ ...EVENTS[1], what: { kind: "entry", text } }];
      const { file } = await sealed({ ...FACTS, title: text }, events, `${PAGE}${text.replaceAll("<", "&lt;")}`);
      const kept = new TextDecoder().decode(new TextEncoder().encode(file));
      expect((await check(kept)).is).toBe("whole");
    }),
  );
});
