/** F6 goes from one region of the window to the next: the list, the messages, the field, the panel. */

import { arrive, give } from "./arrive";

const isAfter = (each: Node, other: Node): boolean =>
  (other.compareDocumentPosition(each) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0;

export function nextRegion(by: 1 | -1): void {
  const regions = [...document.querySelectorAll<HTMLElement>("[data-region]")].filter((each) => each.checkVisibility());
  const active = document.activeElement ?? document.body;
  const at = regions.findLastIndex((each) => each.contains(active));
  const after = regions.findIndex((each) => isAfter(each, active)); // from between two regions
  const from = at >= 0 ? at : by > 0 ? after - 1 : after;
  for (let step = 1; step <= regions.length; step++) {
    const next = regions[(from + by * step + regions.length * 2) % regions.length];
    if (next && enter(next)) return;
  }
}

/** To the place in it where one was, or where its next act is. */
function enter(region: HTMLElement): boolean {
  const current = region.querySelector<HTMLElement>('[data-current], a[aria-current="page"]');
  return give(current) || arrive(region) || give(region);
}
