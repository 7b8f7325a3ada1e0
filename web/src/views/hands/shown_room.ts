/** On a phone a room takes the place of the list: whoever comes back is at the row by which they went. */

import { useEffect } from "react";

let last: string | null = null;

/** A room is on the screen. */
export function useShownRoom(id: string): void {
  useEffect(() => {
    last = id;
  }, [id]);
}

/** The room that was on the screen last, once. */
export function takeShownRoom(): string | null {
  const room = last;
  last = null;
  return room;
}
