/** Opening events, and telling whoever keeps something of them what has become of those that were locked when they came. */

import { type IEvent, type MatrixClient, MatrixEvent, MatrixEventEvent } from "matrix-js-sdk";
import { hear } from "./listening";
import { readable } from "./readable";

/** `listener`: called with an event that was opened, or of which it is now known why it cannot be. `readable` says which. */
export const hearOpened = (client: MatrixClient, listener: (event: MatrixEvent) => void): (() => void) =>
  hear(client, MatrixEventEvent.Decrypted, listener);

/** Opens what can be, now or when its key comes. */
export function open(client: MatrixClient, events: MatrixEvent[]): void {
  for (const event of events) void client.decryptEventIfNeeded(event);
}

/** An event that stands in no timeline. Whoever hears of opened events hears of it too, if its key comes later. */
export async function readApart(client: MatrixClient, raw: Partial<IEvent>): Promise<MatrixEvent> {
  const event = new MatrixEvent(raw);
  await client.decryptEventIfNeeded(event);
  if (readable(event).locked) client.reEmitter.reEmit(event, [MatrixEventEvent.Decrypted]);
  return event;
}

/** One event of a room, from the server. */
export async function fetched(client: MatrixClient, roomId: string, eventId: string): Promise<MatrixEvent> {
  const event = client.getEventMapper()({ ...(await client.fetchRoomEvent(roomId, eventId)), room_id: roomId });
  await client.decryptEventIfNeeded(event);
  return event;
}
