import { expect, test } from "vitest";
import { signal, signedIn, summary } from "../../tests/fakes";
import type { Notice } from "../matrix/notices";
import { Source } from "../platform/stream";
import { Notifier } from "./notifier";
import { Preferences } from "./preferences";
import { RoomListViewModel } from "./room_list";

const notice = (given: Partial<Notice> = {}): Notice => ({
  roomId: "!a", room: "Crue", sender: "Anne", text: "Bonjour", sound: true, urgent: false, invites: null, ...given,
}); // biome-ignore format: one line

function opened(
  given: {
    visible?: boolean;
    may?: "yes" | "no" | "ask";
    open?: string;
    desktop?: boolean;
    sounds?: boolean;
    silent?: boolean;
  } = {},
) {
  const told: unknown[] = [];
  const clicks: Array<() => void> = [];
  const changed = signal();
  const rooms = [summary({ isUnread: true }), summary()];
  let tell = (_notice: Notice): void => {};
  let isOver = false;
  const matrix = signedIn({
    notices: () => ({
      listen: (listener) => {
        tell = listener;
        return () => {
          isOver = true;
        };
      },
    }),
    rooms: { changed, list: () => rooms },
    statuses: { isSilent: () => given.silent ?? false },
  });
  const preferences = new Preferences({ getItem: () => null, setItem: () => {} }, "fr");
  preferences.choose({ desktopNotifications: given.desktop ?? true, sounds: given.sounds ?? true });
  const surroundings = {
    isVisible: () => given.visible ?? false,
    mayNotify: () => given.may ?? ("yes" as const),
    askNotify: async () => given.may !== "no",
    play: () => void told.push("sound"),
    notify: (title: string, body: string, tag: string, _icon: string | null, clicked: () => void) => {
      told.push([title, body, tag]);
      clicks.push(clicked);
    },
    setBadge: (count: number) => void told.push(count),
    text: (key: string) => key,
  };
  const list = new RoomListViewModel(matrix, { all: () => ({}), places: new Source<readonly string[]>([]) }, () => {});
  const notifier = new Notifier(
    matrix,
    preferences,
    surroundings,
    list,
    () => given.open ?? null,
    (id) => told.push(`to ${id}`),
    (key, values) => told.push([key, values]),
  );
  return { told, clicks, rooms, changed, notifier, preferences, tell: (each: Notice) => tell(each), isOver: () => isOver };
}

test("a message is told with its room, a click goes there", () => {
  const { told, clicks, tell } = opened();
  tell(notice());
  tell(notice({ room: "Anne", sound: false, text: null }));
  clicks[0]();
  expect(told).toEqual(["sound", ["Anne – Crue", "Bonjour", "!a"], ["Anne", "notification.message", "!a"], "to !a"]);
});

test.each([
  ["the room is on the screen", { visible: true, open: "!a" }, []],
  ["another room is", { visible: true, open: "!b" }, ["sound", ["Anne – Crue", "Bonjour", "!a"]]],
  ["the page is not seen", { visible: false, open: "!a" }, ["sound", ["Anne – Crue", "Bonjour", "!a"]]],
  ["the browser does not allow it", { may: "no" }, ["sound"]],
  ["one has chosen that nothing rings", { silent: true }, []],
  ["nobody has switched it on", { desktop: false }, ["sound"]],
  ["sounds are off", { sounds: false }, [["Anne – Crue", "Bonjour", "!a"]]],
] as const)("when %s", (_name, given, expected) => {
  const { told, tell } = opened(given);
  tell(notice());
  expect(told).toEqual(expected);
});

test("an invitation is said on the page, whatever is quiet, and told like a message", () => {
  const { told, tell } = opened();
  tell(notice({ text: null, invites: "room" }));
  tell(notice({ text: null, invites: "direct", room: "Anne", sound: false }));
  expect(told).toEqual([
    ["list.invited.room", { name: "Anne", room: "Crue" }],
    "sound",
    ["Anne – Crue", "notification.invites.room", "!a"],
    ["list.invited.direct", { name: "Anne", room: "Anne" }],
    ["Anne", "notification.invites.direct", "!a"],
  ]);
  const quiet = opened({ silent: true });
  quiet.tell(notice({ text: null, invites: "room" }));
  expect(quiet.told).toEqual([["list.invited.room", { name: "Anne", room: "Crue" }]]);
});

test("what asks for an answer rings, whatever one has chosen", () => {
  const { told, tell } = opened({ silent: true });
  tell(notice({ urgent: true }));
  expect(told).toEqual(["sound", ["Anne – Crue", "Bonjour", "!a"]]);
});

test("the number on the icon follows the rooms with something unread, once for each change", () => {
  const { told, changed, rooms } = opened();
  changed.fire();
  changed.fire();
  rooms.pop();
  rooms.pop();
  changed.fire();
  expect(told).toEqual([1, 0]);
});

test("it is switched on where the browser agrees", async () => {
  const { notifier, preferences } = opened({ desktop: false });
  expect(await notifier.turnOn()).toBe(true);
  expect(preferences.snapshot().desktopNotifications).toBe(true);
  notifier.turnOff();
  expect(preferences.snapshot().desktopNotifications).toBe(false);
  const { notifier: refused, preferences: kept } = opened({ may: "no" });
  expect([await refused.turnOn(), refused.may]).toEqual([false, "no"]);
  expect(kept.snapshot().desktopNotifications).toBe(false);
});

test("it ends with the session", () => {
  const { notifier, changed, told, isOver } = opened();
  notifier.close();
  changed.fire();
  expect([told, isOver()]).toEqual([[], true]);
});
