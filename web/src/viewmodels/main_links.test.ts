import { expect, test } from "vitest";
import { settled } from "../../tests/fakes";
import { opened } from "../../tests/opened_main";
import type { Whereabouts } from "../matrix/room_history";

/** A room in which a reply stands in a thread. */
function wayTo() {
  let asked = 0;
  const whereIs = async (): Promise<Whereabouts> => ({ eventId: "$reply", thread: "$root", ts: ++asked && 0 });
  return { ...opened("#/", { whereIs }), asked: () => asked };
}

test("a link to what is in a thread, with the thread open beside it already, is looked for once", async () => {
  let asked = 0;
  const whereIs = async (): Promise<Whereabouts> => {
    if (++asked > 5) throw new Error("asked for ever");
    return { eventId: "$reply", thread: "$root", ts: 0 };
  };
  const { model, room } = opened("#/room/!a/%24reply?panel=thread&id=%24root", { whereIs });
  model.look();
  await settled();
  expect([room()?.id, model.snapshot().route]).toMatchObject(["!a", { panel: { name: "thread", id: "$root" } }]);
  expect(asked).toBe(2); // in the room, and in the thread
});

test.each<[string, (opened: ReturnType<typeof wayTo>) => void]>([
  ["in a message", ({ model }) => void model.follow("https://matrix.to/#/!a/$reply")],
  ["in the address", ({ follow }) => follow("#/room/!a/%24reply", true)],
  ["in another tab", ({ model }) => model.arrive("#/room/!a/%24reply")],
  ["in a notice", ({ model }) => model.openRoom("!a", "$reply")],
])("a link that is followed twice, %s, leads to the same place", async (_where, again) => {
  const way = wayTo();
  for (let turn = 0; turn < 3; turn++) {
    again(way);
    await settled();
    expect(way.model.snapshot().route).toMatchObject({ event: "$reply", panel: { name: "thread", id: "$root" } });
    expect(way.asked()).toBeGreaterThan(turn); // it is looked for each time
  }
  way.model.openPanel(null); // what is closed is closed
  await settled();
  expect(way.model.snapshot().route).toMatchObject({ event: "$reply", panel: null });
  way.follow("#/room/!a/%24reply?panel=thread&id=%24root");
  way.follow("#/room/!a/%24reply"); // the way back
  await settled();
  expect(way.model.snapshot().route).toMatchObject({ event: "$reply", panel: null });
});
