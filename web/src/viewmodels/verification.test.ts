import { expect, test, vi } from "vitest";
import { FakeVerification, person, signedIn } from "../../tests/fakes";
import { VerificationViewModel } from "./verification";

function opened() {
  const verification = new FakeVerification();
  const matrix = signedIn({ people: { of: (_member, id) => person(id, "Anne") } });
  return { verification, model: new VerificationViewModel(matrix, verification) };
}

test("each step shows what there is to do in it", async () => {
  const { verification, model } = opened();
  expect(model.name).toBe("Anne");
  expect(model.snapshot()).toEqual({ phase: "requested", mine: false, self: true, emoji: null, qr: null, isScanned: false });
  await model.accept();
  verification.qr = new Uint8ClampedArray([1]);
  verification.move("ready");
  expect(model.snapshot()).toMatchObject({ phase: "ready", qr: verification.qr });
  await model.compareEmoji();
  const confirm = vi.fn(async () => {});
  const mismatch = vi.fn();
  verification.comparison = { emoji: [["🐶", "Dog"]], confirm, mismatch };
  verification.move("started");
  expect(model.snapshot()).toMatchObject({ phase: "started", emoji: [["🐶", "Dog"]] });
  await model.match();
  model.mismatch();
  expect([confirm, mismatch].map((each) => each.mock.calls.length)).toEqual([1, 1]);
  expect(verification.done).toEqual(["accept", "compare"]);
});

test("a code that the other side has scanned is asked about", () => {
  const { verification, model } = opened();
  const scanned = vi.fn();
  model.confirmScanned();
  verification.scanned = scanned;
  verification.move("started");
  expect(model.snapshot().isScanned).toBe(true);
  model.confirmScanned();
  expect(scanned).toHaveBeenCalledOnce();
});

test.each([
  ["ready", ["cancel"]],
  ["cancelled", ["cancel"]],
  ["done", []],
  ["requested", []], // asked for on another device: whoever closes the question here may answer it there
] as const)("who leaves it in %s ends it, unless it went well or was not begun here", (phase, done) => {
  const { verification, model } = opened();
  verification.move(phase);
  model.leave();
  expect(verification.done).toEqual(done);
  verification.move("started");
  expect(model.snapshot().phase).toBe(phase); // nothing is followed any more
});
