/** Who is in a room, who is asked into it, who has to leave it. */

import { KnownMembership } from "matrix-js-sdk";
import type { People } from "./people";
import type { Place } from "./place";
import type { Member } from "./types";

export class RoomPeople {
  constructor(
    private readonly place: Place,
    private readonly people: People,
  ) {}

  async list(): Promise<Member[]> {
    await this.place.room.loadMembersIfNeeded();
    return this.place.room.currentState
      .getMembers()
      .filter((each) => each.membership && each.membership !== KnownMembership.Leave)
      .map((each) => ({
        ...this.people.of(each, each.userId),
        membership: each.membership as Member["membership"],
        level: Math.min(each.powerLevel, 1000),
      }))
      .sort((a, b) => b.level - a.level || a.name.localeCompare(b.name));
  }

  async invite(userId: string): Promise<void> {
    await this.place.client.invite(this.place.id, userId);
  }

  async inviteByEmail(address: string): Promise<void> {
    await this.place.client.inviteByEmail(this.place.id, address);
  }

  async kick(userId: string, reason: string): Promise<void> {
    await this.place.client.kick(this.place.id, userId, reason || undefined);
  }

  async ban(userId: string, reason: string): Promise<void> {
    await this.place.client.ban(this.place.id, userId, reason || undefined);
  }

  async unban(userId: string): Promise<void> {
    await this.place.client.unban(this.place.id, userId);
  }

  async setLevel(userId: string, level: number): Promise<void> {
    await this.place.client.setPowerLevel(this.place.id, userId, level);
  }
}
