/** What kind of room a room is. */

import { EventType, JoinRule, type MatrixClient, type Room } from "matrix-js-sdk";
import type { RoomKind } from "./types";

export const ACCESS_RULES = "im.vector.room.access_rules";
export const CLASSIFICATION = "chappe.classification";

declare module "matrix-js-sdk/lib/@types/event" {
  interface StateEvents {
    [ACCESS_RULES]: { rule?: string };
    [CLASSIFICATION]: { level?: string };
  }
}

/** `known`: `directs`, where many rooms are asked about. */
export function kindOf(client: MatrixClient, room: Room, known: ReadonlyMap<string, string> = directs(client)): RoomKind {
  if (room.isSpaceRoom()) return "space";
  const rule = room.currentState.getStateEvents(ACCESS_RULES, "")?.getContent().rule;
  if (known.has(room.roomId) || rule === "direct") return "direct";
  if (room.getJoinRule() === JoinRule.Public && !room.hasEncryptionStateEvent()) return "forum";
  return rule === "unrestricted" ? "guests" : "private";
}

/** Rooms with one other person, by that person. */
export function directs(client: MatrixClient): Map<string, string> {
  const content = client.getAccountData(EventType.Direct)?.getContent() ?? {};
  const found = new Map<string, string>();
  for (const [user, rooms] of Object.entries(content)) {
    if (Array.isArray(rooms)) for (const room of rooms) found.set(room, user);
  }
  return found;
}
