/** What a room is, says of itself and lets one do there. */

import { EventType, type Room } from "matrix-js-sdk";
import type { Agency } from "./agency";
import type { People } from "./people";
import type { Place } from "./place";
import { toldByRoom } from "./room_facts";
import { ACCESS_RULES, CLASSIFICATION, kindOf } from "./room_kind";
import type { RoomDetails, RoomKind } from "./types";

export function detailsOf({ client, id, room }: Place, people: People, agency: Agency): RoomDetails {
  const state = room.currentState;
  const user = client.getSafeUserId();
  const kind = kindOf(client, room);
  const otherId = kind === "direct" ? room.guessDMUserId() : null;
  const other = otherId ? people.of(room.getMember(otherId), otherId) : null;
  const may = (type: string): boolean => state.maySendStateEvent(type, user);
  const levels = state.getStateEvents(EventType.RoomPowerLevels, "")?.getContent() ?? {};
  const level = room.getMember(user)?.powerLevel ?? 0;
  const organisations = new Set(
    room.getJoinedMembers().map((each) => people.of(each, each.userId).organisation ?? each.userId.split(":")[1]),
  );
  return {
    id,
    name: other && room.getInvitedAndJoinedMemberCount() <= 2 ? other.name : room.name,
    topic: String(state.getStateEvents(EventType.RoomTopic, "")?.getContent().topic ?? ""),
    avatar: room.getMxcAvatarUrl() ?? other?.avatar ?? null,
    kind,
    encrypted: room.hasEncryptionStateEvent(),
    members: room.getJoinedMemberCount(),
    organisations: organisations.size,
    other,
    joinRule: room.getJoinRule(),
    historyVisibility: room.getHistoryVisibility(),
    version: room.getVersion(),
    replacedBy: state.getStateEvents(EventType.RoomTombstone, "")?.getContent().replacement_room ?? null,
    alias: room.getCanonicalAlias(),
    myLevel: level,
    may: {
      send: room.maySendMessage(),
      invite: room.canInvite(user),
      kick: level >= (levels.kick ?? 50),
      ban: level >= (levels.ban ?? 50),
      redact: level >= (levels.redact ?? 50),
      pin: may(EventType.RoomPinnedEvents),
      settings: may(EventType.RoomName),
      roles: may(EventType.RoomPowerLevels),
      upgrade: may(EventType.RoomTombstone),
      guests: may(ACCESS_RULES),
      classify: may(CLASSIFICATION),
    },
    pinned: state.getStateEvents(EventType.RoomPinnedEvents, "")?.getContent().pinned ?? [],
    notifications: toldByRoom(client).get(id) ?? "all",
    guests: kind === "guests",
    level: agency.level(state.getStateEvents(CLASSIFICATION, "")?.getContent().level),
    keptDays: keptDays(room, kind, agency),
  };
}

/** For how many days its messages are kept: the strictest of what the room says, its marking and its kind. Null: for ever. */
export function keptDays(room: Room, kind: RoomKind, agency: Agency): number | null {
  const state = room.currentState;
  const lifetime = Number(state.getStateEvents("m.room.retention", "")?.getContent().max_lifetime);
  const { rules } = agency;
  if (!rules) return null;
  const level = agency.level(state.getStateEvents(CLASSIFICATION, "")?.getContent().level);
  const ofKind = {
    forum: rules.retention.forum_days,
    guests: rules.retention.open_days,
    direct: rules.retention.direct_days,
    private: rules.retention.private_days,
    space: 0,
  }[kind];
  const days = [lifetime > 0 ? Math.ceil(lifetime / 86_400_000) : 0, level?.retention_days ?? 0, ofKind];
  const limits = days.filter((each) => each > 0);
  return limits.length ? Math.min(...limits) : null;
}
