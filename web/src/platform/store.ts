/** What this browser keeps between visits: values by name, in IndexedDB. */

import { pause } from "./clock";

const NAME = "chappe";
const TABLE = "values";
/** For others to let go of what is to be removed: the browser removes it later where they do not. */
const LET_GO = 3000;

let opened: Promise<IDBDatabase> | null = null;

function open(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(TABLE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

async function run<T>(mode: IDBTransactionMode, ask: (table: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await open();
  return new Promise((resolve, reject) => {
    const request = ask(database.transaction(TABLE, mode).objectStore(TABLE));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

export async function load<T>(key: string): Promise<T | undefined> {
  return (await run("readonly", (table) => table.get(key))) as T | undefined;
}

export async function save(key: string, value: unknown): Promise<void> {
  await run("readwrite", (table) => table.put(value, key));
}

export async function forget(key: string): Promise<void> {
  await run("readwrite", (table) => table.delete(key));
}

/** Removes everything that this origin has stored: at sign-out nothing may stay. */
export async function forgetEverything(): Promise<void> {
  opened?.then((database) => database.close());
  opened = null;
  const names = (await indexedDB.databases()).map((each) => each.name!);
  const removed = names.map(
    (name) =>
      new Promise<void>((resolve) => {
        const request = indexedDB.deleteDatabase(name); // whoever holds it is told, and it goes once they have let go
        request.onsuccess = request.onerror = () => resolve();
      }),
  );
  await Promise.race([Promise.all(removed), pause(LET_GO)]);
  const kept = ["chappe.language", "chappe.appearance"].map((key) => [key, localStorage.getItem(key)] as const);
  localStorage.clear();
  sessionStorage.clear();
  for (const [key, value] of kept) if (value !== null) localStorage.setItem(key, value);
  for (const name of await caches.keys()) if (name.startsWith("shared")) await caches.delete(name);
}
