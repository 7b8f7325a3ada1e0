/** Which orders are on the screen: one that is not is offered above the field. */

import { useEffect, useRef, useSyncExternalStore } from "react";
import { Source } from "../platform/stream";

const shown = new Source<ReadonlySet<string>>(new Set());

function mark(id: string, isShown: boolean): void {
  if (shown.value.has(id) === isShown) return;
  const next = new Set(shown.value);
  if (isShown) next.add(id);
  else next.delete(id);
  shown.set(next);
}

/** Of a card: says so while some of it is to be seen. */
export function useSight<E extends HTMLElement>(id: string): React.RefObject<E | null> {
  const card = useRef<E>(null);
  useEffect(() => {
    if (!card.current) return;
    const observer = new IntersectionObserver((entries) => mark(id, entries.at(-1)?.isIntersecting ?? false));
    observer.observe(card.current);
    return () => {
      observer.disconnect();
      mark(id, false);
    };
  }, [id]);
  return card;
}

const follow = (listener: () => void): (() => void) => shown.listen(listener);

export const useIsInSight = (id: string | null): boolean =>
  useSyncExternalStore(follow, () => id !== null && shown.value.has(id));
