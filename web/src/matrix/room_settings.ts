/** What may be set of a room, by those who have the right to. */

import { EventType, type HistoryVisibility, JoinRule } from "matrix-js-sdk";
import type { Agency, Removed } from "./agency";
import type { Place } from "./place";
import { ACCESS_RULES, CLASSIFICATION } from "./room_kind";
import { tellOf } from "./room_reading";
import type { RoomDetails } from "./types";

export class RoomSettings {
  constructor(
    private readonly place: Place,
    private readonly agency: Agency,
  ) {}

  async setName(name: string): Promise<void> {
    await this.place.client.setRoomName(this.place.id, name);
  }

  async setTopic(topic: string): Promise<void> {
    await this.place.client.setRoomTopic(this.place.id, topic);
  }

  async setPicture(file: Blob): Promise<void> {
    const { content_uri } = await this.place.client.uploadContent(file);
    await this.place.client.sendStateEvent(this.place.id, EventType.RoomAvatar, { url: content_uri });
  }

  async setHistory(visibility: string): Promise<void> {
    await this.place.client.sendStateEvent(this.place.id, EventType.RoomHistoryVisibility, {
      history_visibility: visibility as HistoryVisibility,
    });
  }

  async setKnocking(open: boolean): Promise<void> {
    await this.place.client.sendStateEvent(this.place.id, EventType.RoomJoinRules, {
      join_rule: open ? JoinRule.Knock : JoinRule.Invite,
    });
  }

  async openToGuests(): Promise<void> {
    if (this.agency.rules) return this.agency.openToGuests(this.place.id);
    const rules = this.place.room.currentState.getStateEvents(ACCESS_RULES, "")?.getContent();
    await this.place.client.sendStateEvent(this.place.id, ACCESS_RULES, { ...rules, rule: "unrestricted" }, "");
  }

  /** Removes every guest. Returns who they were and what they could see. */
  async closeToGuests(): Promise<Removed[]> {
    return this.agency.closeToGuests(this.place.id);
  }

  async classify(level: string): Promise<void> {
    await this.place.client.sendStateEvent(this.place.id, CLASSIFICATION, { level }, "");
  }

  async upgrade(version: string): Promise<string> {
    return (await this.place.client.upgradeRoom(this.place.id, version)).replacement_room;
  }

  async pin(eventId: string, pinned: boolean): Promise<void> {
    const { client, id, room } = this.place;
    const known: string[] = room.currentState.getStateEvents(EventType.RoomPinnedEvents, "")?.getContent().pinned ?? [];
    const others = known.filter((each) => each !== eventId);
    await client.sendStateEvent(id, EventType.RoomPinnedEvents, { pinned: pinned ? [...others, eventId] : others });
  }

  async setNotifications(wanted: RoomDetails["notifications"]): Promise<void> {
    await tellOf(this.place.client, this.place.id, wanted);
  }
}
