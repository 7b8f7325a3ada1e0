import { useEffect } from "react";
import { readRoute } from "../viewmodels/route";
import { hasFiles } from "./composer/attach";
import { useMain } from "./use";

const LIT = "data-drop";

/** Files dropped on a room of the list open it, with them in its tray. Dropped where nothing takes them, they do not take the page's place. */
export function useDropsOnRooms(): void {
  const main = useMain();
  useEffect(() => {
    let lit: Element | null = null;
    const light = (next: Element | null): void => {
      if (next === lit) return;
      lit?.removeAttribute(LIT);
      next?.setAttribute(LIT, "");
      lit = next;
    };
    const over = (event: DragEvent): void => {
      if (!hasFiles(event)) return;
      const line = lineAt(event);
      light(line);
      const taken = line !== null || event.defaultPrevented;
      event.preventDefault();
      if (!taken) event.dataTransfer!.dropEffect = "none";
    };
    const leave = (event: DragEvent): void => {
      if (!event.relatedTarget) light(null); // out of the window
    };
    const drop = (event: DragEvent): void => {
      light(null);
      if (!hasFiles(event)) return;
      event.preventDefault();
      const line = lineAt(event);
      const route = line && readRoute(line.hash);
      if (route?.screen === "room") main.bring(route.id, [...event.dataTransfer!.files]);
    };
    addEventListener("dragover", over);
    addEventListener("dragleave", leave);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragover", over);
      removeEventListener("dragleave", leave);
      removeEventListener("drop", drop);
    };
  }, [main]);
}

const lineAt = (event: DragEvent): HTMLAnchorElement | null =>
  event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("a.room") : null;
