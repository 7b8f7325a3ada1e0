/**
 * The focus is never lost. Where what had it goes away, it goes to the neighbour in the same list, else to the next act around
 * it, else to where it was before the window that was open over the page.
 */

import { arrive, give, stopsIn } from "./arrive";

const OVER = ".scrim, .popover";
const AROUND = "[role=dialog], [role=alertdialog], form, [data-region], main";
/** Frames, in which whoever took it away may give the focus elsewhere. */
const PATIENCE = 3;

/** Where somebody was. */
interface Trail {
  target: HTMLElement;
  item: Element | null;
  list: Element | null;
  /** The place of the item in its list, and of the target in the item. */
  place: number;
  stop: number;
  around: HTMLElement[];
}

function trailOf(target: HTMLElement): Trail {
  const item = target.closest("li, .tok");
  const list = item?.parentElement ?? null;
  const around: HTMLElement[] = [];
  for (let each = target.parentElement; each; each = each.parentElement) if (each.matches(AROUND)) around.push(each);
  const place = item && list ? [...list.children].indexOf(item) : -1;
  return { target, item, list, place, stop: item ? stopsIn(item).indexOf(target) : -1, around };
}

function goBack({ target, item, list, place, stop, around }: Trail): boolean {
  if (give(target)) return true;
  if (item?.isConnected && stopsIn(item).some(give)) return true;
  if (list?.isConnected && list.children.length) {
    const stops = stopsIn(list.children[Math.min(Math.max(place, 0), list.children.length - 1)]);
    if (give(stops[stop]) || stops.some(give)) return true;
  }
  return around.some((each) => each.isConnected && arrive(each));
}

/** What had it last on the page itself, not in a window over it, nor in what `except` selects. */
export const lastBelow = (except: string): HTMLElement | null =>
  recent.findLast((each) => each.isConnected && !each.closest(except)) ?? null;

let recent: HTMLElement[] = [];
const MEMORY = 8;

/** Begins to keep it. What is returned ends that. */
export function keepHands(): () => void {
  let here: Trail | null = null;
  let below: Trail | null = null; // of the page itself, while a window is open over it
  let busy: HTMLElement | null = null;
  let frame = 0;

  const isLost = (): boolean =>
    here !== null &&
    (document.activeElement === document.body || document.activeElement === null) &&
    (!here.target.isConnected || !here.target.checkVisibility());

  const look = (): void => {
    // what is busy cannot have it: it gets it back afterwards
    if (here?.target.matches(":disabled")) busy = here.target;
    else if (busy) {
      if (busy === here?.target && document.activeElement === document.body) give(busy);
      busy = null;
    }
    if (!isLost() || frame) return;
    const wait = (left: number): void => {
      frame = isLost() && left > 0 ? requestAnimationFrame(() => wait(left - 1)) : 0;
      if (left > 0 || !isLost()) return;
      const main = document.querySelector<HTMLElement>("main");
      if (!((here && goBack(here)) || (below && goBack(below)) || (main && arrive(main)))) here = null;
    };
    wait(PATIENCE);
  };

  const onFocus = (event: FocusEvent): void => {
    const target = event.target as HTMLElement;
    here = trailOf(target);
    if (target.closest(OVER)) return;
    below = here;
    // what is no more would hold the whole page that it stood in
    recent = [...recent.filter((each) => each.isConnected), target].slice(-MEMORY);
  };
  const onPress = (event: Event): void => {
    if (!here?.target.contains(event.target as Node)) here = null; // a press on nothing gives it away on purpose
  };

  const observer = new MutationObserver(look);
  observer.observe(document.body, {
    childList: true,
    subtree: true,
    attributes: true,
    attributeFilter: ["disabled", "hidden"],
  });
  document.addEventListener("focusin", onFocus);
  document.addEventListener("pointerdown", onPress, true);
  return () => {
    observer.disconnect();
    cancelAnimationFrame(frame);
    document.removeEventListener("focusin", onFocus);
    document.removeEventListener("pointerdown", onPress, true);
  };
}
