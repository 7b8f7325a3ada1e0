/** What kind of room a room is. */

import { EventType, JoinRule, KnownMembership, type MatrixClient, type Room } from "matrix-js-sdk";
import { readable } from "./readable";
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
  if (known.has(room.roomId) || rule === "direct" || invitationTo(client, room)?.isDirect) return "direct";
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

/** Who asks this account into a room, and whether to talk with them alone. Null where nobody does. */
export function invitationTo(client: MatrixClient, room: Room): { from: string; isDirect: boolean } | null {
  if (room.getMyMembership() !== KnownMembership.Invite) return null;
  const event = room.getMember(client.getSafeUserId())?.events.member;
  const from = event?.getSender();
  return event && from ? { from, isDirect: readable(event).content?.is_direct === true } : null;
}
