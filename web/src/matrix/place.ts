/** One room, as the SDK has it. */

import type { MatrixClient, Room } from "matrix-js-sdk";

export class Place {
  constructor(
    readonly client: MatrixClient,
    readonly id: string,
  ) {}

  get exists(): boolean {
    return this.client.getRoom(this.id) !== null;
  }

  /** Throws where the account is not in it. */
  get room(): Room {
    const room = this.client.getRoom(this.id);
    if (!room) throw new Error("not a room of this account");
    return room;
  }
}
