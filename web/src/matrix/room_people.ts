/** Who is in a room, who is asked into it, who has to leave it. */

import { EventType, KnownMembership, Method } from "matrix-js-sdk";
import { serviceIn } from "./directory_facts";
import { HistorySharing, type Past } from "./history_sharing";
import type { People } from "./people";
import type { Place } from "./place";
import { readable } from "./readable";
import type { Awaited, Member } from "./types";

interface AwaitedAnswer {
  token: string;
  address: string;
  invited_by: string;
  purpose?: string;
  ends_ts?: number | null;
}

const SERVERS = 3;

export class RoomPeople {
  private readonly past: HistorySharing;

  constructor(
    private readonly place: Place,
    private readonly people: People,
  ) {
    this.past = new HistorySharing(place);
  }

  async list(): Promise<Member[]> {
    await this.place.room.loadMembersIfNeeded();
    return this.place.room.currentState
      .getMembers()
      .filter((each) => each.membership && each.membership !== KnownMembership.Leave)
      .map((each) => ({
        ...this.people.of(each, each.userId),
        service: each.events.member ? serviceIn(readable(each.events.member).content ?? {}) : null,
        membership: each.membership as Member["membership"],
        level: Math.min(each.powerLevel, 1000),
      }))
      .sort((a, b) => b.level - a.level || a.name.localeCompare(b.name));
  }

  /** Servers by which others may come in: this one, then those with the most members. */
  servers(): string[] {
    const own = this.place.client.getDomain();
    const counts = new Map<string, number>();
    for (const { userId } of this.place.room.getJoinedMembers()) {
      const server = userId.slice(userId.indexOf(":") + 1);
      if (server !== own) counts.set(server, (counts.get(server) ?? 0) + 1);
    }
    const others = [...counts].sort((a, b) => b[1] - a[1]).map(([server]) => server);
    return [...(own ? [own] : []), ...others].slice(0, SERVERS);
  }

  /**
   * `past`: what was said before goes along. The SDK's own way to invite would always take all of it along. Resolves whether a device
   * got it: who has confirmed none is invited all the same, and nobody is told that it was given.
   */
  async invite(userId: string, past: Past | null = null): Promise<boolean> {
    const { client, id } = this.place;
    const isGiven = past !== null && (await this.past.share(userId, past)); // first: who comes in at once finds the keys
    await client.http.authedRequest(Method.Post, `/rooms/${encodeURIComponent(id)}/invite`, undefined, { user_id: userId });
    if (isGiven) void this.past.tell(userId, past).catch((error) => console.error(error)); // they are invited, and who invited waits for nothing
    return isGiven;
  }

  async inviteByEmail(address: string): Promise<void> {
    await this.place.client.inviteByEmail(this.place.id, address);
  }

  /** Who was invited by an address and has not come yet. Of a room that has never invited so the server is not asked. */
  async awaited(): Promise<Awaited[]> {
    const announced = this.place.room.currentState.getStateEvents(EventType.RoomThirdPartyInvite);
    if (!announced.some((each) => readable(each).content?.public_key)) return [];
    const { awaited } = await this.place.client.http.authedRequest<{ awaited: AwaitedAnswer[] }>(
      Method.Get,
      `/rooms/${encodeURIComponent(this.place.id)}/awaited`,
      undefined,
      undefined,
      { prefix: "/_chappe/client/v1" },
    );
    return awaited.map(({ token, address, invited_by, purpose, ends_ts }) => ({
      token,
      address,
      invitedBy: invited_by,
      purpose: purpose ?? null,
      endsTs: ends_ts ?? null,
    }));
  }

  /** The mail of an invitation, once more. */
  async sendAgain(token: string): Promise<void> {
    const path = `/rooms/${encodeURIComponent(this.place.id)}/awaited/${encodeURIComponent(token)}/send_again`;
    await this.place.client.http.authedRequest(Method.Post, path, undefined, {}, { prefix: "/_chappe/client/v1" });
  }

  /** Takes an invitation back, as the specification has it: it has no keys any more. */
  async withdraw(token: string): Promise<void> {
    await this.place.client.sendStateEvent(this.place.id, EventType.RoomThirdPartyInvite, {} as never, token);
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
