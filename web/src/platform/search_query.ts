/** What is looked for in what was read, and what is found. */

export type Kind = "text" | "image" | "video" | "sound" | "document";

/** `sender`: a user id; `text`: of a file its name, with what is said of it. */
export interface Entry {
  eventId: string;
  roomId: string;
  sender: string;
  ts: number;
  text: string;
  kind: Kind;
}

/** Null: whichever. `from` and `until` are times in milliseconds, `until` not included. */
export interface Query {
  term: string;
  room: string | null;
  sender: string | null;
  from: number | null;
  until: number | null;
  kinds: readonly Kind[] | null;
  limit: number;
}

export interface Share {
  id: string;
  count: number;
}

/** Newest first. `count`: of all, also beyond the limit; `senders`, `rooms`: whose they are, without the filter of the same name. */
export interface Answer {
  found: Entry[];
  count: number;
  senders: Share[];
  rooms: Share[];
}

export const FILES: readonly Kind[] = ["image", "video", "sound", "document"];

/** Everything, whatever it is. */
export const ANYTHING: Query = { term: "", room: null, sender: null, from: null, until: null, kinds: null, limit: 50 };
