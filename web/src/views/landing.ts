/** Coming to a row: it is brought into view, and held there until what stands around it has been measured. */

import { type RefObject, useLayoutEffect, useRef } from "react";
import type { VirtualizerHandle } from "virtua";
import { clock } from "../platform/clock";
import type { TimelineViewModel } from "../viewmodels/timeline";

const EACH = 60;
/** Looks at the place, before what is near an end may be fetched. */
const MOST = 40;
/** Looks in a row at which it stood where it should. */
const STEADY = 3;
/** Looks after that: what was fetched around the row may move it once more. */
const AFTER = 100;

/**
 * Returns whether one is still on the way: nothing more is fetched until then, because what comes before a row would move it while the
 * list still counts by the old places. `arrived`: it stands; what is near an end may be fetched.
 */
export function useLanding(
  box: RefObject<HTMLElement | null>,
  list: RefObject<VirtualizerHandle | null>,
  timeline: TimelineViewModel,
  target: { key: string } | null,
  arrived: () => void,
): () => boolean {
  const isLanding = useRef(false);
  useLayoutEffect(() => {
    if (!target) return;
    isLanding.current = true;
    let looks = 0;
    let steady = 0;
    const aim = (): void => {
      const index = timeline.snapshot().rows.findIndex((each) => each.key === target.key);
      if (index >= 0) list.current?.scrollToIndex(index, { align: "center" });
    };
    const land = (): void => {
      if (!isLanding.current) return;
      isLanding.current = false;
      looks = 0;
      arrived();
    };
    const end = (): void => {
      stop();
      land();
    };
    const stop = clock.every(EACH, () => {
      steady = isInView(box.current, timeline, target.key) ? steady + 1 : 0;
      if (steady === 0) aim();
      looks += 1;
      if (isLanding.current && (steady >= STEADY || looks >= MOST)) land();
      else if (!isLanding.current && looks >= AFTER) end();
    });
    aim();
    // whoever moves by themselves is not held, and what somebody points at stays under the pointer
    const frame = box.current;
    const point = (): void => {
      if (!isLanding.current) end();
    };
    frame?.addEventListener("pointermove", point, { passive: true });
    for (const name of HANDS) frame?.addEventListener(name, end, { passive: true });
    return () => {
      isLanding.current = false;
      stop();
      frame?.removeEventListener("pointermove", point);
      for (const name of HANDS) frame?.removeEventListener(name, end);
    };
  }, [target]);
  return () => isLanding.current;
}

const HANDS = ["wheel", "touchmove", "pointerdown", "keydown"] as const;

function isInView(box: HTMLElement | null, timeline: TimelineViewModel, key: string): boolean {
  const row = timeline.snapshot().rows.find((each) => each.key === key);
  if (!box || row?.type !== "item") return true; // a day, an event line: near enough
  const found = box.querySelector(`[data-event="${CSS.escape(row.item.eventId)}"]`);
  if (!found) return row.item.content.type === "event";
  const [at, frame] = [found.getBoundingClientRect(), box.getBoundingClientRect()];
  const fits = at.height < frame.height;
  return fits ? at.top >= frame.top && at.bottom <= frame.bottom : at.top < frame.bottom && at.bottom > frame.top;
}
