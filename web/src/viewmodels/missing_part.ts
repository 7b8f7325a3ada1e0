/** A part of the client that does not open: its files are fetched when they are needed first. */

/** `wait`: for the network. `reload`: the server has another version of the client. `tell`: nothing is left to do but to say so. */
export type Remedy = "wait" | "reload" | "tell";

const AGAIN_AFTER = 60_000;

/** As browsers say that a file of the client did not come. */
const NOT_LOADED = /dynamically imported module|module script|preload|Failed to fetch|Load failed|ChunkLoad/i;

/** `reloadedAt`: when the page has taken a new version last, which is not tried again and again. */
export function remedyFor(error: unknown, isOnline: boolean, now: number, reloadedAt: number | null): Remedy {
  if (!NOT_LOADED.test(error instanceof Error ? error.message : "")) return "tell";
  if (!isOnline) return "wait";
  return reloadedAt !== null && now - reloadedAt < AGAIN_AFTER ? "tell" : "reload";
}
