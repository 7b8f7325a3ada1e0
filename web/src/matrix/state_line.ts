/** Changes of a room, as lines of its timeline. */

import { EventType, type IContent, type MatrixEvent, type Room } from "matrix-js-sdk";
import { senderOf } from "./event_facts";
import type { People } from "./people";
import { ACCESS_RULES, CLASSIFICATION } from "./room_kind";
import type { Content } from "./types";

const SHOWN = new Set<string>([
  EventType.RoomName,
  EventType.RoomTopic,
  EventType.RoomAvatar,
  EventType.RoomEncryption,
  EventType.RoomMember,
  EventType.RoomTombstone,
  EventType.RoomJoinRules,
  EventType.RoomPowerLevels,
  EventType.RoomPinnedEvents,
  EventType.RoomCreate,
  EventType.RoomHistoryVisibility,
  ACCESS_RULES,
  CLASSIFICATION,
]);

/** A change of a room as a line of its timeline; null for what is not shown. */
export function lineOf(event: MatrixEvent, people: People, room: Room): Content | null {
  if (!SHOWN.has(event.getType())) return null;
  const sender = senderOf(event);
  const who = people.of(room.getMember(sender), sender).name;
  const content = event.getWireContent();
  const before = event.getPrevContent();
  const says = (key: string, values: Record<string, string> = {}): Content => ({
    type: "event",
    key: `event.${key}`,
    values: { who, ...values },
  });
  switch (event.getType()) {
    case EventType.RoomCreate:
      return says("created");
    case EventType.RoomName:
      return says("named", { name: String(content.name ?? "") });
    case EventType.RoomTopic:
      return content.topic ? says("topic", { topic: String(content.topic) }) : null;
    case EventType.RoomAvatar:
      return says("picture");
    case EventType.RoomEncryption:
      return says("encrypted");
    case EventType.RoomTombstone:
      return says("moved");
    case EventType.RoomPinnedEvents:
      return says((content.pinned?.length ?? 0) > (before.pinned?.length ?? 0) ? "pinned" : "unpinned");
    case EventType.RoomPowerLevels:
      return Object.keys(before).length ? says("roles") : null;
    case EventType.RoomJoinRules:
      return Object.keys(before).length ? says(content.join_rule === "public" ? "opened" : "closed") : null;
    case ACCESS_RULES:
      if (!Object.keys(before).length || content.rule === before.rule) return null;
      return says(content.rule === "unrestricted" ? "guests" : "closedToGuests");
    case CLASSIFICATION:
      return says("level", { level: people.levelName(content.level) });
    case EventType.RoomMember:
      return membership(event, who, says, people, room);
    default:
      return null;
  }
}

/** Who has opened what was said before to whom. */
export function sharedLine(event: MatrixEvent, content: IContent, people: People, room: Room): Content | null {
  const { user_id: user, since_ts: since } = content;
  if (typeof user !== "string" || !/^@[^:]{1,250}:.{1,250}$/.test(user)) return null;
  const who = people.of(room.getMember(senderOf(event)), senderOf(event)).name;
  const whom = people.of(room.getMember(user), user).name;
  if (since === null) return { type: "event", key: "event.pastAll", values: { who, whom } };
  if (!Number.isSafeInteger(since) || since < 0 || since > 8.64e15) return null;
  return { type: "event", key: "event.pastSince", values: { who, whom, since: String(since) } };
}

function membership(
  event: MatrixEvent,
  who: string,
  says: (key: string, values?: Record<string, string>) => Content,
  people: People,
  room: Room,
): Content | null {
  const { membership, reason } = event.getWireContent();
  const before = event.getPrevContent().membership;
  const target = event.getStateKey()!;
  const own = target === event.getSender();
  const whom = people.person(
    target,
    event.getWireContent().displayname ?? event.getPrevContent().displayname ?? room.getMember(target)?.rawDisplayName,
    null,
  ).name;
  const values = { whom, reason: reason ? ` (${reason})` : "" };
  if (membership === "join")
    return before === "join" ? null : { type: "event", key: "event.joined", values: { who: whom || who } };
  if (membership === "invite") return says("invited", values);
  if (membership === "ban") return says("banned", values);
  if (membership === "knock") return says("knocked", values);
  if (before === "ban") return says("unbanned", values);
  if (own) return says(before === "invite" ? "declined" : "left");
  return says(before === "invite" ? "uninvited" : "removed", values);
}
