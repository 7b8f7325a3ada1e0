import { expect, test } from "vitest";
import { refusal, settled, signedIn, summary } from "../../tests/fakes";
import type { PublicRoom } from "../matrix/room_directory";
import { SpaceViewModel } from "./space";

const room = (id: string, given: Partial<PublicRoom> = {}): PublicRoom => ({
  id, name: id, topic: "", avatar: null, members: 1, alias: null, joined: true, knock: false, ...given,
}); // biome-ignore format: one line

function opened(inside: PublicRoom[] | null) {
  const rooms = inside ?? [];
  const done: string[] = [];
  const matrix = signedIn({
    directory: {
      inSpace: async () => {
        if (!inside) throw refusal("M_FORBIDDEN");
        return [...rooms];
      },
      mayArrange: () => true,
      arrange: async (_space, id, isIn) => {
        done.push(`${isIn ? "in" : "out"} ${id}`);
        if (isIn) rooms.push(room(id));
      },
    },
    rooms: {
      list: () => [
        summary({ id: "!a" }),
        summary({ id: "!b" }),
        summary({ id: "!direct", kind: "direct" }),
        summary({ id: "!space", kind: "space" }),
        summary({ id: "!asked", membership: "invite" }),
      ],
    },
    entry: { join: async (id) => id, knock: async (id) => void done.push(`knock ${id}`) },
  });
  return { done, model: new SpaceViewModel(matrix, "!s", (id) => done.push(`open ${id}`)) };
}

test("the rooms of a space, none, or why they are not to be seen", async () => {
  const { model } = opened([room("!a")]);
  expect(model.snapshot()).toMatchObject({ loading: true, rooms: [], may: true });
  await settled();
  expect(model.snapshot()).toMatchObject({ loading: false, rooms: [{ id: "!a" }], problem: null });
  const { model: empty } = opened([]);
  await settled();
  expect(empty.snapshot()).toMatchObject({ loading: false, rooms: [], problem: null });
  const { model: closed } = opened(null);
  await settled();
  expect(closed.snapshot()).toMatchObject({ loading: false, problem: { key: "error.M_FORBIDDEN" } });
});

test("rooms that one is in, and that are not there yet, may be put into it; others may be taken out", async () => {
  const { model, done } = opened([room("!a")]);
  await settled();
  expect(model.candidates().map((each) => each.id)).toEqual(["!b"]);
  await model.add(["!b"]);
  expect(model.snapshot().rooms.map((each) => each.id)).toEqual(["!a", "!b"]);
  await model.remove("!a");
  expect(model.snapshot().rooms.map((each) => each.id)).toEqual(["!b"]);
  expect(done).toEqual(["in !b", "out !a"]);
});

test.each([
  [room("!a"), "open !a"],
  [room("!a", { joined: false, alias: "#a:b" }), "open #a:b"],
  [room("!a", { joined: false, knock: true }), "knock !a"],
])("entering one: %#", async (each, expected) => {
  const { model, done } = opened([each]);
  await settled();
  await model.enter(each);
  expect(done).toEqual([expected]);
});
