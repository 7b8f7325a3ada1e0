import { expect, test } from "vitest";
import { conversation, details, settled, signal, signedIn } from "../../tests/fakes";
import { PinsViewModel } from "./pins";

async function opened(pinned: string[], gone: string[] = []) {
  const changed = signal();
  const touched = signal();
  const state = { pinned, gone, asked: 0 };
  const room = conversation({
    changed,
    details: () => details({ pinned: state.pinned }),
    history: {
      touched,
      event: async (id) => {
        state.asked++;
        return state.gone.includes(id) ? null : { sender: "Anne", mine: false, ts: 1, text: `text of ${id}`, key: null };
      },
    },
  });
  const model = new PinsViewModel(signedIn(), room);
  await settled();
  const ids = (): string[] | undefined => model.snapshot().pins?.map((each) => each.id);
  return { model, changed, touched, state, ids };
}

test("at most fifty, each once, newest first, those that are gone too", async () => {
  const many = Array.from({ length: 60 }, (_, n) => `$${n}`);
  const { ids } = await opened([...many, "$3"], ["$59"]);
  expect(ids()).toEqual(["$59", "$58", ...many.slice(0, 58).reverse()].slice(0, 50));
});

test("the head goes from the newest to the oldest and begins again, without those that are gone", async () => {
  const { model } = await opened(["$1", "$2", "$3"], ["$2"]);
  expect([model.next(), model.next(), model.next()]).toEqual(["$3", "$1", "$3"]);
  const { model: none } = await opened([]);
  expect(none.next()).toBeNull();
});

test("what is pinned or changed is read again, what happens otherwise in the room is not", async () => {
  const { model, changed, touched, state, ids } = await opened(["$1"]);
  changed.fire();
  await settled();
  expect(state.asked).toBe(1);
  model.next();
  state.pinned = ["$1", "$2"];
  changed.fire();
  await settled();
  expect([ids(), model.snapshot().at]).toEqual([["$2", "$1"], 0]);
  state.gone = ["$2"];
  touched.fire();
  await settled();
  expect(model.there.map((each) => each.id)).toEqual(["$1"]);
});
