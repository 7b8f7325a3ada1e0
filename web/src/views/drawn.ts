/**
 * A list that draws what is on the screen learns by scroll events where that is. Where the list was moved to where it stood already,
 * no event comes, and it draws nothing any more.
 */

import { type RefObject, useEffect } from "react";

const TRIES = 5;

/**
 * Sees to it that where a list is on the screen, its rows are: what scrolls is moved by a pixel where there are none. `list`: its element
 * within `holder`. `isThere`: it is drawn at all.
 */
export function useDrawn(
  scroller: RefObject<HTMLElement | null>,
  holder: RefObject<HTMLElement | null>,
  list: string,
  isThere = true,
): void {
  useEffect(() => {
    const box = scroller.current;
    const rows = holder.current?.querySelector<HTMLElement>(list);
    if (!isThere || !box || !rows) return;
    let frame = 0;
    let tries = 0;
    const look = (): void => {
      frame = 0;
      if (!isBlank(box, rows)) tries = 0;
      else if (tries++ < TRIES) {
        box.scrollTop += box.scrollTop > 0 ? -1 : 1;
        soon();
      }
    };
    const soon = (): void => {
      frame ||= requestAnimationFrame(() => {
        frame = requestAnimationFrame(look); // by then it has drawn what the last event told
      });
    };
    const watch = new MutationObserver(soon);
    watch.observe(rows, { childList: true, attributes: true, attributeFilter: ["style"] });
    soon();
    return () => {
      watch.disconnect();
      cancelAnimationFrame(frame);
    };
  }, [scroller, holder, list, isThere]);
}

function isBlank(box: HTMLElement, rows: HTMLElement): boolean {
  const [frame, whole] = [box.getBoundingClientRect(), rows.getBoundingClientRect()];
  const [top, bottom] = [Math.max(frame.top, whole.top), Math.min(frame.bottom, whole.bottom)];
  if (bottom - top < 2) return false;
  return ![...rows.children].some((row) => {
    const at = row.getBoundingClientRect();
    return at.top < bottom && at.bottom > top;
  });
}
