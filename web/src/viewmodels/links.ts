/** Links to a message, a room or a person: those of matrix.to, of the matrix: scheme (specification, appendices), and this client's own. */

export interface Linked {
  /** A room's id, or its alias. */
  room: string;
  event: string | null;
  /** Servers by which somebody who is not in the room may come in. */
  via: string[];
}

const ROOM = /^[!#][^\s/?]+$/;
const EVENT = /^\$[^\s?]+$/;
const SERVER = /^[\w.:[\]-]{1,255}$/;
const MOST_VIA = 5;

/** Null for what leads to no room. `origin`: of this client. Links are what other people have written: whatever is odd leads nowhere. */
export function readLink(href: string, origin: string): Linked | null {
  let url: URL;
  try {
    url = new URL(href);
  } catch {
    return null;
  }
  if (url.protocol === "matrix:") return fromScheme(url);
  if (url.origin === "https://matrix.to") return fromParts(url.hash.replace(/^#\//, ""), true);
  if (url.origin === origin && url.hash.startsWith("#/room/")) return fromParts(url.hash.slice("#/room/".length), false);
  return null;
}

/** What a link is to somebody who is in the room that it leads to; null for all others: their own words stay. */
export function called(
  href: string,
  origin: string,
  nameOf: (room: string) => string | undefined,
): { room: string; isMessage: boolean } | null {
  const linked = readLink(href, origin);
  const room = linked && nameOf(linked.room);
  return linked && room ? { room, isMessage: linked.event !== null } : null;
}

/** Whether a text may have such a link. */
export const mayLink = (text: string, origin: string): boolean =>
  text.includes("https://matrix.to/#/") || text.includes(`${origin}/#/room/`);

function fromParts(text: string, isMatrixTo: boolean): Linked | null {
  const [path, query] = text.split("?", 2);
  const parts = path.split("/").filter(Boolean).map(decoded);
  // an alias has the sign that ends a fragment: matrix.to has it encoded or not
  return checked(parts[0], parts[1], new URLSearchParams(query).getAll("via"), isMatrixTo);
}

function fromScheme(url: URL): Linked | null {
  const [kind, id, eventKind, event] = url.pathname.replace(/^\/+/, "").split("/").map(decoded);
  const sigil = { roomid: "!", r: "#" }[kind];
  if (!sigil || (eventKind && eventKind !== "e")) return null;
  return checked(`${sigil}${id}`, event && `$${event}`, url.searchParams.getAll("via"), true);
}

function checked(room: string | undefined, event: string | undefined, via: string[], mayBeAlias: boolean): Linked | null {
  if (!room || !ROOM.test(room) || (!mayBeAlias && !room.startsWith("!"))) return null;
  if (event && !EVENT.test(event)) return null;
  return { room, event: event ?? null, via: via.filter((each) => SERVER.test(each)).slice(0, MOST_VIA) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

const query = (via: string[]): string =>
  via.length ? `?${via.map((each) => `via=${encodeURIComponent(each)}`).join("&")}` : "";

const path = ({ room, event }: Linked): string =>
  [room, event].flatMap((each) => (each ? encodeURIComponent(each) : [])).join("/");

/** What every client of Matrix understands. */
export const matrixLink = (linked: Linked): string => `https://matrix.to/#/${path(linked)}${query(linked.via)}`;

/** What opens this client. */
export const ownLink = (linked: Linked, origin: string): string => `${origin}/#/room/${path(linked)}${query(linked.via)}`;
