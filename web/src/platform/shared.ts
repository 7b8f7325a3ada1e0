/** What other applications share with the client: the service worker has kept it (`share_in.ts`), one page takes it. */

const CACHE = "shared-with-chappe";
const KEPT_MS = 10 * 60_000;

export interface Shared {
  text: string;
  files: File[];
}

/** What the worker writes down of a share, beside its files. */
export interface Kept {
  id: string;
  ts: number;
  text: string;
  files: Array<{ name: string; type: string }>;
}

/** Takes what was shared, once, by its name and within ten minutes: no link that somebody follows later brings it back. */
export async function takeShared(id: string, stores: CacheStorage, now: number): Promise<Shared | null> {
  const cache = await stores.open(CACHE);
  const answer = await cache.match("/shared");
  if (!answer) return null;
  const kept = (await answer.json()) as Kept;
  const isFresh = now - kept.ts < KEPT_MS;
  if (isFresh && kept.id !== id) return null; // another page's
  const read = async ({ name, type }: { name: string; type: string }, index: number): Promise<File> =>
    new File([await (await cache.match(`/shared/${index}`))!.blob()], name, { type });
  const files = isFresh ? await Promise.all(kept.files.map(read)) : [];
  await stores.delete(CACHE);
  return isFresh ? { text: kept.text, files } : null;
}
