/** What other applications share with the client, as the service worker takes it in. The page's side is `shared.ts`. */

import type { Kept } from "./shared";

/** Also in `shared.ts`: a module of both would be a file of its own, which a worker cannot load. */
export const CACHE = "shared-with-chappe";

/**
 * Whether the browser says that a page of another site sends a form as if it were a share. A share has no page that it comes from;
 * a page may hide where it is, so that nothing shared is believed: `SharedDialog` asks.
 */
export function isForeign(request: Pick<Request, "destination" | "referrer" | "headers">, own: string): boolean {
  if (request.destination !== "document") return true; // in a frame of somebody's page
  const from = [request.referrer, request.headers.get("origin") ?? ""];
  return from.some((each) => /^https?:/.test(each) && new URL(each).origin !== own);
}

/** Keeps a share in place of the one before it. Returns the name by which the page that opens takes it. */
export async function keepShared(form: FormData, stores: CacheStorage, now: number): Promise<string> {
  const text = ["title", "text", "url"]
    .map((each) => form.get(each))
    .filter((each) => typeof each === "string" && each)
    .join("\n");
  const files = form.getAll("files").filter((each): each is File => typeof each !== "string");
  const kept: Kept = { id: crypto.randomUUID(), ts: now, text, files: files.map(({ name, type }) => ({ name, type })) };
  await stores.delete(CACHE);
  const cache = await stores.open(CACHE);
  for (const [index, file] of files.entries()) await cache.put(`/shared/${index}`, new Response(file));
  await cache.put("/shared", Response.json(kept));
  return kept.id;
}
