import { expect, test, vi } from "vitest";
import { FakeClock, refusal, settled, signal, signedIn } from "../../tests/fakes";
import type { OwnStatus, Status } from "../matrix/statuses";
import { type Draft, StatusViewModel } from "./status";

const NOTHING: OwnStatus = { state: "available", text: null, until: null, silent: false };
const HOUR = 3_600_000;

function opened(given: { own?: OwnStatus; isOn?: boolean; of?: Record<string, Status>; refuses?: string } = {}) {
  const clock = new FakeClock(new Date(2026, 10, 29, 12).getTime());
  const changed = signal();
  const sent: unknown[] = [];
  const statuses = {
    changed,
    isOn: given.isOn ?? true,
    own: given.own ?? NOTHING,
    begin: vi.fn(async () => {}),
    of: (id: string) => given.of?.[id] ?? null,
    choose: async (...what: unknown[]) => {
      if (given.refuses) throw refusal(given.refuses);
      sent.push(what);
    },
  };
  const matrix = signedIn({ statuses });
  return { model: new StatusViewModel(matrix, clock), sent, clock, changed, statuses: matrix.statuses, begun: statuses.begin };
}

const draft = (given: Partial<Draft> = {}): Draft => ({
  state: "busy", text: "", end: "none", other: "", silent: false, ...given,
}); // biome-ignore format: one line

test("one's own is asked for once there is a connection", async () => {
  expect(opened().begun).toHaveBeenCalledTimes(1);
});

test("of others there is what is known, and nothing where statuses are off", () => {
  const anne: Status = { state: "busy", text: "Note", until: null, seenAt: null };
  expect(opened({ of: { "@anne:x": anne } }).model.of("@anne:x")).toBe(anne);
  expect(opened({ of: { "@anne:x": anne } }).model.of(null)).toBe(null);
  expect(opened({ of: { "@anne:x": anne }, isOn: false }).model.of("@anne:x")).toBe(null);
});

test("a status is chosen with words and an end, and said as a sentence for other clients", async () => {
  const { model, sent, clock } = opened();
  expect(
    await model.choose(draft({ state: "meeting", text: "  Salle 2 ", end: "hour", silent: true }), "En réunion", "fr"),
  ).toBe(true);
  expect(sent).toEqual([
    [{ state: "meeting", text: "Salle 2", until: clock.now() + HOUR, silent: true }, "En réunion jusqu’à 13\u00a0h · Salle 2"],
  ]);
});

test.each([
  ["available, without a word", draft({ state: "available", end: "hour" }), { state: "available", until: null }, null],
  [
    "available, with words",
    draft({ state: "available", text: "Au 4e étage", silent: true }),
    { silent: false, until: null },
    "Au 4e étage",
  ],
  [
    "hidden says nothing to anybody",
    draft({ state: "hidden", text: "x", silent: true }),
    { state: "hidden", silent: false },
    null,
  ],
  [
    "words are no longer than the server takes",
    draft({ text: "x".repeat(200) }),
    { text: "x".repeat(80) },
    `Occupé · ${"x".repeat(80)}`,
  ],
] as const)("%s", async (_name, asked, status, said) => {
  const { model, sent } = opened();
  await model.choose(asked, "Occupé", "fr");
  expect(sent).toEqual([[expect.objectContaining(status), said]]);
});

test.each(["", "2026-11-29T11:00", "2031-01-01T00:00", "nonsense"])(
  "an end that makes no sense (%s) is not sent",
  async (other) => {
    const { model, sent } = opened();
    expect(model.endOf(draft({ end: "other", other }))).toBe(undefined);
    expect(await model.choose(draft({ end: "other", other }), "Occupé", "fr")).toBe(false);
    expect(sent).toEqual([]);
  },
);

test("what is offered depends on the hour", async () => {
  const { model, clock } = opened();
  expect(model.ends().map((each) => each.key)).toEqual(["none", "half", "hour", "evening", "tomorrow", "other"]);
  await clock.pass(6 * HOUR);
  expect(model.ends().map((each) => each.key)).toEqual(["none", "half", "hour", "tomorrow", "other"]);
});

test("what one has chosen ends on the screen when its time has come", async () => {
  const until = new Date(2026, 10, 29, 15).getTime();
  const { model, clock, statuses } = opened({ own: { state: "busy", text: null, until, silent: true } });
  expect(model.draft()).toEqual({ state: "busy", text: "", end: "other", other: "2026-11-29T15:00", silent: true });
  Object.assign(statuses, { own: NOTHING });
  await clock.pass(3 * HOUR);
  expect(model.snapshot().own).toEqual(NOTHING);
});

test("what the server refuses is said", async () => {
  const { model } = opened({ refuses: "M_FORBIDDEN" });
  expect(await model.choose(draft(), "Occupé", "fr")).toBe(false);
  expect(model.snapshot().problem?.key).toBe("error.M_FORBIDDEN");
  await settled();
});
