/** Where the focus goes when a part of the page comes: to the next act there. */

import { type RefObject, useEffect, useRef } from "react";

const FIELD = "input:not([type=checkbox],[type=radio],[type=range],[type=file]), textarea, [contenteditable=true]";
/** What the tab key stops at by itself. */
export const CONTROL = "a[href], button, input, select, textarea, summary, audio[controls], video[controls], [role=button]";
const STOP = `${CONTROL}, [contenteditable=true], [tabindex]`;

const IN_DIALOG = [`.dbody :is(${FIELD})`, ".dfoot [data-safe]", ".dfoot [data-go]"];

/** On a touch screen a field that takes the focus brings its keyboard up, over what one wanted to read. */
export const isTouched = (): boolean => matchMedia("(pointer: coarse)").matches;

const isShown = (each: HTMLElement): boolean => each.isConnected && each.checkVisibility({ visibilityProperty: true });

/** Whether it can have the focus now, without a keyboard coming up by itself. */
const isReady = (each: HTMLElement): boolean =>
  isShown(each) && !each.matches(":disabled, [aria-hidden=true] *, [hidden] *") && !(isTouched() && each.matches(FIELD));

export const stopsIn = (part: Element): HTMLElement[] =>
  [...part.querySelectorAll<HTMLElement>(STOP)].filter((each) => !each.matches(":disabled") && isShown(each));

export function give(each: HTMLElement | null | undefined): boolean {
  if (!each || !isReady(each)) return false;
  each.focus();
  return document.activeElement === each;
}

function giveToHeading(part: HTMLElement): boolean {
  const heading = [...part.querySelectorAll<HTMLElement>("h1, h2, [slot=title]")].find(isShown);
  if (!heading) return false;
  heading.tabIndex = -1; // no stop of the tab key: one is only put there
  return give(heading);
}

/**
 * Gives the focus to where the next act in a part of the page is: to what is marked `data-next`; in a dialog else to its first
 * field, or to what it asks for (what cannot be undone asks for a second key); else to the heading, which is read aloud.
 */
export function arrive(part: HTMLElement): boolean {
  const marked = [...part.querySelectorAll<HTMLElement>("[data-next]")];
  if (marked.some(give)) return true;
  const isDialog = part.matches("[role=dialog], [role=alertdialog]");
  if (isDialog && IN_DIALOG.some((each) => give(part.querySelector<HTMLElement>(each)))) return true;
  return giveToHeading(part) || give(part);
}

/** Whether somebody is about to type elsewhere, or has a window open over it: nobody's hands are moved then. */
function isTaken(part: HTMLElement): boolean {
  const active = document.activeElement;
  if (!(active instanceof HTMLElement) || part.contains(active)) return false;
  const over = active.closest(".scrim, .popover");
  return (over !== null && !over.contains(part)) || active.matches(FIELD);
}

/** The focus arrives in a part of the page when it comes, and whenever `key` changes. */
export function useArrival<E extends HTMLElement>(key: string): RefObject<E | null> {
  const part = useRef<E>(null);
  useEffect(() => {
    const { current } = part;
    if (current && !isTaken(current)) arrive(current);
  }, [key]);
  return part;
}
