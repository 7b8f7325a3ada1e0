/** What is needed once somebody is in, fetched while they sign in. The service worker does it, and goes on while pages change. */

/** The build writes into the page which files these are. */
const NAMES = 'meta[name="later"]';

export interface Later {
  later: string[];
}

export function fetchLater(): void {
  const names = document.querySelector<HTMLMetaElement>(NAMES)?.content;
  if (!names || !("serviceWorker" in navigator)) return;
  const asked: Later = { later: names.split(" ") };
  void navigator.serviceWorker.ready.then(({ active }) => active?.postMessage(asked));
}
