/** Where rooms stand in the list: favourites, less important ones, sections of one's own. Kept by the server, for every device. */

import { ClientEvent, type MatrixClient } from "matrix-js-sdk";
import { Signal } from "../platform/signal";
import { ARCHIVED } from "./room_summary";

const SECTIONS = "org.chappe.sections";

/** A section is a tag of the specification (`u.`), so that other clients have its rooms too; its name may change, the tag stays. */
export interface OwnSection {
  tag: string;
  name: string;
  /** Its rooms are in the order of their last message, not in a chosen one. */
  byTime?: boolean;
}

export interface ListOrder {
  sections: OwnSection[];
  /** Sections that are shown without their rooms. */
  closed: string[];
}

/** Where a room stands. `tag` null: with the recent ones. */
export interface Spot {
  tag: string | null;
  order: number | null;
}

declare module "matrix-js-sdk/lib/@types/event" {
  interface AccountDataEvents {
    [SECTIONS]: Partial<ListOrder>;
  }
}

const isPlace = (tag: string): boolean => tag === "m.favourite" || tag === "m.lowpriority" || tag.startsWith("u.");

export class RoomOrder {
  readonly changed = new Signal();

  constructor(private readonly client: MatrixClient) {
    client.on(ClientEvent.AccountData, (event) => {
      if (event.getType() === SECTIONS) this.changed.fire();
    });
  }

  /** Null where nobody has chosen anything. What is not understood is left out. */
  chosen(): ListOrder | null {
    const content = this.client.getAccountData(SECTIONS)?.getContent();
    if (!content) return null;
    const sections = Array.isArray(content.sections) ? content.sections : [];
    return {
      sections: sections.filter((each) => typeof each?.tag === "string" && typeof each.name === "string"),
      closed: Array.isArray(content.closed) ? content.closed.filter((each) => typeof each === "string") : [],
    };
  }

  async choose(order: ListOrder): Promise<void> {
    await this.client.setAccountData(SECTIONS, order);
  }

  /** A room stands in one place: what other tags of places it has are taken away. */
  async place(roomId: string, { tag, order }: Spot): Promise<void> {
    const others = Object.keys(this.client.getRoom(roomId)?.tags ?? {}).filter((each) => isPlace(each) && each !== tag);
    if (tag) await this.client.setRoomTag(roomId, tag, order === null ? {} : { order });
    for (const each of others) await this.client.deleteRoomTag(roomId, each);
  }

  /** Puts a room away until something is said in it after `upTo` (the time of its last message); null: takes it back. */
  async archive(roomId: string, upTo: number | null): Promise<void> {
    await this.client.setRoomAccountData(roomId, ARCHIVED, upTo === null ? {} : { up_to: upTo });
  }
}
