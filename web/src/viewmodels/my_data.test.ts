import { expect, test } from "vitest";
import { FakeClock, refusal, settled, signedIn } from "../../tests/fakes";
import type { Package } from "../matrix/agency";
import type { Confirmation } from "../matrix/confirmation";
import { MyDataViewModel } from "./my_data";

const PAGE: Confirmation = { session: "s", page: "/confirm" };

function opened(packages: Package[] = []) {
  const clock = new FakeClock();
  const asked: Array<string | null> = [];
  const looks = { count: 0, fails: false };
  let confirm: Confirmation | null = PAGE;
  const matrix = signedIn({
    agency: {
      packages: async () => {
        looks.count++;
        if (looks.fails) throw refusal("M_LIMIT_EXCEEDED");
        return [...packages];
      },
      askPackage: async (session) => {
        asked.push(session ?? null);
        return confirm;
      },
      package: async (id, session) => (session === "s" ? new Blob([id]) : PAGE),
    },
  });
  const model = new MyDataViewModel(matrix, clock);
  return { model, clock, asked, looks, packages, confirmed: () => (confirm = null) };
}

const one = (state: Package["state"]): Package => ({ id: "p", created_ts: 1, state });

test("it is prepared once its owner has confirmed, on a page of the server", async () => {
  const { model, asked, confirmed } = opened();
  await settled();
  expect(model.snapshot().packages).toEqual([]);
  await model.ask();
  expect(model.snapshot().confirm).toEqual(PAGE);
  confirmed();
  await model.ask();
  expect(model.snapshot().confirm).toBe(null);
  expect(asked).toEqual([null, "s"]);
});

test("while it is made it is looked at every three seconds, for as long as the page is open", async () => {
  const { model, clock, looks, packages } = opened([one("working")]);
  await clock.pass(6500);
  expect(looks.count).toBe(3);
  packages[0] = one("ready");
  await clock.pass(60_000);
  expect(looks.count).toBe(4);
  expect(model.snapshot().packages).toMatchObject([{ state: "ready" }]);
  packages[0] = one("waiting");
  await model.ask();
  model.close();
  await clock.pass(60_000);
  expect(looks.count).toBe(4);
});

test("a package is handed over once its owner has confirmed again", async () => {
  const { model } = opened([one("ready")]);
  await settled();
  expect(await model.fetch("p")).toBe(null);
  expect(model.snapshot().fetching).toEqual({ ...PAGE, id: "p" });
  expect(await model.fetch("other")).toBe(null); // what was begun for one confirms no other
  expect(model.snapshot().fetching?.id).toBe("other");
  await model.fetch("p");
  expect(await (await model.fetch("p"))?.text()).toBe("p");
  expect(model.snapshot().fetching).toBe(null);
});

test("what goes wrong is said", async () => {
  const { model, looks, confirmed } = opened();
  await settled();
  looks.fails = true;
  confirmed();
  expect(await model.ask()).toBe(false);
  expect(model.snapshot().problem?.key).toBe("error.M_LIMIT_EXCEEDED");
});
