/** The list of rooms is one stop of the tab key: arrows, Home and End go through all of it, what is not drawn too. */

import { type RefObject, useCallback, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { Section } from "../../viewmodels/list_sections";

export const headOf = (section: string): string => `section ${section}`;

/** Frames, after which somebody else has the focus. */
const TRIES = 30;

/** Of the heading of a section: an id has no spaces, a name may. */
export const idOf = (section: string): string => `section-${encodeURIComponent(section)}`;

/** Everything where the focus can stop, from the top. */
export const stopsOf = (sections: Section[], closed: ReadonlySet<string>): string[] =>
  sections.flatMap(({ name, rooms }) => [headOf(name), ...(closed.has(name) ? [] : rooms.map((each) => each.id))]);

export interface Roving {
  /** The stop of the tab key. */
  current: string | null;
  goTo: (stop: string) => void;
  onFocus: (event: React.FocusEvent) => void;
  /** True where the key meant something. */
  onArrow: (event: React.KeyboardEvent) => boolean;
}

/** `begin`: the stop before anybody was there. */
export function useRoving(box: RefObject<HTMLElement | null>, stops: string[], begin: string | null): Roving {
  const [chosen, setChosen] = useState<string | null>(null);
  const [, turnOver] = useState(0);
  const wanted = useRef<string | null>(null);
  const places = useMemo(() => new Map(stops.map((each, index) => [each, index])), [stops]);
  const isThere = (stop: string | null): stop is string => stop !== null && places.has(stop);
  const first = stops.find((each) => !each.startsWith("section ")) ?? stops[0] ?? null;
  const current = isThere(chosen) ? chosen : isThere(begin) ? begin : first;

  // what comes into view is drawn, measured, and only then lets itself be given the focus
  useLayoutEffect(() => {
    let frame = 0;
    const reach = (tries: number): void => {
      if (wanted.current === null) return;
      const found = box.current?.querySelector<HTMLElement>(`[data-stop="${CSS.escape(wanted.current)}"]`);
      found?.focus({ preventScroll: true });
      if (found && document.activeElement === found) {
        wanted.current = null;
        found.scrollIntoView({ block: "nearest" });
      } else if (tries > 0) frame = requestAnimationFrame(() => reach(tries - 1));
      else wanted.current = null;
    };
    reach(TRIES);
    return () => cancelAnimationFrame(frame);
  });

  const goTo = useCallback((stop: string): void => {
    wanted.current = stop;
    setChosen(stop);
    turnOver((turn) => turn + 1); // the same stop again, where it has lost the focus
  }, []);

  const onFocus = useCallback((event: React.FocusEvent): void => {
    const stop = (event.target as HTMLElement).closest<HTMLElement>("[data-stop]")?.dataset.stop;
    if (stop) setChosen(stop);
  }, []);

  const onArrow = (event: React.KeyboardEvent): boolean => {
    const stop = (event.target as HTMLElement).closest<HTMLElement>("[data-stop]")?.dataset.stop;
    const at = stop === undefined ? undefined : places.get(stop);
    if (at === undefined || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return false;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: stops.length - 1 }[event.key];
    if (to === undefined) return false;
    event.preventDefault();
    if (stops[to]) goTo(stops[to]);
    return true;
  };

  return { current, goTo, onFocus, onArrow };
}
