/// <reference lib="webworker" />
/** Keeps the client usable without a network, shows what is pushed, takes what other applications share. */

import type { Later } from "./later";
import { isForeign, keepShared, CACHE as SHARED } from "./share_in";

declare const self: ServiceWorkerGlobalScope;

const SHELL = "shell-1";

self.addEventListener("install", (event) =>
  event.waitUntil(
    caches
      .open(SHELL)
      .then((cache) => cache.add("/"))
      .then(() => self.skipWaiting()),
  ),
);

self.addEventListener("activate", (event) =>
  event.waitUntil(
    caches
      .keys()
      .then((names) =>
        Promise.all(names.filter((each) => each !== SHELL && each !== SHARED).map((each) => caches.delete(each))),
      )
      .then(() => self.clients.claim()),
  ),
);

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (url.origin !== self.location.origin) return;
  if (event.request.method === "POST" && url.pathname === "/share") return event.respondWith(share(event.request));
  if (event.request.method !== "GET") return;
  if (url.pathname === "/") event.respondWith(freshOrKept(event.request));
  else if (url.pathname.startsWith("/assets/") || url.pathname.startsWith("/icons/"))
    event.respondWith(keptOrFresh(event.request));
});

/** The page itself: the newest one, or without a network the last one. */
async function freshOrKept(request: Request): Promise<Response> {
  const cache = await caches.open(SHELL);
  try {
    const answer = await fetch(request);
    if (answer.ok) await cache.put("/", answer.clone());
    return answer;
  } catch (error) {
    const kept = await cache.match("/");
    if (kept) return kept;
    throw error;
  }
}

/** Files whose names change with their contents. What is on its way is not asked for again. */
async function keptOrFresh(request: Request): Promise<Response> {
  await coming.get(request.url)?.catch(() => {});
  return find(request);
}

async function find(request: Request): Promise<Response> {
  const cache = await caches.open(SHELL);
  const kept = await cache.match(request);
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(request, answer.clone());
  return answer;
}

/** What is fetched before anybody needs it, by address. */
const coming = new Map<string, Promise<unknown>>();

self.addEventListener("message", (event) => {
  const { later = [] } = (event.data ?? {}) as Partial<Later>;
  const urls = later.map((each) => new URL(each, self.location.origin));
  const own = urls.filter((each) => each.origin === self.location.origin && each.pathname.startsWith("/assets/"));
  event.waitUntil(fetchAhead(own.map((each) => each.href)));
});

/** Two at a time: whoever signs in meanwhile has the rest of the network. */
async function fetchAhead(urls: string[]): Promise<void> {
  const left = [...urls];
  const next = async (): Promise<void> => {
    for (let url = left.shift(); url; url = left.shift()) {
      const one = find(new Request(url, { priority: "low" }));
      coming.set(url, one);
      await one.catch(() => {}); // it is fetched when it is needed
      coming.delete(url);
    }
  };
  await Promise.all([next(), next()]);
}

async function share(request: Request): Promise<Response> {
  if (isForeign(request, self.location.origin)) return Response.redirect("/", 303);
  return Response.redirect(`/?shared=${await keepShared(await request.formData(), caches, Date.now())}`, 303);
}

interface Pushed {
  room_id?: string;
  room_name?: string;
  sender_display_name?: string;
  unread?: number;
  counts?: { unread?: number };
  event_id?: string;
}

/** A push says only that something came: what it says is read once the client is open. */
self.addEventListener("push", (event) => {
  const pushed = (event.data?.json() ?? {}) as Pushed;
  event.waitUntil(show(pushed));
});

async function show(pushed: Pushed): Promise<void> {
  const windows = await self.clients.matchAll({ type: "window" });
  const count = pushed.counts?.unread ?? pushed.unread ?? 0;
  if (count) await navigator.setAppBadge?.(count).catch(() => {});
  else await navigator.clearAppBadge?.().catch(() => {});
  if (!pushed.event_id) return;
  if (windows.some((each) => (each as WindowClient).visibilityState === "visible")) return;
  const french = navigator.language.startsWith("fr");
  await self.registration.showNotification(pushed.sender_display_name ?? "Chappe", {
    body: french ? "Nouveau message" : "New message",
    tag: pushed.room_id,
    icon: "/icons/icon-192.png",
    badge: "/icons/icon-192.png",
    data: { room: pushed.room_id },
  });
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(openRoom(event.notification.data?.room));
});

async function openRoom(room: string | undefined): Promise<void> {
  const [open] = (await self.clients.matchAll({ type: "window" })) as WindowClient[];
  if (open) {
    open.postMessage({ room });
    await open.focus();
  } else await self.clients.openWindow(room ? `/#/room/${encodeURIComponent(room)}` : "/");
}
