/** A room as the list shows it. */

import {
  EventType,
  KnownMembership,
  type MatrixClient,
  type MatrixEvent,
  NotificationCountType,
  PushRuleActionName,
  type Room,
} from "matrix-js-sdk";
import { senderOf } from "./event_facts";
import { textOf } from "./event_text";
import type { People } from "./people";
import { kindOf } from "./room_kind";
import type { RoomSummary } from "./types";

/** Null for a room that the account is not in, or that another one has taken the place of. */
export function summaryOf(client: MatrixClient, people: People, room: Room): RoomSummary | null {
  const membership = room.getMyMembership();
  if (membership !== KnownMembership.Join && membership !== KnownMembership.Invite && membership !== KnownMembership.Knock)
    return null;
  if (room.currentState.getStateEvents(EventType.RoomTombstone, "") && isSuccessorJoined(client, room)) return null;
  const kind = kindOf(client, room);
  const otherId = kind === "direct" ? (room.guessDMUserId() ?? null) : null;
  const other = otherId ? people.of(room.getMember(otherId), otherId) : null;
  const me = client.getSafeUserId();
  const inviter = membership === KnownMembership.Invite ? room.getMember(me)?.events.member?.getSender() : null;
  const last = lastMessage(client, people, room);
  const mentions = room.getUnreadNotificationCount(NotificationCountType.Highlight);
  const muted = isMuted(client, room.roomId);
  const unread = muted ? 0 : room.getUnreadNotificationCount(NotificationCountType.Total);
  const marked = room.getAccountData("m.marked_unread")?.getContent().unread === true;
  return {
    id: room.roomId,
    name: other && room.getInvitedAndJoinedMemberCount() <= 2 ? other.name : room.name,
    avatar: room.getMxcAvatarUrl() ?? other?.avatar ?? null,
    kind,
    membership: membership as RoomSummary["membership"],
    other,
    inviter: inviter ? people.of(room.getMember(inviter), inviter) : null,
    unread,
    mentions,
    isUnread: membership === KnownMembership.Invite || unread > 0 || mentions > 0 || marked,
    muted,
    favourite: "m.favourite" in room.tags,
    low: "m.lowpriority" in room.tags,
    spaces: spacesOf(client, room.roomId),
    ts: last?.ts ?? Math.max(room.getLastActiveTimestamp(), 0),
    last: last?.line ?? null,
    typing: room.currentState
      .getMembers()
      .filter((each) => each.typing && each.userId !== me)
      .map((each) => people.of(each, each.userId).name),
  };
}

function lastMessage(client: MatrixClient, people: People, room: Room): { ts: number; line: RoomSummary["last"] } | null {
  const events = room.getLiveTimeline().getEvents();
  for (let index = events.length - 1; index >= Math.max(0, events.length - 60); index--) {
    const event = events[index];
    const type = event.getType();
    if (event.isRelation("m.replace") || event.isRelation("m.annotation")) continue;
    if (
      type !== EventType.RoomMessage &&
      type !== EventType.RoomMessageEncrypted &&
      type !== EventType.Sticker &&
      !type.endsWith("poll.start")
    )
      continue;
    const sender = senderOf(event);
    const mine = sender === client.getUserId();
    const name = mine ? null : people.of(room.getMember(sender), sender).name.split(" ")[0];
    const key = lineKey(event);
    return { ts: event.getTs(), line: { sender: name, mine, text: key ? "" : (textOf(event) ?? ""), key } };
  }
  const newest = events.at(-1);
  return newest ? { ts: newest.getTs(), line: null } : null;
}

function isSuccessorJoined(client: MatrixClient, room: Room): boolean {
  const next = room.currentState.getStateEvents(EventType.RoomTombstone, "")?.getContent().replacement_room;
  return client.getRoom(next)?.getMyMembership() === KnownMembership.Join;
}

function spacesOf(client: MatrixClient, roomId: string): string[] {
  return client
    .getRooms()
    .filter((each) => each.isSpaceRoom() && each.currentState.getStateEvents(EventType.SpaceChild, roomId)?.getContent().via)
    .map((each) => each.roomId);
}

function isMuted(client: MatrixClient, roomId: string): boolean {
  const rules = client.pushRules?.global;
  const override = rules?.override?.find((each) => each.rule_id === roomId);
  return override?.enabled === true && !override.actions.includes(PushRuleActionName.Notify);
}

function lineKey(event: MatrixEvent): string | null {
  if (event.isRedacted()) return "line.deleted";
  if (event.isDecryptionFailure() || event.getType() === EventType.RoomMessageEncrypted) return "line.locked";
  const content = event.getContent();
  switch (content.msgtype) {
    case "m.image":
      return "line.image";
    case "m.video":
      return "line.video";
    case "m.audio":
      return content["org.matrix.msc3245.voice"] ? "line.voice" : "line.audio";
    case "m.file":
      return null;
    case "m.key.verification.request":
      return "line.verification";
    default:
      return null;
  }
}
