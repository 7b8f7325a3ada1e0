/** Takes the client anew from the server, and remembers when. */

const KEY = "chappe-reloaded";

export function reloadedAt(): number | null {
  try {
    return Number(sessionStorage.getItem(KEY)) || null;
  } catch {
    return null; // a browser that keeps nothing
  }
}

export function reload(now: number): void {
  try {
    sessionStorage.setItem(KEY, String(now));
  } catch {
    // it is tried once a minute all the same, by hand
  }
  location.reload();
}
