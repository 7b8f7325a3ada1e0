import { expect, test } from "vitest";
import { refusal, settled, signal, signedIn, summary } from "../../tests/fakes";
import type { ListOrder, Spot } from "../matrix/room_order";
import { Arrangement } from "./arrangement";

function arranged(refused = false) {
  const asked: unknown[] = [];
  const world = { chosen: null as ListOrder | null };
  const waiting: Array<() => void> = [];
  const answered = async (): Promise<void> => {
    await new Promise<void>((resolve) => void waiting.push(resolve));
    if (refused) throw refusal("M_LIMIT_EXCEEDED");
  };
  const { order } = signedIn({
    order: {
      changed: signal(),
      chosen: () => world.chosen,
      choose: async (wanted) => {
        asked.push(wanted);
        await answered();
        world.chosen = wanted;
      },
      place: async (id, spot) => {
        asked.push([id, spot]);
        await answered();
      },
    },
  });
  const answer = async (): Promise<void> => {
    await settled();
    waiting.shift()?.();
    await settled();
  };
  return { model: new Arrangement(order), asked, answer, world };
}

const AT: Spot = { tag: "u.a", order: 0.5 };

test("a room is shown at once where it will stand, until the server says so itself", async () => {
  const { model, asked, answer } = arranged();
  const room = summary({ id: "!a" });
  const placing = model.place([{ id: "!a", spot: AT }]);
  expect(model.applied([room])[0]).toMatchObject({ section: "u.a", order: 0.5 });
  await answer();
  await placing;
  expect(asked).toEqual([["!a", AT]]);
  expect(model.applied([room])[0]).toMatchObject({ section: "u.a" }); // the answer of the sync is on its way
  const there = summary({ id: "!a", section: "u.a", order: 0.5 });
  expect(model.applied([there])[0]).toBe(there);
  const moved = summary({ id: "!a", favourite: true }); // on another device, after that
  expect(model.applied([moved])[0]).toBe(moved);
});

test("what is refused is shown as it is", async () => {
  const { model, answer } = arranged(true);
  const placing = model.place([{ id: "!a", spot: AT }]);
  const refused = expect(placing).rejects.toThrow("M_LIMIT_EXCEEDED");
  await answer();
  await refused;
  expect(model.applied([summary({ id: "!a" })])[0].section).toBeNull();
});

test("whoever moves a room on while the server is slow sends where it went last", async () => {
  const { model, asked, answer } = arranged();
  void model.place([{ id: "!b", spot: AT }]);
  await settled();
  for (const order of [0.6, 0.7, 0.8]) void model.place([{ id: "!a", spot: { tag: "u.a", order } }]);
  for (let turn = 0; turn < 4; turn++) await answer();
  expect(asked).toEqual([
    ["!b", AT],
    ["!a", { tag: "u.a", order: 0.8 }],
  ]);
});

test("what is only shown is not sent, and is taken back", () => {
  const { model, asked } = arranged();
  model.show([{ id: "!a", spot: AT }]);
  expect(model.applied([summary({ id: "!a" })])[0].section).toBe("u.a");
  model.takeBack([{ id: "!a", spot: AT }]);
  expect(model.applied([summary({ id: "!a" })])[0].section).toBeNull();
  expect(asked).toEqual([]);
});

test("sections are there at once, are sent, and are as before where the server refuses", async () => {
  for (const refused of [false, true]) {
    const { model, answer } = arranged(refused);
    let turns = 0;
    model.changed.listen(() => void turns++);
    const choosing = model.choose((before) => ({ ...before, sections: [{ tag: "u.a", name: "A" }] }));
    expect(model.chosen.sections).toHaveLength(1);
    const ended = refused ? expect(choosing).rejects.toThrow() : choosing;
    await answer();
    await ended;
    expect(model.chosen.sections).toHaveLength(refused ? 0 : 1);
    expect(model.chosen.closed).toEqual(["low", "archived"]);
    expect(turns).toBe(2);
  }
});
