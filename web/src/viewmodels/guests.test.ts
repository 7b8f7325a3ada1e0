import { expect, test } from "vitest";
import { refusal, settled, signedIn } from "../../tests/fakes";
import type { Guest } from "../matrix/agency";
import { GuestsViewModel } from "./guests";

function opened(guests: Guest[], invited: Guest[] = []) {
  const done: unknown[] = [];
  let fails = false;
  const matrix = signedIn({
    agency: {
      guests: async () => {
        if (fails) throw refusal("M_FORBIDDEN");
        return { guests, invited };
      },
      renewGuest: async (id) => void done.push(id),
      changeGuest: async (id, change) => void done.push([id, change]),
    },
  });
  return { done, model: new GuestsViewModel(matrix), failing: () => (fails = true) };
}

test("whom one sponsors, and who has not come yet", async () => {
  const { model } = opened(
    [{ user_id: "@paul:externe.example", purpose: "audit", ends_ts: 5 }],
    [{ address: "a@e.org", purpose: "audit" }],
  );
  expect(model.snapshot()).toMatchObject({ guests: null, invited: [] });
  await settled();
  expect(model.snapshot()).toMatchObject({
    guests: [{ purpose: "audit", person: { name: "paul" } }],
    invited: [{ address: "a@e.org" }],
  });
});

test("one is renewed, one ended, and the list looked at again", async () => {
  const { model, done, failing } = opened([]);
  await settled();
  await model.renew("@a:b");
  await model.end("@c:d");
  expect(done).toEqual(["@a:b", ["@c:d", { ends_ts: 1 }]]);
  failing();
  expect(await model.renew("@a:b")).toBe(false);
  expect(model.snapshot()).toMatchObject({ guests: [], problem: { key: "error.M_FORBIDDEN" } });
});
