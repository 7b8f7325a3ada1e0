import { expect, test } from "vitest";
import { FakeClock, refusal, signedIn } from "../../tests/fakes";
import { ADMIN_TEXTS as EN } from "../i18n/en_admin";
import { ADMIN_TEXTS as FR } from "../i18n/fr_admin";
import type { Became, Row } from "../matrix/console";
import { AT_ONCE, concerned, SEVERAL, type SeveralAction, SeveralViewModel } from "./admin_several";

const row = (name: string, more: Row = {}): Row => ({ user_id: `@${name}:a`, locked: false, ...more });

function several(action: SeveralAction, rows: Row[], became: Record<string, Partial<Became>> = {}) {
  const asked: Array<[string, string, string[]]> = [];
  const matrix = signedIn({
    console: {
      several: async (organisation, name, people) => {
        asked.push([organisation, name, people]);
        return people.map((user_id) => ({ user_id, outcome: "done", ...became[user_id] }) as Became);
      },
    },
  });
  return { model: new SeveralViewModel(matrix, "culture", action, rows, new FakeClock()), asked };
}

test("every action for several says how many and what, in both languages", () => {
  for (const action of SEVERAL)
    for (const texts of [FR, EN])
      for (const key of [`${action}_one`, `${action}_other`, `about.${action}`])
        expect(texts[`admin.several.${key}`]).toBeTruthy();
});

test("who is locked is not locked again, nor unlocked who is not", () => {
  const rows = [row("anne"), row("bea", { locked: true })];
  const ids = (action: SeveralAction): unknown[] => concerned(action, rows).map((each) => each.user_id);
  expect([ids("lock"), ids("unlock"), ids("sign_out")]).toEqual([["@anne:a"], ["@bea:a"], ["@anne:a", "@bea:a"]]);
});

test("what became of each is told, and why it failed", async () => {
  const { model, asked } = several("lock", [row("anne"), row("bea", { administers: true }), row("carl")], {
    "@bea:a": { outcome: "asked" },
    "@carl:a": { outcome: "failed", errcode: "M_FORBIDDEN", reason: "not_your_right" },
  });
  expect(model.administrators).toBe(1);
  await model.run();
  expect(asked).toEqual([["culture", "lock", ["@anne:a", "@bea:a", "@carl:a"]]]);
  expect(
    ["done", "asked", "failed"].map((each) => model.with(each as Became["outcome"]).map(({ user_id }) => user_id)),
  ).toEqual([["@anne:a"], ["@bea:a"], ["@carl:a"]]);
  expect(model.why(model.with("failed")[0]).key).toBe("error.reason.not_your_right");
});

test("only what was done is undone, once; signing out is not undone", async () => {
  const { model, asked } = several("lock", [row("anne"), row("bea")], {
    "@bea:a": { outcome: "failed", errcode: "M_NOT_FOUND" },
  });
  expect(model.mayUndo).toBe(false);
  await model.run();
  expect(model.mayUndo).toBe(true);
  await model.undo();
  expect(asked.at(-1)).toEqual(["culture", "unlock", ["@anne:a"]]);
  expect([model.mayUndo, model.snapshot().undone]).toEqual([false, true]);
  const out = several("sign_out", [row("anne")]).model;
  await out.run();
  expect(out.mayUndo).toBe(false);
});

test("many are done in parts; what fails as a whole is said", async () => {
  const { model, asked } = several("lock", Array.from({ length: AT_ONCE + 1 }, (_, at) => row(`p${at}`))); // biome-ignore format: one line
  await model.run();
  expect(asked.map(([, , people]) => people.length)).toEqual([AT_ONCE, 1]);
  const matrix = signedIn({ console: { several: () => Promise.reject(refusal("M_LIMIT_EXCEEDED")) } });
  const refused = new SeveralViewModel(matrix, "culture", "lock", [row("anne")], new FakeClock());
  await refused.run();
  expect(refused.snapshot()).toMatchObject({ became: null, problem: { key: "error.M_LIMIT_EXCEEDED" } });
});
