/** How this account had to leave a room: by whom, why, and whether it may come back. */

import { EventType, type IEvent, KnownMembership, type MatrixClient, Method } from "matrix-js-sdk";
import type { People } from "./people";
import { readable } from "./readable";
import type { Farewell } from "./types";

/** null: it left by itself, was never there, or nobody says. */
export async function farewell(client: MatrixClient, people: People, roomId: string): Promise<Farewell | null> {
  const me = client.getSafeUserId();
  const room = client.getRoom(roomId);
  const event = room?.getMember(me)?.events.member;
  const said = event ? { sender: event.getSender(), content: readable(event).content } : await asked(client, roomId, me);
  const membership = said?.content?.membership;
  if (!said?.sender || said.sender === me) return null;
  if (membership !== KnownMembership.Leave && membership !== KnownMembership.Ban) return null;
  const reason: unknown = said.content?.reason;
  return {
    by: people.of(room?.getMember(said.sender), said.sender),
    reason: typeof reason === "string" && reason.trim() ? reason : null,
    banned: membership === KnownMembership.Ban,
  };
}

/** Of a room that is not at hand any more: who was in it is told how they left. */
async function asked(client: MatrixClient, roomId: string, me: string): Promise<Partial<IEvent> | null> {
  const path = `/rooms/${encodeURIComponent(roomId)}/state/${EventType.RoomMember}/${encodeURIComponent(me)}`;
  return client.http.authedRequest<Partial<IEvent>>(Method.Get, path, { format: "event" }).catch(() => null);
}
