/** The focus goes back to what opened the side panel, when it is closed. */

import { type RefObject, useEffect, useRef } from "react";
import type { Panel } from "../../viewmodels/route";
import { arrive, give } from "./arrive";
import { lastBelow } from "./keeper";

export function usePanel(isOpen: boolean, conversation: RefObject<HTMLElement | null>): void {
  const opener = useRef<HTMLElement | null>(null);
  const was = useRef(isOpen);
  useEffect(() => {
    if (isOpen && !was.current) opener.current = lastBelow(".side");
    const closed = was.current && !isOpen;
    was.current = isOpen;
    const { activeElement } = document;
    if (!closed || (activeElement && activeElement !== document.body)) return;
    if (!give(opener.current) && conversation.current) arrive(conversation.current);
  }, [isOpen, conversation]);
}

/** Among the members: whose card one has just come back from. */
export function useCameFrom(panel: Panel | null): string | null {
  const seen = useRef<string | null>(null);
  useEffect(() => {
    if (panel?.name !== "members") seen.current = panel?.name === "person" ? panel.id : null;
  }, [panel]);
  return panel?.name === "members" ? seen.current : null;
}
