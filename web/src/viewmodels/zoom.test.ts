import { expect, test } from "vitest";
import { moved, WHOLE, zoomed } from "./zoom";

const BOX = { x: 400, y: 300 };
const ROOM = { x: 800, y: 600 };
const MIDDLE = { x: 0, y: 0 };

test("a picture grows around what is pointed at, to eight times its size and never below its own", () => {
  expect(zoomed(WHOLE, 4, MIDDLE, BOX, ROOM)).toEqual({ scale: 4, x: 0, y: 0 });
  expect(zoomed(WHOLE, 4, { x: 100, y: 50 }, BOX, ROOM)).toEqual({ scale: 4, x: -300, y: -150 });
  expect(zoomed(WHOLE, 100, MIDDLE, BOX, ROOM).scale).toBe(8);
  expect(zoomed({ scale: 4, x: -300, y: 10 }, 0.01, MIDDLE, BOX, ROOM)).toEqual(WHOLE);
});

test("it is moved no further than its edges, and not at all where it is whole", () => {
  const large = { scale: 4, x: 0, y: 0 };
  expect(moved(large, { x: 50, y: -20 }, BOX, ROOM)).toEqual({ scale: 4, x: 50, y: -20 });
  expect(moved(large, { x: 9999, y: -9999 }, BOX, ROOM)).toEqual({ scale: 4, x: 400, y: -300 });
  expect(moved(WHOLE, { x: 50, y: 50 }, BOX, ROOM)).toEqual(WHOLE);
});
