/** What is told as it comes: an invitation, once the account is read. */

import { EventEmitter } from "node:events";
import { ClientEvent, type MatrixClient, MatrixEvent, SyncState } from "matrix-js-sdk";
import { expect, test } from "vitest";
import { type Notice, Notices } from "../src/matrix/notices";
import type { People } from "../src/matrix/people";
import { kindOf } from "../src/matrix/room_kind";

const ME = "@me:here.example";
const ANNE = "@anne:here.example";

interface Given {
  state?: SyncState | null;
  membership?: string;
  ignored?: boolean;
  notify?: boolean;
  from?: string;
  direct?: boolean;
  whose?: string;
}

function told(given: Given): Notice[] {
  const event = new MatrixEvent({
    type: "m.room.member",
    state_key: given.whose ?? ME,
    sender: given.from ?? ANNE,
    room_id: "!a",
    content: { membership: "invite", is_direct: given.direct },
  });
  const room = {
    roomId: "!a",
    name: "Crue",
    isSpaceRoom: () => false,
    getMyMembership: () => given.membership ?? "invite",
    getMember: (id: string) => (id === ME ? { events: { member: event } } : null),
    currentState: { getStateEvents: () => null },
    getJoinRule: () => "invite",
  };
  const client = Object.assign(new EventEmitter(), {
    getSafeUserId: () => ME,
    getUserId: () => ME,
    getSyncState: () => (given.state === undefined ? SyncState.Syncing : given.state),
    getRoom: () => room,
    getAccountData: () => undefined,
    isUserIgnored: () => given.ignored ?? false,
    getPushActionsForEvent: () => ({ notify: given.notify ?? true, tweaks: { sound: "default" } }),
  }) as unknown as MatrixClient;
  const people = { of: (_: unknown, id: string) => ({ id, name: "Anne Roy" }) } as People;
  const heard: Notice[] = [];
  new Notices(client, people, (each) => kindOf(client, each) === "direct").listen((notice) => heard.push(notice));
  client.emit(ClientEvent.Event, event);
  return heard;
}

test("who invites, and into what", () => {
  const common = { roomId: "!a", sender: "Anne Roy", text: null, sound: true, urgent: false };
  expect(told({})).toEqual([{ ...common, room: "Crue", invites: "room" }]);
  expect(told({ direct: true })).toEqual([{ ...common, room: "Anne Roy", invites: "direct" }]);
  expect(told({ state: SyncState.Catchup })).toHaveLength(1);
});

test.each<[string, Given]>([
  ["what was there before", { state: SyncState.Prepared }],
  ["what this browser has kept", { state: null }],
  ["a room that one is in", { membership: "join" }],
  ["somebody whom one does not hear", { ignored: true }],
  ["what the rules do not tell", { notify: false }],
  ["somebody else who is invited", { whose: ANNE }],
])("nothing is told of %s", (_name, given) => {
  expect(told(given)).toEqual([]);
});
