import { expect, test } from "vitest";
import { conversation, FakeClock, refusal, settled, signal, signedIn } from "../../tests/fakes";
import type { PlaybookModel } from "../matrix/playbook_models";
import { MOST_MODELS, PlaybookDraftViewModel, PlaybookModelKeeper } from "./playbook_draft";

function opened(kept: PlaybookModel[] = [], errcode: string | null = null, isLocked = false) {
  const changed = signal();
  const world = { kept, errcode };
  const change = async (how: () => PlaybookModel[]): Promise<void> => {
    if (world.errcode) throw refusal(world.errcode);
    world.kept = how();
  };
  const matrix = signedIn({
    playbookModels: {
      changed,
      isLocked,
      list: () => world.kept,
      begin: async () => {},
      put: (model) => change(() => [model, ...world.kept.filter((each) => each.id !== model.id)]),
      remove: (id) => change(() => world.kept.filter((each) => each.id !== id)),
    },
  });
  let number = 0;
  const newId = (): string => `m${++number}`;
  const draft = new PlaybookDraftViewModel(matrix, conversation(), new FakeClock(), newId);
  return { matrix, changed, world, draft, newId };
}

const FLOOD = { id: "flood1", title: "Crue", text: "Alerter" };

test("what is written is kept as a model, changed, kept as another one, and deleted", async () => {
  const { draft, world } = opened();
  draft.choose("own", "", "");
  expect(await draft.keep(true)).toBe(false); // nothing is written
  draft.setTitle(" Crue ");
  draft.setText("Alerter\n");
  expect(await draft.keep(true)).toBe(true);
  expect(world.kept).toEqual([{ id: "m1", title: "Crue", text: "Alerter" }]);
  expect(draft.snapshot()).toMatchObject({ model: "m1", done: "kept", own: world.kept });
  draft.setText("Alerter\nÉvacuer");
  expect(draft.snapshot().done).toBe(null);
  await draft.keep(false);
  expect(world.kept).toEqual([{ id: "m1", title: "Crue", text: "Alerter\nÉvacuer" }]);
  await draft.keep(true);
  expect(world.kept.map((each) => each.id)).toEqual(["m2", "m1"]);
  expect(await draft.remove()).toBe(true);
  expect(world.kept.map((each) => each.id)).toEqual(["m1"]);
  expect(draft.snapshot()).toMatchObject({ model: "own", title: " Crue ", done: "removed" }); // it can still begin
  expect(await draft.remove()).toBe(false);
});

test("what another device keeps is offered here; a device that is not confirmed says that they are locked", () => {
  const { draft, changed, world } = opened();
  world.kept = [FLOOD];
  changed.fire();
  expect(draft.snapshot().own).toEqual([FLOOD]);
  expect(opened([], null, true).draft.snapshot().isLocked).toBe(true);
});

test("what keeps one from being kept is said in words for models, and nothing is lost", async () => {
  for (const [errcode, key] of [
    ["ORG_CHAPPE_UNCONFIRMED", "playbook.models.unconfirmed"],
    ["M_TOO_LARGE", "playbook.models.full"],
    ["M_FORBIDDEN", "error.M_FORBIDDEN"],
  ]) {
    const { draft } = opened([FLOOD], errcode);
    draft.choose("flood1", "Crue", "Alerter");
    expect(await draft.keep(false)).toBe(false);
    expect(draft.snapshot()).toMatchObject({ problem: { key }, text: "Alerter", busy: false, done: null });
    expect(await draft.remove()).toBe(false);
  }
  const many = Array.from({ length: MOST_MODELS }, (_, at) => ({ ...FLOOD, id: String(at) }));
  const { draft, world } = opened(many);
  draft.choose("own", "Autre", "Alerter");
  expect(await draft.keep(true)).toBe(false);
  expect(draft.snapshot().problem).toEqual({ key: "playbook.models.many", values: { most: MOST_MODELS } });
  draft.choose("3", "Autre", "Alerter");
  expect(await draft.keep(false)).toBe(true); // in the place of one
  expect(world.kept).toHaveLength(MOST_MODELS);
});

test("a plan is kept as it would be written", async () => {
  const { matrix, world, newId } = opened();
  const step = {
    id: "1",
    phase: "Alerter",
    text: "Prévenir",
    owner: null,
    by: null,
    at: null,
    last: null,
    state: "done" as const,
  };
  const start = { ts: 1_000_000 } as never;
  const keeper = new PlaybookModelKeeper(matrix, conversation(), newId);
  expect(await keeper.keep({ title: "Crue", steps: [{ ...step, due: 1_000_000 + 30 * 60_000 }], log: [start] })).toBe(true);
  expect(world.kept).toEqual([{ id: "m1", title: "Crue", text: "# Alerter\nPrévenir (30 min)" }]);
  world.errcode = "ORG_CHAPPE_UNCONFIRMED";
  expect(await keeper.keep({ title: "Crue", steps: [], log: [] })).toBe(false);
  expect(keeper.snapshot().problem?.key).toBe("playbook.models.unconfirmed");
  world.errcode = null;
  world.kept = Array.from({ length: MOST_MODELS }, (_, at) => ({ ...FLOOD, id: String(at) }));
  expect(await keeper.keep({ title: "Crue", steps: [], log: [] })).toBe(false);
  await settled();
  expect(keeper.snapshot().problem?.key).toBe("playbook.models.many");
});
