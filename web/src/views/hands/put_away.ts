/** What came with the pointer goes with Escape, and comes again once the pointer has left. */

import { useEffect } from "react";

const HOVERED = ".msg:hover";
const AWAY = "data-away";

export function usePutAway(): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const hovered = event.key === "Escape" && document.querySelector<HTMLElement>(HOVERED);
      if (!hovered || hovered.contains(document.activeElement)) return;
      hovered.setAttribute(AWAY, "");
      hovered.addEventListener("pointerleave", () => hovered.removeAttribute(AWAY), { once: true });
    };
    document.addEventListener("keydown", onKey, true);
    return () => document.removeEventListener("keydown", onKey, true);
  }, []);
}
