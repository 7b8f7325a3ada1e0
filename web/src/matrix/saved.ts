/**
 * Messages that one keeps for later, with when to be reminded of them: a sealed list in the account's own data.
 */

import { type MatrixClient, MatrixEventEvent, RoomEvent } from "matrix-js-sdk";
import { Signal } from "../platform/signal";
import { hearOpened } from "./opened";
import type { People } from "./people";
import { Place } from "./place";
import { RoomHistory } from "./room_history";
import { SealedList } from "./sealed_list";
import type { Line, SavedMessage } from "./types";

/** What one event of account data holds without trouble. */
const MOST = 300;

export class SavedMessages {
  /** What one of them says is another thing now: it was deleted, edited, or opened. */
  readonly touched = new Signal(100);
  private readonly kept: SealedList<SavedMessage>;

  constructor(
    private readonly client: MatrixClient,
    private readonly people: People,
  ) {
    this.kept = new SealedList(client, "org.chappe.saved");
    const touched = (id: string | undefined): void => {
      if (this.list().some((each) => each.eventId === id)) this.touched.fire();
    };
    client.on(RoomEvent.Redaction, (event) => touched(event.getAssociatedId()));
    client.on(MatrixEventEvent.Replaced, (event) => touched(event.getId()));
    hearOpened(client, (event) => touched(event.getId()));
  }

  get changed(): Signal {
    return this.kept.changed;
  }

  /** Reads what there is. */
  begin(): Promise<void> {
    return this.kept.begin();
  }

  /** This device cannot open it: it is not confirmed. */
  get isLocked(): boolean {
    return this.kept.isLocked;
  }

  list(): SavedMessage[] {
    return this.kept.list();
  }

  /** What a kept message says; null for one that is gone, or in a room that one is no longer in. */
  async line(entry: SavedMessage): Promise<Line | null> {
    const place = new Place(this.client, entry.roomId);
    if (!place.exists && !this.client.isInitialSyncComplete()) throw new Error("the rooms are not read yet");
    return place.exists ? new RoomHistory(place, this.people).event(entry.eventId) : null;
  }

  /** Keeps a message, or changes what was kept of it. */
  put(entry: SavedMessage): Promise<void> {
    return this.kept.change((all) => [entry, ...all.filter((each) => !isSame(each, entry))].slice(0, MOST));
  }

  remove(entry: Pick<SavedMessage, "roomId" | "eventId">): Promise<void> {
    return this.kept.change((all) => all.filter((each) => !isSame(each, entry)));
  }
}

const isSame = (a: Pick<SavedMessage, "roomId" | "eventId">, b: Pick<SavedMessage, "roomId" | "eventId">): boolean =>
  a.roomId === b.roomId && a.eventId === b.eventId;
