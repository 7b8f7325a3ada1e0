import { expect, test } from "vitest";
import { remedyFor } from "./missing_part";

const CHROMIUM = new TypeError("Failed to fetch dynamically imported module: https://here.example/assets/forums-a.js");
const FIREFOX = new TypeError("error loading dynamically imported module: https://here.example/assets/forums-a.js");
const SAFARI = new TypeError("Importing a module script failed.");
const STYLES = new Error("Unable to preload CSS for /assets/forums-a.css");

test.each([CHROMIUM, FIREFOX, SAFARI, STYLES])("what is not here waits for the network, or for a new version: %s", (error) => {
  expect(remedyFor(error, false, 100_000, null)).toBe("wait");
  expect(remedyFor(error, true, 100_000, null)).toBe("reload");
  expect(remedyFor(error, true, 100_000, 90_000)).toBe("tell"); // it has just been tried
  expect(remedyFor(error, true, 200_000, 90_000)).toBe("reload");
});

test("a fault of the client itself is no reason to load it again", () => {
  for (const error of [new TypeError("x is undefined"), "x", null]) expect(remedyFor(error, true, 1, null)).toBe("tell");
});
