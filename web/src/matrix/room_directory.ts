/** Rooms that there are beside one's own: the forums, what a space holds. */

import { EventType, type IPublicRoomsChunkRoom, JoinRule, KnownMembership, type MatrixClient, RoomType } from "matrix-js-sdk";

export interface PublicRoom {
  id: string;
  name: string;
  topic: string;
  avatar: string | null;
  members: number;
  alias: string | null;
  joined: boolean;
  knock: boolean;
}

export class RoomDirectory {
  constructor(private readonly client: MatrixClient) {}

  /** The directory of forums. */
  async forums(term: string, since?: string): Promise<{ rooms: PublicRoom[]; next: string | null; total: number }> {
    const answer = await this.client.publicRooms({
      limit: 30,
      since,
      filter: term ? { generic_search_term: term } : undefined,
    });
    const rooms = answer.chunk.filter((each) => each.room_type !== RoomType.Space).map((each) => this.listed(each));
    return { rooms, next: answer.next_batch ?? null, total: answer.total_room_count_estimate ?? rooms.length };
  }

  /** The rooms of a space, those too that this account is not in but may see. */
  async inSpace(spaceId: string): Promise<PublicRoom[]> {
    const { rooms } = await this.client.getRoomHierarchy(spaceId, 200, 1);
    return rooms.filter((each) => each.room_id !== spaceId).map((each) => this.listed(each));
  }

  /** Puts a room into a space, or takes it out. The room itself stays as it is. */
  async arrange(spaceId: string, roomId: string, inside: boolean): Promise<void> {
    const via = [this.client.getDomain()!];
    await this.client.sendStateEvent(spaceId, EventType.SpaceChild, inside ? { via } : {}, roomId);
  }

  /** Whether this account may put rooms into a space. */
  mayArrange(spaceId: string): boolean {
    const room = this.client.getRoom(spaceId);
    return room?.currentState.maySendStateEvent(EventType.SpaceChild, this.client.getSafeUserId()) ?? false;
  }

  private listed(room: IPublicRoomsChunkRoom): PublicRoom {
    return {
      id: room.room_id,
      name: room.name ?? room.canonical_alias ?? room.room_id,
      topic: room.topic ?? "",
      avatar: room.avatar_url ?? null,
      members: room.num_joined_members,
      alias: room.canonical_alias ?? null,
      joined: this.client.getRoom(room.room_id)?.getMyMembership() === KnownMembership.Join,
      knock: room.join_rule === JoinRule.Knock,
    };
  }
}
