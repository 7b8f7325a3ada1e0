/** What turns text into a message: loaded once; from then on sending waits for nothing. */

type Compose = typeof import("./markdown").compose;

let composing: Compose | null = null;

/** Null until it is there. */
export const composeNow = (): Compose | null => composing;

export async function loadMarkdown(): Promise<Compose> {
  composing = (await import("./markdown")).compose;
  return composing;
}
