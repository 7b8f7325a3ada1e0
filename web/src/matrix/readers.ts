/** Who has read up to where: each at the last message on the screen that they have seen. */

export interface Readable {
  id: string;
  sender: string;
  /** Whose receipt is at this very event. */
  readers: string[];
  /** Whether it has a row of its own. */
  isShown: () => boolean;
}

/**
 * By event, oldest first in, those who have read up to it. A receipt at something that has no row counts for the row before; who says
 * something has read it, which needs no saying. `me`: whose screen it is.
 */
export function seenBy(events: Readable[], me: string | null): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let carried: string[] = [];
  for (const { id, sender, readers, isShown } of events.toReversed()) {
    const others = readers.filter((user) => user !== me && user !== sender && !carried.includes(user));
    carried = [...carried, ...others];
    if (!carried.length || !isShown()) continue;
    found.set(
      id,
      carried.filter((user) => user !== sender),
    );
    carried = [];
  }
  return found;
}
