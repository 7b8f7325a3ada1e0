/** Only one tab may run a session: two would fight over the encryption keys. */

import { clock } from "./clock";

const LOCK = "chappe-session";
/** A page that is reloaded lets go a moment after the new one has begun; on a slow phone that is seconds. */
const PATIENCE = 5000;

/** Resolves true once this tab holds the session; false when another does. `takeOver` makes the other one let go. */
export function holdSession(lost: () => void, takeOver = false): Promise<boolean> {
  return new Promise((resolve) => {
    let held = false;
    const options: LockOptions = takeOver ? { steal: true } : { signal: AbortSignal.timeout(PATIENCE) };
    navigator.locks
      .request(LOCK, options, () => {
        held = true;
        resolve(true);
        return new Promise<void>(() => {}); // held until the tab closes or another takes it
      })
      .catch(() => (held ? lost() : resolve(false)));
  });
}

const CHANNEL = "chappe-tabs";
/** For the other tab to answer: it may be asleep. */
const ANSWER = 1500;

interface Said {
  id: string;
  /** Where somebody wants to go; left out in the answer. */
  place?: string;
}

/** Asks the tab that holds the session to go to a place. Resolves whether it has gone there. */
export function bringThere(place: string): Promise<boolean> {
  const channel = new BroadcastChannel(CHANNEL);
  const id = crypto.randomUUID();
  return new Promise<boolean>((resolve) => {
    clock.after(ANSWER, () => resolve(false));
    channel.onmessage = ({ data }: MessageEvent<Said>) => data.id === id && !data.place && resolve(true);
    channel.postMessage({ id, place } satisfies Said);
  }).finally(() => channel.close());
}

/** Hears where another tab of this browser was told to go. What is returned ends it. */
export function hearOfPlaces(go: (place: string) => void): () => void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = ({ data: { id, place } }: MessageEvent<Said>) => {
    if (!place) return;
    go(place);
    channel.postMessage({ id } satisfies Said);
  };
  return () => channel.close();
}
