import { expect, test } from "vitest";
import { conversation, refusal } from "../../tests/fakes";
import { enterInLog } from "./order_log";

const line = { text: ` ${"x".repeat(3000)}`, body: (title: string) => `${title} – x` };

test("a line goes into the log of the newest plan that is under way; without one nothing is written", async () => {
  const done: unknown[] = [];
  const act = async (...given: unknown[]): Promise<void> => void done.push(given);
  const open = () => [{ id: "$new", title: "Crue" }, { id: "$old", title: "Essai" }]; // biome-ignore format: one line
  await enterInLog(conversation({ playbooks: { open, act } }), line);
  expect(done).toEqual([["$new", { kind: "entry", text: "x".repeat(2000) }, "Crue – x"]]);
  await enterInLog(conversation({ playbooks: { open, act } }), undefined);
  await enterInLog(conversation({ playbooks: { open: () => [], act } }), line);
  expect(done).toHaveLength(1);
});

test("a line that is refused takes nothing back", async () => {
  const act = () => Promise.reject(refusal("M_FORBIDDEN"));
  await enterInLog(conversation({ playbooks: { open: () => [{ id: "$p", title: "Crue" }], act } }), line);
});
