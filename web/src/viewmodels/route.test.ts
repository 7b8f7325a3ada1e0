import { expect, test } from "vitest";
import { readRoute, writeRoute } from "./route";

test.each([
  "#/",
  "#/forums",
  "#/files",
  "#/settings",
  "#/settings/devices",
  "#/room/!a%3Ab",
  "#/room/!a%3Ab/%24event?panel=thread&id=%24root",
  "#/room/!a?panel=members",
])("%s is read and written back", (hash) => {
  expect(writeRoute(readRoute(hash))).toBe(hash);
});

test.each(["", "#/nowhere", "#/room", "#/settings/none?x=1"])("%s leads somewhere", (hash) => {
  expect(["home", "settings"]).toContain(readRoute(hash).screen);
});
