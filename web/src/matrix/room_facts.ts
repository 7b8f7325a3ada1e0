/** What summaries of rooms ask of the whole account: found out once for however many rooms are looked at. */

import { EventType, type MatrixClient, PushRuleActionName } from "matrix-js-sdk";
import { directs } from "./room_kind";
import type { RoomDetails } from "./types";

export type Told = RoomDetails["notifications"];

export interface RoomFacts {
  /** Rooms with one other person, by room. */
  directs: ReadonlyMap<string, string>;
  /** What is told of rooms of which not everything is. */
  told: ReadonlyMap<string, Told>;
  /** By room, the spaces that it is in. */
  spaces: ReadonlyMap<string, string[]>;
  /** By room, who is writing. */
  typing: ReadonlyMap<string, ReadonlySet<string>>;
}

export function factsOf(
  client: MatrixClient,
  spaces: RoomFacts["spaces"] = spacesByRoom(client),
  typing: RoomFacts["typing"] = new Map(),
): RoomFacts {
  return { directs: directs(client), told: toldByRoom(client), spaces, typing };
}

/** By the push rules that bear a room's name. */
export function toldByRoom(client: MatrixClient): Map<string, Told> {
  const rules = client.pushRules?.global;
  const isQuiet = (each: { enabled: boolean; actions: unknown[] }): boolean =>
    each.enabled && !each.actions.includes(PushRuleActionName.Notify);
  return new Map<string, Told>([
    ...(rules?.room ?? []).filter(isQuiet).map((each): [string, Told] => [each.rule_id, "mentions"]),
    ...(rules?.override ?? [])
      .filter((each) => each.rule_id.startsWith("!") && isQuiet(each))
      .map((each): [string, Told] => [each.rule_id, "none"]),
  ]);
}

/** By room, the spaces that it is in. */
export function spacesByRoom(client: MatrixClient): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const space of client.getRooms()) {
    if (!space.isSpaceRoom()) continue;
    for (const child of space.currentState.getStateEvents(EventType.SpaceChild)) {
      const id = child.getStateKey();
      if (id && child.getWireContent().via) found.set(id, [...(found.get(id) ?? []), space.roomId]);
    }
  }
  return found;
}
