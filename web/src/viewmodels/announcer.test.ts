import { describe, expect, test } from "vitest";
import { item } from "../../tests/fakes";
import type { Item } from "../matrix/types";
import { Announcer, PATIENCE } from "./announcer";

const locked: Item["content"] = { type: "locked", reason: "waiting" };
const text: Item["content"] = { type: "text", body: "Bonjour", html: null, emote: false, notice: false };
const said = (key: string, more: Partial<Item> = {}): Item => item({ key, mine: false, content: text, ...more });
const keys = (items: Item[]): string[] => items.map((each) => each.key);

describe("what is read aloud", () => {
  test("nothing of what was there; each message that comes, once", () => {
    const announcer = new Announcer();
    const [one, two, three] = ["1", "2", "3"].map((each) => said(each));
    announcer.begin([one]);
    expect(keys(announcer.hear([one], 0))).toEqual([]);
    expect(keys(announcer.hear([one, two, three], 0))).toEqual(["2", "3"]);
    expect(keys(announcer.hear([one, two, three], 0))).toEqual([]);
  });

  test("the first one of an empty room is", () => {
    const announcer = new Announcer();
    announcer.begin([]);
    expect(keys(announcer.hear([said("1")], 0))).toEqual(["1"]);
  });

  test("one that is locked waits for its key, and is then read as what it says", () => {
    const announcer = new Announcer();
    announcer.begin([]);
    expect(announcer.hear([said("1", { content: locked })], 0)).toEqual([]);
    expect(announcer.waits).toBe(true);
    const opened = said("1");
    expect(announcer.hear([opened, said("2", { content: locked })], 500)).toEqual([opened]);
    expect(keys(announcer.hear([opened, said("2", { content: locked })], 500 + PATIENCE))).toEqual(["2"]);
    expect(announcer.waits).toBe(false);
  });

  test("nothing of one's own, of what happens to the room, of what is deleted, of the past", () => {
    const announcer = new Announcer();
    const here = said("1");
    announcer.begin([here]);
    const others = [
      said("mine", { mine: true }),
      said("joined", { content: { type: "event", key: "event.joined", values: {} } }),
      said("gone", { content: { type: "deleted", by: null, reason: null } }),
    ];
    expect(announcer.hear([said("older"), here, ...others], 0)).toEqual([]);
    expect(announcer.hear([here, said("2", { content: locked })], 0)).toEqual([]);
    announcer.hear([here], 1); // it was taken away before it opened
    expect(announcer.waits).toBe(false);
  });
});
