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
  "#/room/!a/%24event?via=one.example&via=two.example",
  "#/threads",
  "#/saved",
  "#/threads/!a%3Ab/%24root",
])("%s is read and written back", (hash) => {
  expect(writeRoute(readRoute(hash))).toBe(hash);
});

test("a thread without its room is none", () => {
  expect(readRoute("#/threads/!a")).toEqual({ screen: "threads", room: null, thread: null });
});

test.each(["", "#/nowhere", "#/room", "#/settings/none?x=1"])("%s leads somewhere", (hash) => {
  expect(["home", "settings"]).toContain(readRoute(hash).screen);
});
