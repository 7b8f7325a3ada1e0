/** Listening to the SDK; what is returned ends it. */

import type { ClientEventHandlerMap, MatrixClient, Room } from "matrix-js-sdk";
import type { EmittedEvents } from "matrix-js-sdk/lib/client";
import type { RoomEmittedEvents, RoomEventHandlerMap } from "matrix-js-sdk/lib/models/room";
import type { Listener } from "matrix-js-sdk/lib/models/typed-event-emitter";

export function hear<E extends EmittedEvents>(
  client: MatrixClient,
  name: E,
  listener: Listener<EmittedEvents, ClientEventHandlerMap, E>,
): () => void {
  client.on(name, listener);
  return () => void client.off(name, listener);
}

export function hearOf<E extends RoomEmittedEvents>(
  room: Room,
  name: E,
  listener: Listener<RoomEmittedEvents, RoomEventHandlerMap, E>,
): () => void {
  room.on(name, listener);
  return () => void room.off(name, listener);
}
