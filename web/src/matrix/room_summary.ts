/** A room as the list shows it. */

import {
  EventType,
  KnownMembership,
  type MatrixClient,
  type MatrixEvent,
  NotificationCountType,
  type Room,
} from "matrix-js-sdk";
import { senderOf } from "./event_facts";
import { textOf } from "./event_text";
import type { People } from "./people";
import { readable } from "./readable";
import type { RoomFacts } from "./room_facts";
import { invitationTo, kindOf } from "./room_kind";
import type { RoomSummary } from "./types";

/** Of a room put away: the time of the message that was its last one then. */
export const ARCHIVED = "org.chappe.archived";

declare module "matrix-js-sdk/lib/@types/event" {
  interface RoomAccountDataEvents {
    [ARCHIVED]: { up_to?: number };
  }
}

/** Null for a room that the account is not in, or that another one has taken the place of. */
export function summaryOf(client: MatrixClient, people: People, room: Room, facts: RoomFacts): RoomSummary | null {
  const membership = room.getMyMembership();
  if (membership !== KnownMembership.Join && membership !== KnownMembership.Invite && membership !== KnownMembership.Knock)
    return null;
  if (room.currentState.getStateEvents(EventType.RoomTombstone, "") && isSuccessorJoined(client, room)) return null;
  const kind = kindOf(client, room, facts.directs);
  const inviter = invitationTo(client, room)?.from;
  const otherId = kind === "direct" ? (inviter ?? room.guessDMUserId() ?? null) : null;
  const other = otherId ? people.of(room.getMember(otherId), otherId) : null;
  const me = client.getSafeUserId();
  const last = lastMessage(client, people, room);
  const mentions = room.getUnreadNotificationCount(NotificationCountType.Highlight);
  const told = facts.told.get(room.roomId) ?? "all";
  const muted = told === "none";
  // what is new in its threads has a list of its own; only who is mentioned there sees it here
  const unread = muted ? 0 : room.getRoomUnreadNotificationCount(NotificationCountType.Total);
  const marked = room.getAccountData("m.marked_unread")?.getContent().unread === true;
  const ts = last?.ts ?? Math.max(room.getLastActiveTimestamp(), 0);
  const isUnread = membership === KnownMembership.Invite || unread > 0 || mentions > 0 || marked;
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
    isUnread,
    muted,
    told,
    ...sortedBy(room.tags),
    archived: isArchived(room, ts, muted),
    spaces: facts.spaces.get(room.roomId) ?? [],
    ts,
    last: last?.line ?? null,
    typing: [...(facts.typing.get(room.roomId) ?? [])]
      .filter((each) => each !== me)
      .map((each) => people.of(room.getMember(each), each).name),
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

/** Where in the list a room has its place, by its tags: one place only, whatever other clients have said. */
function sortedBy(tags: Room["tags"]): Pick<RoomSummary, "favourite" | "low" | "section" | "order"> {
  const favourite = "m.favourite" in tags;
  const section = favourite
    ? null
    : (Object.keys(tags)
        .sort()
        .find((each) => each.startsWith("u.")) ?? null);
  const low = !favourite && section === null && "m.lowpriority" in tags;
  const tag = favourite ? "m.favourite" : section;
  const order = tag === null ? undefined : tags[tag].order;
  return { favourite, low, section, order: typeof order === "number" ? order : null };
}

/** A room that was put away comes back with what is said in it after that; a muted one stays. */
function isArchived(room: Room, ts: number, muted: boolean): boolean {
  const upTo = room.getAccountData(ARCHIVED)?.getContent().up_to;
  return typeof upTo === "number" && (muted || ts <= upTo);
}

function isSuccessorJoined(client: MatrixClient, room: Room): boolean {
  const next = room.currentState.getStateEvents(EventType.RoomTombstone, "")?.getContent().replacement_room;
  return client.getRoom(next)?.getMyMembership() === KnownMembership.Join;
}

/** The words for what has no text to show in a line. */
export function lineKey(event: MatrixEvent): string | null {
  if (event.isRedacted()) return "line.deleted";
  const { locked, content } = readable(event);
  if (locked) return "line.locked";
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
