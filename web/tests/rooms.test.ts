/** What is looked at again when something happens in one room of two thousand: that room, and nothing of the others. */

import { EventEmitter } from "node:events";
import { ClientEvent, type MatrixClient, RoomEvent, RoomMemberEvent, RoomStateEvent } from "matrix-js-sdk";
import { expect, test } from "vitest";
import type { People } from "../src/matrix/people";
import { Rooms } from "../src/matrix/rooms";
import type { RoomSummary } from "../src/matrix/types";
import { summary } from "./fakes";

const ME = "@me:here.example";
const COUNT = 2000;

function account(kept: RoomSummary[] = []) {
  const rooms = new Map(
    Array.from({ length: COUNT }, (_, index) => {
      const roomId = `!${index}`;
      const isSpaceRoom = (): boolean => index === 7;
      const currentState = { getStateEvents: () => [] };
      return [roomId, { roomId, isSpaceRoom, currentState, findPredecessor: () => null, ts: index }] as const;
    }),
  );
  const asked = { summaries: [] as string[], accountData: 0, rooms: 0 };
  const client = Object.assign(new EventEmitter(), {
    getSafeUserId: () => ME,
    getRoom: (id: string) => rooms.get(id) ?? null,
    getRooms: () => {
      asked.rooms++;
      return [...rooms.values()];
    },
    getAccountData: () => {
      asked.accountData++;
      return undefined;
    },
  });
  const keeps: Array<() => RoomSummary[]> = [];
  const box = { load: async () => kept, keep: (rooms: () => RoomSummary[]) => void keeps.push(rooms) };
  const model = new Rooms(client as unknown as MatrixClient, {} as People, box, (_client, _people, room) => {
    asked.summaries.push(room.roomId);
    return summary({ id: room.roomId, ts: (room as unknown as { ts: number }).ts });
  });
  /** What was looked at since. */
  const looked = (): string[] => {
    model.list();
    return asked.summaries.splice(0).sort();
  };
  return { model, client, rooms, asked, looked, keeps };
}

test("all of them once, newest first; then the same list until something changes", () => {
  const { model, looked, asked } = account();
  expect(model.list().map((each) => each.id)[0]).toBe(`!${COUNT - 1}`);
  expect(looked()).toHaveLength(COUNT);
  expect(asked.accountData).toBe(1); // found out once, not once a room
  expect(model.list()).toBe(model.list());
  expect(looked()).toEqual([]);
});

const stateEvent = (roomId: string, type: string, stateKey: string) => ({
  getRoomId: () => roomId,
  getType: () => type,
  getStateKey: () => stateKey,
});

test.each<[string, (client: EventEmitter, room: (id: string) => unknown) => void, string[]]>([
  ["a message", (client, room) => client.emit(RoomEvent.Timeline, { getRoomId: () => "!5" }, room("!5"), false), ["!5"]],
  ["an old message", (client, room) => client.emit(RoomEvent.Timeline, { getRoomId: () => "!5" }, room("!5"), true), []],
  ["a number of unread ones", (client, room) => client.emit(RoomEvent.UnreadNotifications, {}, room("!5")), ["!5"]],
  ["the same of a thread", (client, room) => client.emit(RoomEvent.UnreadNotifications, {}, "$thread", room("!5")), ["!5"]],
  ["a tag", (client, room) => client.emit(RoomEvent.Tags, {}, room("!5")), ["!5"]],
  ["a mark", (client, room) => client.emit(RoomEvent.AccountData, {}, room("!5")), ["!5"]],
  ["a name", (client, room) => client.emit(RoomEvent.Name, room("!5")), ["!5"]],
  [
    "somebody who writes",
    (client) => client.emit(RoomMemberEvent.Typing, {}, { roomId: "!5", userId: "@a:b", typing: true }),
    ["!5"],
  ],
  ["a topic", (client) => client.emit(RoomStateEvent.Events, stateEvent("!5", "m.room.topic", "")), ["!5"]],
  [
    "a room that goes into a space",
    (client) => client.emit(RoomStateEvent.Events, stateEvent("!7", "m.space.child", "!5")),
    ["!5", "!7"],
  ],
  ["a room that one has entered", (client, room) => client.emit(RoomEvent.MyMembership, room("!5")), ["!5"]],
])("%s", (_name, happens, expected) => {
  const { client, rooms, looked, asked } = account();
  looked();
  asked.accountData = 0;
  asked.rooms = 0;
  happens(client, (id) => rooms.get(id));
  expect(looked()).toEqual(expected);
  expect(asked.accountData).toBeLessThanOrEqual(1);
  expect(asked.rooms).toBeLessThanOrEqual(1); // of spaces only, where one has changed
});

test("a room that is gone is in the list no more", () => {
  const { model, client, rooms, looked } = account();
  looked();
  rooms.delete("!5");
  client.emit(ClientEvent.DeleteRoom, "!5");
  expect(model.list()).toHaveLength(COUNT - 1);
});

test("what was kept is shown until the account is read, and is kept anew only then", async () => {
  const { model, looked, keeps } = account([summary({ id: "!kept" })]);
  await model.showKept();
  expect(model.list().map((each) => each.id)).toEqual(["!kept"]);
  expect(looked()).toEqual([]);
  expect(keeps).toEqual([]);
  model.open();
  expect(model.list()).toHaveLength(COUNT);
  expect(keeps.length).toBeGreaterThan(0);
  for (const each of keeps) expect(each()).toHaveLength(COUNT);
});
